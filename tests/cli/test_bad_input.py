"""Bad input: one clear sentence, the right exit code, nothing lost."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from nami_bench.store import Store
from tests.support.program import nami_bench

PROMPTS = (
    '{"tag": "single_object", "include": [{"class": "star", "count": 1}], "prompt": "a photo of a star"}\n'
)
RECIPE = """
name = "mine"
seed = 1
[[stratum]]
name = "short"
count = {count}
sources = [{{ name = "{source}", count = {share} }}]
"""
RATINGS = "study,annotator,model,prompt_id,sample,criterion,value\n"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one model, one prompt set, one image and a study of it."""
    root = tmp_path_factory.mktemp("made")
    (root / "star.jsonl").write_text(PROMPTS)
    for arguments in (
        ["init", "."],
        ["models", "add", "m", "--adapter", "shapes", "-O", "size=64"],
        ["generate", "--model", "m", "--prompts", "star.jsonl", "--samples", "1"],
        ["study", "create", "--name", "s", "--prompts", "star"],
    ):
        _run(arguments, root).check_returncode()
    return root


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "copy")


def _run(arguments: list[str], cwd: Path, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    if not prefix:
        return nami_bench(*arguments, cwd=cwd)
    command = [*prefix, sys.executable, "-m", "nami_bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def refused(done: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    """Exit code, one sentence on stderr that says `words`, nothing on stdout."""
    assert (done.returncode, done.stdout) == (code, "")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and words in last, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", "--model", "n", "--prompts", "star"], "unknown model 'n'"),
        (
            ["generate", "--model", "m", "--prompts", "stars"],
            "unknown prompt set 'stars': did you mean 'star'",
        ),
        (["models", "add", "x", "--adapter", "shape"], "unknown generator 'shape': did you mean 'shapes'"),
        (["models", "add", "x", "--adapter", "shapes", "-O", "error_rate=2"], "not between 0 and 1"),
        (["models", "add", "x", "--adapter", "shapes", "-O", "sise=64"], "sise: unknown key"),
        (["models", "add", "../x", "--adapter", "shapes"], "not usable"),
        (["models", "add", "m", "--adapter", "shapes"], "exists with other settings"),
        (["evaluate", "genval"], "unknown metric 'genval': did you mean 'geneval'"),
        (["evaluate", "geneval", "--detector", "shpes"], "unknown detector 'shpes': did you mean 'shapes'"),
        (["evaluate", "geneval"], "detector"),
        (["evaluate", "clip-score", "--detector", "shapes"], "belong to metrics with a detector"),
        (["evaluate", "geneval", "--judge-option", "a=b"], "belong to metrics with a judge"),
        (["prompts", "show", "stars"], "unknown prompt set 'stars'"),
        (["prompts", "build", "nami-2k"], "nami-2k"),
        (["prompts", "build", "nami-1k-public"], "lumiere"),
        (["prompts", "build", "shapes-demo", "--source", "shapes-long=none.txt"], "shapes-long"),
        (["prompts", "build", "nami-1k-public", "--source", "lumeire=star.jsonl"], "did you mean 'lumiere'"),
        (
            ["prompts", "build", "nami-1k", "--source", "lumiere=star.jsonl"],
            "the recipe nami-1k-public takes it",
        ),
        (["images", "import", "nowhere", "--model", "x", "--prompts", "star"], "nowhere is not a folder"),
        (["study", "status", "t"], "unknown study 't': known: s"),
        (["study", "create", "--prompts", "star", "--model", "m", "--name", "s"], "exists already"),
        (["study", "create", "none.toml"], "cannot read none.toml"),
        (["annotators", "disable", "bob"], "unknown annotator 'bob'"),
        (["annotators", "add", "simulated-bob"], "simulated"),
        (["ratings", "export", "--study", "t"], "unknown study 't'"),
        (["leaderboard", "--study", "t"], "unknown study 't'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_names_and_options(workspace: Path, arguments: list[str], words: str) -> None:
    before = _contents(workspace)
    refused(_run(arguments, workspace), 2, words)
    assert _contents(workspace) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 0, "share": 1}, "count"),
        ({"count": 10, "share": 20}, "20"),
        ({"source": "nowhere"}, "unknown prompt source 'nowhere'"),
        ({"count": 100_000, "share": 100_000}, "usable prompts"),
    ],
)
def test_impossible_recipes(workspace: Path, changes: dict[str, object], words: str) -> None:
    values = {"count": 10, "share": 10, "source": "geneval"} | changes
    (workspace / "mine.toml").write_text(RECIPE.format(**values))
    refused(_run(["prompts", "build", "mine.toml", "-o", "out.jsonl"], workspace), 2, words)
    assert not (workspace / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("s,lena,m,00000,0,relevance,100.5\n", "outside its scale 0 to 100"),
        ("s,lena,m,00000,0,relevance,high\n", "high"),
        ("s,lena,m,00000,0,charm,50\n", "charm"),
        ("s,lena,n,00000,0,relevance,50\n", "n/00000/0"),
        ("s,lena,m,00000,0,relevance,50\ns,lena,m,00000,0,relevance,60\n", "00000"),
        ("t,lena,m,00000,0,relevance,50\n", "unknown study 't'"),
    ],
)
def test_bad_ratings_import_nothing(workspace: Path, rows: str, words: str) -> None:
    (workspace / "r.csv").write_text(RATINGS + "s,omar,m,00000,0,relevance,70\n" + rows)
    refused(_run(["ratings", "import", "r.csv"], workspace), 2, words)
    with Store.open(f"sqlite:///{workspace / 'nami.db'}") as store:
        assert store.ratings.all("s") == []
        assert store.accounts.all() == []


def test_a_corrupt_or_missing_image_is_named_and_never_scored(workspace: Path) -> None:
    image = next((workspace / "images").rglob("*.png"))
    image.write_bytes(image.read_bytes()[:100])
    for problem in ("has changed since it was recorded", "does not exist"):
        verified = _run(["images", "verify"], workspace)
        assert verified.returncode == 1
        assert problem in verified.stdout.replace("\n", " ")
        assert "1 of 1 images are not as recorded" in verified.stderr
        scored = _run(["evaluate", "geneval", "--detector", "shapes"], workspace)
        assert scored.returncode == 1
        assert "1 images could not be scored" in scored.stderr
        image.unlink(missing_ok=True)
    # Made again from its seed, the image is what it was, and the rest of the work goes on.
    assert (
        _run(["generate", "--model", "m", "--prompts", "star", "--samples", "1"], workspace).returncode == 0
    )
    assert _run(["images", "verify"], workspace).returncode == 0
    assert _run(["evaluate", "geneval", "--detector", "shapes"], workspace).returncode == 0


def test_a_workspace_of_a_newer_version_is_left_alone(workspace: Path) -> None:
    (workspace / "nami.toml").write_text("[workspace]\nformat = 99\n")
    refused(_run(["models", "list"], workspace), 2, "upgrade NAMI-Bench")


def test_a_database_of_a_newer_version_is_left_alone(workspace: Path) -> None:
    engine = create_engine(f"sqlite:///{workspace / 'nami.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    refused(_run(["models", "list"], workspace), 2, "newer version")


def _read_only(folder: Path) -> tuple[str, ...]:
    """Make a tree read-only; returns the prefix under which even root must heed that."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root ignores read-only modes, and there is no setpriv to give that right up")
    return (setpriv, "--bounding-set=-dac_override,-dac_read_search", "--")


def _contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()}


