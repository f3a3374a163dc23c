"""A study as fields to fill in: the tables of its file, seen otherwise.

What fields there are follows from `Study`: every number, choice, switch and line of text of it and of its
tables has one, so that a key that is new there is here, too. What has none (known answers, further languages)
stays as it was, and is edited as a file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import StrEnum
from itertools import count
from typing import Any

import gradio as gr

from nami_bench.annotator_app.console.study_values import (
    anchors,
    anchors_shown,
    line,
    moment,
    moment_shown,
    put,
    same,
    text,
    value_at,
)
from nami_bench.domain import Study
from nami_bench.errors import InputError
from nami_bench.store.study_changes import FIXED
from nami_bench.study_file import in_file

LANGUAGES = {"en": "English", "zh": "中文"}
"""Those of the rating screen."""

CRITERIA = 6
"""So many can be filled in; more are edited as a file."""

_CHOICES = {
    ("study", "control"): ("slider", "buttons"),
    ("study", "live_leaderboard"): ("administrators", "annotators"),
    ("pairs", "choice"): ("balanced", "adaptive"),
}
"""Of texts that are no enumerations."""

_FIRST = ("mode", "overlap", "samples", "panel", "canvas")
_OTHERWISE = ("question_file", "questions_sha256", "time_zone", "contact", "sizes_may_differ")

HELP = {
    "mode": "rating: one image on scales; pairwise: two side by side",
    "overlap": "how many people judge each item",
    "samples": "images of each prompt and model",
    "panel": "crossed: everybody everything; spread: each item to some",
    "canvas": "pixels of the square into which images are fitted; 0: as they are",
    "sizes_may_differ": "models may be told apart by the sizes of their images",
    "items_per_annotator": "one person's most; 0: no limit",
    "break_every": "items until a break is proposed; 0: never",
    "lease_minutes": "for so long an item is kept for who was given it",
    "live_leaderboard": "who may look at the leaderboard",
    "seed": "fixes the order of everybody's items",
    "total": "how criteria are taken together",
    "gold_every": "one item with a known answer in so many; 0: none",
    "repeat_every": "one repeated item in so many; 0: none",
}


@dataclass(frozen=True, slots=True)
class Input:
    """One field: its place in a file's tables, and how a value there is shown and read.

    What is read as None is not said in the file.
    """

    place: tuple[str | int, ...]
    component: gr.components.Component
    show: Callable[[Any], Any] = lambda value: value
    read: Callable[[Any], Any] = lambda value: value
    default: Any = None


class StudyForm:
    """The fields, on the page that is being built.

    `is_new`: of a study that does not exist yet; of another one without what stays as it is.
    """

    def __init__(self, *, is_new: bool) -> None:
        self._is_new = is_new
        self.inputs: list[Input] = []
        self._parts: list[gr.Accordion] = []
        self._heads = dict(_scalars())
        self.prompts: Any = None
        if is_new:
            with gr.Row():
                self._add(("study", "name"), gr.Textbox(label="Name", max_length=100), read=line)
                self.prompts = gr.Dropdown(label="Prompts", choices=[])
                self._add(("study", "prompts"), self.prompts)
        self.models = gr.CheckboxGroup(label="Models", choices=[])
        self._add(("study", "models"), self.models, show=lambda value: value or [])
        with gr.Row():
            for key in _FIRST:
                self._scalar("study", key)
        self._scalar("study", "sizes_may_differ")
        self._hours()
        self._texts()
        self._criteria()
        self._rest()

    @property
    def components(self) -> list[Any]:
        """In the order of what `filled` is given."""
        return [one.component for one in self.inputs]

    @property
    def outputs(self) -> list[Any]:
        """In the order of `shown`."""
        return [*self.components, *self._parts]

    def shown(
        self, tables: Mapping[str, Any], models: Sequence[str], prompt_sets: Sequence[str] = ()
    ) -> list[Any]:
        """What the fields show of a file's tables, where one may choose from these models and prompt sets."""
        values = ((one, value_at(tables, one.place)) for one in self.inputs)
        shown = [one.show(one.default if value is None else value) for one, value in values]
        for component, offered in ((self.models, models), (self.prompts, prompt_sets)):
            if component is not None:
                at = self.components.index(component)
                shown[at] = gr.update(value=shown[at], choices=[*offered])
        return shown + self._parts_shown(tables)

    def _parts_shown(self, tables: Mapping[str, Any]) -> list[Any]:
        names = [one["name"] for one in tables.get("criterion", ())]
        return [
            gr.update(label=f"Criterion: {names[number]}")
            if number < len(names)
            else gr.update(label=f"Criterion {number + 1}", visible=self._is_new)
            for number in range(CRITERIA)
        ]

    def filled(self, tables: Mapping[str, Any], values: Sequence[Any]) -> dict[str, Any]:
        """The tables with what the fields say; raises InputError for what cannot be read."""
        found: dict[str, Any] = deepcopy(dict(tables))
        for one, value in zip(self.inputs, values, strict=True):
            put(found, one.place, one.read(value))
        named = [one for one in map(_named, found.pop("criterion", ()), count(1)) if one is not None]
        return found | ({"criterion": named} if named else {})

    def _add(self, place: tuple[str | int, ...], component: Any, **more: Any) -> None:
        self.inputs.append(Input(place, component, **more))

    def _scalar(self, table: str, key: str) -> None:
        default = self._heads[table, key]
        if self._stays(table, key):
            return
        settings: dict[str, Any] = {"label": _label(key), "info": HELP.get(key), "min_width": 200}
        choices = _CHOICES.get((table, key)) or (
            tuple(map(str, type(default))) if isinstance(default, StrEnum) else ()
        )
        if isinstance(default, bool):
            component: Any = gr.Checkbox(**settings)
        elif choices:
            component = gr.Dropdown(choices=[*choices], **settings)
        elif isinstance(default, int | float):
            component = gr.Number(**settings)
        else:
            component = gr.Textbox(**settings)
        read = line if isinstance(component, gr.Textbox) else same
        self._add((table, key), component, default=default, read=read)

    def _stays(self, table: str, key: str) -> bool:
        return not self._is_new and (key if table == "study" else table) in FIXED

    def _hours(self) -> None:
        with gr.Row():
            for key in ("opens", "closes"):
                box = gr.Textbox(
                    label=_label(key),
                    placeholder="2026-01-31 18:00 +01:00",
                    info="empty: now" if key == "opens" else "empty: never",
                    min_width=200,
                )
                self._add(("study", key), box, show=moment_shown, read=moment)
            for key in ("time_zone", "contact"):
                self._scalar("study", key)

    def _texts(self) -> None:
        offered = [(name, tag) for tag, name in LANGUAGES.items()]
        languages = gr.CheckboxGroup(label="Languages", choices=offered)
        self._add(("study", "languages"), languages, default=["en"])
        with gr.Row():
            for tag, name in LANGUAGES.items():
                box = gr.Textbox(
                    label=f"Instructions, {name}", lines=6, max_lines=16, info="Markdown", min_width=260
                )
                self._add(("study", "instructions", tag), box, read=text)

    def _criteria(self) -> None:
        numbers = (("weight", None), ("minimum", 0.0), ("maximum", 100.0), ("step", None))
        for number in range(CRITERIA):
            with gr.Accordion(f"Criterion {number + 1}", open=number == 0) as part:
                self._parts.append(part)
                at: tuple[str | int, ...] = ("criterion", number)
                with gr.Row():
                    self._add(
                        (*at, "name"),
                        gr.Textbox(label="Name", min_width=140, interactive=self._is_new),
                        read=line,
                    )
                    for key, default in numbers:
                        figure = gr.Number(label=_label(key), min_width=100, interactive=self._is_new)
                        self._add((*at, key), figure, default=default)
                with gr.Row():
                    self._add((*at, "label"), gr.Textbox(label="On the screen", min_width=140), read=line)
                    self._add((*at, "anchors"), _anchors_box("Words"), show=anchors_shown, read=anchors)
                with gr.Row():
                    for tag, name in list(LANGUAGES.items())[1:]:
                        own = (*at, "texts", tag)
                        box = gr.Textbox(label=f"On the screen, {name}", min_width=140)
                        self._add((*own, "label"), box, read=line)
                        words = _anchors_box(f"Words, {name}")
                        self._add((*own, "anchors"), words, show=anchors_shown, read=anchors)

    def _rest(self) -> None:
        tables: dict[str, list[str]] = {}
        for table, key in self._heads:
            if table != "study" or key not in (*_FIRST, *_OTHERWISE):
                tables.setdefault(table, []).append(key)
        for table, keys in tables.items():
            if all(self._stays(table, key) for key in keys):
                continue
            with gr.Accordion("More" if table == "study" else _label(table), open=False), gr.Row():
                for key in keys:
                    self._scalar(table, key)


