"""What is loading is said once, after a moment, by one voice."""

import logging
import threading
from pathlib import Path

import pytest

from nami_bench.neural import loading as loading_module
from nami_bench.neural.loading import loading, told_by


class Listener:
    """Hears lines, and can be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.heard = threading.Semaphore(0)

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self.heard.release()

    def wait(self) -> None:
        assert self.heard.acquire(timeout=30)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading_module, "A_MOMENT_S", 0.0)
    monkeypatch.setattr(loading_module, "SECONDS_BETWEEN_LINES", 0.0)


@pytest.mark.usefixtures("at_once")
def test_what_takes_longer_than_a_moment_is_said() -> None:
    listener = Listener()
    with told_by(listener), loading("ViT-L-14 (openai)"):
        listener.wait()
    assert listener.lines == ["loading ViT-L-14 (openai) ..."]


def test_what_takes_no_time_is_not_said() -> None:
    listener = Listener()
    with told_by(listener), loading("a tiny model"):
        pass
    assert listener.lines == []


@pytest.mark.usefixtures("at_once")
def test_of_parts_the_whole_is_said() -> None:
    listener = Listener()
    with told_by(listener), loading("the whole"):
        listener.wait()
        with loading("a part"):
            pass
        with loading("its file", "fetching"):
            listener.wait()
    assert listener.lines == ["loading the whole ...", "fetching its file ..."]


@pytest.mark.usefixtures("at_once")
def test_how_far_it_has_come_is_said_again_and_again() -> None:
    listener, counted = Listener(), iter(range(1_000_000))
    with told_by(listener), loading("a model", "fetching", lambda: f"{next(counted)} MB so far"):
        for _ in range(3):
            listener.wait()
    assert listener.lines[:3] == [
        "fetching a model ...",
        "fetching a model: 0 MB so far",
        "fetching a model: 1 MB so far",
    ]


@pytest.mark.usefixtures("at_once")
def test_after_an_error_nothing_is_under_way() -> None:
    listener = Listener()
    with pytest.raises(ValueError, match="broken"), told_by(listener), loading("x"):
        listener.wait()
        raise ValueError("broken")
    with told_by(listener), loading("y"):
        listener.wait()
    assert listener.lines == ["loading x ...", "loading y ..."]


def test_the_log_has_it_and_a_folder_of_the_hubs_cache_has_the_models_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO), loading(Path("/c/hub/models--some--thing/snapshots/0123")):
        pass
    assert caplog.messages == ["loading some/thing"]
