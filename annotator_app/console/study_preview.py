"""A study's words as annotators get them: from the same data, by the same renderer."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from nami_bench.annotator_app.console.study_form import LANGUAGES
from nami_bench.annotator_app.console.tables import as_html, escaped
from nami_bench.annotator_app.routes import study_json
from nami_bench.domain import Study
from nami_bench.store.study_changes import FIXED


def preview(study: Study) -> str:
    """Instructions and criteria in each language of the study, as HTML; people's words in it do no harm."""
    shown = study_json(study)
    return "".join(_in_language(shown, language, study.languages[0]) for language in study.languages)


def fixed(study: Study) -> str:
    """What a study keeps for good, as a table, and why."""
    scales = "; ".join(
        f"{one.name}: {one.minimum:g} – {one.maximum:g}, weight {one.weight:g}" for one in study.criteria
    )
    kept = {name: getattr(study, name) for name in FIXED if name not in ("question_file",)}
    rows = [(name.replace("_", " "), _in_words(value)) for name, value in kept.items()]
    rows.append(("criteria", scales))
    why = "With another value, what was judged would no longer compare with what comes"
    table = {"title": "For good", "columns": ("key", "value"), "rows": rows}
    return as_html([table], [f"{why}: make a new study, which may begin from this one."])


def _in_words(value: Any) -> str:
    """A value; of a table of the study's what it says."""
    if not is_dataclass(value):
        return str(value)
    return ", ".join(f"{one.name.replace('_', ' ')} {getattr(value, one.name)}" for one in fields(value))


def _in_language(shown: Mapping[str, Any], language: str, first: str) -> str:
    instructions = shown["instructions"].get(language)
    missing = "" if instructions else "<p><em>No instructions in this language.</em></p>"
    return (
        f'<section class="study-preview" lang="{escaped(language)}">'
        f"<h3>{escaped(LANGUAGES.get(language, language))}</h3>"
        f"<div>{instructions or missing}</div>"
        + "".join(_criterion(one, language, first) for one in shown["criteria"])
        + "</section>"
    )


def _criterion(shown: Mapping[str, Any], language: str, first: str) -> str:
    label = shown["label"].get(language) or shown["label"][first]
    anchors = shown["anchors"].get(language) or shown["anchors"][first]
    words = "".join(f"<li><b>{at:g}</b> {escaped(text)}</li>" for at, text in anchors)
    scale = f"{shown['minimum']:g} – {shown['maximum']:g}"
    return f"<h4>{escaped(label)} <small>{scale}</small></h4><ul>{words}</ul>"
