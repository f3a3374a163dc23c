"""What a training run needs before its first step, made or taken up again in its folder."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import DistributedType
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME

from nami_bench.errors import InputError, StorageError
from nami_bench.generators.nami.autoencoder import PatchPCAAutoencoder
from nami_bench.generators.nami.folder import pipeline_folder
from nami_bench.generators.nami.loading import load_pipeline
from nami_bench.generators.nami.pipeline import NamiPipeline
from nami_bench.generators.nami.training.bridge_training import train_bridge
from nami_bench.generators.nami.training.conditioning import Encoder
from nami_bench.generators.nami.training.config import TrainConfig
from nami_bench.generators.nami.training.data import TrainingData, open_data
from nami_bench.generators.nami.training.tiny import new_pipeline
from nami_bench.neural.pretrained import pretrained

Say = Callable[[str], object]

_FITTED_IMAGES = 512


class Preparation:
    """Pipeline, data and encoder of a run of `config` in `folder`, which keeps to its configuration.

    Raises InputError where the folder belongs to another run. The same configuration with another number of
    steps is the same run, made longer or shorter.
    """

    def __init__(self, config: TrainConfig, folder: Path, say: Say = lambda message: None) -> None:
        self.config, self.folder = config, folder
        train = config.train
        unused = any(min(ratio) == 0 for ratio in train.shares)
        self.accelerator = Accelerator(
            mixed_precision=train.mixed_precision,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=unused)],
            # The learning rate goes by the run's steps, however many processes take them together.
            step_scheduler_with_optimizer=False,
        )
        # cuDNN's attention, given a mask, can have NaN gradients in half precision on H100 and H200
        # (PyTorch's issue 196678).
        torch.backends.cuda.enable_cudnn_sdp(False)
        self.is_main = self.accelerator.is_main_process
        self.say = say if self.is_main else lambda message: None
        self.is_sharded = self.accelerator.distributed_type == DistributedType.FSDP
        if self.is_sharded and not self.accelerator.is_fsdp2:
            raise InputError(
                "NAMI trains with the second version of FSDP: `accelerate launch --fsdp_version 2`"
            )
        self.pipeline = self._load_pipeline()
        config.check_stages(self.pipeline.num_stages)
        bridge = config.bridge.weights
        if bridge is not None and not (bridge / "config.json").is_file():
            raise InputError(f"[bridge]: weights: {bridge} holds no bridge")
        if config.trains_text:
            for encoder in (self.pipeline.text_encoder, self.pipeline.text_encoder_2):
                # Fused kernels save little on short texts; their gradients have faults with a mask or a bias.
                encoder.set_attn_implementation("eager")
        multiple = self.pipeline.vae_scale_factor * self.pipeline.transformer.shape.size_multiple
        self.data = open_data(config.data, multiple, train.seed)
        self.validation = self._open_validation(multiple)
        # Not before all that may be refused: a folder that is claimed is kept to its configuration.
        self._claim_folder()
        self._prepare_autoencoder()
        self.encoder = Encoder(
            self.pipeline,
            trained_text=config.trains_text,
            cache=config.data.cache,
            identity=str(config.model.pipeline),
        )
        self._report_skipped()

    def prepare_bridge(self, on_step: Callable[[int, float], object] = lambda step, loss: None) -> None:
        """Load the run's bridge, or pretrain it where the run has none yet."""
        bridge: Any = self.pipeline.bridge
        kept = self.folder / "bridge"
        given = self.config.bridge.weights
        source = kept if (kept / "config.json").is_file() else given
        if source is not None:
            try:
                bridge.load_state_dict(pretrained(type(bridge), source).state_dict())
            except (OSError, RuntimeError, ValueError) as error:
                raise InputError(
                    f"the bridge in {source} is not the one that the configuration describes"
                ) from error
        elif bridge.transitions and any(True for _ in bridge.parameters()):
            self._pretrain(bridge, on_step)
        # Every process has looked and read before one of them writes.
        self.accelerator.wait_for_everyone()
        if self.is_main:
            bridge.save_pretrained(kept)
        bridge.requires_grad_(False).to(self.accelerator.device)

    def _prepare_autoencoder(self) -> None:
        """Load the run's autoencoder, or fit it where it is one that is fitted and the run has none yet."""
        vae = self.pipeline.vae
        if self.config.model.pipeline is not None or not isinstance(vae, PatchPCAAutoencoder):
            return
        kept = self.folder / "autoencoder"
        # The weights are written last. Every process looks before one of them writes.
        is_fitted = (kept / SAFETENSORS_WEIGHTS_NAME).is_file()
        self.accelerator.wait_for_everyone()
        if is_fitted:
            self.pipeline.vae = pretrained(PatchPCAAutoencoder, kept)
        else:
            # The same images in every process, far from the numbers that training takes its batches from.
            share = vae.fit(self.data.batch(2 * 10**9, _FITTED_IMAGES).pixels)
            self.log(event="autoencoder", variance_kept=share)
            if self.is_main:
                vae.save_pretrained(kept)
        self.pipeline.vae.to(self.accelerator.device)

    def log(self, **record: Any) -> None:
        """One line in the run's log."""
        if self.is_main:
            with (self.folder / "log.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")

    def _pretrain(self, bridge: Any, on_step: Callable[[int, float], object]) -> None:
        section = self.config.bridge
        device = self.accelerator.device
        bridge.to(device)
        self.say(f"pretraining the {section.kind} bridge for {section.steps} steps")
        fit = train_bridge(
            bridge,
            # Far from the numbers that training takes its batches from.
            lambda n: self.encoder.latents(self.data.batch(10**9 + n, section.batch_size), device),
            self.pipeline.scheduler.config.stage_range,
            section.steps,
            section.learning_rate,
            self.config.train.seed,
            on_step,
        )
        self.log(event="bridge", error=fit.error, upsampling=fit.upsampling)

    def _claim_folder(self) -> None:
        # Which images make a step depends on how many processes take it.
        shape = {"processes": self.accelerator.num_processes, "sharded": self.is_sharded}
        description = json.loads(json.dumps(asdict(self.config) | shape, default=str))
        path = self.folder / "run.json"
        try:
            old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
            if old is not None:
                # A run may be made longer or shorter as it goes: learning rate and shares follow.
                _check_same(old, description | {"train": description["train"] | _steps(old)}, self.folder)
            if self.is_main and old != description:
                self.folder.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
                partial.replace(path)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        self.accelerator.wait_for_everyone()

    def _load_pipeline(self) -> NamiPipeline:
        model = self.config.model
        if model.pipeline is None:
            train = self.config.train
            pipeline = new_pipeline(model, self.config.bridge.kind, train.seed, train.start_noise)
            pipeline.set_progress_bar_config(disable=True)
            return pipeline
        try:
            pipeline = load_pipeline(pipeline_folder(model.pipeline))
        except InputError as error:
            raise InputError(f"[model]: {error}") from error
        frozen = [pipeline.vae]
        if not model.train_text:
            frozen += [pipeline.text_encoder, pipeline.text_encoder_2]
        for part in frozen:
            part.requires_grad_(False).eval().to(self.accelerator.device)
        return pipeline

    def _open_validation(self, multiple: int) -> TrainingData | None:
        try:
            return open_data(self.config.data, multiple, self.config.train.seed, "held-out")
        except InputError:
            self.say("too few images to hold some out: there will be no validation loss")
            return None

    def _report_skipped(self) -> None:
        for reason, count in self.data.skipped.items():
            self.say(f"{count} images passed over: {reason}")
        self.log(event="data", skipped=dict(self.data.skipped))


def _steps(description: Any) -> dict[str, Any]:
    """{"steps": n} of a run's description, nothing where it has none."""
    train = description.get("train", {})
    return {"steps": train["steps"]} if "steps" in train else {}


def _check_same(old: Any, new: Any, folder: Path, where: str = "") -> None:
    """Refuse to go on with another configuration, and name the first key that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            _check_same(old.get(key), new.get(key), folder, f"{where}.{key}" if where else key)
    elif old != new:
        raise InputError(
            f"{folder} holds a run with {where} = {old!r}, not {new!r}: name another folder, or put the "
            "configuration back to go on"
        )
