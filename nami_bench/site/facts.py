"""What is known of each image of a section: what people and metrics said of it, and its one number."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from nami_bench.domain import Comparison, ImageRecord, Marks, Ranking, Score
from nami_bench.evaluation.human.ratings_array import RatingsArray
from nami_bench.evaluation.human.scores import image_totals
from nami_bench.evaluation.leaderboard.columns import overall_column, total_title
from nami_bench.site.contents import ImageKey, Section

Given = float | str
"""A value on the criterion's own scale, or why there is none."""


@dataclass(frozen=True)
class Facts:
    """Of one section's images, looked up by model, prompt id and sample."""

    section: Section

    @cached_property
    def records(self) -> Mapping[str, Sequence[ImageRecord]]:
        """By prompt, in the order of the board's models, then by sample."""
        order = {model: at for at, model in enumerate(self.section.models)}
        found: dict[str, list[ImageRecord]] = defaultdict(list)
        for record in sorted(self.section.records, key=lambda r: (order[r.model], r.sample)):
            found[record.prompt_id].append(record)
        return found

    @cached_property
    def ratings(self) -> Mapping[ImageKey, Mapping[str, Mapping[str, Given]]]:
        """By image, rater and criterion, what they gave."""
        found: dict[ImageKey, dict[str, dict[str, Given]]] = {}
        table = self.section.ratings
        if table is None:
            return found
        columns = ("model", "prompt_id", "sample", "annotator", "criterion", "value", "reason")
        for model, prompt, sample, rater, criterion, value, reason in zip(
            *(table[name].tolist() for name in columns), strict=True
        ):
            given = reason if value != value else value  # a missing value is not equal to itself
            of_image = found.setdefault((model, prompt, sample), {})
            of_image.setdefault(rater, {})[criterion] = given
        return found

    @cached_property
    def scores(self) -> Mapping[ImageKey, Sequence[Score]]:
        """By image, what metrics gave it."""
        found: dict[ImageKey, list[Score]] = defaultdict(list)
        for score in self.section.scores:
            found[score.model, score.prompt_id, score.sample].append(score)
        return found

    @cached_property
    def marks(self) -> Mapping[ImageKey, Sequence[Marks]]:
        """By image, what people marked in it and of its prompt."""
        found: dict[ImageKey, list[Marks]] = defaultdict(list)
        for one in sorted(self.section.marks, key=lambda one: one.annotator):
            if one.regions or one.words:
                found[one.image].append(one)
        return found

    @cached_property
    def verdicts(self) -> Mapping[str, Sequence[Comparison | Ranking]]:
        """By prompt, what people said of images that stood together."""
        found: dict[str, list[Comparison | Ranking]] = defaultdict(list)
        judged: Iterable[Comparison | Ranking] = (
            *self.section.verdicts.comparisons,
            *self.section.verdicts.rankings,
        )
        for one in judged:
            found[one.prompt_id].append(one)
        return found

    @cached_property
    def means(self) -> Mapping[ImageKey, Mapping[str, float]]:
        """By image and criterion, the mean of what people gave, on the criterion's own scale."""
        found: dict[ImageKey, dict[str, float]] = {}
        for key, by_rater in self.ratings.items():
            values: dict[str, list[float]] = defaultdict(list)
            for given in by_rater.values():
                for criterion, value in given.items():
                    if isinstance(value, float):
                        values[criterion].append(value)
            found[key] = {name: sum(of_one) / len(of_one) for name, of_one in values.items()}
        return found

    @cached_property
    def _valued(self) -> tuple[str, int, Mapping[ImageKey, float], bool]:
        section = self.section
        if section.study is not None and section.study.mode == "rating" and section.ratings is not None:
            ratings = RatingsArray.from_table(section.ratings, section.study.criteria)
            if len(ratings.model) and (totals := image_totals(ratings)):
                return total_title(section.board), 1, totals, True
        if self.verdicts:
            shares = _shares(section.verdicts.comparisons, section.verdicts.rankings)
            return "share of verdicts won", 2, shares, True
        for column in section.board.automatic:
            own = [score for score in section.scores if column.holds(score) and score.value is not None]
            if own and not column.lower_is_better:
                values = {(s.model, s.prompt_id, s.sample): s.value or 0.0 for s in own}
                return overall_column(column).title, 2, values, False
        return "", 0, {}, False

    @property
    def value_name(self) -> str:
        """What an image's one number is: of people where there are any, else of the first metric; "" where
        there is none."""
        return self._valued[0]

    @property
    def is_peoples(self) -> bool:
        """Whether it is of people's ratings."""
        return self._valued[3]

    @property
    def decimals(self) -> int:
        """How people read it."""
        return self._valued[1]

    @property
    def values(self) -> Mapping[ImageKey, float]:
        """That number, by image; higher is better."""
        return self._valued[2]

    def spread(self, prompt_id: str) -> float | None:
        """How far the best model's mean on a prompt is above the worst one's; None for fewer than two."""
        means = list(self.model_means(prompt_id).values())
        return max(means) - min(means) if len(means) > 1 else None

    def model_means(self, prompt_id: str) -> dict[str, float]:
        """By model, the mean number of its images of a prompt."""
        values: dict[str, list[float]] = defaultdict(list)
        for record in self.records.get(prompt_id, ()):
            value = self.values.get((record.model, record.prompt_id, record.sample))
            if value is not None:
                values[record.model].append(value)
        return {model: sum(own) / len(own) for model, own in values.items()}


def _shares(comparisons: Sequence[Comparison], rankings: Sequence[Ranking]) -> dict[ImageKey, float]:
    """By image, the share of verdicts on it, by all criteria, that it won; a tie is half of one."""
    won: dict[ImageKey, list[float]] = defaultdict(list)
    for one in comparisons:
        if one.outcome is not None:
            for model in (one.left, one.right):
                share = 0.5 if one.winner is None else float(one.winner == model)
                won[model, one.prompt_id, one.sample].append(share)
    for order in rankings:
        for model, rank in zip(order.models, order.ranks or (), strict=False):
            others = [other for other in order.ranks or () if other != rank]
            beaten = sum(other > rank for other in others)
            alike = len(order.ranks or ()) - len(others) - 1
            share = (beaten + alike / 2) / max(len(order.models) - 1, 1)
            won[model, order.prompt_id, order.sample].append(share)
    return {key: sum(shares) / len(shares) for key, shares in won.items()}
