"""Images and models taken out of a workspace, and models renamed, as it is typed; on both databases."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from nami_bench import pipeline
from nami_bench.annotator_app.engine.answers import Answers
from nami_bench.annotator_app.sessions import AnnotationSession
from nami_bench.cli.app import cli
from nami_bench.config import Workspace, init_workspace, open_workspace
from nami_bench.domain import (
    Annotator,
    CheckItem,
    CheckKind,
    Criterion,
    ImageState,
    ModelCard,
    Score,
    SetScore,
    Study,
)
from nami_bench.errors import InputError, StorageError, UnknownNameError
from nami_bench.pipeline import removal
from nami_bench.pipeline.leaderboard_from_store import leaderboard_from_store
from nami_bench.pipeline.run_lock import alone_in
from nami_bench.prompts.assembly import build_prompt_set
from nami_bench.store import ImageChoice, Store
from nami_bench.store.removals import Removals
from tests.support.databases import raw

FIRST, SAMPLES = 3, 2
GOLD = CheckItem(CheckKind.GOLD, "00000", ("broken",), {"relevance": (0, 30)})


class Bench:
    """A workspace with the models one, two and broken, their images, scores, and a study "pilot"."""

    def __init__(self, root: Path, database_url: str | None = None) -> None:
        self.workspace: Workspace = init_workspace(root)
        if database_url is not None:
            settings = root / "nami.toml"
            settings.write_text(
                settings.read_text().replace("[database]", f'[database]\nurl = "{database_url}"')
            )
            self.workspace = open_workspace(root)
        self.store = Store.open(self.workspace.database_url)
        self.prompts = build_prompt_set("shapes-demo")
        pipeline.save_prompt_set(self.workspace, self.store, self.prompts)
        for seed, model in enumerate(("one", "two", "broken")):
            self.store.catalog.add_model(ModelCard(model, "shapes", {"error_rate": 0.2 * seed, "size": 64}))
            self.generate(model)
        relevance = (Criterion("relevance", 1.0),)
        pilot = Study("pilot", self.prompts.name, ("one", "two"), relevance, overlap=1, check_items=(GOLD,))
        self.store.studies.add(pilot)
        self.store.accounts.add(Annotator("ada"))

    @property
    def images_dir(self) -> Path:
        return self.workspace.images_dir

    def generate(self, model: str, samples: int = SAMPLES) -> Any:
        options: Any = {"samples": samples, "first": FIRST}
        made = pipeline.generate(self.store, self.images_dir, model, self.prompts, **options)
        for record in self.store.images.find(models=[model], state=ImageState.DONE):
            score = Score(model, record.prompt_set, record.prompt_id, record.sample, "pickscore", "v1", 1.0)
            self.store.scores.put([score])
        self.store.scores.put_of_set(SetScore(model, self.prompts.name, "fid", "v1", 8.0, 6, True))
        return made

    def run(self, *arguments: object, fails: bool = False) -> Result:
        line = ["--workspace", str(self.workspace.root), *map(str, arguments)]
        return CliRunner().invoke(cli, line, catch_exceptions=fails)

    def work(self, name: str = "pilot", most: int = 100, **values: Any) -> int:
        own, done = AnnotationSession(self.store, self.images_dir, name, "ada"), 0
        view = own.state()
        while view.items and done < most:
            token = view.items[0].token
            kind = self.store.annotation.assignment(token, "ada").kind
            answers = Answers(f"{name}{done}-{token}", {"relevance": values.get(kind, 40.0 + done)})
            view, done = own.submit(token, answers), done + 1
        return done

    def files(self) -> list[str]:
        found = self.images_dir.rglob("*.png")
        return sorted(path.relative_to(self.images_dir).as_posix() for path in found)

    def rows(self) -> dict[str, int]:
        tables = ("image", "score", "set_score", "rating", "comparison", "item", "assignment", "submission")
        with raw(self.store) as session:
            return {t: session.execute(text(f"SELECT count(*) FROM {t}")).scalar_one() for t in tables}

    def is_whole(self) -> bool:
        """Every finished image has its file, every file its image."""
        recorded = sorted(r.path or "" for r in self.store.images.find(state=ImageState.DONE))
        return recorded == self.files() and not list(pipeline.verify_images(self.store, self.images_dir))


@pytest.fixture
def bench(tmp_path: Path, seldom_postgresql: str) -> Any:
    made = Bench(tmp_path / "bench", seldom_postgresql)
    yield made
    made.store.close()


@pytest.fixture
def new_bench(tmp_path: Path) -> Any:
    made = Bench(tmp_path / "bench")
    yield made
    made.store.close()


def test_removed_images_are_gone_everywhere_and_can_be_made_again(bench: Bench) -> None:
    before, files = bench.rows(), bench.files()
    looked = bench.run("images", "remove", "--model", "one", "--sample", "1", "--dry-run")
    assert looked.stdout.splitlines() == [
        "3 images, 3 files",
        "3 automatic scores of images, 1 score of whole sets",
        "0 ratings, 0 verdicts on pairs, 0 rankings",
        "0 items of studies, 0 answers to them",
    ]
    assert (bench.rows(), bench.files()) == (before, files)
    done = bench.run("images", "remove", "--model", "one", "--sample", "1", "--yes", "--json")
    assert json.loads(done.stdout)["files"] == 3
    assert bench.rows() == {**before, "image": 15, "score": 15, "set_score": 2}
    assert len(bench.files()) == 15 and bench.is_whole()
    assert bench.generate("one").counts == {"kept": 3, "made": 3}
    assert (bench.rows(), bench.files(), bench.is_whole()) == (before, files, True)


@pytest.mark.slow
def test_images_that_somebody_judged_stay_unless_one_says_so(bench: Bench) -> None:
    assert bench.work() == 6
    before = bench.rows()
    for command in (("images", "remove", "--model", "one"), ("models", "remove", "one")):
        with pytest.raises(
            InputError, match=r"3 judgements rest on these images, in pilot \(3\): --with-rat"
        ):
            bench.run(*command, "--yes")
    assert (bench.rows(), bench.is_whole()) == (before, True)
    looked = bench.run("images", "remove", "--model", "one", "--with-ratings", "--dry-run").stdout
    assert "3 ratings, 0 verdicts on pairs, 0 rankings\n3 items of studies, 3 answers to them" in looked
    assert "study pilot: 3 judgements" in looked
    assert bench.rows() == before
    bench.run("images", "remove", "--model", "one", "--with-ratings", "--yes")
    assert {rating.model for rating in bench.store.ratings.all("pilot")} == {"two"}
    (member,) = bench.store.oversight.members("pilot")
    assert (member.done, bench.store.annotation.completed("pilot")) == (3, {"ada": 3})
    bench.generate("one")
    assert bench.store.items.refresh("pilot") == 3
    assert bench.work() == 3  # asked about again, as new images
    assert len(bench.store.ratings.all("pilot")) == 6


@pytest.mark.slow
def test_a_removed_model_leaves_its_studies(bench: Bench) -> None:
    third = replace(bench.store.studies.get("pilot"), models=("one", "two", "broken"), check_items=(GOLD,))
    bench.store.studies.add(replace(third, name="three", check_items=()))
    bench.store.studies.add(
        replace(third, name="pairs", mode="pairwise", models=("one", "two"), check_items=())
    )
    bench.work()
    with pytest.raises(InputError, match="study 'pairs' cannot go on without 'one'"):
        bench.run("models", "remove", "one", "--with-ratings", "--yes")
    bench.run("study", "delete", "pairs")
    told = bench.run("models", "remove", "one", "--with-ratings", "--yes")
    assert "study pilot: 3 judgements\nstudy three: 0 judgements" in told.stdout
    assert "model one is gone" in told.stderr
    assert bench.store.studies.get("pilot").models == ("two",)
    assert bench.store.studies.get("three").models == ("two", "broken")
    assert [card.name for card in bench.store.catalog.models()] == ["two", "broken"]
    assert not (bench.images_dir / "one").exists() and bench.is_whole()
    board = leaderboard_from_store(bench.store, study="pilot")
    assert [row.model for row in board.rows] == ["two"]
    assert bench.work("three") > 0


@pytest.mark.slow
def test_a_known_answer_goes_with_its_image(bench: Bench) -> None:
    looked = bench.run("models", "remove", "broken", "--dry-run")
    assert "1 item with known answers leave their studies" in looked.stdout
    bench.run("models", "remove", "broken", "--yes")
    assert bench.store.studies.get("pilot").check_items == ()
    assert bench.store.items.refresh("pilot") == 0  # and does not ask for the image
    assert bench.work() == 6


@pytest.mark.slow
def test_nothing_is_destroyed_without_a_yes(new_bench: Bench) -> None:
    before = new_bench.rows()
    for command in (("images", "remove", "--model", "one"), ("models", "remove", "one")):
        with pytest.raises(InputError, match="add --yes"):
            new_bench.run(*command)
    with pytest.raises(InputError, match="say which images"):
        new_bench.run("images", "remove", "--yes")
    with pytest.raises(InputError, match="no recorded image is meant"):
        new_bench.run("images", "remove", "--sample", "7", "--yes")
    with pytest.raises(UnknownNameError, match="did you mean 'one'"):
        new_bench.run("models", "remove", "onne", "--yes")
    assert new_bench.rows() == before
    folder = new_bench.images_dir / "one" / new_bench.prompts.name
    with alone_in(folder), pytest.raises(InputError, match="another run is writing"):
        new_bench.run("models", "remove", "one", "--yes")
    assert new_bench.rows() == before


@pytest.mark.slow
@pytest.mark.parametrize("command", ["images remove --model one --yes", "models remove one --yes"])
def test_who_is_killed_before_the_files_are_gone_has_removed_them(
    new_bench: Bench, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path) -> None:
        raise StorageError(f"killed before {path} was deleted")

    with monkeypatch.context() as patched, pytest.raises(StorageError):
        patched.setattr(removal, "_delete", killed)
        new_bench.run(*command.split())
    assert len(new_bench.files()) == 18 and len(new_bench.store.images.find()) == 12
    again = new_bench.run(*command.split())
    assert (again.exit_code, "an earlier removal is finished" in again.stderr) == (0, True)
    assert len(new_bench.files()) == 12 and new_bench.is_whole()


@pytest.mark.slow
def test_files_that_a_removal_left_do_not_come_back_in_the_next_run(
    new_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_bench.store.removals.remove_images(ImageChoice(models=["one"]))  # killed here: no file is gone yet
    assert new_bench.generate("one").counts == {"made": 6}
    assert new_bench.is_whole() and new_bench.store.chores.due("file") == []
    new_bench.store.removals.remove_model("two")
    new_bench.store.catalog.add_model(ModelCard("two", "shapes", {"error_rate": 0.2, "size": 64}))
    assert new_bench.generate("two").counts == {"made": 6}
    assert new_bench.is_whole()


@pytest.mark.slow
def test_a_renamed_model_stays_joined_to_everything(bench: Bench) -> None:
    pairs = replace(bench.store.studies.get("pilot"), name="pairs", mode="pairwise", check_items=(
        CheckItem(CheckKind.GOLD, "00001", ("broken", "one"), {"relevance": "one"}, sample=1),
    ))  # fmt: skip
    bench.store.studies.add(pairs)
    bench.work(most=4)
    before = bench.rows()
    images = {r.sha256 for r in bench.store.images.find(models=["one"])}
    board = leaderboard_from_store(bench.store, study="pilot")

    bench.run("models", "rename", "one", "uno", "--dry-run")
    assert bench.store.catalog.model("one") and bench.is_whole()
    told = bench.run("models", "rename", "one", "uno")
    assert told.stdout.splitlines() == [
        "6 images of one become those of uno",
        "study pairs judges uno",
        "study pilot judges uno",
    ]
    assert bench.rows() == before
    assert bench.is_whole() and not (bench.images_dir / "one").exists()
    assert {r.sha256 for r in bench.store.images.find(models=["uno"])} == images
    assert bench.store.studies.get("pilot").models == ("uno", "two")
    (check,) = bench.store.studies.get("pairs").check_items
    assert (check.models, check.expected) == (("broken", "uno"), {"relevance": "uno"})
    totals = {row.model: row.total for row in leaderboard_from_store(bench.store, study="pilot").rows}
    assert totals == {"uno" if r.model == "one" else r.model: r.total for r in board.rows}
    assert bench.store.catalog.model("uno").first_name == "one"
    csv = bench.run("ratings", "export", "--study", "pilot").stdout
    assert ",uno," in csv and ",one," not in csv
    assert bench.work() == 2
    assert bench.work("pairs", gold="left", study="tie") > 0
    # A file that is lost is made again with the very bytes that were recorded.
    (bench.images_dir / str(bench.store.images.find(models=["uno"])[0].path)).unlink()
    assert bench.generate("uno").counts == {"kept": 5, "made": 1}
    assert bench.is_whole()
    bench.run("models", "rename", "uno", "one")
    assert bench.store.catalog.model("one").first_name is None


@pytest.mark.slow
def test_a_rename_that_cannot_be_is_refused(new_bench: Bench) -> None:
    for old, new, words in (
        ("one", "two", "exists already"),
        ("one", "../x", "not usable"),
        ("onne", "x", "did you mean 'one'"),
    ):
        with pytest.raises(InputError, match=words):
            new_bench.run("models", "rename", old, new)
    (new_bench.images_dir / "uno").mkdir()
    (new_bench.images_dir / "uno" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other files already, mine\.txt"):
        new_bench.run("models", "rename", "one", "uno")
    assert new_bench.is_whole()


@pytest.mark.slow
def test_a_rename_that_is_killed_can_be_finished(new_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **more: Any) -> Any:
        if more.get("dry_run"):
            return ()
        raise StorageError("killed")

    with monkeypatch.context() as patched, pytest.raises(StorageError):
        patched.setattr(Removals, "rename_model", killed)
        new_bench.run("models", "rename", "one", "uno")
    assert not list(pipeline.verify_images(new_bench.store, new_bench.images_dir))
    new_bench.run("models", "rename", "one", "uno")
    assert new_bench.is_whole()

    with monkeypatch.context() as patched, pytest.raises(StorageError):
        patched.setattr(removal, "_delete_folder", killed)
        new_bench.run("models", "rename", "uno", "due")
    assert not list(pipeline.verify_images(new_bench.store, new_bench.images_dir))
    assert new_bench.run("models", "rename", "uno", "due").exit_code == 0
    assert new_bench.is_whole() and not (new_bench.images_dir / "uno").exists()


@pytest.mark.slow
def test_a_server_goes_on_while_images_go_and_models_are_renamed(bench: Bench) -> None:
    """Another process serves the study: what it remembers of removed items is forgotten."""
    with Store.open(bench.workspace.database_url) as served:
        own = AnnotationSession(served, bench.images_dir, "pilot", "ada")
        view = own.state()
        assert len(view.items) == 3
        bench.run("models", "rename", "two", "due")
        bench.run("images", "remove", "--model", "one", "--yes")
        kinds = set()
        done, view = 0, own.state()
        while view.items:
            own.image_png(view.items[0].images[0])
            kinds.add(served.annotation.assignment(view.items[0].token, "ada").images[0].model)
            view = own.submit(view.items[0].token, Answers(f"x{done}", {"relevance": 10.0}))
            done += 1
        assert (done, kinds) == (3, {"due"})
        assert served.items.withdrawn_lately("pilot", 600) == 0
