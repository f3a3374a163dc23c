"""A prompt's page: all models side by side, blind first, and everything about each image."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nami_bench.domain import Comparison, ImageRecord, Prompt, Ranking, Score
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.evaluation.questions.outline import outline
from nami_bench.evaluation.questions.results import Answered
from nami_bench.prompts.rewrites import original_of
from nami_bench.site.contents import Section
from nami_bench.site.facts import Facts
from nami_bench.site.pages import Site, choices_key, groups_of
from nami_bench.site.pictures import Picture

_MADE = ("measured_with", "answers", "boxes", "reason")
"""Of a score's details: what is shown in another way, or of the metric and not of the image."""

Pictures = Mapping[tuple[str, str, int], Picture]


@dataclass(frozen=True, eq=False)
class PromptPages:
    """The pages of a section's prompts."""

    site: Site
    section: Section
    facts: Facts
    pictures: Pictures

    def page(self, prompt: Prompt) -> bytes:
        """The page of one prompt, UTF-8."""
        address = self.site.prompt(self.section, prompt.id)
        data = self._data(prompt)
        prompts = self.section.prompt_set.prompts
        at = int(prompt.id)
        values = {
            "prompt": prompt,
            "number": at + 1,
            "prompts": len(prompts),
            "original": original_of(prompt),
            "groups": groups_of(prompt),
            "before": prompts[at - 1].id if at else None,
            "after": prompts[at + 1].id if at + 1 < len(prompts) else None,
            "data": data,
            "value_name": self.facts.value_name,
            "images": [self._plain(one, data) for one in data["images"]],
        }
        return self.site.render(self.section, "prompt", address, **values)

    def _plain(self, image: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
        """An image as the page shows it where there are no scripts."""
        value = image["value"]
        return {
            "model": data["models"][image["model"]],
            "sample": image["sample"],
            "thumbnail": image["thumbnail"],
            "missing": image["missing"],
            "value": None if value is None else f"{value:.{self.facts.decimals}f}",
            "scores": [
                (data["metrics"][one[0]]["metric"], "–" if one[1] is None else f"{one[1]:z.4g}")
                for one in image["scores"]
            ],
        }

    def _data(self, prompt: Prompt) -> dict[str, Any]:
        """All that the page's script shows; `prompt.js` reads it."""
        numbers = _Numbers(), _Numbers()
        records = self.facts.records.get(prompt.id, ())
        images = [self._image(record, *numbers) for record in records]
        metrics, questions = numbers
        return {
            "key": choices_key(self.section),
            "id": prompt.id,
            "models": [
                {"name": model, "page": self.site.model(self.section, model)} for model in self.section.models
            ],
            "criteria": self._criteria(records),
            "value": [self.facts.value_name, self.facts.decimals, self.facts.is_peoples],
            "asked": self.section.study is not None and self.section.study.mode == "questions",
            "metrics": [{"metric": metric, "instrument": by} for metric, by in metrics.values],
            "questions": questions.values,
            "images": images,
            "verdicts": list(self._verdicts(prompt.id)),
        }

    def _criteria(self, records: Sequence[ImageRecord]) -> list[str]:
        """The criteria that images of a prompt were rated by, in the study's order."""
        used = {
            criterion
            for record in records
            for given in self.facts.ratings.get(_key(record), {}).values()
            for criterion in given
        }
        study = self.section.study
        return [one.name for one in study.criteria if one.name in used] if study else []

    def _image(self, record: ImageRecord, metrics: "_Numbers", questions: "_Numbers") -> dict[str, Any]:
        key = _key(record)
        picture = self.pictures.get(key, Picture(problem="no picture"))
        criteria = self._criteria([record])
        ratings = self.facts.ratings.get(key, {})
        means = self.facts.means.get(key, {})
        value = self.facts.values.get(key)
        comments = (self.section.comments or {}).get(key, ())
        return {
            "model": self.section.models.index(record.model),
            "sample": record.sample,
            "thumbnail": picture.thumbnail,
            "large": picture.large,
            "width": record.width,
            "height": record.height,
            "missing": without_folders(picture.problem),
            "sha256": record.sha256,
            "seed": record.seed,
            "value": None if value is None else round(value, 3),
            "means": [_rounded(means.get(name)) for name in criteria],
            "ratings": [
                [rater, [given.get(name) for name in criteria]] for rater, given in sorted(ratings.items())
            ],
            "scores": [_score(score, metrics, questions) for score in self.facts.scores.get(key, ())],
            **({"marks": self._marks(record)} if key in self.facts.marks else {}),
            **({"comments": [list(one) for one in comments]} if comments else {}),
        }

    def _marks(self, record: ImageRecord) -> list[list[Any]]:
        """[rater, [[kind, x, y, width, height], ...] in shares of the image, [word of the prompt, ...]]."""
        text = self.section.prompt_set.by_id[record.prompt_id].text
        return [
            [
                one.annotator,
                [[region.kind, region.x, region.y, region.w, region.h] for region in one.regions],
                [text[start:end] for start, end in one.words],
            ]
            for one in self.facts.marks[_key(record)]
        ]

    def _verdicts(self, prompt_id: str) -> Iterator[list[Any]]:
        """[rater, criterion, sample, the verdict in words]."""
        for one in self.facts.verdicts.get(prompt_id, ()):
            yield [one.annotator, one.criterion, one.sample, _in_words(one)]


def _key(record: ImageRecord) -> tuple[str, str, int]:
    return record.model, record.prompt_id, record.sample


class _Numbers:
    """Numbers values as they come, so that what many images share stands once in the page."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def __call__(self, value: Hashable) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    @property
    def values(self) -> list[Any]:
        return list(self._numbers)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _score(score: Score, metrics: _Numbers, questions: _Numbers) -> list[Any]:
    """[metric's number, value, reason, details]: boxes, answers to questions, and plain values."""
    details = score.details
    shown: dict[str, Any] = {}
    if isinstance(boxes := details.get("boxes"), Mapping):
        shown["boxes"] = [
            [name, *(round(float(edge), 1) for edge in box[:4]), round(float(box[4]), 3)]
            for name, of_class in boxes.items()
            for box in of_class
        ]
    if details.get("reason"):
        shown["violated"] = str(details["reason"]).split("\n")
    if details.get("answers"):
        shown |= _answers(details["answers"], questions)
    plain = {k: v for k, v in details.items() if k not in _MADE and v and isinstance(v, str | int | float)}
    if plain:
        shown["more"] = without_folders(plain)
    value = None if score.value is None else float(f"{score.value:.6g}")
    return [metrics((score.metric, score.instrument)), value, score.reason, shown]


def _answers(entries: Sequence[Mapping[str, Any]], questions: _Numbers) -> dict[str, Any]:
    """The number of the questions, each below what it depends on, and the answer to each."""
    answered = {one.question.id: one for one in map(Answered.from_json, entries)}
    placed = outline([one.question for one in answered.values()])
    asked = tuple(
        (one.depth, one.question.id, one.question.text, one.question.category, one.question.expected)
        for one in placed
    )
    given = [answered[one.question.id] for one in placed]
    return {
        "questions": questions(asked),
        "answers": [
            [
                one.answer.text,
                None if one.answer.probability is None else round(one.answer.probability, 3),
                round(one.score, 3),
                one.zeroed_by,
            ]
            for one in given
        ],
    }


def _in_words(one: Comparison | Ranking) -> str:
    if isinstance(one, Comparison):
        if one.outcome is None:
            return f"{one.left} or {one.right}: could not judge ({one.reason})"
        if one.winner is not None:
            other = one.right if one.winner == one.left else one.left
            return f"{one.winner} before {other}"
        both = "both bad" if str(one.outcome) == "both_bad" else "alike"
        return f"{one.left} and {one.right}: {both}"
    if one.ranks is None:
        return f"{', '.join(one.models)}: could not judge ({one.reason})"
    by_rank: dict[int, list[str]] = {}
    for model, rank in zip(one.models, one.ranks, strict=True):
        by_rank.setdefault(rank, []).append(model)
    return " before ".join(" = ".join(by_rank[rank]) for rank in sorted(by_rank))
