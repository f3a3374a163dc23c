"""DPG-Bench's figures for one results file, by both policies side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nami_bench.errors import InputError
from nami_bench.evaluation.questions.categories import CategoryScore
from nami_bench.evaluation.questions.dpg import DpgScore, dpg_score
from nami_bench.evaluation.questions.graph import YES, QuestionSet
from nami_bench.evaluation.questions.official_csv import Policy
from nami_bench.evaluation.questions.results import Answered, ImageAnswers
from nami_bench.evaluation.questions.rules import first_word
from nami_bench.evaluation.shares import Interval


@dataclass(frozen=True, slots=True)
class DpgSummary:
    """`score` by the policy that was asked for, `other` by the other one; `notes` say in words what the
    figures rest on. `images` were judged; `questions_sha256` is that of the question file's bytes, hex."""

    judge: str
    questions_sha256: str
    images: int
    score: DpgScore
    other: DpgScore | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for one JSON document; scores are 0-100."""
        return {
            "judge": self.judge,
            "questions_sha256": self.questions_sha256,
            "images": self.images,
            **self.score.to_json(),
            "other_policy": None if self.other is None else self.other.to_json(),
            "notes": list(self.notes),
        }

    def to_text(self) -> str:
        """For people."""
        scores = [score for score in (self.score, self.other) if score is not None]
        lines = ["DPG-Bench", "=========", f"Images: {self.images}", ""]
        lines += [f"{_title(score)}: {score.score:.2f}{_interval(score.interval)}" for score in scores]
        zeroing = "after zeroing" if self.score.zeroed_categories else "before zeroing"
        for title, level in (("L1", self.score.broad), ("L2", self.score.detailed)):
            lines += ["", f"{title} categories ({self.score.policy.value}, {zeroing})"]
            lines += [_category(category) for category in level]
        return "\n".join([*lines, "", f"Judge: {self.judge}", *(f"Note: {note}" for note in self.notes)])


def summarize(
    results: Sequence[ImageAnswers],
    policy: Policy,
    questions: QuestionSet | None = None,
    *,
    zeroed_categories: bool = False,
) -> DpgSummary:
    """The figures of results of one judge; `zeroed_categories` as in `dpg_score`.

    `questions` are those that were asked: prompts without results are noted. Raises InputError for no
    results, results of more than one judge or of other questions, and where nothing can be scored.
    """
    if not results:
        raise InputError("there are no results to summarize")
    judges = {row.judge for row in results}
    asked = {row.questions_sha256 for row in results} | ({questions.sha256} if questions else set())
    if len(judges) > 1:
        raise InputError(f"the results come from different judges, {' and '.join(sorted(judges))}")
    if len(asked) > 1:
        raise InputError("the results are answers to another question file than the one that was named")
    score = dpg_score(results, policy, zeroed_categories=zeroed_categories)
    other = Policy.OFFICIAL if policy is Policy.CORRECTED else Policy.CORRECTED
    try:
        compared = dpg_score(results, other, zeroed_categories=zeroed_categories)
    except InputError:
        compared = None
    notes = [*_notes(results, score), *_missing(results, questions)]
    return DpgSummary(results[0].judge, asked.pop(), len(results), score, compared, tuple(notes))


def _notes(results: Sequence[ImageAnswers], score: DpgScore) -> list[str]:
    answers = [answered for row in results for answered in row.answers]
    notes = []
    if score.dropped:
        few = "; ".join(f"{file}: {reason}" for file, reason in list(score.dropped.items())[:3])
        files = "files have" if len(score.dropped) > 1 else "file has"
        notes.append(f"{len(score.dropped)} {files} no score ({few})")
    if neither := sum(_is_neither(answered) for answered in answers):
        notes.append(f"{neither} of {len(answers)} answers are neither yes nor no, and count as wrong")
    if cut := sum(answered.answer.details.get("truncated") is True for answered in answers):
        notes.append(
            f"{cut} of {len(answers)} questions were too long for the judge, which did not read their end"
        )
    if score.policy is Policy.OFFICIAL:
        notes.append(
            "the official script passes over the first question of the file and takes categories from each "
            "file's last image; category scores that it gave from several processes are mixed up and cannot "
            "be reproduced"
        )
    images = {row.file: 0 for row in results}
    for row in results:
        images[row.file] += 1
    if fewer := sum(count < max(images.values()) for count in images.values()):
        notes.append(f"{fewer} of {len(images)} files have fewer than {max(images.values())} images judged")
    return notes


def _is_neither(answered: Answered) -> bool:
    """Whether a wrong answer to a yes-or-no question does not say no either."""
    return not answered.score and answered.question.expected == YES and first_word(answered.answer) != "no"


def _missing(results: Sequence[ImageAnswers], questions: QuestionSet | None) -> list[str]:
    if questions is None:
        return []
    missing = questions.by_id.keys() - {row.item for row in results}
    found = [f"{len(missing)} of {len(questions.items)} prompts have no results"] if missing else []
    return [*found, *questions.notes]


def _title(score: DpgScore) -> str:
    who = "by the official script" if score.policy is Policy.OFFICIAL else "corrected"
    return f"Score, {who} ({score.prompts} prompts)"


def _category(category: CategoryScore) -> str:
    return f"{category.category or '(none)':<28} {category.score:6.2f}{_interval(category.interval)}"


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"  [{interval[0]:.2f}, {interval[1]:.2f}]"
