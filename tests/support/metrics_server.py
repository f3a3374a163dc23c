"""The metrics server in a thread of the tests' own process."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import uvicorn

from nami_bench.metrics_server.app import build_app
from nami_bench.metrics_server.settings import Limits
from nami_bench.scoring.local import LocalMetrics, create_metrics
from nami_bench.services.web_server import listen


@contextlib.contextmanager
def served(
    metrics: Mapping[str, Any], limits: Limits | None = None, token: str | None = None, port: int = 0
) -> Iterator[str]:
    """Its address; `metrics` are metric objects by name."""
    listener = listen("127.0.0.1", port)
    app = build_app(LocalMetrics(metrics), limits or Limits(), token)
    config = uvicorn.Config(app, log_level="error", ws="none", http="h11", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def shapes_server() -> Iterator[str]:
    """The address of GenEval with its rewards, on shapes."""
    with served(create_metrics(["geneval"], {"detector": "shapes", "rewards": True})) as address:
        yield address
