"""What is in an annotator's hands, event by event, without a browser (static/hands.js)."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nami_bench.annotator_app.views import STATIC
from tests.support.javascript import run_module

REPLAY = """
  const act = {
    received: (hands, [phase, tokens, unsent, keeps, rests]) => {
      const items = tokens.map((token) => ({ token, images: [] }));
      const here = { unsent: new Set(unsent), keeps, rests };
      return module.received(hands, { phase, items }, here);
    },
    next: (hands) => [module.next(hands)],
    back: (hands, token) => [module.wentBack(hands, { token, images: [] })],
    resume: (hands) => [module.resumed(hands)],
    await: (hands, token) => [module.awaiting(hands, { body: { client_token: token } })],
    refuse: (hands, token) => [module.refused(hands, { body: { client_token: token } })],
    see: (hands) => [module.seen(hands)],
    ask: (hands) => { const asked = module.askedAbout(hands); return [asked ?? hands, asked !== null]; },
    leave: (hands) => [module.leftTo(hands)],
  };
  const told = (hands, then = null) => ({
    item: hands.item && hands.item.token,
    ahead: hands.ahead.map((item) => item.token),
    aside: hands.aside === module.NOTHING ? "nothing" : hands.aside && hands.aside.token,
    awaited: hands.awaited && hands.awaited.body.client_token,
    phase: hands.session.phase, left: hands.left, then,
  });
  return given.map((events) => {
    let hands = module.empty({ phase: "work", items: [] });
    return events.map(([name, argument]) => {
      const [after, then] = act[name](hands, argument);
      hands = after;
      return told(hands, then);
    });
  });
"""
Event = tuple[str, Any]


def replay(*courses: list[Event]) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = run_module(STATIC / "hands.js", REPLAY, list(courses))
    return found


def said(
    tokens: str, *, phase: str = "work", unsent: str = "", keeps: bool = False, rests: bool = False
) -> Event:
    return "received", (phase, list(tokens), list(unsent), keeps, rests)


def test_items_come_one_after_the_other() -> None:
    (states,) = replay([said("abc"), ("next", None), said("abcd"), said("bcd", unsent="b"), ("next", None)])
    assert [(s["then"], s["item"], s["ahead"]) for s in states] == [
        ("next", None, ["a", "b", "c"]),
        (None, "a", ["b", "c"]),
        ("renew", "a", ["b", "c", "d"]),  # its images may have new addresses
        ("next", None, ["c", "d"]),  # of "a" the server no longer speaks, "b" is on its way
        (None, "c", ["d"]),
    ]


def test_an_item_with_a_draft_stays_though_the_server_does_not_name_it() -> None:
    (states,) = replay([said("ab"), ("next", None), said("bc", keeps=True)])
    assert (states[-1]["then"], states[-1]["item"], states[-1]["ahead"]) == ("keep", "a", ["b", "c"])


def test_a_correction_puts_aside_what_was_in_the_hands() -> None:
    (states,) = replay(
        [said("ab"), ("next", None), ("back", "z"), ("back", "y"), said("abc"), ("resume", None)]
    )
    assert [(s["item"], s["aside"]) for s in states[2:]] == [("z", "a"), ("y", "a"), ("y", "a"), ("a", None)]
    assert states[4]["then"] == "nothing"


def test_at_the_end_there_is_nothing_to_put_aside() -> None:
    (states,) = replay(
        [said("", phase="finished"), ("back", "z"), said("", phase="finished"), ("resume", None)]
    )
    assert [(s["then"], s["item"], s["aside"]) for s in states] == [
        ("phase", None, None),
        (None, "z", "nothing"),
        ("nothing", "z", "nothing"),  # corrections go on
        (None, None, None),
    ]


def test_a_pause_ends_everything() -> None:
    for before in ([], [("back", "z")], [("await", "t")]):
        (states,) = replay([said("ab"), ("next", None), *before, said("", phase="paused")])
        assert states[-1] == {**states[-1], "then": "phase", "item": None, "aside": None, "awaited": None}


def test_an_example_is_waited_for_until_its_answer_was_seen() -> None:
    (states,) = replay([
        said("ab", phase="training"), ("next", None), ("await", "t"), said("b", phase="training"),
        ("refuse", "other"), ("refuse", "t"), ("await", "u"), ("see", None), said("b", phase="training"),
    ])  # fmt: skip
    assert [(s["then"], s["item"], s["awaited"]) for s in states[2:]] == [
        (None, "a", "t"),
        ("nothing", "a", "t"),
        (None, "a", "t"),
        (None, "a", None),
        (None, "a", "u"),
        (None, None, None),
        ("next", None, None),
    ]


def test_a_break_and_another_tab_let_nothing_happen() -> None:
    (states,) = replay([said("ab"), ("next", None), said("cd", rests=True), ("leave", None), said("ef")])
    assert [(s["then"], s["item"], s["ahead"]) for s in states[2:]] == [
        ("nothing", "a", ["c", "d"]),
        (None, "a", ["c", "d"]),
        ("nothing", "a", ["c", "d"]),
    ]


def test_a_broken_image_is_asked_about_once() -> None:
    (states,) = replay([("ask", None), said("ab"), ("next", None), ("ask", None), ("ask", None)])
    assert [s["then"] for s in states] == [False, "next", None, True, False]


TOKENS = st.text("abcdef", max_size=4).map(lambda text: "".join(dict.fromkeys(text)))
EVENTS = st.one_of(
    st.builds(
        said,
        TOKENS,
        phase=st.sampled_from(["work", "work", "training", "finished", "waiting", "paused", "closed"]),
        unsent=TOKENS,
        keeps=st.booleans(),
        rests=st.booleans(),
    ),
    st.just(("next", None)),
    st.tuples(st.just("back"), st.sampled_from("xyz")),
    st.just(("resume", None)),
    st.tuples(st.just("await"), st.sampled_from("tu")),
    st.tuples(st.just("refuse"), st.sampled_from("tu")),
    st.just(("see", None)),
)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.lists(EVENTS, max_size=25), min_size=40, max_size=40))
def test_nothing_is_in_the_hands_twice_or_put_aside_for_ever(courses: list[list[Event]]) -> None:
    for events, states in zip(courses, replay(*courses), strict=True):
        for (name, argument), state in zip(events, states, strict=True):
            if name != "received":
                continue
            phase, _, unsent, _, _ = argument
            assert state["item"] is None or state["item"] not in state["ahead"]
            if phase in ("work", "training"):
                assert not set(state["ahead"]) & set(unsent), "what is unsent is not asked again"
            if state["then"] == "phase":
                assert (state["item"], state["ahead"], state["aside"]) == (None, [], None)
            if state["then"] == "next":
                assert (state["item"], state["aside"], state["awaited"]) == (None, None, None)
