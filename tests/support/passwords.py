"""Passwords hashed cheaply: in production that takes a core a tenth of a second, on purpose."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from nami_bench.store import logins

_QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_IN_PRODUCTION = logins._hasher


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """For all tests, but for what they start as programs of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logins, "_hasher", lambda: _QUICK)
        logins._nobodys_hash.cache_clear()
        yield


@pytest.fixture
def passwords_as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_hasher", _IN_PRODUCTION)
