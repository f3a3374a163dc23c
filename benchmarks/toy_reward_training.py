"""A tiny policy learns from GenEval as its reward: flow-GRPO on NAMI-tiny, in the shapes world, on a CPU.

    python -m benchmarks.toy_reward_training -o docs/results/reward-training/training.json
    python -m benchmarks.toy_reward_training --updates 5 --seeds 0      a quick look

The policy is the model that comes with the package, drawing in nine steps without guidance, where it is right
in about a quarter of its pictures (in 52 steps with guidance: 96 of 100), so there is something to learn; no
weight is spoilt for it. It learns on captions of the shapes world's training split and is measured on
combinations that neither this training nor the model's own has seen, from the same noise before and after.

The method is flow-GRPO's (Liu et al. 2025, arXiv 2505.05470): several images of each prompt, rewards less
their group's mean over its standard deviation, the policy's gradient through the log-probability of every
noisy step. Simpler than there: plain Gaussian noise is added to each Euler step, without the drift that would
keep the flow's marginals; each batch is used once, so that there is no ratio to clip; no KL term.

`train` takes any reward function, in this process or behind an address; the default is the analytic detector
and GenEval's rules in this process.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmarks.ratings_statistics import machine
from benchmarks.shapes_rewards import KINDS, RewardFunction, shapes_reward, shapes_rewards
from nami_bench.domain import GENEVAL_TASKS
from nami_bench.errors import WorkError
from nami_bench.generators.nami.folder import PLAIN_SAMPLING, pipeline_folder
from nami_bench.generators.nami.latents import pack, shrink_noise, unpack
from nami_bench.generators.nami.loading import load_pipeline
from nami_bench.generators.nami.sampling import StagePlan, denoise_step, plan_stages
from nami_bench.generators.nami.scheduler import NamiEulerScheduler
from nami_bench.generators.nami.training.shapes_data import Caption, draw_captions, held_out_prompts
from nami_bench.software import software

MODEL = Path("nami-tiny")
UNGUIDED = 1.0
Metadata = Mapping[str, Any]
"""A line of GenEval's prompt file: tag, include, (exclude,) prompt."""
Rewards = NDArray[np.float64]
_AT_ONCE = 64
_HELD_OUT_NOISE = 10_000


@dataclass(frozen=True, slots=True)
class Settings:
    """`flow_steps`: Euler steps of each stage. `exploration`: standard deviation of a step's noise, as a
    share of the step's length in sigma; it falls to a share of that towards the end of a stage, and the last
    step of all has none."""

    flow_steps: tuple[int, ...] = (3, 3, 3)
    prompts: int = 12
    images_per_prompt: int = 8
    learning_rate: float = 1e-4
    exploration: float = 0.6
    gradient_clip: float = 1.0


@dataclass(frozen=True, slots=True)
class Move:
    """One noisy step of a batch, packed latents `before` and `after`, (images, tokens, channels)."""

    plan: StagePlan
    step: int
    before: Tensor
    after: Tensor
    deviation: float


