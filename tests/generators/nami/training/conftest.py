"""A toy run: a NAMI of a few thousand parameters on the shapes world."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]

TOY = """
[model]
pixels_per_latent = 4
[model.transformer]
in_channels = 192
num_layers = 1
num_single_layers = 2
attention_head_dim = 16
num_attention_heads = 2
joint_attention_dim = 32
pooled_projection_dim = 32
axes_dims_rope = [4, 6, 6]
stage_singleblock_index = [1, 1, 2]
sample_size = 16
[model.text]
vocabulary = ["a", "photo", "of", "red", "star"]
width = 32
heads = 2
tokens = 8
[bridge]
steps = 5
batch_size = 4
[train]
steps = 6
batch_size = 7
save_every = 2
validate_every = 6
validation_images = 4
sample_every = 6
sample_prompts = ["a photo of a red star"]
warmup_steps = 2
learning_rate = 1e-3
"""


@pytest.fixture
def toy_file(tmp_path: Path) -> Path:
    path = tmp_path / "toy.toml"
    path.write_text(TOY)
    return path


@pytest.fixture
def toy_config(toy_file: Path) -> Callable[..., Any]:
    """`toy_config(steps=3)`: the toy's configuration with other values in [train]."""

    def make(**train: Any) -> Any:
        from nami_bench.generators.nami.training.config import load_train_config

        config = load_train_config(toy_file)
        return replace(config, train=replace(config.train, **train))

    return make
