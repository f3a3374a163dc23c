"""The keyboard's state machine against the grammar: every score is the one that the grammar says."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from nami_bench.annotator_app.views import STATIC
from tests.annotator_app.static.keyboard_model import Item, Scale

HUNDRED = Scale("0", "100", "1")
SCALES = {
    "hundred": [HUNDRED] * 4,
    "five": [Scale("1", "5", "1")] * 3,
    "seven": [Scale("1", "7", "1")] * 2,
    "ten": [Scale("0", "10", "1")] * 3,
    "tenths": [Scale("0", "1", "0.1")] * 3,
    "halves": [Scale("0", "100", "0.5")] * 2,
    "around zero": [Scale("-5", "5", "1"), Scale("-1", "1", "0.25"), Scale("-100", "100", "1")],
    "upper half": [Scale("50", "100", "1")] * 2,
    "fives": [Scale("0", "100", "5"), Scale("0", "20", "2")],
    "thousand": [Scale("0", "1000", "1"), Scale("0", "200", "1")],
    "mixed": [HUNDRED, Scale("1", "5", "1"), Scale("0", "1", "0.01"), HUNDRED],
    "one": [HUNDRED],
}
KEYS = [
    *"00011122334455667788999",
    ".",
    "-",
    " ",
    " ",
    "Tab",
    "Enter",
    "Backspace",
    "Backspace",
    "ArrowUp",
    "ArrowDown",
    "ArrowLeft",
    "PageUp",
    "Home",
    "End",
    "Delete",
    "ctrl+z",
]
RUN = """
async (given) => {
  const { scales, starts } = JSON.parse(given);
  const { kindsOf, meaning } = await import("/keys.js");
  const { after, begun, conditionOf, excused, picked, settled, slid } = await import("/scoring.js");
  const criteria = scales;
  const kinds = kindsOf({ mode: "rating", criteria });
  const excuse = { reason: "other" };
  const scored = (score) => (score === null ? null : score === "excused" ? excuse : { value: score });
  const plain = (score) => (score === null ? null : "reason" in score ? "excused" : score.value);
  const press = (state, name) => {
    const [key, ctrlKey] = name === "ctrl+z" ? ["z", true] : [name, false];
    const found = meaning({ key, ctrlKey, target: {} }, kinds, conditionOf(state));
    if (found === null) return state;
    if (found.effect === "submit") return settled(state);
    return after(state, found.effect, found.character) ?? state;
  };
  const act = (state, [what, ...how]) => {
    if (what === "key") return press(state, how[0]);
    if (what === "pick") return picked(state, how[0]);
    if (what === "slide") return slid(state, how[0], how[1]);
    return excused(state, how[0], "other", how[1]);
  };
  return JSON.stringify(starts.map(({ scores, isCorrection, acts }) => {
    let state = begun(criteria, scores.map(scored), isCorrection);
    return acts.map((one) => {
      state = act(state, one);
      return [state.scores.map(plain), state.active, conditionOf(state), state.note?.key ?? null];
    });
  }));
}
"""


@pytest.fixture(scope="module")
def modules(browser: Any) -> Iterator[Any]:
    """A page that can import the screen's modules, without a server."""

    def answer(route: Any) -> None:
        file = STATIC / route.request.url.rpartition("/")[2]
        if file.suffix == ".js":
            route.fulfill(body=file.read_text(encoding="utf-8"), content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    page = browser.new_page()
    page.route("**/*", answer)
    page.goto("http://screen.test/")
    yield page
    page.close()


def run(page: Any, scales: list[Scale], starts: list[dict[str, Any]]) -> list[list[list[Any]]]:
    """What the screen's own code makes of each start, after each act: scores, active row, condition, note."""
    criteria = [
        {"minimum": float(s.minimum), "maximum": float(s.maximum), "step": float(s.step)} for s in scales
    ]
    # As text: the page's driver takes seconds for so many values.
    found: list[list[list[Any]]] = json.loads(
        page.evaluate(RUN, json.dumps({"scales": criteria, "starts": starts}))
    )
    return found


def typed(page: Any, keys: str | list[str], scores: list[Any] | None = None, **start: Any) -> list[Any]:
    """The scores after some keys on four criteria from 0 to 100."""
    acts = [["key", key] for key in keys]
    first = {"scores": scores or [None] * 4, "isCorrection": False, "acts": acts, **start}
    return list(run(page, [HUNDRED] * 4, [first])[0][-1][0])


def a_start(chance: random.Random, scales: list[Scale]) -> dict[str, Any]:
    def score(scale: Scale, least: float) -> Any:
        if chance.random() < least:
            return None
        return "excused" if chance.random() < 0.1 else chance.choice(sorted(set(scale.words.values())))

    is_correction = chance.random() < 0.3
    unrated = 0 if is_correction else chance.choice([1, 1, 0.5, 0])
    return {
        "scores": [score(scale, unrated) for scale in scales],
        "isCorrection": is_correction,
        "acts": [an_act(chance, scales) for _ in range(chance.choice([12, 40]))],
    }


def an_act(chance: random.Random, scales: list[Scale]) -> list[Any]:
    row = chance.randrange(len(scales))
    kind = chance.random()
    if kind < 0.92:
        return ["key", chance.choice(KEYS)]
    if kind < 0.95:
        return ["pick", row]
    if kind < 0.98:
        return ["slide", row, chance.choice(sorted(set(scales[row].words.values())))]
    return ["excuse", row, chance.random() < 0.5]


@pytest.mark.parametrize("name", SCALES)
def test_the_scores_are_always_those_that_the_grammar_says(modules: Any, name: str) -> None:
    scales = SCALES[name]
    chance = random.Random(name)
    starts = [a_start(chance, scales) for _ in range(400)]
    for start, found in zip(starts, run(modules, scales, starts), strict=True):
        again = set(range(len(scales))) if start["isCorrection"] else set()
        item = Item(scales, list(start["scores"]), again)
        for i, ((what, *how), (scores, active, condition, _)) in enumerate(
            zip(start["acts"], found, strict=True)
        ):
            {"key": item.press, "pick": item.pick, "slide": item.slide, "excuse": item.excuse}[what](*how)
            where = f"{start['scores']} {start['isCorrection']} {start['acts'][: i + 1]}"
            assert (item.scores, item.active, item.condition) == (scores, active, condition), where


def test_digits_space_and_tab_change_no_finished_score(modules: Any) -> None:
    """Said once more, without the grammar: what has a score and was not chosen keeps it."""
    chance = random.Random(1)
    keys = [*"00112233456789", " ", "Tab", "Enter"]
    starts = []
    for _ in range(500):
        scores = [chance.choice([None, 12.0, "excused"]) for _ in range(4)]
        acts = [["key", chance.choice(keys)] for _ in range(30)]
        starts.append({"scores": scores, "isCorrection": False, "acts": acts})
    for start, steps in zip(starts, run(modules, [HUNDRED] * 4, starts), strict=True):
        kept = {row: score for row, score in enumerate(start["scores"]) if score is not None}
        for scores, *_ in steps:
            assert {row: scores[row] for row in kept} == kept
        done = [scores for scores, _, condition, _ in steps if condition == "done"]
        assert all(scores == done[0] for scores in done)


CASES = [
    # keys, the scores that an item begins with, whether it is corrected, the scores that it has then
    ("11223344", (81, 72, 63, 54), True, (11, 22, 33, 44)),
    ("11 22 33 44", (81, 72, 63, 54), True, (11, 22, 33, 44)),
    ("11223344", (81, "excused", 63, 54), True, (11, 22, 33, 44)),
    ("112233449", (81, 72, 63, 54), True, (11, 22, 33, 44)),
    ("5 6 7 8 ", (81, 72, 63, 54), True, (5, 6, 7, 8)),
    ("↓↓335", (81, 72, 63, 54), True, (81, 72, 33, 54)),
    ("1⌫⏎", (81, 72, 63, 54), True, (81, 72, 63, 54)),
    ("6050", (40, 30, None, None), False, (40, 30, 60, 50)),
    ("60507", (40, 30, None, None), False, (40, 30, 60, 50)),
    ("9", (40, 30, 60, 50), False, (40, 30, 60, 50)),
    ("10055050", (), False, (10, 5, 50, 50)),
    ("10 05 50 50", (), False, (10, 5, 50, 50)),
    ("75 80 60 50 ", (), False, (75, 80, 60, 50)),
    ("807060503", (), False, (80, 70, 60, 50)),
    ("80 70 60 50 3", (), False, (80, 70, 60, 50)),
    ("80706050⏎3", (), False, (80, 70, 60, 50)),
    ("807060100", (), False, (80, 70, 60, 100)),
    ("8070601003", (), False, (80, 70, 60, 100)),
    ("80706010⏎", (), False, (80, 70, 60, 10)),
    ("100 50100 7", (), False, (100, 50, 100, 7)),
    ("100↓50", (), False, (100, 50, None, None)),
    ("1085", (), False, (10, 85, None, None)),
    ("5 6↓7⇥8⏎", (), False, (5, 6, 7, 8)),
    ("05060708", (), False, (5, 6, 7, 8)),
    ("00 0 0↓0⏎", (), False, (0, 0, 0, 0)),
    ("7↑3", (), False, (7, None, None, 3)),
    ("75⌃40", (), False, (40, None, None, None)),
    ("7⌫⌫2 ", (), False, (2, None, None, None)),
    ("   5 ", (), False, (5, None, None, None)),
]
NAMES = {"↓": "ArrowDown", "↑": "ArrowUp", "⌫": "Backspace", "⏎": "Enter", "⇥": "Tab", "⌃": "ctrl+z"}


@pytest.mark.parametrize(("keys", "before", "is_correction", "scores"), CASES)
def test_what_is_typed_is_what_is_meant(
    modules: Any, keys: str, before: tuple[Any, ...], is_correction: bool, scores: tuple[Any, ...]
) -> None:
    first = list(before) or [None] * 4
    acts = [["key", NAMES.get(key, key)] for key in keys]
    start = {"scores": first, "isCorrection": is_correction, "acts": acts}
    assert run(modules, [HUNDRED] * 4, [start])[0][-1][0] == list(scores)


@pytest.mark.parametrize(
    ("scale", "keys", "scores"),
    [
        (Scale("1", "5", "1"), "42", (4, 2)),
        (Scale("1", "5", "1"), "942", (4, 2)),
        (Scale("0", "10", "1"), "710", (7, 10)),
        (Scale("0", "10", "1"), "1 0", (1, 0)),
        (Scale("0", "1", "0.1"), "0.5.7", (0.5, 0.7)),
        (Scale("0", "1", "0.1"), "1 0,3", (1, 0.3)),
        (Scale("-5", "5", "1"), "-34", (-3, 4)),
        (Scale("-5", "5", "1"), "-05", (-5, None)),  # there is no -0
        (Scale("-100", "100", "1"), "-05-100 ", (-5, -100)),
        (Scale("50", "100", "1"), "7 75", (75, None)),
        (Scale("0", "100", "5"), "7350", (75, 0)),
    ],
)
def test_every_scale_is_typed_as_it_is_written(
    modules: Any, scale: Scale, keys: str, scores: tuple[Any, ...]
) -> None:
    start = {"scores": [None, None], "isCorrection": False, "acts": [["key", key] for key in keys]}
    assert run(modules, [scale] * 2, [start])[0][-1][0] == list(scores)


def test_what_does_nothing_is_said(modules: Any) -> None:
    def note(keys: str) -> Any:
        start = {"scores": [None] * 4, "isCorrection": False, "acts": [["key", key] for key in keys]}
        return run(modules, [HUNDRED, HUNDRED, Scale("1", "5", "1"), HUNDRED], [start])[0][-1][3]

    assert note("75") is None
    assert note("100") == "typing.open"
    assert note("100 ") is None
    assert note("1005") == "typing.split"
    assert note("75809") == "typing.off"
    assert note("7580950") == "typing.off"  # and stays: a digit may be missing
    assert note("75805503") == "typing.done"


def meanings(page: Any, events: list[dict[str, Any]], condition: str, mode: str = "rating") -> list[Any]:
    """The effect of each event in a state of the scores."""
    found: list[Any] = page.evaluate(
        """async ({ events, mode, condition }) => {
          const { kindsOf, meaning } = await import("/keys.js");
          const kinds = kindsOf({ mode, criteria: [{ minimum: 0, maximum: 100, step: 1 }] });
          return events.map((event) => meaning({ ...event, target: {} }, kinds, condition)?.effect ?? null);
        }""",
        {"events": events, "mode": mode, "condition": condition},
    )
    return found


@pytest.mark.parametrize("mode", ["rating", "pairwise"])
def test_a_held_key_counts_once_but_for_those_that_move(modules: Any, mode: str) -> None:
    once = ["5", "3", " ", "Enter", "Backspace", "Delete", "x", "f", "c", "t", "b"]
    moving = ["ArrowUp", "ArrowDown", "+"] + ["ArrowLeft", "ArrowRight", "PageUp"] * (mode == "rating")
    once += ["ArrowLeft", "ArrowRight"] * (mode == "pairwise")
    for condition in ("waiting", "typing", "done"):
        held = [{"key": key, "repeat": True} for key in once]
        assert {*meanings(modules, held, condition, mode)} <= {"held", None}
        moved = meanings(modules, [{"key": key, "repeat": True} for key in moving], condition, mode)
        assert not {*moved} & {"held", None}
    assert meanings(modules, [{"key": "z", "ctrlKey": True, "repeat": True}], "waiting", mode) == ["held"]


def key_table(page: Any) -> str:
    """The table of docs/keyboard.md, from the screen's own and its English texts."""
    words = json.loads((STATIC / "texts" / "en.json").read_text(encoding="utf-8"))
    rows = page.evaluate('import("/keys.js").then(({ KEYS }) => KEYS)')
    where = {"rating": "ratings", "pairwise": "pairs", "decimals": "ratings with decimals"}
    where |= {"signed": "ratings below zero", "questions": "questions"}
    where |= {"ranking": "orders", "best_worst": "best and worst", "marks": "marks"}
    lines = ["| key | in | a score is waited for | within a number | all is done |", "|---|---|---|---|---|"]
    for row in rows:
        keys = " ".join(f"`{key}`" for key in row["keys"])
        place = f"all but {where[row['notIn']]}" if "notIn" in row else where.get(row.get("in"), "")
        effects = [row["does"][condition] for condition in ("waiting", "typing", "done")]
        cells = [words[f"key.{effect}"] if effect else "–" for effect in effects]
        cells[1:] = [
            "the same" if effect and effect == effects[0] else cell
            for effect, cell in zip(effects[1:], cells[1:], strict=True)
        ]
        lines.append(f"| {keys} | {place} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def test_the_documented_table_is_the_one_that_the_screen_goes_by(modules: Any) -> None:
    page = (STATIC.resolve().parents[1] / "docs" / "keyboard.md").read_text(encoding="utf-8")
    assert key_table(modules) in page


def test_the_documented_keys_of_marks_are_those_of_the_screen(modules: Any) -> None:
    words = json.loads((STATIC / "texts" / "en.json").read_text(encoding="utf-8"))
    lines = ["| key | while | effect |", "|---|---|---|"]
    for row in modules.evaluate('import("/keys.js").then(({ MARK_KEYS }) => MARK_KEYS)'):
        keys = " ".join(f"`{key}`" for key in row["keys"])
        effect = words["key." + row["does"]]
        lines.append(f"| {keys} | {row['on']} | {effect} |")
    page = (STATIC.resolve().parents[1] / "docs" / "keyboard.md").read_text(encoding="utf-8")
    assert "\n".join(lines) + "\n" in page
