"""What every test may rely on; what must be started for it stands in `tests/support`."""

import gc
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = [
    "tests.support.browser",
    "tests.support.databases",
    "tests.support.http_server",
    "tests.support.metrics_server",
    "tests.support.object_store",
    "tests.support.passwords",
]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches the tests and the programs they start, also where a shell started them in the background
    and so had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test asks over TLS, but every HTTP client, of the programs too, reads the certificates of all
    authorities when it is made, which takes longer than most tests."""
    import certifi

    first, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")
    path = tmp_path_factory.mktemp("authorities") / "one.pem"
    path.write_text(f"{first}{end}\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(path))
        yield


@pytest.fixture(scope="module", autouse=True)
def frozen_garbage() -> None:
    """What is loaded by now is never garbage: else every full collection looks through all libraries, and
    code asks for one whenever memory runs out."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # so that libraries find everything freed when the process ends


@pytest.fixture(scope="session")
def complaints() -> Callable[..., list[str]]:
    """`complaints(page, part="html")`: what axe-core finds wrong, by WCAG 2.2 AA and good practice."""
    from axe_playwright_python.sync_playwright import Axe

    options = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        "rules": {"label-content-name-mismatch": {"enabled": True}},
        "resultTypes": ["violations"],
        "preload": False,  # styles would be asked for once more, which a page opened from disk may not
    }

    def find(page: Any, part: str = "html") -> list[str]:
        found = Axe().run(page, context={"include": [[part]]}, options=options).response["violations"]
        nodes = [(violation["id"], node) for violation in found for node in violation["nodes"]]
        return [f"{rule}: {node['html'][:120]} {node['failureSummary'][:200]}" for rule, node in nodes]

    return find
