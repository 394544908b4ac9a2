"""Tokens of the simulated site: the page's, which never expires, and those of the password grant."""

from __future__ import annotations

import random
import time
from base64 import urlsafe_b64encode

import msgspec

DOCUMENTED_LIFETIME_S = 3599.0


def jwt(rng: random.Random, subject: int) -> str:
    """A token shaped like a JWT; its signature is random and is never checked."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": str(subject), "jti": rng.randrange(10**12)}]
    encoded = [urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, urlsafe_b64encode(rng.randbytes(32)).rstrip(b"=").decode()])


class Tokens:
    """Which tokens are valid, for how long; expiry is in seconds of the monotonic clock."""

    def __init__(self, rng: random.Random, subject: int) -> None:
        self._rng = rng
        self._subject = subject
        self.permanent = jwt(rng, subject)
        self._expiry: dict[str, float | None] = {self.permanent: None}
        self._refresh: set[str] = set()

    def issue(self, lifetime: float) -> tuple[str, str]:
        """(access token, refresh token)."""
        now = time.monotonic()
        self._expiry = {token: end for token, end in self._expiry.items() if end is None or end > now}
        access, refresh = jwt(self._rng, self._subject), jwt(self._rng, self._subject)
        self._expiry[access] = now + lifetime
        self._refresh.add(refresh)
        return access, refresh

    def use_refresh(self, token: str) -> bool:
        """Whether the refresh token was valid; it is used up."""
        valid = token in self._refresh
        self._refresh.discard(token)
        return valid

    def remaining(self, token: str) -> float | None:
        """Seconds left, infinity for a permanent token, None for an unknown or expired one."""
        if token not in self._expiry:
            return None
        end = self._expiry[token]
        if end is None:
            return float("inf")
        left = end - time.monotonic()
        return left if left > 0 else None

    def revoke(self, token: str) -> None:
        self._expiry.pop(token, None)
