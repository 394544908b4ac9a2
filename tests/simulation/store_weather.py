"""What goes wrong between an engine and its store."""

from __future__ import annotations

import random

from virtual_loop import PROCESS


class StoreWeather:
    """`rates` at "begin", "statement" and "commit" are between 0 and 1; a commit is lost before or after it.

    A process that is gone reaches nothing any more.
    """

    def __init__(self, chance=None, rates=None, slow_s=0.0):
        self._chance = chance or random.Random(0)
        self._rates = rates or {}
        self._slow_s = slow_s
        self.any = bool(self._rates)

    @classmethod
    def draw(cls, chance):
        """Half of all engines have a store that never fails."""
        rates = {}
        if chance.random() < 0.5:
            rates = {point: chance.choice((0.01, 0.1)) for point in ("begin", "statement", "commit")}
        return cls(chance, rates, chance.choice((0.0, 0.0, 0.01, 1.0)))

    def seconds(self, point):
        """How long this step takes."""
        return self._chance.random() * self._slow_s if self._slow_s and point != "statement" else 0.0

    def lost(self, point):
        """Whether the connection is lost at this step."""
        process = PROCESS.get()
        if process.killed:
            return "before"
        if point == "commit":
            process.reach("commit")
        rate = self._rates.get(point, 0.0)
        if not rate or self._chance.random() >= rate:
            return ""
        return self._chance.choice(("before", "after")) if point == "commit" else "before"
