"""`nami-bench study`, as it is typed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.cli.app import cli
from nami_bench.config import init_workspace, open_workspace
from nami_bench.domain import Annotator, ImageRecord, ImageState, ModelCard, Prompt, PromptSet, prompt_id
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.store import Store
from tests.support.databases import raw

STUDY = """\
[study]
name = "pilot"
prompts = "set"
models = ["a", "b"]
overlap = 2
instructions = "Look."
[checks]
repeat_every = 3
repeat_distance = 1
[[criterion]]
name = "relevance"
weight = 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with four prompts and three models, all images recorded."""
    workspace = init_workspace(tmp_path / "w")
    with Store.open(workspace.database_url) as store:
        strata = ("short", "short", "long", "long")
        prompts = tuple(Prompt(prompt_id(i), f"prompt {i}", s) for i, s in enumerate(strata))
        store.catalog.add_prompt_set(PromptSet("set", prompts))
        for model in ("a", "b", "c"):
            store.catalog.add_model(ModelCard(model, "folder"))
            for prompt in prompts:
                path = f"{model}/{prompt.id}.png"
                done = ImageState.DONE
                store.images.put(ImageRecord(model, "set", prompt.id, 0, done, path=path, sha256="x"))
    return workspace.root


@pytest.fixture
def run(root: Path) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(
        cli, ["--workspace", str(root), "study", *map(str, arguments)]
    )


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    with Store.open(open_workspace(root).database_url) as opened:
        yield opened


@pytest.fixture
def file(root: Path) -> Path:
    path = root / "pilot.toml"
    path.write_text(STUDY)
    return path


def rate(store: Store, name: str, items: int) -> None:
    store.accounts.add(Annotator(name))
    own = AnnotationSession(store, Path(), "pilot", name)
    view = own.state()
    for number in range(items):
        view = own.submit(view.items[0].token, Answers(f"{name}-{number}", {"relevance": 50.0 + number}))


def test_a_study_from_its_file_to_its_status(run: Callable[..., Result], file: Path, store: Store) -> None:
    created = run("create", file)
    assert created.exit_code == 0
    assert "study pilot: 8 images, 16 ratings to come" in created.stderr
    rate(store, "ann", 5)
    store.oversight.pause("pilot", "ann", "please call")

    status: dict[str, Any] = json.loads(run("status", "pilot", "--json").stdout)
    assert (status["images"], status["wanted"], status["done"]) == (8, 16, status["by_annotator"]["ann"])
    assert {(c["stratum"], *c["models"]): c["total"] for c in status["cells"]} == {
        ("short", "a"): 4,
        ("short", "b"): 4,
        ("long", "a"): 4,
        ("long", "b"): 4,
    }
    assert status["paused"] == {"ann": "please call"}
    assert "please call" in run("status", "pilot").stdout
    shown = json.loads(run("show", "pilot", "--json").stdout)
    assert shown["checks"]["repeat_every"] == 3
    assert "Look." in run("show", "pilot").stdout
    assert [s["name"] for s in json.loads(run("list", "--json").stdout)] == ["pilot"]

    run("resume", "pilot", "ann")
    assert json.loads(run("status", "pilot", "--json").stdout)["paused"] == {}


def test_checks_are_exported(run: Callable[..., Result], file: Path, store: Store, tmp_path: Path) -> None:
    run("create", file)
    rate(store, "ann", 8)
    assert run("checks", "pilot", "-o", tmp_path / "checks.csv").exit_code == 0
    header, *lines = (tmp_path / "checks.csv").read_text().splitlines()
    assert header.startswith("study,annotator,kind,prompt_id,sample,models,criterion,value")
    assert lines
    assert all(line.startswith("pilot,ann,repeat,") for line in lines)


def test_a_running_study_changes_where_it_may(run: Callable[..., Result], file: Path, store: Store) -> None:
    run("create", file)
    rate(store, "ann", 2)
    assert "models changed; 4 items added" in run("add-models", "pilot", "c").stderr
    models = STUDY.replace('["a", "b"]', '["a", "b", "c"]')
    file.write_text(models.replace("overlap = 2", "overlap = 3").replace("Look.", "Look closely."))
    assert "overlap changed; instructions changed" in run("change", file).stderr
    assert "nothing changed" in run("change", file).stderr
    file.write_text(models.replace("overlap = 2", "overlap = 3").replace("weight = 1", "weight = 2"))
    refused = run("change", file)
    assert isinstance(refused.exception, InputError)
    assert "criteria, their scales and weights cannot change" in str(refused.exception)
    assert store.studies.get("pilot").overlap == 3
    for name, words in (("nix", "unknown study"), ("pilot", "unknown model 'zz'")):
        wrong = run("add-models", name, "zz")
        assert isinstance(wrong.exception, UnknownNameError)
        assert words in str(wrong.exception)


def resize(store: Store, sizes: dict[str, list[tuple[int, int]]]) -> None:
    """Give the images of each model these sizes in turn."""
    ids = "SELECT image.id FROM image JOIN model ON model.id = image.model_id WHERE model.name = :model"
    change = "UPDATE image SET width = :width, height = :height WHERE id = :id"
    with raw(store) as connection:
        for model, found in sizes.items():
            for number, image in enumerate(connection.scalars(text(ids), {"model": model}).all()):
                width, height = found[number % len(found)]
                connection.execute(text(change), {"width": width, "height": height, "id": image})


SQUARE, HALF, WIDE = (512, 512), (256, 256), (512, 256)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "canvas", "bars"),
    [
        ({"a": [SQUARE], "b": [HALF]}, 256, False),
        ({"a": [SQUARE], "b": [WIDE]}, 512, True),
        ({"a": [SQUARE, HALF], "b": [HALF, SQUARE]}, 256, False),
        ({"a": [SQUARE], "b": [(512, 510)]}, 512, True),
    ],
)
def test_models_of_different_sizes_need_a_canvas_or_a_word(
    run: Callable[..., Result],
    file: Path,
    store: Store,
    sizes: dict[str, list[tuple[int, int]]],
    canvas: int,
    bars: bool,
) -> None:
    resize(store, sizes)
    refused = run("create", file)
    assert isinstance(refused.exception, InputError)
    said = str(refused.exception)
    assert f"`canvas = {canvas}` in [study] or --canvas {canvas}, which enlarges none" in said
    assert "--sizes-may-differ" in said and ("grey bars" in said) is bars
    assert all(f"{width}x{height}" in said for found in sizes.values() for width, height in found)
    assert store.studies.all() == []

    created = run("create", file, "--canvas", canvas)
    assert (created.exit_code, "grey bars" in created.stderr) == (0, bars)
    assert store.studies.get("pilot").canvas == canvas
    file.write_text(STUDY.replace("[study]", "[study]\nsizes_may_differ = true"))
    assert (
        "can be told apart by their images' sizes, as it accepts" in run("create", file, "--name", "c").stderr
    )
    enlarged = run("create", file, "--name", "d", "--canvas", 600)
    assert "its canvas of 600 enlarges images" in enlarged.stderr
    assert f"{canvas} would enlarge none" in enlarged.stderr


def test_a_study_of_images_of_one_size_needs_no_word(
    run: Callable[..., Result], file: Path, store: Store
) -> None:
    resize(store, {"a": [WIDE], "b": [WIDE], "c": [HALF, SQUARE]})
    assert "sizes" not in run("create", file).stderr
    assert run("create", "--name", "alone", "--prompts", "set", "--model", "c").exit_code == 0


def test_a_study_does_not_grow_by_a_model_of_another_size(
    run: Callable[..., Result], file: Path, store: Store
) -> None:
    resize(store, {"a": [SQUARE], "b": [SQUARE], "c": [HALF]})
    run("create", file)
    grown = STUDY.replace('["a", "b"]', '["a", "b", "c"]')
    file.write_text(grown)
    for refused in (run("add-models", "pilot", "c"), run("change", file)):
        assert isinstance(refused.exception, InputError)
        assert "make a new study with one, or accept the difference" in str(refused.exception)
    assert store.studies.get("pilot").models == ("a", "b")
    added = run("add-models", "pilot", "c", "--sizes-may-differ")
    assert "4 items added" in added.stderr and "as it accepts" in added.stderr
    file.write_text(grown.replace("overlap = 2", "overlap = 3\nsizes_may_differ = true"))
    assert "overlap changed" in run("change", file).stderr  # what was accepted is not asked again


def test_only_an_empty_study_can_be_deleted(run: Callable[..., Result], file: Path, store: Store) -> None:
    run("create", file)
    assert run("delete", "pilot").exit_code == 0
    run("create", file)
    rate(store, "ann", 1)
    assert "has judgements" in str(run("delete", "pilot").exception)


def test_an_unknown_stratum_is_named(run: Callable[..., Result], file: Path, store: Store) -> None:
    file.write_text(STUDY.replace("overlap = 2", 'overlap = 2\nstrata = ["shrt"]'))
    assert "unknown stratum of prompt set 'set' 'shrt': did you mean 'short'" in str(
        run("create", file).exception
    )
    assert store.studies.all() == []
    file.write_text(STUDY.replace("overlap = 2", "overlap = 2\nstrata = { short = 1 }"))
    assert "2 images" in run("create", file).stderr


def test_withdrawn_images_come_back(run: Callable[..., Result], file: Path, store: Store) -> None:
    run("create", file)
    store.items.withdraw_image("pilot", "a/00000.png", "gone")
    assert json.loads(run("status", "pilot", "--json").stdout)["images"] == 7
    assert "1 items are asked about again" in run("restore", "pilot").stderr
    assert json.loads(run("status", "pilot", "--json").stdout)["images"] == 8


def test_a_study_leaves_as_a_file_that_makes_the_same_one(
    run: Callable[..., Result], file: Path, store: Store, root: Path
) -> None:
    assert run("create", file).exit_code == 0
    shown = run("show", "pilot", "--toml")
    (root / "again.toml").write_text(shown.stdout)
    assert run("change", root / "again.toml").output == "study pilot: nothing changed\n"
    assert run("create", root / "again.toml", "--name", "again").exit_code == 0
    assert replace(store.studies.get("again"), name="pilot") == store.studies.get("pilot")
    assert run("show", "pilot", "--toml", "--json").exit_code == 2


def test_a_study_is_closed_and_opened_again(run: Callable[..., Result], file: Path, store: Store) -> None:
    run("create", file)
    assert run("open", "pilot").output == "study pilot is open, as it was\n"
    assert run("close", "pilot").output == "study pilot is closed\n"
    assert run("close", "pilot").output == "study pilot is closed, as it was\n"
    store.accounts.add(Annotator("ada"))
    session = AnnotationSession(store, Path(), "pilot", "ada")
    assert session.state().phase == "closed"
    assert run("open", "pilot").output == "study pilot is open\n"
    assert session.state().phase == "work"
    later = datetime.now(UTC) + timedelta(days=1)
    store.studies.change(replace(store.studies.get("pilot"), opens=later))
    assert "is not open yet: there is nothing to close" in str(run("close", "pilot").exception)
    assert run("open", "pilot").exit_code == 0
    assert store.studies.get("pilot").opens is None
    assert isinstance(run("close", "nosuch").exception, UnknownNameError)


def test_a_duplicate_has_the_protocol_and_neither_hours_nor_what_belongs_to_other_prompts(
    run: Callable[..., Result], file: Path, store: Store
) -> None:
    file.write_text(
        STUDY.replace("overlap = 2", "overlap = 2\nstrata = ['short']\ncloses = 2030-01-01T00:00:00Z")
        + "[[check]]\nkind = 'gold'\nprompt = '00000'\nmodels = ['a']\nexpected = { relevance = [1, 9] }\n"
    )
    run("create", file)
    assert "its hours" in run("duplicate", "pilot", "main", "--model", "b", "--model", "c").output
    main, pilot = store.studies.get("main"), store.studies.get("pilot")
    assert main == replace(pilot, name="main", models=("b", "c"), closes=None)
    store.catalog.add_prompt_set(PromptSet("other", (Prompt("00000", "a hat", "hats"),)))
    said = run("duplicate", "pilot", "hats", "--prompts", "other").output
    assert "1 items with known answers" in said
    assert "its strata" in said
    assert store.studies.get("hats").check_items == ()
    assert "exists already" in str(run("duplicate", "pilot", "main").exception)


def test_items_that_ended_early_are_told(run: Callable[..., Result], root: Path, store: Store) -> None:
    """In the status, in the list of items, on the leaderboard; agreement rests on what every item has."""
    path = root / "early.toml"
    path.write_text(
        STUDY.replace("[study]", "[study]\ncalibration = 1").replace("overlap = 2", "overlap = 4")
        + '\n[stopping]\nrule = "agreement"\nminimum = 2\nagree = 2\n\n[budget]\nhourly_pay = 9\n'
    )
    created = run("create", path)
    assert created.exit_code == 0, created.stderr
    assert "at the most, items may end early; 1 of the items are for everybody" in created.stderr
    for name in ("ann", "ben", "eva"):
        rate(store, name, 4)
    items_file = root / "items.csv"
    run("items", "pilot", "-o", items_file)
    items = items_file.read_text().splitlines()
    assert len(items) == 9 and sum(",agreed,2," in line for line in items) >= 1
    status = json.loads(run("status", "pilot", "--json").stdout)
    assert status["ended_early"] == sum(",agreed," in line for line in items)
    assert "items ended early" in run("status", "pilot").stderr
