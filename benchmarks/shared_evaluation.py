"""Five metrics in one `nami-bench evaluate`, against each of them in one of its own: whole commands.

    python -m benchmarks.shared_evaluation                                 small networks on a CPU
    python -m benchmarks.shared_evaluation --device cuda --images 2000     the same networks on a GPU
    python -m benchmarks.shared_evaluation --one-by-one                    together, but one after the other

The metrics are clip-score, aesthetic, pickscore, hpsv2 and image-reward on networks of ViT-S/16's size with
random weights, which take as long as trained ones; the first two have the same CLIP. Images are of `--size`
pixels, as detailed as photographs. Values must be the same both ways; the exit code is 1 where they are not,
or where the time together is more than `--at-most` times the sum.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nami_bench.config import init_workspace
from nami_bench.store import Store
from tests.support.preference_models import OriginalReward, write_bert

Options = Mapping[str, Mapping[str, Any]]
ARCHITECTURE = "ViT-S-16"


def main() -> int:
    """Run it; 0 where values agree and the share is as asked."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = write_models(folder / "models", arguments.device)
        write_workspace(folder / "new", arguments.images, arguments.size)
        rounds = [_round(folder, options, arguments.one_by_one) for _ in range(arguments.rounds)]
    report = {
        "options": {k: v for k, v in vars(arguments).items() if k != "output"},
        "machine": {
            "cores": os.cpu_count(),
            "platform": platform.machine(),
            "python": platform.python_version(),
            "torch": version("torch"),
        },
        "rounds": rounds,
        "share_of_wall": round(_median([r["together"]["wall"] / r["alone"]["wall"] for r in rounds]), 3),
        "share_of_cpu": round(_median([r["together"]["cpu"] / r["alone"]["cpu"] for r in rounds]), 3),
        "same_values": all(r["same_values"] for r in rounds),
    }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n")
    return 0 if report["same_values"] and report["share_of_wall"] <= arguments.at_most else 1


def _round(folder: Path, options: Options, one_by_one: bool) -> dict[str, Any]:
    """Each metric alone, and all in one command, in workspaces of their own."""
    alone = {name: _evaluate(folder, {name: own}, False) for name, own in options.items()}
    together = _evaluate(folder, options, one_by_one)
    values = {key: value for _, _, found in alone.values() for key, value in found.items()}
    return {
        "alone": {
            **{name: {"wall": wall, "cpu": cpu} for name, (wall, cpu, _) in alone.items()},
            "wall": round(sum(wall for wall, _, _ in alone.values()), 2),
            "cpu": round(sum(cpu for _, cpu, _ in alone.values()), 2),
        },
        "together": {"wall": together[0], "cpu": together[1]},
        "same_values": together[2] == values,
    }


def _evaluate(folder: Path, options: Options, one_by_one: bool) -> tuple[float, float, dict[str, float]]:
    """Seconds of wall and processor time of a command, and the values by metric and image."""
    workspace = folder / "used"
    shutil.copytree(folder / "new", workspace)
    given = [f"{name}.{key}={value}" for name, own in options.items() for key, value in own.items()]
    command = [sys.executable, "-m", "nami_bench", "--workspace", str(workspace), "-q", "evaluate", *options]
    command += ["--one-by-one"] if one_by_one else []
    command += [part for one in given for part in ("-O", one)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with Store.open(f"sqlite:///{workspace / 'nami.db'}") as store:
        values = {f"{s.metric} {s.prompt_id}": s.value for s in store.scores.find() if s.value is not None}
    shutil.rmtree(workspace)
    return round(wall, 2), round(cpu, 2), values


def write_workspace(root: Path, images: int, size: int) -> None:
    """One with so many imported images of one model, each of a prompt of its own."""
    init_workspace(root)
    made = root.parent / "made"
    rng = np.random.default_rng(0)
    made.mkdir()
    prompts = [f"a red cat {n} on the old chair by the window" for n in range(images)]
    (root.parent / "prompts.txt").write_text("\n".join(prompts) + "\n")
    for index in range(images):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).resize((size, size), 3)
        grain = rng.normal(0, 6, (size, size, 1))
        pixels = (np.asarray(coarse, np.float32) + grain).clip(0, 255).astype(np.uint8)
        path = made / f"{index:05d}" / "samples" / "0000.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(pixels).save(path, compress_level=1)
    run = [sys.executable, "-m", "nami_bench", "--workspace", str(root), "-q"]
    imported = ["images", "import", str(made), "--model", "m", "--prompts", str(root.parent / "prompts.txt")]
    subprocess.run([*run, *imported], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(made)


def write_models(folder: Path, device: str) -> Options:
    """Networks of the metrics' own classes with random weights: the options that name them."""
    import open_clip
    import torch
    import transformers

    torch.manual_seed(0)
    clip, hps, pick, bert = (folder / name for name in ("clip", "hps.pt", "pickscore", "bert"))
    clip.mkdir(parents=True)
    known = {"model_cfg": open_clip.get_model_config(ARCHITECTURE), "preprocess_cfg": {}}
    (clip / "open_clip_config.json").write_text(json.dumps(known))
    torch.save(open_clip.create_model(ARCHITECTURE).state_dict(), clip / "open_clip_pytorch_model.bin")
    torch.save({"state_dict": open_clip.create_model(ARCHITECTURE).state_dict()}, hps)
    sides = (384, 128, 64, 16, 1)
    layers = {
        f"layers.{2 * at}.{name}": tensor
        for at, (taken, given) in enumerate(pairwise(sides))
        for name, tensor in torch.nn.Linear(taken, given).state_dict().items()
    }
    torch.save(layers, folder / "head.pth")
    tower = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 12, "num_attention_heads": 6}
    marks = {"bos_token_id": 49406, "eos_token_id": 49407, "max_position_embeddings": 77}
    config = transformers.CLIPConfig(
        projection_dim=384,
        text_config={**tower, **marks},
        vision_config={**tower, "image_size": 224, "patch_size": 16},
    )
    transformers.CLIPModel(config).save_pretrained(pick)
    tokens = open_clip.tokenizer.SimpleTokenizer()
    renamed = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocab = {renamed.get(token, token): number for token, number in tokens.encoder.items()}
    transformers.CLIPTokenizer(vocab=vocab, merges=list(tokens.bpe_ranks)).save_pretrained(pick)
    transformers.CLIPImageProcessor().save_pretrained(pick)
    torch.save(OriginalReward().state_dict(), folder / "reward.pt")
    write_bert(bert)
    return {
        "clip-score": {"model": clip, "device": device},
        "aesthetic": {"model": clip, "head": folder / "head.pth", "device": device},
        "pickscore": {"model": pick, "processor": pick, "device": device},
        "hpsv2": {"weights": hps, "model": ARCHITECTURE, "device": device},
        "image-reward": {"weights": folder / "reward.pt", "tokenizer": bert, "device": device},
    }


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--size", type=int, default=1024, help="pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one-by-one", action="store_true", help="together one metric after the other")
    parser.add_argument("--at-most", type=float, default=0.6, help="together, of the sum")
    parser.add_argument("-o", "--output", type=Path, help="write the report as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
