"""The real library with a generated history, from process to process: all arrives once, nothing is written again."""

import os
from pathlib import Path

import pytest
from both_sides import read_corpus
from moving_twice import moved_twice_with_executions
from two_processes import sandbox

SHARED = Path(os.environ.get("ZTOQ_SHARED", Path(__file__).parents[3] / "shared"))
REAL = SHARED / "corpus" / "mattermost"
needs_corpus = pytest.mark.skipif(not REAL.is_dir(), reason=f"THE REAL CORPUS IS NOT HERE: {REAL} (set ZTOQ_SHARED)")
NUMBERS = [pytest.param(300, id="300"), pytest.param(20_000, marks=pytest.mark.slow, id="20000")]


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("number", NUMBERS)
@needs_corpus
def test_executions_of_the_real_corpus_arrive_whole(number, tmp_path):
    """A real library with a generated history: every log read back equal by code that does not know the engine."""
    with sandbox("--corpus", str(REAL), "--executions", str(number)) as site:
        cases, executions, report = moved_twice_with_executions(site, read_corpus(REAL), tmp_path)
    assert report["kinds"]["test-case"]["read"] > 5059
    assert (cases.folders, cases.calls, cases.flattened) == (386, 117, 0)
    assert executions.logs - executions.undated == number
    assert executions.planned > 0
    assert executions.undatable == 0
