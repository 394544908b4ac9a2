"""The core of the lanes in virtual time, seed by seed: crashes, pauses, lost answers and lost commits at any step.

A hundred thousand seeds, or one:

    ZTOQ_SEEDS=0-100000 python -m pytest -n 0 -m slow tests/simulation/test_simulation.py
    ZTOQ_SEEDS=512 python -m pytest -n 0 tests/simulation/test_simulation.py -k test_no_seed_breaks
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from seeds import chosen, failures, lived, regressions, told
from world import simulate, virtual_surroundings

# What stood still for ever is cancelled all at once in the end, also before it began: nobody awaits it then.
pytestmark = pytest.mark.filterwarnings("ignore:.*never awaited", "ignore::pytest.PytestUnraisableExceptionWarning")
MOST_TOLD = 20
MEETS = {
    *("engine killed", "engine paused", "engine stopped", "engine cancelled", "engine unlocked"),
    *("ended by FenceError", "ended by StoreBusy", "ended by StoreLost", "ended by Stopped", "ended by Unauthorised"),
    *("ended by NotSent", "ended by QuotaExhausted", "ended by Unreachable", "complete"),
    *("row created", "row recovered", "row refused", "row resent", "orphan", "second pass", "duplicate"),
}
"""What must have happened in the default range, so that its silence says something."""
PRINT_DIGESTS = """
from world import simulate, virtual_surroundings
with virtual_surroundings():
    print(*[simulate(seed).digest for seed in range(30)])
"""


def test_no_seed_breaks_a_promise():
    """Once, in order, within bounds, and to the end, whatever happens; ZTOQ_SEEDS chooses other seeds."""
    met, found = Counter(), []
    for world in lived(chosen("0-500")):
        met.update(world.met())
        found += [world] if world.failure else []
    assert not found, told(found[:MOST_TOLD])
    assert "ZTOQ_SEEDS" in os.environ or met.keys() >= MEETS, f"never met: {sorted(MEETS - met.keys())}"


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_no_seed_of_many_breaks_a_promise():
    """The same for 20,000 seeds, or those of ZTOQ_SEEDS."""
    found = failures(chosen("0-20000"), MOST_TOLD)
    assert not found, told(found)


def test_no_seed_that_once_failed_breaks_a_promise():
    """What a seed has found stays mended."""
    found = failures(regressions())
    assert not found, told(found)


def test_a_seed_is_replayed_exactly_by_another_process():
    """The same events at the same times, whatever the hashes of strings and the addresses of objects are."""
    with virtual_surroundings():
        here = [simulate(seed).digest for seed in range(30)]
    surroundings = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", PRINT_DIGESTS]
    there = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True, timeout=60).stdout
    assert [int(digest) for digest in there.split()] == here
    assert len(set(here)) == len(here)