@pytest.mark.slow
def test_a_read_only_disk_is_one_sentence_and_loses_nothing(workspace: Path) -> None:
    for leftover in workspace.glob("nami.db-*"):
        leftover.unlink()
    before = _contents(workspace)
    prefix = _read_only(workspace)
    try:
        for arguments in (
            ["generate", "--model", "m", "--prompts", "star", "--samples", "2"],
            ["annotators", "add", "lena"],
            ["ratings", "export", "-o", "ratings.csv"],
        ):
            done = _run(arguments, workspace, prefix)
            refused(done, 1, "")
            assert any(w in done.stderr for w in ("readonly", "read-only", "denied", "unable to open")), (
                done.stderr
            )
        assert _contents(workspace) == before
    finally:
        for path in (workspace, *workspace.rglob("*")):
            path.chmod(0o755)


def test_a_full_disk_is_one_sentence_and_loses_nothing(workspace: Path) -> None:
    """Files may not grow past a few kilobytes: the next image does not fit."""
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("NO PRLIMIT to play a full disk with: install util-linux")
    prefix = (prlimit, "--fsize=512", "--")
    done = _run(["generate", "--model", "m", "--prompts", "star", "--samples", "2"], workspace, prefix)
    refused(done, 1, "")
    assert _run(["images", "verify"], workspace).returncode == 0
    assert (
        _run(["generate", "--model", "m", "--prompts", "star", "--samples", "2"], workspace).returncode == 0
    )
