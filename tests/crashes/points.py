"""Which boundaries of an undisturbed run are worth a crash.

What a crash leaves is decided by the last effect before it: a commit, a request that changes something, the server's
start or stop. So a run falls into stretches, each from one effect to the next, and one crash in each is every crash.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

EFFECT = re.compile(r"\d+ (before|after) (commit of|statement of|POST|PUT|DELETE|start of|stop of) ")
T = TypeVar("T")


@dataclass(frozen=True)
class Point:
    """A crash in the n-th stretch of a run, at this boundary of it: `12 before commit of …`."""

    n: int
    boundary: str

    @property
    def embedded(self) -> bool:
        """Only the embedded server has it."""
        return self.boundary.endswith("of the store")

    def __str__(self) -> str:
        return f"point {self.n}, {self.boundary!r}"


def every(boundaries: Sequence[str], seed: int) -> list[Point]:
    """One point for each stretch; which of its boundaries is drawn."""
    rng = random.Random(seed)
    return [Point(n, rng.choice(stretch)) for n, stretch in enumerate(_stretches(boundaries), 1)]


def some(boundaries: Sequence[str], number: int, seed: int) -> list[Point]:
    """Half of them spread evenly over the run; the others where a run passes only once, all of the server's first."""
    times = Counter(boundary.partition(" ")[2] for boundary in boundaries)
    rare = [
        Point(n, boundary)
        for n, stretch in enumerate(_stretches(boundaries), 1)
        for boundary in stretch
        if EFFECT.match(boundary) and times[boundary.partition(" ")[2]] == 1
    ]
    found = [point for point in rare if point.embedded]
    found += _spread([point for point in rare if not point.embedded], number - number // 2 - len(found))
    return sorted([*_spread(every(boundaries, seed), number // 2), *found], key=lambda point: point.n)


def _stretches(boundaries: Sequence[str]) -> Iterator[list[str]]:
    stretch: list[str] = []
    for boundary in boundaries:
        found = EFFECT.match(boundary)
        if stretch and found and found[1] == "after":
            yield stretch
            stretch = []
        stretch.append(boundary)
    yield stretch


def _spread(items: Sequence[T], number: int) -> list[T]:
    """So many of them, the first and the last included."""
    return [items[place * (len(items) - 1) // (number - 1)] for place in range(number)]
