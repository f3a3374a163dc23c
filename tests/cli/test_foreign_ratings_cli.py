"""Judgements in other people's forms on the command line: previewed, converted, recorded in studies."""

import shutil
from itertools import product
from pathlib import Path

import pytest

from nami_bench.config import init_workspace
from nami_bench.domain import (
    Criterion,
    ImageRecord,
    ImageState,
    Mode,
    ModelCard,
    Prompt,
    PromptSet,
    Study,
)
from nami_bench.store import Store
from tests.support.program import nami_bench

MAP = ("--map", "annotator=who,model=system,prompt=text,value=score")
TABLE = "who;system;text;score\nann;Alpha v1;a star;4\nben;Alpha v1;a star;2\nann;beta;two  stars;5\n"
RENAME = ("--rename", "Alpha v1=alpha")
PAIRS = "voter,a,b,text,won\nann,alpha,beta,a star,beta\nann,beta,alpha,two stars,Both good\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two prompts, two models, their images, and studies of ratings and of pairs."""
    workspace = init_workspace(tmp_path_factory.mktemp("made") / "bench")
    prompts = PromptSet("set", (Prompt("00000", "a star"), Prompt("00001", "two stars")))
    with Store.open(workspace.database_url) as store:
        store.catalog.add_prompt_set(prompts)
        for model in ("alpha", "beta"):
            store.catalog.add_model(ModelCard(model, "folder"))
        for number, (model, prompt) in enumerate(product(("alpha", "beta"), prompts.by_id)):
            image = {"path": f"{number}.png", "sha256": f"{number:064d}", "width": 8, "height": 8}
            store.images.put(ImageRecord(model, "set", prompt, 0, ImageState.DONE, **image))
        models = ("alpha", "beta")
        store.studies.add(Study("pilot", "set", models, (Criterion("fit", 1, 1, 5),)))
        store.studies.add(Study("duel", "set", models, (Criterion("better", 1),), mode=Mode.PAIRWISE))
    return workspace.root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "bench")


def run(root: Path, *arguments: object, fails: int = 0) -> str:
    """What a command said on stderr, and on stdout behind it."""
    done = nami_bench("--workspace", root, *arguments)
    assert done.returncode == fails, done.stderr
    return done.stderr + done.stdout


def stored(root: Path, study: str) -> list[tuple[str, str, str, float | None]]:
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        return [(r.annotator, r.model, r.prompt_id, r.value) for r in store.ratings.all(study)]


