"""-v, -q and --log-file: before or after any command; what is said, to whom, and what the log keeps."""

import logging
import stat
from pathlib import Path

import click
import pytest

from nami_bench import config
from nami_bench.cli import verbosity
from nami_bench.cli.app import cli
from tests.support.program import nami_bench

OURS, FOREIGN = logging.getLogger("nami_bench.somewhere"), logging.getLogger("a_library")


@pytest.fixture
def chatty_init(monkeypatch: pytest.MonkeyPatch) -> None:
    """`init` that logs at every level, ours and a library's."""

    really = config.init_workspace

    def chatty(root: Path) -> config.Workspace:
        for logger, who in ((OURS, "our"), (FOREIGN, "their")):
            logger.debug("%s debug", who)
            logger.info("%s info", who)
            logger.warning("%s warning", who)
        return really(root)

    monkeypatch.setattr(config, "init_workspace", chatty)


@pytest.fixture
def broken_init(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(root: Path) -> None:
        raise LookupError("nobody foresaw this\nat all")

    monkeypatch.setattr(config, "init_workspace", broken)


def lowest(group: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(group, click.Group):
        return [(path, group)]
    context = click.Context(group)
    below = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [found for name, command in below if command for found in lowest(command, (*path, name))]


@pytest.mark.parametrize(
    ("path", "command"), lowest(cli), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_takes_them(path: tuple[str, ...], command: click.Command) -> None:
    taken = {name for parameter in command.params for name in parameter.opts}
    assert {"-v", "--verbose", "-q", "--quiet", "--log-file"} <= taken


@pytest.mark.parametrize("words", [("-q", "init", "w"), ("init", "w", "-q"), ("init", "--quiet", "w")])
def test_quiet_says_nothing_but_does_the_work(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = nami_bench(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "w" / "nami.toml").is_file()


def test_quiet_keeps_results_and_errors(tmp_path: Path) -> None:
    assert "geneval" in nami_bench("plugins", "-q", cwd=tmp_path).stdout
    refused = nami_bench("-q", "models", "list", cwd=tmp_path)
    assert refused.returncode == 2 and "no workspace" in refused.stderr


def test_quiet_ends_with_its_run(tmp_path: Path) -> None:
    nami_bench("-q", "init", "a", cwd=tmp_path)
    assert "made a workspace" in nami_bench("init", "b", cwd=tmp_path).stderr


@pytest.mark.usefixtures("chatty_init")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-v",), {"our info", "our warning", "their warning"}),
        (("-vv",), {"our debug", "our info", "our warning", "their info", "their warning"}),
        (("-v", "--verbose"), {"our debug", "our info", "our warning", "their info", "their warning"}),
        (("--log-file", "x.log"), {"our warning", "their warning"}),
        (("-q",), set()),
    ],
)
def test_who_says_more_at_each_step(tmp_path: Path, words: tuple[str, ...], said: set[str]) -> None:
    err = nami_bench("init", "w", *words, cwd=tmp_path).stderr
    spoken = {f"{who} {level}" for who in ("our", "their") for level in ("debug", "info", "warning")}
    assert {one for one in spoken if one in err} == said


@pytest.mark.usefixtures("chatty_init")
def test_before_and_after_the_command_they_add_up(tmp_path: Path) -> None:
    assert "our debug" in nami_bench("-v", "init", "w", "-v", cwd=tmp_path).stderr


def test_opposites_are_refused(tmp_path: Path) -> None:
    for words in (("-q", "init", "w", "-v"), ("init", "w", "-qv")):
        done = nami_bench(*words, cwd=tmp_path)
        assert done.returncode == 2 and "give -q or -v, not both" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("chatty_init")
def test_the_log_has_the_command_versions_details_and_what_was_said(tmp_path: Path) -> None:
    done = nami_bench("--log-file", "run.log", "init", "w", cwd=tmp_path)
    log = (tmp_path / "run.log").read_text()
    assert "--log-file run.log init w" in log and "numpy 2" in log
    assert "our debug" in log and "their warning" in log and "their info" not in log
    assert "made a workspace in w" in log and "made a workspace in w" in done.stderr
    assert stat.S_IMODE((tmp_path / "run.log").stat().st_mode) == 0o600


def test_a_log_is_appended_to_and_keeps_its_permissions(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("before\n")
    log.chmod(0o644)
    nami_bench("init", "w", "--log-file", log, "-q", cwd=tmp_path)
    refused = nami_bench("init", "w", "--log-file", log, cwd=tmp_path)
    assert refused.returncode == 2
    first, *lines = log.read_text().splitlines()
    assert first == "before" and stat.S_IMODE(log.stat().st_mode) == 0o644
    assert sum("made a workspace" in line for line in lines) == 1
    assert "error: w is a workspace already" in lines[-1]


def test_a_log_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    done = nami_bench("init", "w", "--log-file", tmp_path / "none" / "x.log", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "cannot write the log file" in done.stderr and list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_the_log_and_not_the_work(tmp_path: Path) -> None:
    done = nami_bench("init", "w", "--log-file", "/dev/full", cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "w" / "nami.toml").is_file()
    assert done.stderr.count("takes no more") == 1


def test_secrets_do_not_reach_the_log(tmp_path: Path) -> None:
    secret = "hf_abcdefgh12345678"
    words = ("models", "add", "m", "--adapter", "openai-images", "--option", "api_key=opensesame")
    nami_bench(*words, "--option", f"x={secret}", "--log-file", "x.log", cwd=tmp_path)
    log = (tmp_path / "x.log").read_text()
    assert "api_key=***" in log and "opensesame" not in log and secret not in log


@pytest.mark.usefixtures("broken_init")
def test_an_unexpected_error_is_one_sentence_that_says_how_to_learn_more(tmp_path: Path) -> None:
    done = nami_bench("init", "w", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == (
        "error: unexpected LookupError: nobody foresaw this; for details give the same command again with -v "
        "or --log-file FILE\n"
    )


@pytest.mark.usefixtures("broken_init")
def test_an_unexpected_errors_traceback_is_in_the_log_which_is_named(tmp_path: Path) -> None:
    done = nami_bench("init", "w", "--log-file", "x.log", cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "details are in x.log" in done.stderr
    log = (tmp_path / "x.log").read_text()
    assert "Traceback" in log and "in broken" in log


@pytest.mark.usefixtures("broken_init")
def test_an_unexpected_errors_traceback_is_shown_to_who_asked_for_more(tmp_path: Path) -> None:
    done = nami_bench("init", "w", "-v", cwd=tmp_path)
    assert done.returncode == 1 and "in broken" in done.stderr
    assert done.stderr.endswith("error: unexpected LookupError: nobody foresaw this\n")


def test_logging_is_left_as_it_was(tmp_path: Path) -> None:
    root, ours = logging.getLogger(), logging.getLogger("nami_bench")
    before = root.level, ours.level, [*root.handlers], [*ours.handlers]
    nami_bench("init", "w", "-vv", "--log-file", "x.log", cwd=tmp_path)
    nami_bench("--log-file", "x.log", "--no-such-option", cwd=tmp_path)
    nami_bench("init", "w", "-q", cwd=tmp_path)
    assert (root.level, ours.level, [*root.handlers], [*ours.handlers]) == before
    assert not verbosity.is_quiet()
