"""What a benchmark gives: ratios within one run, since machines and their noise differ."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Size:
    """How much to measure: `items` for those that count items, `rounds` for those that compare.

    `top` is the largest project of those that compare sizes, in test executions; `seconds` is how long a pace is
    watched.
    """

    items: int
    rounds: int
    top: int
    seconds: float

    @property
    def corpus(self) -> Path | None:
        """The real corpus, where `ZTOQ_SHARED` or ../shared has it and this size is not for a look."""
        folder = Path(os.environ.get("ZTOQ_SHARED", "../shared")).absolute() / "corpus" / "mattermost"
        return folder if folder.is_dir() and self is not QUICK else None


QUICK = Size(items=300, rounds=1, top=200, seconds=3.0)
"""Enough to show that a benchmark runs; its figures mean nothing."""
NORMAL = Size(items=20_000, rounds=9, top=100_000, seconds=180.0)
FULL = Size(items=20_000, rounds=9, top=1_000_000, seconds=300.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """One result: a value a round, and the bound that their median must keep. `unit` is empty for a ratio."""

    name: str
    what: str
    values: tuple[float, ...]
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return median(self.values)

    @property
    def holds(self) -> bool:
        """Whether the bound is kept."""
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)

    @property
    def bound(self) -> str:
        """The bound in words."""
        words = [f"at least {self.at_least:g}"] if self.at_least is not None else []
        words += [f"at most {self.at_most:g}"] if self.at_most is not None else []
        return ", ".join(words) or "no bound"

    def as_json(self) -> dict[str, Any]:
        """The figure as `--json` prints it."""
        bounds = {"at_least": self.at_least, "at_most": self.at_most}
        spread = {"least": min(self.values), "most": max(self.values), "rounds": len(self.values)}
        head = {"name": self.name, "what": self.what, "unit": self.unit, "value": self.value}
        return {**head, **spread, **{key: bound for key, bound in bounds.items() if bound is not None}}


def speed_ratios(ours: Callable[[], float], bare: Callable[[], float], rounds: int) -> tuple[float, ...]:
    """How fast `ours` is to `bare`, once a round: each gives the seconds it took for the same work.

    The two take turns at being first, and a round that is thrown away warms both up.
    """
    found = []
    for number in range(rounds + 1):
        first, second = (ours, bare) if number % 2 else (bare, ours)
        took = {}
        for work in (first, second):
            gc.collect()
            took[work is ours] = work()
        found.append(took[False] / took[True])
    return tuple(found[1:])
