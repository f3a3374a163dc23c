"""What Tab suggests: by running the program as a shell does."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from nami_bench.cli import completion
from nami_bench.cli.app import cli
from nami_bench.cli.completion import VARIABLE, suggestions_for
from tests.cli.test_verbosity import lowest
from tests.support.program import nami_bench

Suggest = Callable[..., list[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for words in (
        ("init", "nami-workspace"),
        ("models", "add", "shapes-good", "--adapter", "shapes"),
        ("models", "add", "shapes-poor", "--adapter", "shapes", "--option", "error_rate=0.5"),
        ("prompts", "geneval", "--classes", "shapes", "--per-task", "1", "--output", "few.jsonl"),
        ("annotators", "add", "Anna B", "李雷"),
    ):
        assert nami_bench(*words, cwd=folder).returncode == 0
    return folder


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


def suggested(*words: str, cwd: Path, shell: str = "bash") -> list[str]:
    """What is suggested for the last of `words`."""
    line = " ".join(("nami-bench", *words))
    env = {VARIABLE: f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    done = nami_bench(cwd=cwd, env=env)
    assert done.stderr == ""
    return [row.partition(",")[2] for row in done.stdout.splitlines() if row.startswith("plain")]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("gen",), ["generate", "geneval"]),
        (("models", "re"), ["remove", "rename"]),
        (("--work",), ["--workspace"]),
        (("evaluate", "geneval", "hps"), ["hpsv2", "hpsv3"]),
        (("evaluate", "--detector", "mask"), ["mask2former", "mask2former-hf"]),
        (("geneval", "DIR", "--detector", "yo"), ["yolox"]),
        (("dpg", "--judge", "mp"), ["mplug"]),
        (("models", "add", "new", "--adapter", "op"), ["openai-images"]),
        (("prompts", "write-long", "--writer", "cog"), ["cogvlm2"]),
        (("plugins", "show", "pick"), ["pickapic", "pickscore"]),
        (("generate", "--model", ""), ["shapes-good", "shapes-poor"]),
        (("generate", "--model", "shapes-good", "--model", "shapes-p"), ["shapes-poor"]),
        (("models", "remove", "shapes-g"), ["shapes-good"]),
        (("annotators", "disable", ""), ["'Anna B'", "李雷"]),
        (("agreement", "--without", "李"), ["李雷"]),
        (("nothing", "of", "this", ""), []),
        (("generate", "--nothing", "x", ""), []),
    ],
)
def test_suggestions(workspace: Path, words: tuple[str, ...], found: list[str]) -> None:
    assert suggested(*words, cwd=workspace) == found


def test_sets_and_studies_of_a_workspace_named_by_its_option(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    demo = workspace / "nami-workspace"
    assert nami_bench("prompts", "build", "shapes-demo", cwd=workspace).returncode == 0
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    there = ("--workspace", str(demo))
    assert suggested(*there, "generate", "--prompts", "sh", cwd=elsewhere) == ["shapes-demo"]
    assert suggested(*there, "study", "pause", "", cwd=elsewhere) == []
    assert suggested("generate", "--prompts", "sh", cwd=elsewhere) == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_shells_that_quote_get_names_as_they_are(workspace: Path, shell: str) -> None:
    env = {VARIABLE: f"{shell}_complete", "COMP_WORDS": "nami-bench annotators erase An", "COMP_CWORD": "3"}
    env |= {"COMP_WORDS": "nami-bench annotators erase An", "COMP_CWORD": "An" if shell == "fish" else "3"}
    said = nami_bench(cwd=workspace, env=env).stdout
    assert "Anna B" in said and "'" not in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str, tmp_path: Path) -> None:
    done = nami_bench(cwd=tmp_path, env={VARIABLE: f"{shell}_source"})
    assert done.returncode == 0 and f"{VARIABLE}={shell}_complete" in done.stdout


@pytest.mark.parametrize("content", ["", "no database", None])
def test_a_database_that_is_none_suggests_nothing(workspace: Path, content: str | None) -> None:
    database = workspace / "nami-workspace" / "nami.db"
    database.unlink()
    if content is not None:
        database.write_text(content)
    assert suggested("generate", "--model", "", cwd=workspace) == []
    assert database.exists() == (content is not None)


def test_a_broken_nami_toml_suggests_nothing(workspace: Path) -> None:
    (workspace / "nami-workspace" / "nami.toml").write_text("[database\n")
    assert suggested("generate", "--model", "", cwd=workspace) == []


def test_a_database_server_is_not_asked(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMI_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/db")
    assert suggested("generate", "--model", "", cwd=workspace) == []


def test_nothing_is_written(workspace: Path) -> None:
    def state() -> set[tuple[str, int, int]]:
        paths = [path for path in workspace.rglob("*") if path.is_file()]
        return {(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths}

    before = state()
    assert suggested("generate", "--model", "", cwd=workspace)
    assert state() == before


def test_a_database_in_use_is_read_as_it_is(workspace: Path) -> None:
    from nami_bench.store import Store

    with Store.open(f"sqlite:///{workspace}/nami-workspace/nami.db"):
        words = ("models", "add", "shapes-new", "--adapter", "shapes")
        assert nami_bench(*words, cwd=workspace).returncode == 0
        assert Path(f"{workspace}/nami-workspace/nami.db-wal").exists()
        assert suggested("models", "show", "shapes-n", cwd=workspace) == ["shapes-new"]


def test_it_loads_nothing_heavy(workspace: Path) -> None:
    script = (
        "import sys, atexit\n"
        "from nami_bench.cli.app import main\n"
        "heavy = {'torch', 'pandas', 'numpy', 'sqlalchemy', 'pydantic', 'rich', 'transformers'}\n"
        "atexit.register(lambda: print('LOADED', sorted(heavy & set(sys.modules))))\n"
        "main()\n"
    )
    words = "nami-bench generate --model shapes-g"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=workspace,
        env={VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "3"},
        check=True,
    )
    assert done.stdout.splitlines() == ["plain,shapes-good", "LOADED []"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_takes_script_and_suggestions(workspace: Path) -> None:
    program = Path(sys.executable).with_name("nami-bench")
    script = (
        f'eval "$({VARIABLE}=bash_source {program})"\n'
        "complete -p nami-bench > /dev/null || exit 3\n"
        f"COMP_WORDS=({program} models remove shapes-p) COMP_CWORD=3\n"
        f"_nami_bench_completion {program} shapes-p remove\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=workspace, check=True)
    assert (done.stdout, done.stderr) == ("shapes-poor\n", "")


def test_every_place_that_is_completed_exists() -> None:
    seen = {
        place
        for path, command in lowest(cli)
        for parameter in command.params
        for place in ((*path, str(parameter.name)), (path[0], "*", str(parameter.name)), *parameter.opts)
    }
    assert completion._ARGUMENTS.keys() | completion._OPTIONS.keys() <= seen


def test_all_options_for_recorded_things_and_plugins_are_completed() -> None:
    wanted = {
        "--model",
        "--study",
        "--detector",
        "--judge",
        "--adapter",
        "--writer",
        "--metric",
        "--annotator",
    }
    for path, command in lowest(cli):
        for parameter in command.params:
            if wanted & {*parameter.opts} or (
                isinstance(parameter, click.Option) and parameter.metavar == "SET"
            ):
                assert suggestions_for(path, parameter) is not None, (path, parameter.opts)
