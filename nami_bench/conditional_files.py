"""Files of an object store that are written only if nobody else was faster: what a lock is made of.

S3, and those that speak like it, have it: `If-None-Match: *` and `If-Match: ETAG`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol, cast

from nami_bench.locations import as_os_errors, refusal

_LOST = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey"}
_UNKNOWN = {"NotImplemented", "501"}


class UnconditionalStoreError(OSError):
    """The store cannot make a write depend on what is there."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file's bytes; the version that a further write may depend on; and how many seconds ago, by the
    store's own clock, it was written, None where the store does not tell."""

    data: bytes
    version: str
    age: float | None


class ConditionalFile(Protocol):
    """One remote file. Its methods raise OSError, and UnconditionalStoreError."""

    def create(self, data: bytes) -> str | None:
        """Write it if there is none; its version, or None where there is one."""
        ...

    def replace(self, data: bytes, version: str) -> str | None:
        """Write it if it is still of this version; the new one, or None where it is not."""
        ...

    def remove(self, version: str) -> None:
        """Delete it if it is still of this version, where the store lets deleting depend on that."""
        ...

    def read(self) -> Found | None:
        """What is there, if anything."""
        ...


def conditional_file(path: Path) -> ConditionalFile:
    """The remote file of that name. Raises UnconditionalStoreError for a store of another kind."""
    place = cast(Any, path)
    if place.protocol in ("s3", "s3a"):
        return _S3File(place)
    raise UnconditionalStoreError(f"{place.protocol}:// has no conditional writes")


class _S3File:
    def __init__(self, place: Any) -> None:
        self._fs = place.fs
        bucket, key, _ = self._fs.split_path(place.path)
        self._name = {"Bucket": bucket, "Key": key}

    def create(self, data: bytes) -> str | None:
        return self._put(data, IfNoneMatch="*")

    def replace(self, data: bytes, version: str) -> str | None:
        return self._put(data, IfMatch=version)

    def remove(self, version: str) -> None:
        try:
            self._call("delete_object", IfMatch=version)
        except UnconditionalStoreError:
            self._call("delete_object")

    def read(self) -> Found | None:
        async def get() -> tuple[Any, bytes]:
            answer = await self._fs._call_s3("get_object", **self._name)
            async with answer["Body"] as body:
                return answer, await body.read()

        from fsspec.asyn import sync

        try:
            with as_os_errors():
                answer, data = sync(self._fs.loop, get)
        except FileNotFoundError:
            return None
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return Found(data, answer["ETag"], _age(headers, answer["LastModified"].timestamp()))

    def _put(self, data: bytes, **condition: str) -> str | None:
        answer = self._call("put_object", Body=data, **condition)
        return None if answer is None else str(answer["ETag"])

    def _call(self, method: str, **arguments: Any) -> Mapping[str, Any] | None:
        """The store's answer, None where the condition did not hold."""
        try:
            with as_os_errors():
                return cast(Mapping[str, Any], self._fs.call_s3(method, **self._name, **arguments))
        except OSError as error:
            code = refusal(error)
            if code in _UNKNOWN:
                raise UnconditionalStoreError("the store has no conditional writes") from error
            if code in _LOST:
                return None
            raise


def _age(headers: Mapping[str, str], written: float) -> float | None:
    """Seconds between a time of the store's and that of its answer: this machine's clock does not matter."""
    now = headers.get("date")
    return None if now is None else parsedate_to_datetime(now).timestamp() - written
