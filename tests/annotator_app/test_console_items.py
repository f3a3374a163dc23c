"""The console's page of items over HTTP: who reaches it, what it tells to whom, what is done there."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.domain import Annotator, Role
from tests.annotator_app.test_items_returned import items, session, work
from tests.support.console import ConsolePage

pytestmark = pytest.mark.slow  # each begins a server with a console: two seconds of a core

FIRST = "most disputed first"
EVERYTHING = (FIRST, [], "all", "all", "all", False, 0, "")


def fields(**changes: Any) -> tuple[Any, ...]:
    names = ("order", "only", "stratum", "person", "model", "with_models", "start", "item")
    return tuple(changes.get(name, default) for name, default in zip(names, EVERYTHING, strict=True))


@pytest.fixture
def people(bench: Any, address: str) -> Iterator[Callable[[str], httpx.Client]]:
    """Root is an administrator, Judy an adjudicator; Ada and Bob have done everything."""
    for name, start in (("ada", 10.0), ("bob", 60.0)):
        own = session(bench, name)
        while (view := own.state()).items:
            token = view.items[0].token
            item = bench.store.annotation.look(lambda desk, token=token: desk.find(token)).item_id
            values = {"relevance": start + (item % 7), "realism": 3.0}
            comment = "<b>which</b> cat?" if name == "bob" and item == 5 else ""
            own.submit(token, Answers(f"{name}{item}", values, comment=comment, duration_ms=3000))
    roles = {"root": Role.ADMINISTRATOR, "judy": Role.ADJUDICATOR}
    tokens = {
        **bench.tokens,
        **{name: bench.store.accounts.add(Annotator(name, roles[name])) for name in roles},
    }
    clients: list[httpx.Client] = []

    def enter(name: str) -> httpx.Client:
        clients.append(httpx.Client(base_url=address, timeout=30))
        entered = clients[-1].post("/login", data={"name": name, "token": tokens[name]})
        assert entered.headers["location"] == {"root": "admin/", "judy": "admin/items"}.get(name, "./")
        return clients[-1]

    yield enter
    for client in clients:
        client.close()


def test_adjudicators_reach_the_page_of_items_and_nothing_else(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    judy, ada = people("judy"), people("ada")
    assert ada.get("/admin/items").status_code == 403
    image = bench.store.answers.images(5)[1][0]
    for path in ("/admin/", "/admin/log", "/admin/export", f"/admin/picture/{image}", "/session", "/studies",
                 "/admin/file/ratings.csv", "/study/trial/session"):  # fmt: skip
        assert judy.get(path).status_code == 403, path
    page = ConsolePage(judy, "items")
    (summary, gallery, detail, *_), _ = page.call("items_look", *fields(), study="trial")
    assert summary.startswith("12 items")
    assert "ada" not in gallery + detail and "bob" not in gallery + detail
    assert "zebrafish" not in gallery + detail and "quokka" not in gallery + detail
    owners_own = ConsolePage(people("root")).events
    body = {"fn_index": owners_own["overview_look"]["id"], "data": ["trial"], "session_hash": "abc"}
    judy.post("/admin/gradio_api/queue/join", json=body)
    said = []
    with judy.stream("GET", "/admin/gradio_api/queue/data", params={"session_hash": "abc"}) as stream:
        for line in stream.iter_lines():
            said.append(line)
            if "process_completed" in line:
                break
    assert '"success":false' in said[-1] and "ada" not in said[-1]


def test_owners_see_who_said_what_and_models_when_they_ask(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    page = ConsolePage(people("root"), "items")
    (_, gallery, detail, *_), _ = page.call("items_look", *fields(item="5"), study="trial")
    assert "ada" in detail and "&lt;b&gt;which&lt;/b&gt; cat?" in detail and "<b>which" not in detail
    assert "picture &lt;i&gt;" in detail and "zebrafish" not in gallery + detail
    assert "models-shown" not in [event.kind for event in bench.store.oversight.events("trial")]
    for _ in range(2):
        (_, gallery, detail, *_), _ = page.call(
            "items_look", *fields(item="5", with_models=True), study="trial"
        )
    assert "zebrafish" in gallery + detail
    shown = [event for event in bench.store.oversight.events("trial") if event.kind == "models-shown"]
    assert [event.by for event in shown] == ["root"]
    told, _ = page.call("items_look", *fields(only=["flagged or commented on"]), study="trial")
    assert told[0].startswith("1 items, 1 to 1") and told[4] == "5"
    _, warned = page.call("items_look", *fields(item="five"), study="trial")
    assert warned == ["An item is a number"]


def test_an_adjudicator_decides_and_owners_return_items(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    judy, root = (ConsolePage(people(name), "items") for name in ("judy", "root"))
    decision = ("relevance", "50", "edge-case")
    _, said = judy.call("items_decide_it", *decision, "", *fields(item="5"), study="trial")
    assert "a note must say why" in said[0]
    told, said = judy.call("items_decide_it", *decision, "seen it", *fields(item="5"), study="trial")
    assert said == ["Item 5: decided by relevance."] and "50 (all overruled)" in told[3]
    (one,) = bench.store.adjudications.all("trial")
    assert (one.by, one.answer, one.note, one.saw_models) == ("judy", 50.0, "seen it", False)
    for event, values in (
        ("items_ask_again", ()),
        ("items_set_aside", ("ada", "why")),
        ("items_count_again", ("ada",)),
    ):
        _, said = judy.call(event, *values, *fields(item="5"), study="trial")
        assert said == ["This is for administrators"], event
    assert bench.store.pool.count_set_aside("trial") == 0
    _, said = root.call("items_set_aside", "ada", "slipped", *fields(item="5"), study="trial")
    assert "answer to item 5 does not count any more" in said[0]
    told, _ = root.call("items_ask_again", *fields(item="6"), study="trial")
    assert "2 of 3 answers" in told[1]
    assert [event.by for event in bench.store.oversight.events("trial")[:2]] == ["root", "root"]


def test_stepping_goes_through_all_items_and_stops_at_the_ends(
    bench: Any, people: Callable[[str], httpx.Client]
) -> None:
    page = ConsolePage(people("judy"), "items")
    seen, item = [], ""
    for _ in range(13):
        told, _ = page.call("items_step_0_1", *fields(item=item, order="by number"), study="trial")
        item = told[4]
        seen.append(int(item))
    assert seen[:12] == items(bench) and seen[12] == seen[11]
    told, _ = page.call("items_step_0_back_1", *fields(item=item, order="by number"), study="trial")
    assert int(told[4]) == seen[10]


def test_pictures_of_items_tell_nothing(bench: Any, people: Callable[[str], httpx.Client]) -> None:
    judy, ada = people("judy"), people("ada")
    full, small = judy.get("/admin/item/5/0"), judy.get("/admin/item/5/0/small")
    with Image.open(io.BytesIO(full.content)) as image:
        assert (image.format, image.size, image.info) == ("PNG", (32, 24), {})
    assert small.headers["content-type"] == "image/jpeg"
    for path in ("/admin/item/5/1", "/admin/item/99/0", "/admin/item/5/-1"):
        assert judy.get(path).status_code in (400, 404), path
    assert ada.get("/admin/item/5/0").status_code == 403
    assert judy.get("/admin/item/5/0/marks/artifact").status_code == 400  # this study asks for no marks
    assert ada.get("/admin/item/5/0/marks/artifact").status_code == 403
    assert work(bench, "ada") == 0
