"""A model's page: what it is, how it does on each part of the prompts, and the images behind that."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nami_bench.domain import ImageRecord, ImageState
from nami_bench.evaluation.geneval.browser import reason_kinds
from nami_bench.evaluation.leaderboard.automatic import GENEVAL
from nami_bench.evaluation.leaderboard.origins import ModelOrigin
from nami_bench.evaluation.leaderboard.paths import without_folders
from nami_bench.export.origin_text import short_weights
from nami_bench.site.contents import ImageKey, Section
from nami_bench.site.facts import Facts
from nami_bench.site.pages import Site
from nami_bench.site.pictures import THUMBNAIL_PIXELS, Picture
from nami_bench.site.plots import Plot, ProfileLine, profile_plot
from nami_bench.site.rails import rail, rail_range
from nami_bench.site.shown import interval_text, place_text, size_text, value_text
from nami_bench.site.views import ALL, View

SHOWN = 8
"""The best images, the worst ones, and of each kind of failure."""
_PROMPTS = 4
"""On so many prompts, either way, it is shown where two models differ most."""


@dataclass(frozen=True, eq=False)
class ModelPages:
    """The pages of a section's models."""

    site: Site
    section: Section
    facts: Facts
    pictures: Mapping[ImageKey, Picture]

    def page(self, model: str) -> bytes:
        """The page of one model, UTF-8."""
        section = self.section
        row = next(row for row in section.board.rows if row.model == model)
        ordered = self._ordered[model]
        values = {
            "model": model,
            "row": row,
            "size": size_text(row.parameters),
            "about": list(self._about(model)),
            "views": [self._scores(view, model) for view in section.views],
            "profiles": list(self._profiles(model)),
            "value_name": self.facts.value_name,
            "best": [self._card(key) for key in ordered[:SHOWN]],
            "worst": [self._card(key) for key in reversed(ordered[SHOWN:][-SHOWN:])],
            "other": self._neighbour(model),
            "differences": self._differences(model),
            "lost": self._lost(model),
            "failures": self._failures(model),
        }
        return self.site.render(section, "model", self.site.model(section, model), **values)

    @cached_property
    def _ordered(self) -> Mapping[str, Sequence[ImageKey]]:
        """By model, its images that have a number, the best first."""
        found: dict[str, list[ImageKey]] = {model: [] for model in self.section.models}
        for key in self.facts.values:
            if key[0] in found:
                found[key[0]].append(key)
        for keys in found.values():
            keys.sort(key=lambda key: (-self.facts.values[key], key))
        return found

    @cached_property
    def _heights(self) -> Mapping[ImageKey, int]:
        """By image, how high it is where it is as wide as a thumbnail: pages do not jump while they load."""
        return {
            (one.model, one.prompt_id, one.sample): round(THUMBNAIL_PIXELS * one.height / one.width)
            for one in self.section.records
            if one.width and one.height
        }

    def _about(self, model: str) -> Iterator[tuple[str, str]]:
        """(title, text): the card, and where its images come from."""
        card = self.section.cards[model]
        origin = next((one for one in self.section.board.models if one.model == model), None)
        records = [record for record in self.section.records if record.model == model]
        states = Counter(record.state for record in records)
        yield "adapter", card.adapter
        options = without_folders(dict(card.options))
        yield "options", ", ".join(f"{name} = {value}" for name, value in options.items())
        yield "parameters", "" if card.parameters is None else f"{card.parameters:,}"
        yield "licence", card.licence or ""
        if origin is not None:
            yield from _origin(origin)
        made = f"{states[ImageState.DONE]} of {len(records)} on {self.section.prompt_set.name}"
        yield "images", made

    def _scores(self, view: View, model: str) -> dict[str, Any]:
        """A view's columns on all prompts, with the model's place in each."""
        at = self.section.models.index(model)
        rows = []
        for column in view.columns:
            scored = view.scored.get((column.key, ALL))
            cell = scored.cells[at] if scored else None
            if scored is None or cell is None:
                continue
            place = scored.places[at] if scored.places else None
            rows.append(
                {
                    "title": column.title,
                    "about": column.about,
                    "rail": rail(cell, rail_range(scored.cells, column.limits)),
                    "value": value_text(cell, column.decimals),
                    "interval": interval_text(cell, column.decimals),
                    "places": place_text(place),
                }
            )
        return {"title": view.title, "rows": rows}

    def _profiles(self, model: str) -> Iterator[Plot]:
        """Of the human scores and of GenEval, where there are parts of the prompts."""
        for view in self.section.views:
            if view.key == "speed":
                continue
            column = view.columns[0]
            lines = list(self._profile(view, column.key, model))
            if len(lines) > 1:
                yield profile_plot(lines, f"{view.title}: {column.title}", model)

    def _profile(self, view: View, column: str, model: str) -> Iterator[ProfileLine]:
        at = self.section.models.index(model)
        for part in self.section.parts:
            scored = view.scored.get((column, part.key))
            cell = scored.cells[at] if scored else None
            if scored is None or cell is None or cell.value is None:
                continue
            others = [
                one.value for n, one in enumerate(scored.cells) if n != at and one and one.value is not None
            ]
            mean = sum(others) / len(others) if others else None
            yield ProfileLine(part.name.replace("_", " "), cell, mean)

    def _neighbour(self, model: str) -> str | None:
        """The next model of the board, of the last one that before it."""
        models = self.section.models
        at = models.index(model)
        if len(models) < 2:
            return None
        return models[at + 1] if at + 1 < len(models) else models[at - 1]

    def _differences(self, model: str) -> list[dict[str, Any]]:
        """Prompts on which the model is furthest before its neighbour, then those on which it is behind."""
        other = self._neighbour(model)
        if other is None:
            return []
        apart = []
        for prompt in self.section.prompt_set.prompts:
            means = self.facts.model_means(prompt.id)
            if model in means and other in means:
                apart.append((means[model] - means[other], prompt))
        apart.sort(key=lambda one: (-one[0], one[1].id))
        ahead = [one for one in apart[:_PROMPTS] if one[0] > 0]
        behind = [one for one in reversed(apart[-_PROMPTS:]) if one[0] < 0]
        return [
            {
                "difference": f"{difference:+.{self.facts.decimals}f}".replace("-", "−"),
                "text": prompt.text,
                "page": self.site.prompt(self.section, prompt.id),
                "pair": [card for name in (model, other) for card in self._first(name, prompt.id)],
            }
            for difference, prompt in (*ahead, *behind)
        ]

    def _first(self, model: str, prompt_id: str) -> list[dict[str, Any]]:
        """The card of a model's first image of a prompt that has a number."""
        records = self.facts.records.get(prompt_id, ())
        keys = [(r.model, r.prompt_id, r.sample) for r in records if r.model == model]
        return [self._card(key) for key in keys if key in self.facts.values][:1]

    def _lost(self, model: str) -> list[dict[str, Any]]:
        """Images that failed or were refused, by their reasons."""
        reasons: dict[str, list[ImageRecord]] = defaultdict(list)
        for record in self.section.records:
            if record.model == model and record.state is not ImageState.DONE:
                why = without_folders(record.reason) or "no reason recorded"
                reasons[f"{record.state.value}: {why}"].append(record)
        return [
            {
                "reason": reason,
                "count": len(records),
                "pages": [self.site.prompt(self.section, r.prompt_id) for r in records[:SHOWN]],
            }
            for reason, records in sorted(reasons.items(), key=lambda one: -len(one[1]))
        ]

    def _failures(self, model: str) -> list[dict[str, Any]]:
        """Kinds of what GenEval found violated, with images."""
        kinds: dict[str, list[ImageKey]] = defaultdict(list)
        judged = 0
        for score in self.section.scores:
            if score.model == model and score.metric == GENEVAL and score.value is not None:
                judged += 1
                for kind in reason_kinds(str(score.details.get("reason") or "")):
                    kinds[kind].append((score.model, score.prompt_id, score.sample))
        return [
            {
                "kind": kind,
                "count": len(keys),
                "judged": judged,
                "cards": [self._card(key) for key in keys[:SHOWN]],
            }
            for kind, keys in sorted(kinds.items(), key=lambda one: -len(one[1]))
        ]

    def _card(self, key: ImageKey) -> dict[str, Any]:
        """An image as a small card that leads to everything about it."""
        model, prompt_id, sample = key
        picture = self.pictures.get(key, Picture(problem="no picture"))
        value = self.facts.values.get(key)
        at = self.section.models.index(model)
        return {
            "model": model,
            "thumbnail": picture.thumbnail,
            "height": self._heights.get(key, THUMBNAIL_PIXELS),
            "missing": without_folders(picture.problem),
            "text": self.section.prompt_set.by_id[prompt_id].text,
            "page": f"{self.site.prompt(self.section, prompt_id)}#image={at}.{sample}",
            "value": None if value is None else f"{value:.{self.facts.decimals}f}",
        }


def _origin(origin: ModelOrigin) -> Iterator[tuple[str, str]]:
    made = origin.made_with
    yield "weights", short_weights(origin) or ""
    yield "settings", ", ".join(f"sha256 {one[:12]}" for one in origin.settings)
    yield "prompts rewritten by", ", ".join(origin.prompt_rewriting)
    yield "computed in", ", ".join(made.dtypes)
    yield "on", ", ".join(made.devices)
    if made.first and made.last:
        days = dict.fromkeys((f"{made.first:%Y-%m-%d}", f"{made.last:%Y-%m-%d}"))
        yield "images of", " to ".join(days)
    yield "software", ", ".join(f"{name} {' and '.join(found)}" for name, found in made.software.items())
