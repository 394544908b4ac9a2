"""Which seeds are lived through, and what is said of one that fails."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from world import simulate, virtual_surroundings

REGRESSIONS = Path(__file__).parent / "regressions.txt"
COLLECT_EVERY = 50


def chosen(default):
    """The seeds of the variable ZTOQ_SEEDS ("7", "0-100000"; the last one is left out), else those of `default`."""
    first, _, end = os.environ.get("ZTOQ_SEEDS", default).partition("-")
    return range(int(first), int(end) if end else int(first) + 1)


def regressions():
    """The seeds that once failed, with what they found."""
    lines = [line.partition("#") for line in REGRESSIONS.read_text(encoding="utf-8").splitlines()]
    return {int(seed): words.strip() for seed, _, words in lines if seed.strip()}


def failures(seeds, most=None):
    """The worlds of those seeds in which a promise was broken, at most so many.

    Nothing is collected while a seed runs: what a collection closes would be closed at another step in a replay.
    """
    found = []
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with virtual_surroundings():
            for number, seed in enumerate(seeds):
                world = simulate(seed)
                if world.failure:
                    found.append(world)
                    if len(found) == most:
                        break
                if number % COLLECT_EVERY == COLLECT_EVERY - 1:
                    gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return found


def told(worlds):
    """What a person needs: how to replay the first one exactly, and its last events."""
    first = worlds[0]
    return "\n".join(
        [
            f"seed {first.seed}: {first.failure}",
            f"({len(worlds)} seeds in all: {', '.join(str(world.seed) for world in worlds)})",
            f"replay: ZTOQ_SEEDS={first.seed} python -m pytest -n 0 tests/simulation/test_simulation.py -k seeds",
            f"then add the line  {first.seed}  # what it found  to tests/simulation/regressions.txt",
            "the last events (seconds, who, what):",
            *first.trace,
        ]
    )
