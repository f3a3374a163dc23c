"""Whether a platform's signature under an arrival is good.

A plain id can be passed on, guessed or typed by anybody; a signed one says that the platform sent this person
just now. The signature is a JWT (RFC 7519), its keys a JSON Web Key Set (RFC 7517). Accepted are algorithms
with two keys alone: with one shared key whoever can check could sign as well.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from nami_bench.domain import Entry, Identity
from nami_bench.domain.entry import Signature
from nami_bench.errors import RefusedError
from nami_bench.services.bounded_client import BoundedClient, NoAnswerError

if TYPE_CHECKING:
    from jwt import PyJWK

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
CLAIM = "prolific"
"""Holds what the address says."""

KEPT_S = 24 * 3600.0
"""For so long fetched keys are good; the platform asks for a day at most."""

ASKED_AGAIN_S = 60.0
"""An unknown key is not asked for sooner than after this: whoever forges must not make us ask."""

LEEWAY_S = 30
_PATIENCE_S = 10.0
_MOST_BYTES = 1_000_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Fetched:
    """Keys by their ids, and when they were fetched (time.monotonic)."""

    keys: "Mapping[str, PyJWK]"
    at: float


class Signatures:
    """Checks signatures; remembers keys by the address they are from. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fetched: dict[str, _Fetched] = {}

    def proven(self, entry: Entry, identity: Identity, found: Mapping[str, str]) -> Identity:
        """`identity`, proven where the study has its arrivals signed.

        Raises RefusedError where the signature is missing, forged, expired, or another person's or study's.
        """
        import jwt

        signature = entry.signature
        if signature is None:
            return identity
        token = found.get(signature.parameter, "")
        if not token:
            raise RefusedError("signature_missing", "the address is not signed by the platform")
        try:
            key = self._key(signature, str(jwt.get_unverified_header(token).get("kid", "")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[*ALGORITHMS],
                audience=signature.audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise RefusedError("signature_expired", "the address has expired") from error
        except jwt.PyJWTError as error:
            raise RefusedError("signature_forged", "the platform's signature is not good") from error
        _check_claim(claims.get(CLAIM), entry, found)
        return replace(identity, is_proven=True)

    def _key(self, signature: Signature, kid: str) -> "PyJWK":
        own = signature.keys
        keys = _read_keys(own) if own else self._keys_from(signature.keys_url, kid)
        if kid not in keys:
            raise RefusedError("signature_forged", "the platform's signature is not good")
        return keys[kid]

    def _keys_from(self, url: str, kid: str) -> "Mapping[str, PyJWK]":
        with self._lock:
            known = self._fetched.get(url)
            age = float("inf") if known is None else time.monotonic() - known.at
            is_good = known is not None and age < KEPT_S and (kid in known.keys or age < ASKED_AGAIN_S)
            if known is None or not is_good:
                known = self._fetched[url] = _Fetched(_fetch(url), time.monotonic())
            return known.keys


def _check_claim(claim: Any, entry: Entry, found: Mapping[str, str]) -> None:
    """What was signed must be what the address says, whoever writes another id beside it."""
    from nami_bench.annotator_app.crowd.providers import provider_of

    names = provider_of(entry).names.all
    said = {str(key): str(value) for key, value in claim.items()} if isinstance(claim, dict) else {}
    if not said or any(said.get(name, "") != found.get(name, "").strip() for name in names if name in found):
        raise RefusedError("signature_other", "the platform's signature is for somebody else")


def _read_keys(text: str) -> "Mapping[str, PyJWK]":
    import jwt

    try:
        found = jwt.PyJWKSet.from_dict(json.loads(text)).keys
    except (ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
        _log.error("the platform's keys cannot be read: %s", error)
        raise _unchecked() from error
    return {key.key_id: key for key in found if key.key_id}


def _fetch(url: str) -> "Mapping[str, PyJWK]":
    try:
        with BoundedClient(_PATIENCE_S) as client:
            answer = client.send("GET", url, max_bytes=_MOST_BYTES)
    except NoAnswerError as error:
        _log.error("the platform's keys cannot be fetched from %s: %s", url, error)
        raise _unchecked() from error
    if answer.status != HTTPStatus.OK:
        _log.error("the platform's keys cannot be fetched from %s: status %d", url, answer.status)
        raise _unchecked()
    return _read_keys(answer.body.decode(errors="replace"))


def _unchecked() -> RefusedError:
    return RefusedError("signature_unchecked", "the platform's signature could not be checked just now")
