"""Proposed prompts on the screen: typed, warned about, sent, edited, accepted, and built into a set."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.domain import Role
from nami_bench.prompts.files import load_prompt_set
from nami_bench.prompts.vocabulary import CATEGORIES, CHALLENGES, LANGUAGES
from tests.support.console import ConsolePage

HERON = "a heron that waits for the tram with a folded newspaper, rain on the rails"
SCRIPT = "<img src=x onerror=\"document.title='x'\"> lettered in chalk on a school wall"
EMBEDDED = "a toddler laughing at a soap bubble"
RECIPE = """
name = "ours"
seed = 1
[[stratum]]
name = "community"
count = 3
sources = [{ name = "submissions", count = 1 }, { name = "nami-community" }]
"""


@pytest.fixture
def desk(new_studio: Callable[..., Any], visit: Callable[..., Any]) -> tuple[Any, Callable[..., Any]]:
    """A study, and `open(who, **context)`: the page for proposing."""
    studio = new_studio()

    def open_page(who: str, **context: Any) -> Any:
        screen = visit(studio, settled=False, path="/propose", **context)
        screen.page.wait_for_selector("[data-part=main]:visible", timeout=60_000)
        return screen

    return studio, open_page


def owner(studio: Any) -> httpx.Client:
    """Of an administrator who has logged in."""
    client = httpx.Client(base_url=studio.address, timeout=60)
    name = studio.newcomer(Role.ADMINISTRATOR)
    assert client.post("/login", data={"name": name, "token": studio.tokens[name]}).status_code == 303
    return client


def send(screen: Any) -> None:
    with screen.page.expect_response("**/submissions"):
        screen.press("Control+Enter")


def states(screen: Any) -> list[str]:
    return list(screen.part("own").locator(".state").all_inner_texts())


def test_from_the_first_key_to_a_prompt_set(desk: tuple[Any, Callable[..., Any]], tmp_path: Path) -> None:
    studio, open_page = desk
    ada = open_page("ada")
    ada.page.keyboard.type(f"{EMBEDDED} outdoors")  # the field has the focus
    ada.page.locator(".finding", has_text="Nearly the same prompt is there already").wait_for()
    near = ada.page.locator(".finding.near").inner_text()
    assert near.startswith("83 % like a prompt of nami-short:") and EMBEDDED in near
    ada.page.locator("#text").fill(HERON)
    ada.until(lambda: ada.page.locator(".finding").count() == 0)
    assert ada.part("count").inner_text() == f"15 of at most 120 words · {len(HERON)} characters"
    languages = ada.page.get_by_label("Language").last.locator("option").all_inner_texts()
    assert "Akan" in languages and len(set(languages)) == len(languages) > 100
    ada.page.get_by_label("Category").select_option("animals")
    ada.page.get_by_label("count", exact=True).check()
    assert "CC0 1.0 Universal" in ada.part("licence_text").inner_text()
    ada.press("Control+Enter")
    ada.wait_for("Agree to the licence first")
    assert studio.store.proposals.all() == []
    assert ada.page.evaluate("document.activeElement.dataset.part") == "consent"
    ada.press("Space")
    ada.page.locator("#text").focus()
    send(ada)
    ada.wait_for("It waits for an administrator now")
    ada.until(lambda: states(ada) == ["waiting"])
    assert (ada.page.locator("#text").input_value(), ada.part("consent").is_checked()) == ("", False)
    for text in (SCRIPT, "a fish"):
        ada.page.locator("#text").fill(text)
        ada.part("consent").check()
        ada.page.locator("#text").focus()
        send(ada)
        ada.page.locator("[data-part=own] li", has_text=text).wait_for()

    found = {one.text: one for one in studio.store.proposals.all()}
    root = ConsolePage(owner(studio), "prompts")
    light = (f"{HERON}, at dawn", "animals", ["count", "light"], "none")
    assert root.call("prompts_accept_it", found[HERON].id, *light)[1] == ["It is accepted with changes."]
    assert root.call("prompts_accept_it", found[SCRIPT].id, SCRIPT, "none", [], "none")[1] == [
        "It is accepted."
    ]
    assert root.call("prompts_refuse_it", found["a fish"].id, "say what it does")[1] == ["It is refused."]

    ada.page.reload()
    ada.until(lambda: states(ada) == ["refused", "accepted", "accepted with changes"])
    own = ada.part("own").inner_text()
    assert "Reason: say what it does" in own and f"You wrote: {HERON}" in own
    assert ada.page.title() == "shown"

    (tmp_path / "ours.toml").write_text(RECIPE)
    run = CliRunner()
    exported, built = str(tmp_path / "accepted.jsonl"), str(tmp_path / "ours.jsonl")
    workspace = ["--workspace", str(studio.workspace.root)]
    done = run.invoke(cli, [*workspace, "prompts", "submissions", "export", "-o", exported])
    assert (done.exit_code, "2 accepted submissions" in done.stderr) == (0, True)
    line = json.loads(Path(exported).read_text(encoding="utf-8").splitlines()[0])
    assert (line["prompt"], line["challenge"], line["edited"]) == (f"{HERON}, at dawn", "count, light", True)
    assert ada.name not in Path(exported).read_text(encoding="utf-8")
    arguments = ["prompts", "build", str(tmp_path / "ours.toml"), "--source", f"submissions={exported}"]
    assert run.invoke(cli, [*workspace, *arguments, "-o", built]).exit_code == 0
    prompts = load_prompt_set(Path(built))
    assert prompts.prompts[0].source == "submissions"
    assert prompts.prompts[0].text in (f"{HERON}, at dawn", SCRIPT)
    assert prompts.manifest["pools"][0] | {"usable": 2, "taken": 1} == prompts.manifest["pools"][0]


def test_a_draft_is_kept_and_a_lost_server_is_said(desk: tuple[Any, Callable[..., Any]]) -> None:
    _, open_page = desk
    ada = open_page("ada")
    ada.page.locator("#text").fill(HERON)
    ada.page.reload()
    ada.page.wait_for_selector("[data-part=main]:visible")
    assert ada.page.locator("#text").input_value() == HERON
    ada.page.context.set_offline(True)
    ada.part("consent").check()
    ada.part("send").click()
    ada.wait_for("The server does not answer.")
    assert ada.page.locator("#text").input_value() == HERON
    ada.page.context.set_offline(False)
    send(ada)
    ada.until(lambda: states(ada) == ["waiting"])


def test_a_text_that_is_too_long_or_bad_says_so_while_it_is_typed(
    desk: tuple[Any, Callable[..., Any]],
) -> None:
    _, open_page = desk
    ada = open_page("ada")
    field = ada.page.locator("#text")
    for text, words in (
        ("word " * 121, "The prompt is too long."),
        ("x" * 20_000, "The prompt is too long."),
        ("write to me@example.org about the dog", "There is an e-mail address"),
        ("a dog \u202egod a", "invisible or control characters"),
    ):
        field.fill(text)
        ada.wait_for(words)
        field.fill("")
        ada.until(lambda: ada.page.locator(".finding").count() == 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_it(
    desk: tuple[Any, Callable[..., Any]], complaints: Callable[..., list[str]], theme: str
) -> None:
    _, open_page = desk
    zh = theme == "dark"
    ada = open_page("ada", color_scheme=theme, locale="zh-CN" if zh else "en-US")
    ada.part("consent").check()
    ada.page.locator("#text").fill(HERON)
    ada.page.locator("#text").focus()
    send(ada)
    ada.until(lambda: len(states(ada)) == 1)
    assert states(ada) == ["等待审阅" if zh else "waiting"]
    ada.page.locator("#text").fill(f"{HERON} me@example.org")
    ada.until(lambda: ada.page.locator(".finding").count() == 3)
    assert complaints(ada.page) == []
    named = ada.page.locator(".tags select").nth(1).locator("option").all_inner_texts()
    assert 100 < len(set(named)) <= len(LANGUAGES) + 1
    assert not [name for name in named if re.fullmatch("[a-z]{2}", name)]
    labels = ada.page.locator(".tags fieldset label").all_inner_texts()
    assert len(labels) == len(CHALLENGES)
    assert ada.page.locator(".tags select").first.locator("option").count() == len(CATEGORIES) + 1
    assert all(("a" <= label.strip()[0] <= "z") is not zh for label in labels)
    for width in (1280, 768, 360):
        ada.page.set_viewport_size({"width": width, "height": 700})
        # The bar folds a moment after the window has changed.
        ada.until(lambda width=width: ada.page.evaluate("document.documentElement.scrollWidth") <= width)
