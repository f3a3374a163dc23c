"""Tiny pipelines of the real classes: random weights, tokenizers made here, nothing from the hub."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]  # nothing here works without the extra `models`


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As under HF_HUB_OFFLINE=1 with an empty cache, whenever the hub's library was first imported."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny saved pipeline, by kind: a name in tests/support/tiny_pipelines."""
    root = tmp_path_factory.mktemp("pipelines")

    def folder(kind: str) -> Path:
        path = root / kind
        if not path.exists():
            import torch

            from tests.support.tiny_pipelines import builders

            torch.manual_seed(0)
            builders()[kind]().save_pretrained(path)
        return path

    return folder
