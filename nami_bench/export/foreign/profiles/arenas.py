"""Votes of arenas: two models, a winner, and often no more."""

from collections.abc import Iterator, Mapping
from typing import Any

from nami_bench.export.foreign.entries import Entry
from nami_bench.export.foreign.profile import Context, Made, Profile

_NOT_BLIND = "the voter saw the models' names"


def _arena(entry: Entry, context: Context) -> Iterator[Made]:
    """Cleaned battles (model_a, model_b, winner), and LMArena's with their conversations."""
    cells = entry.cells
    if cells.get("type") in ("leftvote", "rightvote", "tievote", "bothbad_vote"):
        cells = _raw(cells)
    elif "states" in cells:
        yield "no vote"
        return
    if str(cells.get("anony", True)).lower() in ("false", "0"):
        yield _NOT_BLIND
        return
    if "conversation_a" in cells:
        cells = {**cells, "prompt": _first_words(cells["conversation_a"])}
    whole = Entry(entry.file, entry.word, entry.number, cells)
    yield from context.table_rows(whole)


def _raw(cells: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a server's log as a cleaned battle."""
    names = [state.get("model_name", "") for state in cells.get("states", ())]
    shown = cells.get("models") or names
    left, right = [*names, "", ""][:2]
    return {
        "model_a": left,
        "model_b": right,
        "winner": cells["type"],
        "judge": cells.get("ip"),
        "anony": not any(shown),
        "tstamp": cells.get("tstamp"),
    }


def _first_words(conversation: Any) -> str:
    """The text with which a conversation began: the prompt."""
    for turn in conversation if isinstance(conversation, list) else ():
        if isinstance(turn, Mapping) and turn.get("role") == "user":
            content = turn.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            return " ".join(str(part["text"]) for part in parts if part.get("text"))
    return ""


PROFILES = (
    Profile(
        "arena",
        "arena logs: model_a, model_b, winner (model_a, model_b, tie, tie (bothbad)); LMArena, GenAI-Arena",
        _arena,
        columns={"left": "model_a", "right": "model_b", "outcome": "winner"},
        models={"imagenhub_*_generation": "*"},
        marks=frozenset({"model_a", "model_b", "winner"}),
    ),
    Profile(
        "genai-arena",
        "votes of GenAI-Arena (GenAI-Bench's on the hub): left_model, right_model, vote_type",
        columns={"left": "left_model", "right": "right_model", "outcome": "vote_type"},
        models={"imagenhub_*_generation": "*"},
        marks=frozenset({"left_model", "right_model", "vote_type"}),
    ),
)
