"""A project moved from process to process, read by the independent readers, and moved again."""

import json
import tomllib
from pathlib import Path
from typing import Any

from both_sides import Corpus, fetch, read_calls, read_objects
from history_reader import HistoryReading, compare_history, with_unlisted
from history_sides import History, read_history, read_runs
from reader import Reading, compare
from two_processes import Migration

WRITING = ("POST", "PUT", "DELETE", "PATCH")
BAD = ("refused", "different", "missing", "extra")


def read(corpus: Corpus, site: dict[str, Any], mapping: dict[str, Any]) -> Reading:
    """What the independent reader of test cases finds."""
    qtest = site["qtest"]
    return compare(corpus, read_objects(qtest["base_url"], qtest["token"], qtest["project"]), mapping)


def read_executions(history: History, site: dict[str, Any], mapping: dict[str, Any]) -> HistoryReading:
    """What the independent reader of executions finds."""
    qtest = site["qtest"]
    return compare_history(history, read_runs(qtest["base_url"], qtest["token"], qtest["project"]), mapping)


def writes(site: dict[str, Any]) -> dict[tuple[str, str], int]:
    """The calls that change something in qTest."""
    calls = read_calls(site["qtest"]["base_url"])
    return {
        (method, path): number
        for (method, path), number in calls.items()
        if method in WRITING and not path.endswith("/search")
    }


def duplicates(site: dict[str, Any]) -> list[Any]:
    """The keys that several qTest objects have."""
    found: list[Any] = json.loads(fetch(f"{site['qtest']['base_url']}/sandbox/stats"))["duplicates"]
    return found


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
    reading = read(corpus, site, tomllib.loads(mapping))
    assert reading.differences == []
    before = writes(site)
    second = migration.run()
    assert_nothing_bad(second)
    assert second["kinds"]["test-case"]["unchanged"] == number
    assert second["kinds"]["module"]["unchanged"] == len(corpus.folders)
    assert writes(site) == before
    return reading


def moved_twice_with_executions(
    site: dict[str, Any], corpus: Corpus, folder: Path
) -> tuple[Reading, HistoryReading, dict[str, Any]]:
    """The same with executions: all created once, read equal on both sides, and the second run writes nothing."""
    zephyr = site["zephyr"]
    history = read_history(zephyr["base_url"], zephyr["token"], corpus)
    migration = Migration(site, folder)
    mapping = tomllib.loads(migration.propose_mapping())
    assert writes(site) == {}
    first = migration.run()
    assert_nothing_bad(first)
    cases, executions = read(with_unlisted(corpus, history), site, mapping), read_executions(history, site, mapping)
    assert cases.differences[:20] == []
    assert executions.differences[:20] == []
    assert duplicates(site) == []
    numbers = {
        "test-case": len(history.cases),
        "test-cycle": len(history.folders),
        "test-suite": len(history.cycles),
        "test-run": executions.runs,
        "test-log": executions.logs,
    }
    assert {kind: first["kinds"][kind]["created"] for kind in numbers} == numbers
    assert {kind: first["kinds"][kind]["verified"] for kind in numbers} == numbers
    before = writes(site)
    second = migration.run()
    assert_nothing_bad(second)
    assert {kind: second["kinds"][kind]["unchanged"] for kind in numbers} == numbers
    assert writes(site) == before
    return cases, executions, first
