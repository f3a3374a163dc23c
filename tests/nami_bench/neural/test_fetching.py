"""While the hub's files arrive, people are told how much has."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from nami_bench.neural import loading as loading_module
from nami_bench.neural.hub import fetching
from nami_bench.neural.loading import told_by
from tests.nami_bench.neural.test_loading import Listener


def test_what_has_arrived_is_counted_without_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(loading_module, "A_MOMENT_S", 0.0)
    monkeypatch.setattr(loading_module, "SECONDS_BETWEEN_LINES", 0.001)
    blobs = tmp_path / "models--some--model" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "0123").write_bytes(bytes(3_000_000))
    listener = Listener()
    with told_by(listener), fetching("model", "some/model"):
        (blobs / "4567.incomplete").write_bytes(bytes(2_000_000))
        for _ in range(3):
            listener.wait()
    assert listener.lines[0] == "fetching some/model from the hub or its cache ..."
    assert listener.lines[-1] == "fetching some/model from the hub or its cache: 2 MB so far"
