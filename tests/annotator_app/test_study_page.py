"""The console's page of a study, over HTTP: made, changed, opened, closed, copied, deleted."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from nami_bench.annotator_app.console import study_actions as actions
from nami_bench.annotator_app.console.study_form import StudyForm
from nami_bench.domain import Annotator, Checks, Question, Role, Study
from nami_bench.errors import InputError
from nami_bench.store import Store
from nami_bench.study_file import study_of_tables, study_of_text
from nami_bench.study_text import study_tables, study_text
from tests.annotator_app.conftest import make_bench
from tests.nami_bench.test_study_file import FULL
from tests.support.console import ConsolePage

STATE, TEXT, FIELDS = 4, 5, 6  # among the outputs of this study


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, listening: Callable[..., Any]) -> Iterator[Any]:
    """A workspace, and the page as its owner sees it; each test has a study of its own."""
    made = make_bench(tmp_path_factory.mktemp("page") / "bench", strata=("short", "short", "long"))
    token = made.store.accounts.add(Annotator("root", Role.ADMINISTRATOR))
    with listening(made, all_studies=True) as url, httpx.Client(base_url=url, timeout=30) as client:
        client.post("/login", data={"name": "root", "token": token})
        yield made, ConsolePage(client, "study")
    made.store.close()


@pytest.fixture
def page(served: Any) -> ConsolePage:
    found: ConsolePage = served[1]
    return found


@pytest.fixture
def study(served: Any, request: pytest.FixtureRequest) -> Study:
    """One like the bench's, by the name of the test."""
    made = replace(served[0].study, name=request.node.name[:60].strip("_"))
    served[0].store.studies.add(made)
    return made


@pytest.fixture
def store(served: Any) -> Store:
    found: Store = served[0].store
    return found


def values_of(outputs: list[Any]) -> list[Any]:
    """What the fields hold after an event: an update's value, or the value."""
    return [one["value"] if isinstance(one, dict) and "value" in one else one for one in outputs]


def labelled(page: ConsolePage, event: str) -> list[str]:
    """The labels of an event's inputs after the study's selector."""
    by_id = {one["id"]: one["props"].get("label") for one in page.config["components"]}
    return [by_id[one] for one in page.events[event]["inputs"][1:]]


def test_fields_say_what_the_file_says_and_keep_what_they_do_not_show(tmp_path: Path) -> None:
    study = study_of_text(FULL)

    async def built() -> StudyForm:  # inside a loop: outside, Gradio makes loops of its own
        with gr.Blocks():
            return StudyForm(is_new=True)

    form = asyncio.run(built())
    shown = values_of(form.shown(study_tables(study), study.models, ["set"]))[: len(form.components)]
    assert study_of_tables(form.filled(study_tables(study), shown)) == study


def test_what_was_entered_is_saved_or_refused_in_a_sentence(
    page: ConsolePage, store: Store, study: Study
) -> None:
    (outputs, _) = page.call("study_study_look", study=study.name)
    labels = labelled(page, "study_study_save")[1:]
    state, fields = outputs[STATE], values_of(outputs[FIELDS:])[: len(labels)]
    entered = dict(zip(labels, fields, strict=False))
    assert entered["Overlap"] == study.overlap

    def save(**changes: Any) -> str:
        named = {name.replace("_", " "): value for name, value in changes.items()}
        changed = [named.get(label, value) for label, value in zip(labels, fields, strict=True)]
        return str(page.call("study_study_save", state, *changed, study=study.name)[0][0])

    assert "can only grow" in save(Overlap=1)
    assert "study.overlap: input should be a valid integer" in save(Overlap=2.5)
    assert "no day and hour" in save(Closes="tomorrow")
    assert "need a time zone" in save(Closes="2030-01-01 18:00")
    assert store.studies.get(study.name) == study
    said = save(Overlap=3, Contact="lab@uni.example", **{"Instructions,_English": "Look *twice*."})
    assert said.startswith("Saved: overlap changed; instructions changed; contact changed.")
    changed = store.studies.get(study.name)
    assert changed == replace(
        study, overlap=3, contact="lab@uni.example", instructions={"en": "Look *twice*."}
    )
    assert "was changed meanwhile" in save(Overlap=4)


