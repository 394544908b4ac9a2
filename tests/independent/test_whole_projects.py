"""Whole projects from process to process: everything arrives, is counted, and a second run writes nothing."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from both_sides import Corpus, dump, read_calls, read_corpus, read_objects
from reader import Reading, compare
from two_processes import Migration, sandbox

SHARED = Path(os.environ.get("ZTOQ_SHARED", Path(__file__).parents[3] / "shared"))
REAL = SHARED / "corpus" / "mattermost"
WRITING = ("POST", "PUT", "DELETE", "PATCH")
BAD = ("refused", "different", "missing", "extra")


def read(corpus: Corpus, site: dict[str, Any], mapping: str) -> Reading:
    """What the independent reader finds."""
    qtest = site["qtest"]
    objects = read_objects(qtest["base_url"], qtest["token"], qtest["project"])
    return compare(corpus, objects, tomllib.loads(mapping))


def writes(site: dict[str, Any]) -> dict[tuple[str, str], int]:
    """The calls that change something in qTest."""
    calls = read_calls(site["qtest"]["base_url"])
    return {
        (method, path): number
        for (method, path), number in calls.items()
        if method in WRITING and not path.endswith("/search")
    }


def assert_nothing_bad(report: dict[str, Any]) -> None:
    """The report's own account adds up."""
    assert report["outcome"] == "complete"
    assert report["ledger"]["unexplained"] == 0
    assert {(kind, word): row[word] for kind, row in report["kinds"].items() for word in BAD if row[word]} == {}


def moved_twice(site: dict[str, Any], corpus: Corpus, folder: Path) -> Reading:
    """Moves, reads, moves again: the second run finds everything unchanged and writes nothing."""
    migration = Migration(site, folder)
    mapping = migration.propose_mapping()
    assert writes(site) == {}
    number = len(corpus.cases)
    first = migration.run()
    assert_nothing_bad(first)
    assert (first["kinds"]["test-case"]["created"], first["kinds"]["test-case"]["verified"]) == (number, number)
    reading = read(corpus, site, mapping)
    assert reading.differences == []
    before = writes(site)
    second = migration.run()
    assert_nothing_bad(second)
    assert second["kinds"]["test-case"]["unchanged"] == number
    assert second["kinds"]["module"]["unchanged"] == len(corpus.folders)
    assert writes(site) == before
    return reading


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


@pytest.mark.parametrize("generated", [2, 3], indirect=True)
def test_a_generated_project_arrives_whole(generated, tmp_path):
    """120 test cases of every shape under the proposed mapping; one call of the circle is text."""
    zephyr = generated["zephyr"]
    folder = dump(zephyr["base_url"], zephyr["token"], zephyr["project"], tmp_path / "corpus")
    found = moved_twice(generated, read_corpus(folder), tmp_path)
    assert (found.cases, found.flattened) == (120, 1)