def test_a_foreign_table_is_recorded_in_a_study_after_its_preview(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    command = ("ratings", "import", tmp_path / "a.csv", *MAP, *RENAME, "--study", "pilot", "--scale", "1-5")
    said = run(root, *command, "--dry-run")
    assert "2 annotators: ann, ben\n" in said
    assert "criterion fit: 3 values, 2 to 5, on a scale of 1 to 5\n" in said
    assert said.endswith("recorded 3 ratings\nnothing was changed (--dry-run)\n")
    assert stored(root, "pilot") == []
    run(root, *command)
    assert stored(root, "pilot") == [
        ("ann", "alpha", "00000", 4.0),
        ("ben", "alpha", "00000", 2.0),
        ("ann", "beta", "00001", 5.0),
    ]
    assert "recorded 0 ratings; 3 were recorded already" in run(root, *command)
    (tmp_path / "a.csv").write_text(TABLE.replace(";2\n", ";3\n"))
    said = run(root, *command, fails=2)
    assert "a.csv, line 3: 1 of 3 judgements are recorded with another value or reason" in said
    assert "1 replace others" in run(root, *command, "--replace")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((*MAP, *RENAME), "does not say which study it is of: name it (--study)"),
        ((*MAP, *RENAME, "--study", "pilots"), "unknown study 'pilots': did you mean 'pilot'?"),
        (
            (*MAP, "--study", "pilot"),
            "line 2: study 'pilot' has no model 'Alpha v1' but alpha, beta: say which",
        ),
        ((*MAP, *RENAME, "--study", "pilot", "--scale", "0-10"), "do not fit study 'pilot'"),
        ((*MAP, *RENAME, "--study", "duel"), "holds ratings, and study 'duel' is of mode pairwise"),
        ((*MAP, "--study", "pilot", "--criterion", "charm", *RENAME), "line 2: unknown criterion 'charm'"),
        ((), "its cells are not divided by commas: read it with --delimiter auto"),
        (("--study", "pilot"), "--study and --prompts belong to a file in another form"),
    ],
)
def test_what_does_not_fit_a_study_records_nothing(
    root: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    assert words in run(root, "ratings", "import", tmp_path / "a.csv", *options, fails=2)
    assert stored(root, "pilot") == []


def test_comparisons_of_others_are_recorded_and_make_a_study_where_there_is_none(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text(PAIRS)
    command = ("ratings", "import", tmp_path / "p.csv", "--map", "annotator=voter,left=a,right=b,prompt=text")
    command += ("--map", "outcome=won")
    assert "recorded 2 comparisons" in run(root, *command, "--study", "duel")
    said = run(root, *command, "--study", "votes", "--prompts", "set", "--criterion", "overall")
    assert "recorded 2 comparisons" in said
    with Store.open(f"sqlite:///{root / 'nami.db'}") as store:
        made = store.studies.get("votes")
        assert (made.mode, made.models, made.overlap) == (Mode.PAIRWISE, ("alpha", "beta"), 1)
        assert made.closes is not None
        found = [(c.prompt_id, c.left, c.outcome and c.outcome.value) for c in store.comparisons.all("votes")]
        assert found == [("00000", "alpha", "right"), ("00001", "beta", "tie")]
        assert [c.criterion for c in store.comparisons.all("duel")] == ["better", "better"]


def test_a_foreign_criterion_needs_no_study_file(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    command = ("ratings", "import", tmp_path / "a.csv", *MAP, *RENAME, "--criterion", "alignment")
    command += ("--study", "new", "--prompts", "set")
    assert "does not say on which scale alignment is" in run(root, *command, fails=2)
    run(root, *command, "--scale", "1..5")
    assert len(stored(root, "new")) == 3
    said = run(root, "leaderboard", "--study", "new", "--intervals", "none")
    assert "alignment" in said and "50.00" in said  # alpha: 4 and 2 on 1 to 5


def test_a_converted_file_goes_into_every_command(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "p.csv").write_text(PAIRS)
    (tmp_path / "set.txt").write_text("a moon\ntwo stars\na star\n")
    convert = ("ratings", "convert", "a.csv", *MAP, *RENAME, "--criterion", "fit", "--scale", "1-5")
    done = nami_bench(*convert, "--prompts", "set.txt", "-o", "r.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "wrote r.csv\nwrote r.study.json\n")
    assert "first rows:\n  ann: fit of alpha, prompt 00002, sample 0: 4.0\n" in done.stdout
    board = nami_bench("leaderboard", "--ratings", "r.csv", "--intervals", "none", cwd=tmp_path)
    assert board.returncode == 0 and "100.00" in board.stdout  # beta: 5 of 1 to 5
    options = ("--map", "annotator=voter,left=a,right=b,prompt=text,outcome=won")
    done = nami_bench("ratings", "convert", "p.csv", *options, "-o", "c.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "wrote c.csv\n")
    for arguments in (("c.csv",), ("p.csv", *options)):
        done = nami_bench("strengths", "--comparisons", *arguments, cwd=tmp_path)
        assert done.returncode == 0 and "1 annotator made 2 comparisons" in done.stdout
    done = nami_bench("strengths", "--profile", "arena", cwd=tmp_path)
    assert "--profile, --map, --criterion and the like belong to --comparisons FILE" in done.stderr


def test_profiles_are_listed() -> None:
    assert "label-studio" in nami_bench("ratings", "profiles").stdout
