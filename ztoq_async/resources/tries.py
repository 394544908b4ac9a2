"""How often one call is sent again, and how long it waits before."""

from __future__ import annotations

import asyncio
import math
import random
import time

from ztoq_async.errors import ServiceError

PATIENCE = 600.0
"""Seconds that one call waits, in all, for a service that answers 429."""
FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 15.0


class Tries:
    """How often, and for how long, one call may still be sent."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._end = math.inf

    def used_up(self) -> bool:
        self._used += 1
        return self._used >= self._most

    async def after(self, error: ServiceError) -> None:
        """Waits a random time before the next try; a 429 costs patience only, and the pace does its waiting."""
        if error.status == 429:
            now = time.monotonic()
            self._end = min(self._end, now + PATIENCE)
            if now >= self._end:
                raise error
            return
        if self.used_up():
            raise error
        await asyncio.sleep(random.uniform(0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**self._used)))  # noqa: S311
