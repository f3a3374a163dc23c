"""Image addresses: opaque, for one annotator, and only for a while.

An address names an assignment's token, a side and the time of its end, and is signed with a key that all
workers of a database share. So no table of addresses is kept, and none survives its time.
"""

import hashlib
import hmac
from dataclasses import dataclass

from nami_bench.errors import RefusedError

LIFETIME_S = 3600


@dataclass(frozen=True, slots=True)
class Addresses:
    """Makes and opens the addresses of one annotator."""

    key: bytes
    annotator: str

    def make(self, token: str, side: int, now: float) -> str:
        """The address of an assignment's image: `side` 0 is the left or only one."""
        body = f"{token}.{side}.{int(now) + LIFETIME_S:x}"
        return f"{body}.{self._sign(body)}"

    def open(self, address: str, now: float) -> tuple[str, int]:
        """(token, side) of an address; raises RefusedError unless it is good for this annotator, now."""
        body, _, signature = address.rpartition(".")
        if not hmac.compare_digest(self._sign(body).encode(), signature.encode()):
            raise RefusedError("not_yours", "this image is not for you")
        token, side, end = body.split(".")
        if int(end, 16) <= now:
            raise RefusedError("address_expired", "this image's address has expired: reload the page")
        return token, int(side)

    def _sign(self, body: str) -> str:
        return hmac.digest(self.key, f"{self.annotator}\n{body}".encode(), hashlib.sha256).hex()[:32]
