"""What a stage costs, against the exact counts of the original, and `nami-bench nami info`."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nami_bench.cli.app import cli
from nami_bench.errors import InputError, UnknownNameError
from nami_bench.generators.nami.config import CONFIGS, NAMI_0_6B, NAMI_2B, NamiConfig, find_config
from nami_bench.generators.nami.cost import run_flops, shift_map_parameters, stage_costs, stage_size

FULL_SIZE = (128, 128)
BATCHES = {"nocfg_b1": 1, "cfg_b2": 2}


@pytest.mark.parametrize("case", BATCHES)
def test_flops_of_each_stage_equal_the_originals(case: str, read_json: Callable[[str], Any]) -> None:
    counted = read_json("flops.json")["per_step"][case]
    for stage in stage_costs(NAMI_2B, FULL_SIZE, batch=BATCHES[case]):
        expected = counted[f"stage{stage.stage}.nami"]
        assert asdict(stage.flops) == expected["analytic_parts"]
        assert stage.flops.total == expected["counted"]
        assert (stage.image_tokens, stage.layers) == (expected["img_tokens"], expected["layers"])


@pytest.mark.parametrize("case", BATCHES)
def test_flops_of_a_run_equal_the_originals(case: str, read_json: Callable[[str], Any]) -> None:
    totals = read_json("flops.json")[f"{case}_totals"]
    run = run_flops(NAMI_2B, FULL_SIZE, (10, 10, 10), batch=BATCHES[case])
    assert run.nami == totals["nami_10_10_10"]
    assert run.segmentation_only == totals["flow_segmentation_only_10_10_10"]
    assert run.uniform == totals["baseline_30_full"]
    assert 100 * run.saved == pytest.approx(totals["nami_reduction_pct"])
    assert 100 * run.saved_by_segmentation == pytest.approx(totals["seg_reduction_pct"])


def test_parameters_equal_the_originals(read_json: Callable[[str], Any]) -> None:
    facts = read_json("nami_2b_state_dict.json")
    touched = {str(stage.stage): stage.parameters for stage in stage_costs(NAMI_2B, FULL_SIZE)}
    assert touched == facts["params_used_per_stage"]
    assert shift_map_parameters(NAMI_2B, FULL_SIZE) == facts["total_params"]["bridge_flow"] == 327_682


def test_nami_0_6b_has_the_papers_layers_and_about_its_parameters() -> None:
    stages = stage_costs(NAMI_0_6B, FULL_SIZE)
    assert [stage.layers for stage in stages] == [5, 9, 12]
    assert 0.55e9 < stages[-1].parameters < 0.65e9


def test_latents_that_cannot_be_halved_and_packed_are_refused() -> None:
    assert stage_size(NAMI_2B, (128, 64), 0) == (32, 16)
    for size in ((124, 128), (128, 0), (-8, 128)):
        with pytest.raises(InputError, match="multiples of 8"):
            stage_size(NAMI_2B, size, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stage_singleblock_index": (1, 8, 13)}, "must end with the number of single-stream blocks, 14"),
        ({"stage_singleblock_index": (8, 1, 14)}, "must not decrease"),
        ({"stage_singleblock_index": ()}, "must not decrease"),
        ({"axes_dims_rope": (16, 56, 54)}, "add up to attention_head_dim, 128"),
        ({"axes_dims_rope": (17, 55, 56)}, "even numbers"),
        ({"sample_size": 100}, "sample_size 100 is not a multiple of 8"),
        ({"num_attention_heads": 0}, "num_attention_heads 0 must be at least 1"),
        ({"in_channels": 18}, "in_channels 18 must be a multiple of 4"),
        ({"num_layers": -1}, "num_layers -1 not negative"),
        ({"ntk_factor": 0.0}, "ntk_factor 0.0 must be positive"),
    ],
)
def test_a_shape_that_does_not_fit_together_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(NAMI_2B, **change)


def test_any_number_of_stages_is_a_shape() -> None:
    assert replace(NAMI_2B, stage_singleblock_index=(14,)).num_stages == 1
    assert replace(NAMI_2B, stage_singleblock_index=(0, 3, 9, 14)).size_multiple == 16


def test_a_configuration_is_found_by_name_folder_or_file(tmp_path: Path) -> None:
    shape = NamiConfig(num_layers=1, num_single_layers=2, stage_singleblock_index=(1, 2))
    (tmp_path / "transformer").mkdir()
    file = tmp_path / "transformer" / "config.json"
    file.write_text(json.dumps({**asdict(shape), "_class_name": "NamiTransformer2DModel"}))
    assert find_config("nami-2b") == NAMI_2B
    assert find_config(str(tmp_path)) == find_config(str(file.parent)) == find_config(str(file)) == shape


def test_what_is_no_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'nami-2b'"):
        find_config("nami-3b")
    with pytest.raises(InputError, match=r"config\.json: No such file"):
        find_config(str(tmp_path))
    for content, words in (
        ("{", "is not JSON"),
        ("[1]", "JSON object"),
        ('{"width": 3}', "width: unknown key"),
    ):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(InputError, match=words):
            find_config(str(tmp_path))


def test_info_prints_the_stage_table() -> None:
    done = CliRunner().invoke(cli, ["nami", "info"])
    assert done.exit_code == 0
    for words in (
        "256x256",
        "1024x1024",
        "16 = 8 + 8",
        "1,299,458,368",
        "2,117,643,840",
        "13.059",
        "327,682",
    ):
        assert words in done.stdout
    assert "NAMI 158.3 (-59.6%), segmentation alone 173.8 (-55.6%), uniform 391.8" in done.stdout


@pytest.mark.parametrize("name", CONFIGS)
def test_info_as_json_has_the_same_figures(name: str) -> None:
    arguments = ["nami", "info", name, "--size", "512x256", "--steps", "1,2,3", "--guided", "--json"]
    found = json.loads(CliRunner().invoke(cli, arguments).stdout)
    stages = stage_costs(CONFIGS[name], (32, 64), batch=2)
    assert [stage["flops_per_step"] for stage in found["stages"]] == [s.flops.total for s in stages]
    assert [stage["image_tokens"] for stage in found["stages"]] == [32, 128, 512]
    assert found["parameters"]["transformer"] == stages[-1].parameters
    assert found["run"]["nami"] == sum(n * s.flops.total for n, s in zip((1, 2, 3), stages, strict=True))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "100"], "--size 100: name N or WxH"),
        (["--size", "72"], "multiples of 8"),
        (["--size", "big"], "is not a list of whole numbers"),
        (["--steps", "10,10"], "are not 3 positive numbers"),
        (["--steps", "10,10,0"], "are not 3 positive numbers"),
        (["nami-4b"], "unknown configuration 'nami-4b'"),
    ],
)
def test_info_refuses_what_makes_no_sense(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(cli, ["nami", "info", *arguments])
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)


def test_info_needs_no_torch() -> None:
    script = (
        "import sys\nfrom nami_bench.cli.app import cli\n"
        "cli(['nami', 'info', '--json'], standalone_mode=False)\n"
        "print('LOADED' if 'torch' in sys.modules else 'LIGHT', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "LIGHT\n"