def test_a_study_is_closed_and_opened_and_its_file_saved(
    page: ConsolePage, store: Store, study: Study
) -> None:
    outputs = page.call("study_study_close", study=study.name)[0]
    assert "closed since" in outputs[0]
    assert store.studies.get(study.name).shut(store.clock()) == "closed"
    assert page.call("study_study_open", study=study.name)[0][0] == f"{study.name} is open."
    (state, text) = page.call("study_study_look", study=study.name)[0][STATE : TEXT + 1]
    assert study_of_text(text) == study
    for wrong, words in (
        ("[study", "this is not valid TOML"),
        (text.replace("overlap", "overlapp"), "study.overlapp: unknown key"),
        (text.replace(study.name, "other"), "a study keeps its name"),
    ):
        assert words in page.call("study_study_save_text", state, wrong, study=study.name)[0][0]
    grown = text + "\n[checks]\nrepeat_every = 5\n"
    assert "Saved: checks changed" in page.call("study_study_save_text", state, grown, study=study.name)[0][0]
    assert store.studies.get(study.name).checks == Checks(repeat_every=5)


def test_a_new_study_begins_from_a_protocol_or_another_study(
    page: ConsolePage, store: Store, study: Study
) -> None:
    labels = labelled(page, "study_new_create")[2:]

    def begin(start: str) -> tuple[str, list[Any]]:
        outputs = page.call("study_new_begin", start)[0]
        return outputs[2], values_of(outputs[3:])[: len(labels)]

    def send(event: str, begun: tuple[str, list[Any]], start: str, **changes: Any) -> list[Any]:
        fields = [changes.get(label, value) for label, value in zip(labels, begun[1], strict=True)]
        return page.call(event, begun[0], start, *fields)[0]

    nami = begin(actions.NAMI_1K)
    name = labels.index("Name")
    assert "study.name" in send("study_new_check", nami, actions.NAMI_1K)[0]
    nami[1][name] = "mine"
    assert send("study_new_check", nami, actions.NAMI_1K)[0].startswith("It can be made: 6 images, 30")
    assert "mine" not in store.studies.names()
    assert "each once" in send("study_new_check", nami, actions.NAMI_1K, Models=[])[0]
    said = send("study_new_create", nami, actions.NAMI_1K, Overlap=3)
    assert said[0].startswith("Study mine is made: 6 items")
    mine = store.studies.get("mine")
    assert (len(mine.criteria), mine.overlap, mine.models) == (4, 3, tuple(sorted(study.models)))
    assert "exists already" in send("study_new_create", nami, actions.NAMI_1K)[0]

    copy = begin(study.name)
    copy[1][name] = "copy"
    text = send("study_new_text", copy, study.name)[1]
    assert study_of_text(text) == replace(study, name="copy")
    filled = values_of(page.call("study_new_fields", text)[0][2:])[: len(labels)]
    assert filled == copy[1]
    page.call("study_new_create_text", text, study.name)
    assert store.studies.get("copy") == replace(study, name="copy")


def test_texts_are_shown_as_annotators_see_them_and_do_no_harm(
    page: ConsolePage, store: Store, study: Study
) -> None:
    labels = labelled(page, "study_study_preview")
    fields = values_of(page.call("study_study_look", study=study.name)[0][FIELDS:])[: len(labels)]
    fields[labels.index("Instructions, English")] = "Look **well** <img src=x onerror=alert(1)>"
    html = page.call("study_study_preview", *fields, study=study.name)[0][1]
    assert "<strong>well</strong>" in html
    assert "<img" not in html
    assert "all of it" in html


def test_only_a_study_without_ratings_goes_and_only_by_its_name(
    page: ConsolePage, store: Store, study: Study
) -> None:
    refused = page.call("study_study_delete", "another", study=study.name)[0]
    assert refused[0] == f"Not done: type {study.name} to delete it."
    outputs = page.call("study_study_delete", study.name, study=study.name)[0]
    assert outputs[0] == f"{study.name} is gone."
    assert study.name not in store.studies.names()


def test_a_study_of_questions_is_copied_with_them(store: Store, study: Study) -> None:
    questions = {store.images.find()[0].prompt_id: (Question(1, "Is there a fox?"),)}
    asked = Study(
        "asked", "pictures", study.models, (), "questions",
        question_file="q.csv", questions_sha256="x", questions=questions,
    )  # fmt: skip
    store.studies.add(asked)
    read = study_of_text(study_text(asked).replace('"asked"', '"again"'))
    assert actions.with_its_questions(store, read, "asked") == replace(asked, name="again")
    with pytest.raises(InputError, match="begin from a study that has them"):
        actions.with_its_questions(store, read, actions.NAMI_1K)
