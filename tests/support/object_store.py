"""A real server on this machine that speaks S3 (moto's), which can be told to fail."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

_ACCOUNT = "123456789012"
_numbers = count()


@dataclass
class ObjectStore:
    """A bucket of its own on the server; the environment names server and credentials.

    `faults`: what the next requests are answered with in place of the server's answer, an HTTP status and an
    S3 code. `lost_answers`: so many requests are met and answered with an error all the same. `conditional`:
    whether the server heeds If-Match and If-None-Match. `asked`: method and path of every request.
    """

    address: str
    bucket: str
    faults: deque[tuple[int, str]] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    conditional: bool = True
    lost_answers: int = 0

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/nami"

    @property
    def client(self) -> Any:
        """boto3's, which shares nothing with the program's."""
        import boto3

        return boto3.client("s3")

    def names(self, below: str = "nami/") -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=below).get("Contents", [])
        return [entry["Key"] for entry in found]

    def age(self, key: str, seconds: float) -> None:
        """Let an object have been written so much earlier."""
        from moto.backends import get_backend

        backend: Any = get_backend("s3")
        found = backend[_ACCOUNT]["aws"].buckets[self.bucket].keys[key]
        found.last_modified -= timedelta(seconds=seconds)


class _Gate:
    """In front of the server: counts requests, and answers some of them itself."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application
        self.store: ObjectStore | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        store = self.store
        if store is None:
            return self._application(environ, start_response)
        if not store.conditional:
            environ.pop("HTTP_IF_NONE_MATCH", None)
            environ.pop("HTTP_IF_MATCH", None)
        store.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        if not store.faults and not store.lost_answers:
            return self._application(environ, start_response)
        if store.faults:
            status, code = store.faults.popleft()
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        else:
            store.lost_answers -= 1
            list(self._application(environ, lambda *_: None))
            status, code = 500, "InternalError"
        body = f"<Error><Code>{code}</Code><Message>said by a test</Message></Error>".encode()
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
        start_response(f"{status} {code}", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[str, _Gate]]:
    pytest.importorskip("s3fs", reason="NO S3: pip install -c constraints.txt -e '.[dev]'")
    pytest.importorskip("moto", reason="NO S3: pip install -c constraints.txt -e '.[dev]'")
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *arguments: Any) -> None:
            """Say nothing."""

    gate = _Gate(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]  # clients keep connections open
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", gate
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def object_store(
    s3_server: tuple[str, _Gate], no_proxy: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStore]:
    import s3fs

    address, gate = s3_server
    store = ObjectStore(address, f"bucket-{next(_numbers)}")
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    store.client.create_bucket(Bucket=store.bucket)
    s3fs.S3FileSystem.clear_instance_cache()
    gate.store = store
    yield store
    gate.store = None
    s3fs.S3FileSystem.clear_instance_cache()
