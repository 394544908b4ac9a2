"""Which seeds are lived through, and what is said of one that fails."""

from __future__ import annotations

import gc
import itertools
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


def lived(seeds):
    """The world of each seed, after its end.

    Nothing is collected while a seed runs: what a collection closes would be closed at another step in a replay.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with virtual_surroundings():
            for number, seed in enumerate(seeds, start=1):
                yield simulate(seed)
                if number % COLLECT_EVERY == 0:
                    gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()


def failures(seeds, most=None):
    """The worlds of those seeds in which a promise was broken, at most so many."""
    return list(itertools.islice((world for world in lived(seeds) if world.failure), most))


def told(worlds):
    """What a person needs: how to replay the first one exactly, and its last events."""
    first = worlds[0]
    command = "python -m pytest -n 0 tests/simulation/test_simulation.py -k test_no_seed_breaks"
    return "\n".join(
        [
            f"seed {first.seed}: {first.failure}",
            f"({len(worlds)} seeds in all: {', '.join(str(world.seed) for world in worlds)})",
            f"replay: ZTOQ_SEEDS={first.seed} {command}",
            f"then add the line  {first.seed}  # what it found  to tests/simulation/regressions.txt",
            "the last events (seconds, who, what):",
            *first.trace,
        ]
    )
