"""A platform that signs the addresses by which it sends people."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from nami_bench.annotator_app.crowd.providers import parameters_of


class Platform:
    """Signs arrivals as Prolific would, and publishes its keys."""

    def __init__(self, kid: str = "k1") -> None:
        self.kid = kid
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def keys(self) -> dict[str, Any]:
        public = json.loads(ECAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "ES256"}]}

    def signed(self, query: str, *, ends_in: float = 60, audience: str = "rate.example", **more: Any) -> str:
        """The address's parameters, with their signature."""
        claims = {"exp": time.time() + ends_in, "aud": audience, "prolific": parameters_of(query)}
        token = jwt.encode({**claims, **more}, self._key, algorithm="ES256", headers={"kid": self.kid})
        return f"{query}&prolific_token={token}"
