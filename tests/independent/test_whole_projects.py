"""Whole projects from process to process: everything arrives, is counted, and a second run writes nothing."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from both_sides import dump, read_corpus
from moving_twice import moved_twice
from two_processes import sandbox

SHARED = Path(os.environ.get("ZTOQ_SHARED", Path(__file__).parents[3] / "shared"))
REAL = SHARED / "corpus" / "mattermost"


@pytest.mark.slow  # test_whole_corpus.py moves the same with executions
@pytest.mark.timeout(300)
@pytest.mark.skipif(not REAL.is_dir(), reason=f"THE REAL CORPUS IS NOT HERE: {REAL} (set ZTOQ_SHARED)")
def test_the_real_corpus_arrives_whole(tmp_path):
    """5,059 test cases of a real library, read back equal by code that does not know the engine."""
    with sandbox("--corpus", str(REAL)) as site:
        found = moved_twice(site, read_corpus(REAL), tmp_path)
    assert (found.cases, found.folders, found.steps, found.calls, found.flattened) == (5059, 386, 7477, 117, 0)


@pytest.fixture
def generated(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A sandbox with 120 generated test cases."""
    with sandbox("--cases", "120", "--seed", str(request.param)) as site:
        yield site


@pytest.mark.parametrize("generated", [2, pytest.param(3, marks=pytest.mark.slow)], indirect=True)
def test_a_generated_project_arrives_whole(generated, tmp_path):
    """120 test cases of every shape under the proposed mapping; one call of the circle is text."""
    zephyr = generated["zephyr"]
    folder = dump(zephyr["base_url"], zephyr["token"], zephyr["project"], tmp_path / "corpus")
    found = moved_twice(generated, read_corpus(folder), tmp_path)
    assert (found.cases, found.flattened) == (120, 1)
