"""How often one call is sent again, and how long it waits before."""

from __future__ import annotations

import asyncio
import math
import random
import time

from ztoq_async.errors import ServiceError

PATIENCE = 600.0
"""Seconds that a call waits, in all, where it is answered 429, and that all together wait where nothing else comes."""
FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 15.0


class Tries:
    """How often, and for how long, one call may still be sent."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._refused = math.inf

    def used_up(self) -> bool:
        self._used += 1
        return self._used >= self._most

    async def after(self, error: ServiceError, refusing_since: float) -> None:
        """Waits a random time before the next try; a 429 costs patience only, and the pace does its waiting.

        `refusing_since`, of the monotonic clock, is when the service began to answer nothing but 429.
        """
        if error.status == 429:
            now = time.monotonic()
            self._refused = min(self._refused, now)
            if now >= min(self._refused, refusing_since) + PATIENCE:
                raise error
            return
        if self.used_up():
            raise error
        await asyncio.sleep(random.uniform(0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**self._used)))  # noqa: S311
