"""Votes of arenas: two models, a winner, and often no more."""

from collections.abc import Iterator, Mapping
from typing import Any

from nami_bench.export.foreign.entries import Entry
from nami_bench.export.foreign.profile import Context, Made, Profile, Published

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


def _genai_arena(entry: Entry, context: Context) -> Iterator[Made]:
    """A row a vote, of nobody known; its images come along where they are asked for."""
    cells = {name: value for name, value in entry.cells.items() if name not in ("left_image", "right_image")}
    pictures: dict[str, Any] = {}
    for side in ("left", "right"):
        held = entry.cells.get(f"{side}_image")
        if isinstance(held, Mapping):
            pictures |= {f"{side}_image": held.get("path"), f"{side}_bytes": held.get("bytes")}
    for made in context.table_rows(Entry(entry.file, entry.word, entry.number, cells)):
        yield made if isinstance(made, str) else {**made, **pictures}


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
        published=Published(
            {
                "model_a, model_b": "the models; those of GenAI-Arena as imagenhub_NAME_generation",
                "winner": "model_a, model_b, tie, tie (bothbad)",
                "judge": "who voted, where it is known",
                "anony": "false: the voter saw the names, left out",
                "tstamp": "when",
            },
            "tie; tie (bothbad) is both_bad, and counts as a tie",
            "MIT (GenAI-Arena's votes)",
            "PlayGroundV2 1151.18, PixArtAlpha 1078.36, SDXL 1027.26, SDXLTurbo 972.09, OpenJourney 921.34, "
            "LCM 849.77 (GenAI-Arena, 20 February 2024; strengths --ties half; with --rename '*_edition=')",
            "by a test to 0.2 points, where the real file lies beside the checkout; the rest is the arena's "
            "ridge penalty",
        ),
    ),
    Profile(
        "imgsys",
        "imgsys.org's results on the hub: model_a, model_b, preference; with --values",
        columns={"left": "model_a", "right": "model_b", "outcome": "preference", "prompt": "prompt"},
        marks=frozenset({"model_a", "model_b", "preference"}),
        published=Published(
            {
                "model_a, model_b": "the models",
                "preference": "a number that its card does not explain: say what it means, as --values "
                "1=left,0=right,0.5=tie",
                "prompt": "its text",
            },
            "not said: see preference",
            "CC-BY-SA-4.0",
            "108,022 votes",
            "no: the real file is not beside the tests",
        ),
    ),
    Profile(
        "genai-arena",
        "votes of GenAI-Arena (GenAI-Bench's on the hub): left_model, right_model, vote_type",
        _genai_arena,
        files=("*.parquet",),
        columns={"left": "left_model", "right": "right_model", "outcome": "vote_type"},
        models={"imagenhub_*_generation": "*"},
        marks=frozenset({"left_model", "right_model", "vote_type"}),
        published=Published(
            {
                "prompt": "its text",
                "left_model, right_model": "the models, as imagenhub_NAME_generation",
                "left_image, right_image": "the images",
                "vote_type": "leftvote, rightvote, tievote, bothbad_vote",
            },
            "tievote; bothbad_vote is both_bad, and counts as a tie",
            "CC-BY-4.0",
            "none that could be recomputed: the arena's published strengths are of its log (profile arena)",
            "no: the real file is not beside the tests",
        ),
    ),
)
