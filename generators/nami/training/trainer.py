"""The loop over a run's steps: model, optimiser and averages, logs, checkpoints."""

import copy
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader, Dataset

from nami_bench.errors import WorkError
from nami_bench.generators.nami.training.checkpoints import (
    checkpoint_path,
    checkpoint_steps,
    write_checkpoint,
)
from nami_bench.generators.nami.training.data import ImageBatch, TrainingData
from nami_bench.generators.nami.training.model import (
    NamiTrainingModel,
    StepInputs,
    stage_means,
    weighted_loss,
)
from nami_bench.generators.nami.training.preparation import Preparation
from nami_bench.generators.nami.training.shares import StageWeights, shares_at, stage_counts
from nami_bench.generators.nami.training.validation import VALIDATION_SIGMAS, draw_samples, validation_losses
from nami_bench.generators.nami.training.windows import logit_normal_sigma

LOG_EVERY = 50


class PipelineCallback(Protocol):
    """Looks at the pipeline as it is trained, its weights averaged: measures it, draws with it."""

    def due(self, step: int) -> bool:
        """Whether it wants to look after this step; after the last one it does in any case."""
        ...

    def measure(self, step: int, pipeline: Any) -> object:
        """Look at the pipeline, and leave it as it is. Called in the main process alone."""
        ...


class _StepBatches(Dataset[ImageBatch]):
    """Batch by step, so that a loader that looks ahead changes nothing."""

    def __init__(self, data: TrainingData, batch_size: int, process: int, processes: int) -> None:
        self._data, self._count = data, batch_size
        self._process, self._processes = process, processes

    def __getitem__(self, step: int) -> ImageBatch:
        return self._data.batch(step * self._processes + self._process, self._count)


