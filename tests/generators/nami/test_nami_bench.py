"""`nami-bench nami bench`: what it counts, what it times, what it writes."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from nami_bench.cli.app import cli
from nami_bench.errors import InputError, WorkError
from nami_bench.generators.nami.bench import candidates as candidates_module
from nami_bench.generators.nami.bench import speed
from nami_bench.generators.nami.bench.candidates import candidates, random_transformer
from nami_bench.generators.nami.bench.clock import PartClock
from nami_bench.generators.nami.bench.results import PLAIN, PartTime, RunTime, SpeedResult, Spread
from nami_bench.generators.nami.bench.settings import SpeedSettings
from nami_bench.generators.nami.bench.speed import forward_flops, measure_speed, measured_runs
from nami_bench.generators.nami.config import NAMI_2B, NAMI_TINY
from nami_bench.generators.nami.cost import run_flops
from tests.support.program import nami_bench

from .conftest import TINY

CPU = torch.device("cpu")
PARTS = ["setup", "stage 0", "bridge 0", "stage 1", "bridge 1", "stage 2"]


def settings(**changes: Any) -> SpeedSettings:
    """A measurement of moments: latents of 32x16, two steps a stage."""
    base = SpeedSettings("tiny", TINY, (32, 16), (2, 1, 2), text_tokens=5, repeats=2)
    return replace(base, **changes)


def flops_of(measured: SpeedSettings) -> dict[str, int]:
    return {
        arm.name: sum(n * forward_flops(arm, stage, measured) for stage, n in enumerate(arm.steps))
        for arm in measured.arms
    }


@pytest.mark.parametrize(
    ("guided", "case"),
    [
        pytest.param(False, "nocfg_b1", marks=pytest.mark.slow),
        pytest.param(True, "cfg_b2", marks=pytest.mark.slow),
    ],
)
def test_counted_flops_of_nami_2b_equal_the_originals(
    guided: bool, case: str, read_json: Callable[[str], Any]
) -> None:
    facts = read_json("flops.json")
    measured = SpeedSettings("nami-2b", NAMI_2B, (128, 128), (10, 10, 10), text_tokens=256, guided=guided)
    kinds = {"segmentation": "full_depth", "nami": "nami"}
    for arm in measured.arms[1:]:
        for stage in range(3):
            expected = facts["per_step"][case][f"stage{stage}.{kinds[arm.name]}"]["counted"]
            assert forward_flops(arm, stage, measured) == expected
    totals = facts[f"{case}_totals"]
    assert flops_of(measured) == {
        "uniform": totals["baseline_30_full"],
        "segmentation": totals["flow_segmentation_only_10_10_10"],
        "nami": totals["nami_10_10_10"],
    }


@pytest.mark.slow
@pytest.mark.parametrize("guided", [pytest.param(False, marks=pytest.mark.slow), True])
def test_each_run_does_the_work_that_is_counted_for_it(guided: bool) -> None:
    measured = settings(guided=guided)
    counted = flops_of(measured)
    projections = (
        TINY.joint_attention_dim * measured.text_tokens + TINY.pooled_projection_dim + TINY.inner_dim
    )
    text = 2 * measured.sequences * TINY.inner_dim * projections
    for name, candidate in candidates(measured, CPU, torch.float32).items():
        with FlopCounterMode(display=False) as counter:
            candidate.run()
        # The pipeline projects the text once, the plain loop in every step, as it is counted.
        saved = 0 if name == PLAIN else (sum(measured.steps) - 1) * text
        assert counter.get_total_flops() == counted[candidate.arm.name] - saved


def test_all_runs_share_the_same_weights() -> None:
    found = candidates(settings(), CPU, torch.float32)
    weights = [
        {name: tensor.data_ptr() for name, tensor in one.pipeline.transformer.named_parameters()}
        for one in found.values()
    ]
    assert len(weights) == 4
    assert all(one == weights[0] for one in weights)
    again = random_transformer(TINY, CPU, torch.float32, seed=0).state_dict()
    ours = found["nami"].pipeline.transformer.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in again.items())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "guided"),
    [(TINY, True), (replace(TINY, stage_singleblock_index=(0, 4)), False)],
    ids=["k3 guided", "k2"],
)
def test_plain_loop_and_pipeline_give_the_same_latents(shape: Any, guided: bool) -> None:
    result = measure_speed(
        settings(shape=shape, steps=(2,) * shape.num_stages, guided=guided), CPU, torch.float32
    )
    assert result.largest > 0.1
    assert result.difference <= 1e-5 * max(1.0, result.largest)


@pytest.mark.slow
def test_every_part_of_every_run_is_timed_in_every_repeat() -> None:
    measured = settings(repeats=3, warmup=2)
    ticks = []
    result = measure_speed(measured, CPU, torch.float32, ticks.append)
    assert len(ticks) == measured_runs(measured) == 4 * 5
    assert list(result.runs) == ["uniform", "segmentation", "nami", PLAIN]
    for name, run in result.runs.items():
        assert [part.name for part in run.parts] == (PARTS[:2] if name == "uniform" else PARTS)
        assert len(run.seconds.values) == 3
        for repeat, total in enumerate(run.seconds.values):
            parts = [part.seconds.values[repeat] for part in run.parts]
            assert min(parts) > 0
            assert sum(parts) <= total * (1 + 1e-9)


def test_ratios_are_taken_repeat_by_repeat() -> None:
    def run(*seconds: float) -> RunTime:
        return RunTime(Spread(seconds), (PartTime("setup", Spread(seconds), 8 if len(seconds) else 0),))

    result = SpeedResult(
        {"uniform": run(10, 20, 40), "nami": run(5, 5, 20), PLAIN: run(10, 15, 10)}, difference=0, largest=1
    )
    assert result.saved("nami").values == (0.5, 0.75, 0.5)
    assert (result.saved("nami").median, result.saved("nami").range) == (0.5, (0.5, 0.75))
    assert result.speedup.values == (2, 3, 0.5)
    assert result.flops_saved("nami") == 0


def test_an_accelerator_is_waited_for_only_before_and_after_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    times = count()

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            self.at = next(times)

        def elapsed_time(self, later: "Event") -> float:
            assert len(waits) == 2, "read before the device had finished"
            return 1000.0 * (later.at - self.at)

    accelerator = SimpleNamespace(Event=Event, synchronize=lambda: waits.append(next(times)))
    monkeypatch.setattr(torch, "get_device_module", lambda device: accelerator)
    clock = PartClock(torch.device("cuda"))
    clock.start()
    clock.mark()
    clock.mark()
    total, parts = clock.stop()
    assert (waits, parts) == ([0, 5], [1.0, 1.0, 1.0])
    assert total > 0


@pytest.mark.slow
def test_compiled_blocks_give_the_same_latents() -> None:
    result = measure_speed(settings(compiled=True), CPU, torch.float32)
    assert result.difference <= 1e-4 * max(1.0, result.largest)


@pytest.mark.slow
def test_latents_that_are_not_finite_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Any:
        model = random_transformer(*arguments)
        model.proj_out.bias.data[0] = torch.nan
        return model

    monkeypatch.setattr(candidates_module, "random_transformer", broken)
    with pytest.raises(WorkError, match="NaN or infinity in float32: take another --dtype"):
        measure_speed(settings(), CPU, torch.float32)


def test_a_model_too_large_for_the_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(speed, "candidates", full)
    with pytest.raises(WorkError, match="tiny at 128x256 pixels in float32 does not fit the memory of cpu"):
        measure_speed(settings(), CPU, torch.float32)


def test_a_failed_compilation_says_what_to_leave_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("no working compiler\nmany more lines")

    monkeypatch.setattr(speed, "candidates", broken)
    with pytest.raises(WorkError, match=r"failed \(no working compiler\): leave out --compile"):
        measure_speed(settings(compiled=True), CPU, torch.float32)
    with pytest.raises(RuntimeError, match="many more lines"):
        measure_speed(settings(), CPU, torch.float32)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(asdict(TINY)))
    return str(path)


@pytest.mark.slow
def test_bench_prints_a_table_and_writes_json_and_picture(config: str, tmp_path: Path) -> None:
    out = tmp_path / "made" / "here"
    arguments = ["--config", config, "--size", "128x256", "--steps", "2,1,2", "--text-tokens", "5"]
    done = CliRunner().invoke(
        cli, ["nami", "bench", *arguments, "--device", "cpu", "--repeats", "2", "-o", str(out)]
    )
    assert done.exit_code == 0, done.output
    for words in ("uniform", "segmentation", "32x64", "128x256", "stage 2", "bridges", "2.21", "53.01%"):
        assert words in done.stdout
    found = json.loads((out / "speed.json").read_text())
    expected = run_flops(TINY, (32, 16), (2, 1, 2), text_tokens=5)
    counted = {name: run["flops"] for name, run in found["runs"].items()}
    assert counted == {
        "uniform": expected.uniform,
        "segmentation": expected.segmentation_only,
        "nami": expected.nami,
        PLAIN: expected.nami,
    }
    assert found["settings"]["config"] == {"name": config, **json.loads(Path(config).read_text())}
    assert found["settings"]["pixels"] == [256, 128]
    assert (found["settings"]["dtype"], found["settings"]["sequences_per_step"]) == ("float32", 1)
    assert found["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert found["machine"]["cpu_cores"] >= 1
    assert found["saved"]["nami"]["time_published"] == 0.6482
    assert sum(found["published"]["seconds"]["nami"].values()) == pytest.approx(2.98)
    assert found["published"]["seconds"]["segmentation"]["total"] == pytest.approx(3.98, abs=0.001)
    assert found["plain_loop"]["largest_difference_of_latents"] <= 1e-5
    for run in found["runs"].values():
        for repeat, total in enumerate(run["seconds"]["values"]):
            assert sum(part["seconds"]["values"][repeat] for part in run["parts"].values()) <= total * (
                1 + 1e-9
            )
    with Image.open(out / "speed.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
    assert (out / "speed.png").stat().st_size < 200_000


def test_the_small_configuration_has_nami_2bs_layers_and_share_of_attention() -> None:
    def share(shape: Any, size: int, text: int) -> float:
        from nami_bench.generators.nami.cost import stage_costs

        flops = stage_costs(shape, (size, size), text_tokens=text)[-1].flops
        return flops.attention / flops.total

    assert NAMI_TINY.stage_singleblock_index == NAMI_2B.stage_singleblock_index
    assert share(NAMI_TINY, NAMI_TINY.sample_size, 36) == pytest.approx(share(NAMI_2B, 128, 256), abs=0.03)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "nami-2"], "unknown configuration 'nami-2': did you mean 'nami-2b'"),
        (["--config", "tiny", "--size", "100"], "--size 100: name N or WxH, in multiples of 8 pixels"),
        (["--config", "tiny", "--size", "72"], "both sides must be multiples of 8"),
        (["--config", "tiny", "--steps", "10,10"], "are not 3 positive numbers, one for each stage of tiny"),
        (["--config", "tiny", "--steps", "10,0,10"], "are not 3 positive numbers"),
        (["--steps", "ten"], "'ten' is not a list of whole numbers"),
        (["--device", "quantum"], "device 'quantum' cannot be used here"),
        (["--schedules", "--size", "256"], "--size says nothing to --schedules"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(cli, ["nami", "bench", *arguments, "-o", str(out)])
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not out.exists()


def test_bad_input_ends_with_exit_code_2() -> None:
    done = nami_bench("nami", "bench", "--config", "nami-3b")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: unknown configuration 'nami-3b': did you mean 'nami-2b' or 'nami-0.6b'? "
        "(or name a folder or a JSON file)\n"
    )


def test_a_folder_that_cannot_be_made_is_found_before_the_work(config: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    arguments = ["nami", "bench", "--config", config, "-o", str(tmp_path / "file" / "below")]
    done = CliRunner().invoke(cli, arguments)
    assert "cannot make the folder" in str(done.exception)
    assert done.stdout == ""


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("matplotlib.axes", "nami_bench.generators.nami.bench.plot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"pip install 'nami-bench\[models\]'"):
        CliRunner().invoke(cli, ["nami", "bench", "--config", config], catch_exceptions=False)
