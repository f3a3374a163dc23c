"""Weights on a hub on this machine, which the hub's own library speaks with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from nami_bench.errors import InputError
from nami_bench.neural.hub_weights import HubFiles
from tests.support.hub import COMMIT, Hub, hub_server

TENSORS = bytes(100_000)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, no_proxy: None, tmp_path: Path) -> Iterator[Hub]:
    with hub_server(monkeypatch, tmp_path / "hub") as hub:
        hub.repositories["o/net"] = {
            "config.json": b"{}",
            "sub/more.json": b"[]",
            "model.safetensors": TENSORS,
            "huge.onnx": b"not asked for",
        }
        yield hub


NET = HubFiles(
    repository="o/net",
    patterns=("*.json", "model.safetensors"),
    otherwise=("*.json", "pytorch_model.bin"),
    signs=("model.safetensors", "pytorch_model.bin"),
    licence="MIT",
)


def names(files: list[Path]) -> list[str]:
    return [path.as_posix().partition(f"{COMMIT}/")[2] for path in files]


def test_what_is_asked_for_is_fetched_and_nothing_else(hub: Hub) -> None:
    assert NET.files() == [] and NET.hash().digits is None
    told: list[tuple[int, int | None]] = []
    folder = NET.fetch(lambda done, total: told.append((done, total)))
    assert names(NET.files()) == ["config.json", "model.safetensors", "sub/more.json"]
    assert folder == NET.files()[0].parent and NET.damage() == []
    assert told[-1] == (100_004, 100_004)


def test_no_foreign_bars_are_shown(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    NET.fetch(lambda done, total: None)
    assert capsys.readouterr() == ("", "")


def test_older_weights_are_fetched_where_there_are_no_others(hub: Hub) -> None:
    files = hub.repositories["o/net"]
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    NET.fetch()
    assert "pytorch_model.bin" in names(NET.files())


def test_a_repository_without_weights_is_said(hub: Hub) -> None:
    del hub.repositories["o/net"]["model.safetensors"]
    with pytest.raises(InputError, match=r"o/net on the hub has none of the files model\.safetensors"):
        NET.fetch()


def test_an_unknown_repository_is_one_sentence(hub: Hub) -> None:
    hub.repositories.clear()
    with pytest.raises(InputError, match="'o/net' is neither a folder here nor a public model"):
        NET.fetch()


def test_the_hash_is_the_hubs_own(hub: Hub) -> None:
    import hashlib

    NET.fetch()
    known = NET.hash()
    assert known.digits == hashlib.sha256(TENSORS).hexdigest() and not known.verified
    assert known.source == "the hub, for model.safetensors, when it was fetched"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_damage_is_said_and_mended(hub: Hub, name: str) -> None:
    NET.fetch()
    damaged = next(path for path in NET.files() if path.name == name)
    damaged.resolve().write_bytes(b"x")
    (line,) = NET.damage()
    assert line.startswith(f"{damaged}: its hash is ")
    NET.fetch()
    assert NET.damage() == [] and damaged.read_bytes() == hub.repositories["o/net"][name]


def test_files_of_an_unfinished_fetch_count_as_missing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    NET.fetch()
    weights = next(path for path in NET.files() if path.name == "model.safetensors")
    weights.unlink()
    assert NET.files() == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set"):
        NET.fetch()


def test_nobody_is_asked_what_is_here(hub: Hub) -> None:
    NET.fetch()
    hub.asked.clear()
    assert NET.files() and NET.damage() == [] and NET.hash().digits
    assert hub.asked == []