class Trainer:
    """Model, optimiser and averages of a run, and the loop over its steps."""

    def __init__(self, run: Preparation, callback: PipelineCallback | None = None) -> None:
        """`callback` looks at the pipeline now and then."""
        self.run, self.train, self.callback = run, run.config.train, callback
        pipeline, accelerator = run.pipeline, run.accelerator
        self.stages = pipeline.num_stages
        trained_text = run.config.trains_text
        if self.train.gradient_checkpointing:
            pipeline.transformer.enable_gradient_checkpointing()
        model = NamiTrainingModel(
            pipeline.transformer.train(),
            pipeline.bridge,
            pipeline.scheduler.config.stage_range,
            pipeline.scheduler.windows,
            pipeline.text_encoder.train() if trained_text else None,
            pipeline.text_encoder_2.train() if trained_text else None,
            self.train.start_noise,
        )
        # FSDP trains a copy: the pipeline stays whole, and gets the averaged weights when it is looked at.
        self._whole = model if run.is_sharded else None
        if run.is_sharded:
            model = copy.deepcopy(model)
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=self.train.learning_rate,
            betas=self.train.betas,
            weight_decay=self.train.weight_decay,
            foreach=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        self.model, self.optimizer, self.schedule = accelerator.prepare(model, optimizer, schedule)
        self.ema = EMAModel(
            self.model.parameters(), decay=self.train.ema_decay, use_ema_warmup=True, foreach=True
        )
        self.ema.to(accelerator.device)
        self.weights = StageWeights(self.stages, self.train.stage_weight_power)
        self.average = _MovingAverage()
        accelerator.register_for_checkpointing(_State(self.weights), _State(self.average))

    def restore(self) -> int:
        """Load the newest checkpoint; the step it was written after, 0 where there is none."""
        folder = self.run.folder / "checkpoints"
        steps = checkpoint_steps(folder)
        if not steps:
            return 0
        newest = checkpoint_path(folder, steps[-1])
        self.run.accelerator.load_state(str(newest))
        for name, weight in load_file(newest / self._average_file).items():
            _own_part(self.ema.shadow_params[int(name)]).copy_(weight)
        self.ema.optimization_step = steps[-1]
        return steps[-1]

    def loop(self, start: int, advance: Callable[[int], object]) -> None:
        clock = _Clock()
        for step, batch in zip(range(start, self.train.steps), self._batches(start), strict=True):
            loss, by_stage, norm = self._step(step, batch)
            clock.add(len(batch.captions) * self.run.accelerator.num_processes)
            done = step + 1
            if batch.broken:
                self.run.log(event="broken images", step=done, names=batch.broken)
            if done % LOG_EVERY == 0 or done == self.train.steps:
                self._log_step(done, loss, by_stage, norm, clock.rate())
            advance(1)
            if done % self.train.validate_every == 0 or done == self.train.steps:
                self._validate(done)
            if self.train.sample_prompts and done % self.train.sample_every == 0:
                self._sample(done)
            if self.callback is not None and (self.callback.due(done) or done == self.train.steps):
                self._call_back(done, self.callback)
            if done % self.train.save_every == 0 or done == self.train.steps:
                self._save(done)

    def finish(self) -> Path:
        """Write the pipeline with averaged weights."""
        target = self.run.folder / "pipeline"
        with self.averaged():
            if self.run.is_main:
                self.run.pipeline.save_pretrained(target)
        self.run.accelerator.wait_for_everyone()
        return target

    def _step(self, step: int, batch: ImageBatch) -> tuple[float, list[float | None], float]:
        accelerator = self.run.accelerator
        process = accelerator.process_index
        source = torch.Generator().manual_seed(_seed(self.train.seed, step, process))
        inputs = self._inputs(step, batch, source)
        losses = self.model(inputs)
        means = stage_means(losses, inputs.counts)
        loss = weighted_loss(losses, inputs.counts, self.weights.weights())
        value = float(accelerator.reduce(loss.detach(), "mean"))
        by_stage = [
            None if mean is None else float(accelerator.reduce(mean.detach(), "mean")) for mean in means
        ]
        self._check(step, value, batch)
        accelerator.backward(loss)
        norm = float(accelerator.clip_grad_norm_(self.model.parameters(), self.train.gradient_clip))
        # In float16 gradients overflow now and then, and accelerate's loss scaling leaves out such steps.
        if accelerator.scaler is None and not isfinite(norm):
            raise self._stopped(step, batch, f"its gradients' norm is {norm:g}", value)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        self.ema.step(self.model.parameters())
        self.weights.update(by_stage)
        return value, by_stage, norm

    def _inputs(self, step: int, batch: ImageBatch, source: torch.Generator) -> StepInputs:
        """Everything random of a step, from its own generator."""
        device = self.run.accelerator.device
        latents = self.run.encoder.latents(batch, device)
        dropped = torch.rand(len(batch.captions), generator=source) < self.train.guidance_dropout
        captions = ["" if drop else text for text, drop in zip(batch.captions, dropped, strict=True)]
        sigma = logit_normal_sigma(len(captions), self.train.time_mean, self.train.time_std, source, device)
        shares = shares_at(self.train.shares, step / max(1, self.train.steps - 1))
        return StepInputs(
            latents,
            torch.randn(latents.shape, generator=source).to(device),
            sigma,
            stage_counts(shares, len(captions)),
            self.run.encoder.text(captions, device),
        )

    def _check(self, step: int, loss: float, batch: ImageBatch) -> None:
        """Stop before a broken loss reaches the weights."""
        average = self.average.value
        exploded = self.average.steps >= 100 and loss > self.train.explode_factor * average
        if exploded or not isfinite(loss):
            raise self._stopped(step, batch, f"its loss is {loss:g}, the average {average:g}", loss)
        self.average.add(loss)

    def _stopped(self, step: int, batch: ImageBatch, why: str, loss: float) -> WorkError:
        """The error to raise; what the batch was is on disk then."""
        path = self.run.folder / f"failed-step-{step + 1:08d}.json"
        record = {
            "step": step + 1,
            "why": why,
            "loss": str(loss),
            "average": self.average.value,
            "images": batch.names,
        }
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        return WorkError(
            f"training stopped in step {step + 1}: {why}; "
            f"the batch's images are listed in {path}; run again to go on from the last checkpoint"
        )

    def _batches(self, start: int) -> Iterator[ImageBatch]:
        accelerator = self.run.accelerator
        data = _StepBatches(
            self.run.data, self.train.batch_size, accelerator.process_index, accelerator.num_processes
        )
        workers = self.run.config.data.workers
        return iter(
            DataLoader(
                data,
                sampler=range(start, self.train.steps),
                batch_size=None,
                num_workers=workers,
                multiprocessing_context="spawn" if workers else None,
            )
        )

    def _rate(self, step: int) -> float:
        """Warm-up, then a straight line to the final learning rate."""
        train = self.train
        warm = min(1.0, (step + 1) / max(1, train.warmup_steps))
        end = train.final_learning_rate / train.learning_rate
        return warm * (1.0 + (end - 1.0) * min(1.0, step / max(1, train.steps)))

    def _log_step(
        self, step: int, loss: float, by_stage: list[float | None], norm: float, rate: float
    ) -> None:
        accelerator = self.run.accelerator
        record: dict[str, Any] = {
            "step": step,
            "loss": loss,
            "loss_by_stage": by_stage,
            "stage_weights": self.weights.weights(),
            "gradient_norm": norm,
            "learning_rate": self.schedule.get_last_lr()[0],
            "images_per_second": rate,
        }
        peak = _peak_memory(accelerator.device)
        if peak is not None:
            record["peak_memory_bytes"] = peak
        self.run.log(**record)
        self._board(step, record)

    def _board(self, step: int, record: dict[str, Any]) -> None:
        if not self.run.is_main:
            return
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(self.run.folder / "tensorboard")) as writer:
            for name, value in record.items():
                values = list(value) if isinstance(value, (list, tuple)) else [value]
                for index, number in enumerate(values):
                    if isinstance(number, float):
                        tag = name if len(values) == 1 else f"{name}/{index}"
                        writer.add_scalar(tag, number, step)

    def _validate(self, step: int) -> None:
        if self.run.validation is None:
            return
        with self.averaged() as model:
            if not self.run.is_main:
                return
            losses = validation_losses(
                model,
                self.run.validation,
                self.run.encoder,
                self.train.validation_images,
                self.stages,
                self.run.accelerator.device,
            )
        self.run.log(event="validation", step=step, sigmas=VALIDATION_SIGMAS, loss=losses)
        self._board(step, {f"validation/stage-{k}": sum(row) / len(row) for k, row in enumerate(losses)})

    def _sample(self, step: int) -> None:
        with self.averaged():
            if not self.run.is_main:
                return
            path = self.run.folder / "samples" / f"step-{step:08d}.png"
            draw_samples(self.run.pipeline, self.train.sample_prompts, path)

    def _call_back(self, step: int, callback: PipelineCallback) -> None:
        with self.averaged():
            if self.run.is_main:
                callback.measure(step, self.run.pipeline)

    def _save(self, step: int) -> None:
        accelerator = self.run.accelerator
        write_checkpoint(
            self.run.folder / "checkpoints",
            step,
            self.train.keep,
            self._save_state,
            self.run.is_main,
            accelerator.wait_for_everyone,
        )

    def _save_state(self, folder: Path) -> None:
        """What this process holds; averages apart, as accelerate keeps only the main process's objects."""
        self.run.accelerator.save_state(str(folder))
        if self.run.is_main or self.run.is_sharded:
            parts = {str(n): _own_part(average) for n, average in enumerate(self.ema.shadow_params)}
            save_file(parts, folder / self._average_file)

    @property
    def _average_file(self) -> str:
        """Under FSDP each process has its own part of the averages, otherwise all have the same."""
        part = self.run.accelerator.process_index if self.run.is_sharded else 0
        return f"average-{part}.safetensors"

    @contextmanager
    def averaged(self) -> Iterator[NamiTrainingModel]:
        """The model, and the pipeline, with averaged weights for as long as the context lasts.

        Every process has to come here; under FSDP only the main one's is then complete.
        """
        if self._whole is None:
            parameters = list(self.model.parameters())
            self.ema.store(parameters)
            self.ema.copy_to(parameters)
            self.model.eval()
            try:
                yield self.run.accelerator.unwrap_model(self.model)
            finally:
                self.ema.restore(parameters)
                self.model.train()
            return
        with torch.no_grad():
            for weight, average in zip(self._whole.parameters(), self.ema.shadow_params, strict=True):
                # Gathered in all processes, kept in one.
                whole = average.full_tensor()
                if self.run.is_main:
                    weight.copy_(whole)
        try:
            yield self._whole.to(self.run.accelerator.device).eval()
        finally:
            self._whole.to("cpu")


def _own_part(weight: Tensor) -> Tensor:
    """What this process holds of a weight."""
    return weight.to_local() if isinstance(weight, DTensor) else weight


class _MovingAverage:
    """Of the loss, to tell an explosion from noise."""

    def __init__(self) -> None:
        self.value, self.steps = 0.0, 0

    def add(self, loss: float) -> None:
        self.steps += 1
        self.value += (loss - self.value) / min(self.steps, 100)


class _State:
    """Lets accelerate keep a plain object's attributes in its checkpoints."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self._target))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self._target).update(state)


class _Clock:
    """Images a second since it was last asked."""

    def __init__(self) -> None:
        self._images, self._since = 0, time.perf_counter()

    def add(self, images: int) -> None:
        self._images += images

    def rate(self) -> float:
        now = time.perf_counter()
        rate = self._images / (now - self._since)
        self._images, self._since = 0, now
        return rate


def _peak_memory(device: torch.device) -> int | None:
    """Bytes: a GPU's allocations, on a CPU the whole process; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    if sys.platform != "linux":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _seed(seed: int, step: int, process: int) -> int:
    """A different random stream for each step of each process."""
    return (seed * 1_000_003 + step) * 4_099 + process