class Policy:
    """NAMI-tiny as a policy: from a prompt and noise to an image, step by step."""

    def __init__(self, settings: Settings = Settings()) -> None:
        self.settings = settings
        self.pipeline = load_pipeline(pipeline_folder(MODEL))
        self.pipeline.scheduler = NamiEulerScheduler.from_config(
            self.pipeline.scheduler.config, timestep_spacing=PLAIN_SAMPLING.timestep_spacing
        )
        self.transformer = self.pipeline.transformer
        side = self.transformer.shape.sample_size
        self.latent_shape = (self.transformer.shape.in_channels // 4, side, side)

    def draw(self, rows: Sequence[Metadata], seed: int) -> list[Image.Image]:
        """One image of each prompt, without noise on the way; `seed` is that of the noise it begins with."""
        noise = torch.randn((len(rows), *self.latent_shape), generator=torch.Generator().manual_seed(seed))
        images: list[Image.Image] = []
        for first in range(0, len(rows), _AT_ONCE):
            (drawn,) = self.pipeline(
                [row["prompt"] for row in rows[first : first + _AT_ONCE]],
                num_inference_steps=self.settings.flow_steps,
                guidance_scale=UNGUIDED,
                latents=noise[first : first + _AT_ONCE],
                return_dict=False,
            )
            images += drawn
        return images

    @torch.no_grad()
    def explore(
        self, rows: Sequence[Metadata], source: torch.Generator
    ) -> tuple[list[Image.Image], list[Move]]:
        """One image of each prompt with noise in its steps, and the steps that had some."""
        text = self.transformer.project_text(*self.encode(rows))
        latents = shrink_noise(
            torch.randn((len(rows), *self.latent_shape), generator=source), self.pipeline.num_stages - 1
        )
        moves: list[Move] = []
        for plan in self._plans(text.context.shape[1]):
            if plan.stage:
                latents = self.pipeline.bridge(latents, plan.stage - 1)
            tokens = pack(latents)
            for step in range(plan.steps):
                before, deviation = tokens, self._deviation(plan, step)
                tokens = denoise_step(self.transformer, before, plan, step, text, UNGUIDED)
                if deviation:
                    tokens = tokens + deviation * torch.randn(tokens.shape, generator=source)
                    moves.append(Move(plan, step, before, tokens, deviation))
            latents = unpack(tokens, plan.height, plan.width)
        return self._decode(latents), moves

    def log_probability(self, move: Move, embeddings: tuple[Tensor, Tensor], chosen: Tensor) -> Tensor:
        """Of the `chosen` images' step, the mean over its values, less a constant: (chosen,)."""
        text = self.transformer.project_text(*(part[chosen] for part in embeddings))
        mean = denoise_step(self.transformer, move.before[chosen], move.plan, move.step, text, UNGUIDED)
        return -((move.after[chosen] - mean) ** 2).mean(dim=(1, 2)) / (2 * move.deviation**2)

    def encode(self, rows: Sequence[Metadata]) -> tuple[Tensor, Tensor]:
        """The prompts' embeddings; the text encoders are not trained."""
        context, pooled = self.pipeline.encode_prompt([row["prompt"] for row in rows])
        assert pooled is not None
        return context, pooled

    def _plans(self, text_tokens: int) -> list[StagePlan]:
        return plan_stages(
            self.transformer,
            self.pipeline.scheduler,
            self.latent_shape[1:],
            self.settings.flow_steps,
            text_tokens=text_tokens,
            dtype=torch.float32,
            device=torch.device("cpu"),
        )

    def _deviation(self, plan: StagePlan, step: int) -> float:
        last = plan.stage == self.pipeline.num_stages - 1 and step == plan.steps - 1
        length = float(-plan.deltas[step])
        return 0.0 if last else self.settings.exploration * length * (1 - step / plan.steps)

    def _decode(self, latents: Tensor) -> list[Image.Image]:
        vae: Any = self.pipeline.vae
        scaled = latents / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
        pixels = vae.decode(scaled, return_dict=False)[0]
        images: list[Image.Image] = self.pipeline.image_processor.postprocess(pixels, output_type="pil")
        return images


def train(
    reward_fn: RewardFunction,
    updates: int,
    *,
    seed: int = 0,
    settings: Settings = Settings(),
    policy: Policy | None = None,
    on_update: Callable[[int, Policy, float], object] = lambda update, policy, reward: None,
) -> Policy:
    """Train a fresh policy, or the one given, in place by `updates` steps on the rewards of its own images.

    `reward_fn` gets PIL images and their GenEval metadata and gives a float for each. `on_update` hears the
    number of the update, the policy after it, and the mean reward of the images it was made from. Raises
    WorkError where a reward is not finite.
    """
    policy = policy or Policy(settings)
    optimizer = torch.optim.AdamW(
        policy.transformer.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=0.0
    )
    captions, source = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    shares = dict.fromkeys(GENEVAL_TASKS, 1.0)
    for update in range(1, updates + 1):
        drawn = draw_captions(captions, settings.prompts, "train", shares)
        rows = [_metadata(caption) for caption in drawn for _ in range(settings.images_per_prompt)]
        images, moves = policy.explore(rows, source)
        rewards = _checked(reward_fn(images, rows), len(images))
        _improve(policy, optimizer, policy.encode(rows), moves, _advantages(rewards, settings))
        on_update(update, policy, float(rewards.mean()))
    return policy


def held_out(prompts: int) -> list[dict[str, Any]]:
    """GenEval metadata that no training has seen, up to `prompts` of each task that has combinations."""
    return [row for row in held_out_prompts(prompts) if row["tag"] != "single_object"]


def rewards_of_prompts(
    policy: Policy, reward_fn: RewardFunction, rows: Sequence[Metadata], images_each: int, seed: int
) -> Rewards:
    """The mean reward of each prompt's images, (prompts,)."""
    repeated = [row for row in rows for _ in range(images_each)]
    rewards = _checked(reward_fn(policy.draw(repeated, seed), repeated), len(repeated))
    return np.asarray(rewards.reshape(len(rows), images_each).mean(axis=1))


@dataclass(frozen=True, slots=True)
class Gain:
    """Mean rewards over prompts before and after, and the bootstrap interval of their difference."""

    before: float
    after: float
    low: float
    high: float


def gain(before: Rewards, after: Rewards, level: float = 0.95) -> Gain:
    """Paired percentile bootstrap of 10,000 resamples over prompts; both arrays are (prompts,)."""
    differences = after - before
    resamples = np.random.default_rng(0).integers(len(differences), size=(10_000, len(differences)))
    tail = (1 - level) / 2
    low, high = np.quantile(differences[resamples].mean(axis=1), (tail, 1 - tail))
    return Gain(float(before.mean()), float(after.mean()), float(low), float(high))


def shuffled(reward_fn: RewardFunction, seed: int = 0) -> RewardFunction:
    """The same rewards, given to the wrong images: nothing can be learnt from them."""
    rng = np.random.default_rng(seed)

    def reward(images: Sequence[Image.Image], metadata: Sequence[Metadata]) -> Rewards:
        return np.asarray(rng.permutation(reward_fn(images, metadata)))

    return reward


def _improve(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    embeddings: tuple[Tensor, Tensor],
    moves: Sequence[Move],
    advantages: Tensor,
) -> None:
    chosen = advantages != 0
    if not chosen.any():
        return
    optimizer.zero_grad()
    for move in moves:  # one after another, so that memory is one step's
        gained = advantages[chosen] * policy.log_probability(move, embeddings, chosen)
        (-gained.sum() / (len(advantages) * len(moves))).backward()
    torch.nn.utils.clip_grad_norm_(policy.transformer.parameters(), policy.settings.gradient_clip)
    optimizer.step()


def _advantages(rewards: Rewards, settings: Settings) -> Tensor:
    """Rewards less their group's mean, over its standard deviation; 0 where all of a group are equal."""
    groups = rewards.reshape(settings.prompts, settings.images_per_prompt)
    spread = groups.std(axis=1, keepdims=True)
    normal = (groups - groups.mean(axis=1, keepdims=True)) / np.where(spread > 1e-9, spread, np.inf)
    return torch.from_numpy(normal.ravel()).float()


def _checked(rewards: Any, images: int) -> Rewards:
    found = np.asarray(rewards, dtype=np.float64)
    if found.shape != (images,) or not np.isfinite(found).all():
        raise WorkError(f"the reward function did not give {images} finite numbers")
    return found


def _metadata(caption: Caption) -> dict[str, Any]:
    return {**caption.clauses, "prompt": caption.text}


def measure(arguments: argparse.Namespace, seed: int, control: bool) -> dict[str, Any]:
    """One run on one core: gains on held-out prompts on the way and at the end."""
    torch.set_num_threads(1)
    rows, policy, reward_fn = held_out(arguments.prompts), Policy(), shapes_reward(arguments.reward)
    started, curve = time.process_time(), []
    before = _held_out_rewards(policy, rows, arguments.images)

    def note(update: int, policy: Policy, reward: float) -> None:
        entry: dict[str, Any] = {"update": update, "training": reward}
        if update % arguments.every == 0 or update == arguments.updates:
            after = _held_out_rewards(policy, rows, arguments.images)
            entry["held_out"] = {kind: asdict(gain(before[kind], after[kind])) for kind in KINDS}
            entry["tasks"] = _by_task(rows, before[arguments.reward], after[arguments.reward])
        entry["processor_seconds"] = round(time.process_time() - started)
        curve.append(entry)
        print(json.dumps({"seed": seed, "shuffled": control, **entry}), flush=True)

    used = shuffled(reward_fn, seed) if control else reward_fn
    train(used, arguments.updates, seed=seed, policy=policy, on_update=note)
    return {"seed": seed, "rewards": "shuffled" if control else "true", "curve": curve}


def _held_out_rewards(policy: Policy, rows: Sequence[Metadata], images_each: int) -> dict[str, Rewards]:
    """Every kind of reward of each prompt, the mean over its images; the same noise whenever it is asked."""
    repeated = [row for row in rows for _ in range(images_each)]
    found = shapes_rewards(policy.draw(repeated, _HELD_OUT_NOISE), repeated)
    shape = (len(rows), images_each)
    return {
        kind: np.array([getattr(one, kind) for one in found]).reshape(shape).mean(axis=1) for kind in KINDS
    }


def _by_task(rows: Sequence[Metadata], before: Rewards, after: Rewards) -> dict[str, Any]:
    tags = np.array([row["tag"] for row in rows])
    return {
        str(tag): {
            "prompts": int((tags == tag).sum()),
            "before": float(before[tags == tag].mean()),
            "after": float(after[tags == tag].mean()),
        }
        for tag in dict.fromkeys(tags)
    }


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--controls", type=int, nargs="*", default=(0,), help="seeds with shuffled rewards")
    parser.add_argument("--reward", choices=KINDS, default="partial", help="what is trained on")
    parser.add_argument("--prompts", type=int, default=29, help="held-out prompts of each task, at most")
    parser.add_argument("--images", type=int, default=4, help="images of each held-out prompt")
    parser.add_argument("--every", type=int, default=10, help="updates between two measurements")
    parser.add_argument("--workers", type=int, default=2, help="runs at once, one core each")
    parser.add_argument("-o", "--output", type=Path, help="the figures as JSON")
    arguments = parser.parse_args()
    runs = [(seed, False) for seed in arguments.seeds] + [(seed, True) for seed in arguments.controls]
    with ProcessPoolExecutor(arguments.workers) as pool:
        measured = list(pool.map(partial(measure, arguments), *zip(*runs, strict=True)))
    report = {
        "command": "python -m benchmarks.toy_reward_training",
        "settings": {
            name: value for name, value in vars(arguments).items() if name not in ("output", "workers")
        },
        "training": asdict(Settings()),
        "machine": machine(),
        "versions": software(),
        "runs": measured,
    }
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
