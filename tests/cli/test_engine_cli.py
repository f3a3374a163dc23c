"""`--engine` and its options, as far as no cluster is needed."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.cli.engine import EngineChoice
from nami_bench.engines import LOCAL, shard_size
from nami_bench.errors import InputError

COMMANDS = (
    ["generate", "--model", "m", "--prompts", "p"],
    ["evaluate", "geneval", "--detector", "shapes"],
    ["geneval", "folder", "--detector", "shapes"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_rays_options_belong_to_ray(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"--ray-workers, --ray-gpus: belongs to --engine ray"):
        CliRunner().invoke(cli, [*command, "--ray-workers", "2", "--ray-gpus", "1"], catch_exceptions=False)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_help_tells_of_engines(command: list[str]) -> None:
    text = CliRunner().invoke(cli, [command[0], "--help"], catch_exceptions=False).output
    assert "--engine [local|ray]" in text and "--ray-address" in text


def test_without_ray_the_install_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "nami_bench.engines.ray_cluster", raising=False)
    choice = EngineChoice("ray", None, None, None, None)
    with pytest.raises(InputError, match=r"pip install 'nami-bench\[ray\]'"), choice.started():
        pass


def test_the_local_engine_is_the_default() -> None:
    with EngineChoice("local", None, None, None, None).started() as engine:
        assert engine is LOCAL


@pytest.mark.parametrize(("window", "size"), [(1, 16), (8, 16), (12, 24), (32, 32), (100, 100)])
def test_shards_are_whole_windows(window: int, size: int) -> None:
    class Metric:
        pass

    metric = Metric()
    metric.window = window  # type: ignore[attr-defined]
    assert shard_size(metric) == size
    assert shard_size(object()) == 16
