"""The ablations' runner: its variants, a run end to end, and its tables."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

IMAGES, HELD_OUT = 8, 1


def _config(name: str, **options: Any) -> Any:
    from benchmarks.nami_ablations.variants import variant_config

    return variant_config(name, 3, Path("shapes.tar"), **options)


@pytest.mark.slow
def test_variants_differ_in_what_they_are_about_and_cost_what_the_base_costs() -> None:
    from benchmarks.nami_ablations.variants import VARIANTS, step_flops

    base = _config("base")
    budget = base.train.steps * step_flops(base)
    for name, variant in VARIANTS.items():
        config = _config(name)
        assert config.train.seed == 3
        assert config.data == base.data
        if variant.same_images:
            assert config.train.steps == base.train.steps
        else:
            assert config.train.steps * step_flops(config) == pytest.approx(budget, rel=0.01)
        if variant.tables == ("bridges",):
            assert config.model == base.model
            assert (config.bridge, config.train.start_noise) != (base.bridge, base.train.start_noise)


def test_a_training_steps_flops_are_those_of_three_forward_passes() -> None:
    from benchmarks.nami_ablations.variants import step_flops
    from nami_bench.generators.nami.cost import stage_costs

    uniform = _config("uniform")
    (cost,) = stage_costs(
        uniform.model.transformer,
        (16, 16),
        text_tokens=uniform.model.text.tokens,
        batch=uniform.train.batch_size,
    )
    assert step_flops(uniform) == pytest.approx(3 * cost.flops.total, rel=1e-9)


def test_sequential_training_gives_each_stage_the_bases_images_one_stage_at_a_time() -> None:
    from nami_bench.generators.nami.training.shares import shares_at

    moments = np.linspace(0, 1, 501)
    plans = [_config(name).train.shares for name in ("base", "sequential")]
    joint, alone = (np.array([shares_at(plan, moment) for moment in moments]) for plan in plans)
    assert alone.mean(axis=0) == pytest.approx(joint.mean(axis=0), abs=0.01)
    assert (alone.max(axis=1) == 1).mean() > 0.95
    assert list(dict.fromkeys(alone.argmax(axis=1))) == [0, 1, 2]


def test_every_picture_of_the_world_shows_its_caption() -> None:
    from benchmarks.nami_ablations.measure import geneval
    from benchmarks.nami_ablations.world import COLORS, SIZE, TASK_SHARES, draw

    captions, pictures = zip(*draw(60, 5), strict=True)
    pixels = np.stack(pictures)
    assert pixels.shape == (60, SIZE, SIZE, 3)
    assert set(geneval(captions, pixels).values()) == {1.0}
    assert set(geneval(captions, np.roll(pixels, 1, axis=0)).values()) != {1.0}
    assert {c.clauses["tag"] for c in captions} == set(TASK_SHARES)
    words = {word for c in captions for word in c.text.split()}
    assert not words & ({"orange", "purple", "pink", "brown", "black", "white"} - set(COLORS))


def test_some_combinations_are_kept_from_training() -> None:
    from benchmarks.nami_ablations.world import TASK_SHARES, draw, is_trained, world_captions

    everything = [caption for task in TASK_SHARES for caption in world_captions(task)]
    held_out = {caption.text for caption in everything if not is_trained(caption)}
    drawn = {caption.text for caption, _ in draw(400, 6)}
    assert held_out
    assert drawn == {caption.text for caption in everything} - held_out


class _Interrupted(Exception):
    pass


def _grid(out: Path, say: Any = lambda text: None) -> Any:
    from benchmarks.nami_ablations.measure import Effort
    from benchmarks.nami_ablations.runs import Grid

    return Grid(out, 2, 64, Effort(images=IMAGES, held_out=HELD_OUT, steps=3), say)


@pytest.mark.slow
def test_an_interrupted_run_ends_as_one_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.nami_ablations import variants

    monkeypatch.setitem(variants._BASE["bridge"], "steps", 2)
    monkeypatch.setitem(variants._BASE["train"], "validation_images", 2)

    def interrupt(text: str) -> None:
        if "step 2 of" in text:
            raise _Interrupted

    whole, parts = _grid(tmp_path / "whole"), tmp_path / "parts"
    for name in ("base", "uniform"):
        whole.run(name, 0)
    with pytest.raises(_Interrupted):
        _grid(parts, interrupt).run("base", 0)
    _grid(parts).run("base", 0)

    expected, resumed = (
        json.loads((folder / "results" / "base-0.json").read_text()) for folder in (tmp_path / "whole", parts)
    )
    timed = ("images_per_cpu_second", "cpu_seconds_per_image")
    for run in (expected, resumed):
        for entry in (run, *run["curve"]):
            for key in timed:
                assert entry.pop(key, 1) > 0
    assert resumed == expected
    assert [point["step"] for point in expected["curve"]] == [1, 2]
    assert len(expected["validation"][-1]["loss_by_stage"]) == 3
    uniform = json.loads(whole.result_path("uniform", 0).read_text())
    assert len(uniform["validation"][-1]["loss_by_stage"]) == 1

    before = whole.result_path("uniform", 0).stat().st_mtime_ns
    whole.run("uniform", 0)
    assert whole.result_path("uniform", 0).stat().st_mtime_ns == before


def _run(variant: str, seed: int, frechet: float, validation: list[float]) -> dict[str, Any]:
    point = {"frechet": frechet, "geneval": 0.5, "held_out": 0.25, "cpu_seconds_per_image": 0.1}
    return {
        "variant": variant, "seed": seed, "images": 640, "images_per_cpu_second": 100.0 + seed,
        "bridge_error": [0.2 + seed, 0.1], "bridge_upsampling_error": [0.3, 0.2],
        "validation": [{"step": n, "loss_by_stage": [loss, 1, 1]} for n, loss in enumerate(validation)],
        "curve": [
            {"train_flops": 1e12, **point, "frechet": 9.0, "effort": {"images": 4}},
            {"train_flops": 2e12, **point, "effort": {"images": 4}},
        ],
    }  # fmt: skip


@pytest.mark.slow
def test_tables_have_the_means_of_the_finished_runs(tmp_path: Path) -> None:
    from benchmarks.nami_ablations.collect import MARK, collect, load_results, paired_difference

    results = tmp_path / "results"
    results.mkdir()
    about = {
        "features": "f",
        "best_possible": {"frechet": 0.1, "geneval": 1.0},
        "machine": "m",
        "software": {},
    }
    (results / "about.json").write_text(json.dumps(about))
    for seed, (base, other) in enumerate([(1.0, 2.0), (2.0, 3.5), (6.0, 8.0)]):
        for run in (
            _run("base", seed, base, [3.0, 2.0, 2.0]),
            _run("sequential", seed, other, [1.0, 0.5, 2.0]),
        ):
            (results / f"{run['variant']}-{seed}.json").write_text(json.dumps(run))
    docs = tmp_path / "docs"
    collect(results, docs)

    lines = (docs / "README.md").read_text().splitlines()
    base, sequential = (
        next(line for line in lines if line.startswith(f"| {what}")) for what in ("BridgeFlow", "the stages")
    )
    assert "| 3 | 3.000 (1.000 to 6.000) |  | 0.500" in base
    # The differences 1, 1.5 and 2 have the deviation 0.5; Student's t for two degrees of freedom is 4.303.
    assert "| 3 | 4.500 (2.000 to 8.000) | +1.500 ± 1.242 | 0.500" in sequential
    assert paired_difference(load_results(results)[0], "sequential", "frechet") == pytest.approx(
        (1.5, 1.2421), abs=1e-3
    )
    assert "| the stages one after the other | 0.50000 | 2.00000 | 4.00 (4.00 to 4.00) |" in lines
    assert {path.name for path in docs.iterdir()} == {
        "README.md", "ablations.json", "bars.png", "curves-joint.png"
    }  # fmt: skip
    assert len(json.loads((docs / "ablations.json").read_text())["runs"]) == 6

    (docs / "README.md").write_text(f"# Mine\n\n{MARK}\n\nold")
    collect(results, docs)
    head, _, figures = (docs / "README.md").read_text().partition(MARK)
    assert head == "# Mine\n\n" and sequential in figures and "old" not in figures


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    from benchmarks.nami_ablations.collect import collect
    from nami_bench.errors import InputError

    with pytest.raises(InputError, match="run the ablations first"):
        collect(tmp_path, tmp_path / "docs")