def _scalars() -> Iterator[tuple[tuple[str, str], Any]]:
    """Each number, choice, switch and line of `Study`: its table and key in a file, and its default."""
    for place, value in _defaults():
        if isinstance(value, str | int | float):
            table, key, *_ = map(str, in_file(place))
            yield (table, key), value


def _defaults() -> Iterator[tuple[tuple[str, ...], Any]]:
    for one in fields(Study):
        default = _default_of(one)
        if is_dataclass(default):
            for inner in fields(default):
                yield (one.name, inner.name), getattr(default, inner.name)
        else:
            yield (one.name,), default


def _default_of(one: "Field[Any]") -> Any:
    """A field's default; MISSING where it has none."""
    return one.default_factory() if one.default_factory is not MISSING else one.default


def _label(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _anchors_box(label: str) -> gr.Textbox:
    return gr.Textbox(
        label=label, lines=5, max_lines=10, info="one a line: 0 = unrelated to the prompt", min_width=260
    )


def _named(criterion: Mapping[str, Any], number: int) -> Mapping[str, Any] | None:
    """A criterion that was filled in; None for fields that were left as they are."""
    if criterion.get("name"):
        return criterion
    if criterion.keys() & {"weight", "step", "label", "anchors", "texts"}:
        raise InputError(f"criterion {number} has no name")
    return None
