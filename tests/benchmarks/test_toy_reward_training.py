"""A policy of 1.7 million parameters learns from a reward: briefly, and on prompts that it has not seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from command_blocks import ROOT, blocks
from PIL import Image

from nami_bench import Scorer
from tests.support.drawn import drawn, shapes_prompts

pytest.importorskip("torch")
pytest.importorskip("diffusers")


def documented_client() -> Any:
    """`geneval_reward` of docs/rewards.md, as it stands there."""
    page = ROOT / "docs" / "rewards.md"
    (client,) = (block for block in blocks(page) if block.file == "geneval_reward.py")
    names: dict[str, Any] = {}
    exec(compile("\n" * client.line + client.text, str(page), "exec"), names)
    return names["geneval_reward"]


def test_the_documented_client_gives_what_flow_grpo_takes(shapes_server: str) -> None:
    prompts = shapes_prompts(12)
    pictures, metadata = drawn(prompts), [prompt.metadata() for prompt in prompts]
    reward = documented_client()(shapes_server)
    batch = np.stack([np.asarray(picture) for picture in pictures]).transpose(0, 3, 1, 2) / 255
    scores, verdicts, stricts, verdict_groups, strict_groups = reward(
        [*batch.transpose(0, 2, 3, 1), np.full((4, 4, 3), np.nan)], None, [*metadata, metadata[0]]
    )
    with Scorer("geneval", detector="shapes", rewards=True) as scorer:
        expected = scorer.score(pictures, metadata).rewards
    assert scores[:-1] == expected["flow_grpo"].tolist()
    assert scores[-1] == pytest.approx(np.mean(expected["flow_grpo"]))
    assert verdicts[:-1] == expected["verdict"].tolist()
    assert stricts[:-1] == expected["strict"].tolist()
    assert verdict_groups["colors"][0] in (verdicts[0], -10.0)
    assert set(strict_groups) == set(verdict_groups)
    reward.close()


@pytest.mark.slow
def test_the_policy_gets_better_by_the_documented_client_on_prompts_that_it_has_not_seen(
    shapes_server: str,
) -> None:
    from benchmarks.shapes_rewards import shapes_reward
    from benchmarks.toy_reward_training import Policy, gain, held_out, rewards_of_prompts, train

    served = documented_client()(shapes_server, "partial")
    reward, rows, policy = shapes_reward("partial"), held_out(29), Policy()
    before = rewards_of_prompts(policy, reward, rows, images_each=3, seed=10_000)
    # After ten updates rewards of other images do a little, too; after twenty nothing (docs/results).
    train(lambda images, metadata: served(images, None, metadata)[0], 20, seed=0, policy=policy)
    served.close()
    after = rewards_of_prompts(policy, reward, rows, images_each=3, seed=10_000)
    found = gain(before, after)
    assert found.low > 0, found
    assert found.after > found.before + 0.1, found


@pytest.mark.slow
def test_a_reward_function_gets_every_image_with_its_metadata_and_an_equal_reward_teaches_nothing() -> None:
    import torch

    from benchmarks.toy_reward_training import Policy, Settings, train

    asked: list[tuple[Sequence[Image.Image], Sequence[Mapping[str, Any]]]] = []

    def indifferent(images: Sequence[Image.Image], metadata: Sequence[Mapping[str, Any]]) -> Any:
        asked.append((images, metadata))
        return np.ones(len(images))

    settings = Settings(prompts=2, images_per_prompt=3)
    policy, untrained = Policy(settings), Policy(settings)
    train(indifferent, 2, settings=settings, policy=policy)
    assert [(len(images), len(metadata)) for images, metadata in asked] == [(6, 6), (6, 6)]
    images, metadata = asked[0]
    assert {(image.mode, image.size) for image in images} == {("RGB", (64, 64))}
    assert len({image.tobytes() for image in images}) == 6
    assert [line["prompt"] for line in metadata[:3]] == [metadata[0]["prompt"]] * 3
    assert all({"tag", "include", "prompt"} <= line.keys() for line in metadata)
    pairs = zip(policy.transformer.parameters(), untrained.transformer.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(
    "rewards", [[1.0, 0.0, float("nan"), 1.0], pytest.param([1.0], marks=pytest.mark.slow)]
)
def test_a_reward_function_that_fails_stops_the_training(rewards: list[float]) -> None:
    from benchmarks.toy_reward_training import Settings, train
    from nami_bench.errors import WorkError

    settings = Settings(flow_steps=(1, 1, 1), prompts=2, images_per_prompt=2)
    with pytest.raises(WorkError, match="4 finite numbers"):
        train(lambda images, metadata: np.array(rewards), 1, settings=settings)


def test_the_gain_is_a_paired_difference_over_prompts() -> None:
    from benchmarks.toy_reward_training import gain

    before = np.linspace(-3, 1, 40)
    better = gain(before, before + np.tile([0.1, 0.3], 20))
    assert better.after - better.before == pytest.approx(0.2)
    assert 0.15 < better.low < 0.2 < better.high < 0.25
    alike = gain(before, before)
    assert (alike.low, alike.high) == (0, 0)


def test_shuffled_rewards_are_the_same_rewards() -> None:
    from benchmarks.toy_reward_training import shuffled

    found = shuffled(lambda images, metadata: np.arange(50.0))([], [])
    assert sorted(found) == list(range(50)) and list(found) != list(range(50))
