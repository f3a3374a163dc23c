"""`nami-bench nami`."""

from pathlib import Path
from typing import Any

import click

from nami_bench.cli.common import echo, print_json, print_table, say
from nami_bench.cli.nami_arguments import latent_size_of, models_extra, whole_numbers
from nami_bench.cli.nami_speed import bench
from nami_bench.cli.nami_train import export, pretrain_bridge, sample, train
from nami_bench.cli.options import json_option


@click.group()
def nami() -> None:
    """The NAMI model itself: convert, train, hand on, draw, see what it costs, and its speed."""


for command in (bench, pretrain_bridge, train, export, sample):
    nami.add_command(command)


@nami.command(epilog="Example: nami-bench nami convert NAMI-T2I nami-2b")
@click.argument("weights_dir", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--config",
    metavar="CONFIG",
    help="What the tensors' sizes do not tell, for checkpoints other than NAMI-2B: nami-0.6b, or a JSON file "
    "with the transformer's configuration.",
)
def convert(weights_dir: Path, out: Path, config: str | None) -> None:
    """Turn the release's folder WEIGHTS_DIR into the new folder OUT, which the generator `nami` loads.

    Reads vae/, transformer/pytorch_model_fsdp.bin, bridge_flow.bin, mclip/ and mt5/ as they are; writes
    safetensors. Nothing in a pickle file is run.
    """
    from nami_bench.generators.nami.config import find_config

    shape = None if config is None else find_config(config)
    with models_extra():
        from nami_bench.generators.nami.convert import convert as convert_release

        convert_release(weights_dir, out, shape, say)
    say(f"wrote {out}: record it with `nami-bench models add nami --adapter nami -O path={out}`")


@nami.command(epilog="Example: nami-bench nami info nami-2b --size 1024 --steps 10,10,10")
@click.argument("config", default="nami-2b")
@click.option("--size", help="Image size in pixels, N or WxH. Default: the model's own.")
@click.option("--steps", help="Steps of each stage, as in 10,10,10. Default: 10 in every stage.")
@click.option(
    "--text-tokens",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Length of the text sequence.",
)
@click.option("--guided", is_flag=True, help="Count both passes of classifier-free guidance.")
@json_option
def info(
    config: str, size: str | None, steps: str | None, text_tokens: int, guided: bool, as_json: bool
) -> None:
    """What each stage of CONFIG runs and costs: layers, tokens, parameters, FLOPs.

    CONFIG is nami-2b, nami-0.6b, a folder that `nami convert` wrote, or a transformer's config.json. FLOPs
    are two for each multiply-add of the transformer's matrix products and attention.
    """
    from dataclasses import asdict

    from nami_bench.generators.nami.config import PIXELS_PER_LATENT, find_config
    from nami_bench.generators.nami.cost import run_flops, shift_map_parameters, stage_costs

    shape = find_config(config)
    latent_size = latent_size_of(size, shape)
    counting: dict[str, Any] = {"text_tokens": text_tokens, "batch": 2 if guided else 1}
    stages = stage_costs(shape, latent_size, **counting)
    step_counts = [10] * shape.num_stages if steps is None else whole_numbers(steps)
    run = run_flops(shape, latent_size, step_counts, **counting)
    bridge = shift_map_parameters(shape, latent_size)
    if as_json:
        print_json(
            {
                "config": {"name": config, **asdict(shape)},
                "stages": [{**asdict(stage), "flops_per_step": stage.flops.total} for stage in stages],
                "parameters": {"transformer": stages[-1].parameters, "bridge_flow": bridge},
                "run": {
                    "steps": step_counts,
                    **asdict(run),
                    "saved": run.saved,
                    "saved_by_segmentation": run.saved_by_segmentation,
                },
            }
        )
        return
    rows = [
        (
            stage.stage,
            f"{stage.latent_width * PIXELS_PER_LATENT}x{stage.latent_height * PIXELS_PER_LATENT}",
            stage.image_tokens,
            f"{stage.layers} = {shape.num_layers} + {stage.single_blocks}",
            f"{stage.parameters:,}",
            f"{stage.flops.total / 1e12:.3f}",
        )
        for stage in stages
    ]
    columns = ("stage", "pixels", "image tokens", "layers", "parameters touched", "TFLOPs a step")
    print_table(columns, rows, title=f"{config}, text {text_tokens} tokens{', guided' if guided else ''}")
    echo(f"parameters: transformer {stages[-1].parameters:,}, released BridgeFlow {bridge:,}")
    figures = (
        f"NAMI {run.nami / 1e12:.1f} (-{run.saved:.1%})",
        f"segmentation alone {run.segmentation_only / 1e12:.1f} (-{run.saved_by_segmentation:.1%})",
        f"uniform {run.uniform / 1e12:.1f}",
    )
    echo(f"TFLOPs of {'+'.join(map(str, step_counts))} steps: {', '.join(figures)}")
