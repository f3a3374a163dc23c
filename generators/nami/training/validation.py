"""How good the model is on what it was not trained on: loss by stage and by time, and pictures."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from nami_bench.generators.nami.folder import PLAIN_SAMPLING, Sampling
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.training.conditioning import Encoder
from nami_bench.generators.nami.training.data import TrainingData
from nami_bench.generators.nami.training.model import NamiTrainingModel, StepInputs

VALIDATION_SIGMAS = (0.1, 0.3, 0.5, 0.7, 0.9)
_BATCH = 32
_SEED = 20_000


@torch.no_grad()
def validation_losses(
    model: NamiTrainingModel,
    data: TrainingData,
    encoder: Encoder,
    images: int,
    stages: int,
    device: torch.device,
) -> list[list[float]]:
    """Mean squared error by stage (rows) and sigma (columns, VALIDATION_SIGMAS).

    The same images, noise and times whenever it is called, so that its values can be compared.
    """
    totals = torch.zeros(stages, len(VALIDATION_SIGMAS), dtype=torch.float64)
    batches = -(-images // _BATCH)
    for number in range(batches):
        count = min(_BATCH, images - number * _BATCH)
        batch = data.batch(number, count)
        latents, text = encoder.latents(batch, device), encoder.text(batch.captions, device)
        source = torch.Generator().manual_seed(_SEED + number)
        noise = torch.randn(latents.shape, generator=source).to(device)
        for stage in range(stages):
            counts = tuple(count if k == stage else 0 for k in range(stages))
            for column, sigma in enumerate(VALIDATION_SIGMAS):
                times = torch.full((count,), sigma, device=device)
                inputs = StepInputs(latents, noise, times, counts, text)
                losses = model(inputs)
                totals[stage, column] += losses.double().sum().cpu()
    means: list[list[float]] = (totals / images).tolist()
    return means


def draw_samples(
    pipeline: NamiPipeline,
    prompts: Sequence[str],
    path: Path,
    sampling: Sampling = PLAIN_SAMPLING,
    *,
    seed: int = 0,
) -> None:
    """One picture of each prompt, the n-th from the noise of `seed` + n, side by side in a PNG file."""
    generators = [torch.Generator().manual_seed(seed + n) for n in range(len(prompts))]
    (images,) = pipeline(
        list(prompts),
        sampling.negative_prompt,
        prompt_suffix=sampling.prompt_suffix,
        num_inference_steps=sampling.steps * pipeline.num_stages
        if len(sampling.steps) == 1
        else sampling.steps,
        guidance_scale=sampling.guidance_scale,
        generator=generators,
        return_dict=False,
    )
    width, height = images[0].size
    sheet = Image.new("RGB", (width * len(images), height))
    for column, image in enumerate(images):
        sheet.paste(image, (column * width, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.png")
    sheet.save(partial)
    partial.replace(path)
