"""The mapping of executions is broken on purpose: the independent reader notices, and names the record."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from migrating import migrate
from mutating import Mutation, change
from plain_text import plain

from ztoq_async import kinds
from ztoq_async.mapping import log, run_kind, step_results, suite_kind
from ztoq_async.sandbox import Generator

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
LABEL = r"<p>\[{}\]</p>.*?(?=<p>\[|$)"
MARK = re.compile(r"\[zephyr:test-log:(\d+)\]</p>$")
Broken = tuple[Callable[[Any], Any], str]
"""What is made of a test log that was built, and how the difference names it."""


def note(broken: Callable[[str], str], noticed: str) -> Broken:
    """Another note."""
    return lambda target: change(target, note=broken(target.note)), noticed


def block_lost(label: str) -> Broken:
    """A block of the note is left out."""
    return note(lambda words: without(label, words), f": [{label}]: it is missing")


def without(label: str, words: str) -> str:
    """The text without a block."""
    return re.sub(LABEL.format(re.escape(label)), "", words, count=1, flags=re.DOTALL)


def comment_lost(words: str) -> str:
    """The note from its first block on."""
    first = re.search(r"<p>\[(key|executed by|assigned to|status)\]", words)
    return words[first.start() :] if first and plain(words[: first.start()]) else words


def results(broken: Callable[[list[Any]], list[Any]], noticed: str = ": results") -> Broken:
    """Other step results."""
    return lambda target: change(target, results=broken(target.results)), noticed


def each_result(broken: Callable[[Any], Any], noticed: str) -> Broken:
    """Every step result another one."""
    return results(lambda rows: [broken(row) for row in rows], noticed)


def actual(broken: Callable[[str], str], noticed: str) -> Broken:
    """Every actual result another one."""
    return each_result(lambda row: change(row, actual=broken(row.actual)), noticed)


def statuses_turned(rows: list[Any]) -> list[Any]:
    """Each result with the status of the one as far from the other end."""
    return [change(row, status=other.status) for row, other in zip(rows, rows[::-1], strict=True)]


def places_turned(rows: list[Any]) -> list[Any]:
    """Each result at the step of the next."""
    return [change(row, place=other.place) for row, other in zip(rows, rows[1:] + rows[:1], strict=True)]


def other_status(name: str) -> str:
    """A status that it was not."""
    return "Failed" if name == "Passed" else "Passed"


def people_exchanged(words: str) -> str:
    """The executor as assignee, the assignee as executor."""
    for old, new in (("executed by", "?"), ("assigned to", "executed by"), ("?", "assigned to")):
        words = words.replace(f"<p>[{old}]</p>", f"<p>[{new}]</p>")
    return words


MAPPING = """
[status]
"Do not use any more" = "New"
"Released" = "Ready For Baseline"
"Work in progress" = "In Progress"
"Draft next door" = "New"
"Approved next door" = "New"
[priority]
"Normal" = "Medium"
"Smoke test 🚬" = "Low"
"Next door's" = "High"
[execution_status]
"Pass" = "Passed"
"Fail" = "Failed"
"Not Executed" = "Unexecuted"
"In Progress" = "Incomplete"
"Nicht ausgeführt" = "Unexecuted"
"Skipped (old)" = "Incomplete"
"""
OF_LOGS: dict[str, Broken] = {
    "an end an hour late": (lambda target: change(target, end=target.end + HOUR), ": exe_end_date: "),
    "both an hour early": (
        lambda target: change(target, start=target.start - HOUR, end=target.end - HOUR),
        ": exe_start_date: ",
    ),
    "a start a second early": (lambda target: change(target, start=target.start - SECOND), ": exe_start_date: "),
    "no time taken": (lambda target: change(target, start=target.end), ": exe_start_date: "),
    "another status": (lambda target: change(target, status=other_status(target.status)), ": status: "),
    "the comment lost": note(comment_lost, ": comment: "),
    "the comment cut": note(lambda words: words if words.startswith("<p>[") else words[3:], ": comment: "),
    "the key lost": block_lost("key"),
    "the executor lost": block_lost("executed by"),
    "the assignee lost": block_lost("assigned to"),
    "executor and assignee exchanged": note(people_exchanged, ": [executed by]: "),
    "the kept status lost": block_lost("status"),
    "the version lost": block_lost("version"),
    "the version of the test case lost": block_lost("test case version"),
    "the time lost": block_lost("execution time (ms)"),
    "the estimated time lost": block_lost("estimated time (ms)"),
    "automation lost": block_lost("automated"),
    "a custom field lost": block_lost("Device"),
    "a custom choice lost": block_lost("Areas"),
    "a custom text lost": block_lost("Remarks"),
    "the links lost": block_lost("links"),
    "the table of steps lost": note(lambda words: without("steps", words), ": results: "),
    "the first row of the table lost": note(lambda words: re.sub(r"<tr><td>.*?</tr>", "", words, count=1), ": "),
    "the mark of another": note(lambda words: words.replace("test-log:7", "test-log:8"), " is missing"),
    "no mark": note(lambda words: MARK.sub("</p>", words), " is missing"),
    "results in reverse": results(lambda rows: rows[::-1], ": out of order"),
    "statuses of results in reverse": results(statuses_turned, "].status: "),
    "results at the next step": results(places_turned),
    "the last result lost": results(lambda rows: rows[:-1], ": results: "),
    "the first result lost": results(lambda rows: rows[1:], ": results: "),
    "all results lost": results(lambda rows: [], ": results: "),
    "all results passed": each_result(lambda row: change(row, status="Passed"), "].status: "),
    "actual results lost": actual(lambda words: "", "].actualResult: "),
    "kept statuses of results lost": actual(lambda words: without("status", words), "].[status]: "),
    "data rows lost": actual(lambda words: without("data row", words), "].[data row]: "),
}
OF_SUITES = ("Zephyr Status", "Zephyr Links", "Zephyr Version", "Zephyr Owner", "Squad", "Platforms", "Scope")
OF_ALL = {
    "planned ones with logs, names of runs, order of cycles, texts of tables": (
        Mutation(log, "is_planned", lambda planned: False, " is extra"),
        Mutation(run_kind, "_name", lambda name: name[:5], ": name: "),
        Mutation(kinds, "siblings", lambda levels: [(above, below[::-1]) for above, below in levels], ": below it: "),
        Mutation(step_results, "_cell", lambda cell: "", ": [steps]["),
    ),
    "nothing aligned, statuses of tables": (
        Mutation(log, "aligned", lambda places: [None] * len(places), " stand at a step, "),
        Mutation(step_results, "_status_cell", lambda cell: "", ": [steps]["),
    ),
}


async def test_each_broken_log_is_noticed_and_named(monkeypatch, empty_store, tmp_path):
    """Each mutation breaks one test log that it changes: a difference of its kind names that log, and none another."""
    kept: dict[str, str] = {}
    sound = log.build

    def build(*given: Any) -> Any:
        target, notes = sound(*given)
        found = MARK.search(target.note)
        assert found is not None
        if found[1] not in kept:
            fitting = (name for name, (broken, _) in OF_LOGS.items() if broken(target) != target)
            kept[found[1]] = next((name for name in fitting if name not in kept.values()), "")
        broken = OF_LOGS.get(kept[found[1]])
        return (broken[0](target) if broken else target), notes

    monkeypatch.setattr(log, "build", build)
    source = Generator(40, executions=160, seed=1)
    moved = await migrate(source, tmp_path, await empty_store(), mapping=MAPPING)
    found = moved.executions.differences
    broken = {identity: name for identity, name in kept.items() if name}
    assert set(broken.values()) == set(OF_LOGS)
    unnoticed = {
        name
        for identity, name in broken.items()
        if not any(f"test log {identity}" in line and OF_LOGS[name][1] in line for line in found)
    }
    assert unnoticed == set()
    extra = [line for line in found if not line.endswith(" is extra")]
    assert [line for line in extra if not any(identity in line for identity in broken)] == []


@pytest.mark.slow
async def test_each_lost_value_of_a_suite_is_noticed(monkeypatch, empty_store, tmp_path):
    """Each suite loses a value of another field: a difference names the suite's key and the field."""
    kept: dict[str, str] = {}
    sound = suite_kind._values

    def values(cycle: Any, *given: Any) -> list[tuple[str, Any]]:
        found = list(sound(cycle, *given))
        if cycle.key not in kept:
            labels = [label for label, _ in found if label in OF_SUITES and label not in kept.values()]
            kept[cycle.key] = labels[0] if labels else ""
        return [pair for pair in found if pair[0] != kept[cycle.key]]

    monkeypatch.setattr(suite_kind, "_values", values)
    source = Generator(60, executions=400, seed=1)
    found = (await migrate(source, tmp_path, await empty_store(), mapping=MAPPING)).executions.differences
    broken = {key: label for key, label in kept.items() if label}
    assert set(broken.values()) == set(OF_SUITES)
    assert len(found) == len(broken)
    for key, label in broken.items():
        assert any(line.startswith((f"{key}: {label}: ", f"{key}: customFields.{label}: ")) for line in found)


@pytest.mark.parametrize(
    "mutations",
    [pytest.param(of, id=name, marks=[pytest.mark.slow] * (n > 0)) for n, (name, of) in enumerate(OF_ALL.items())],
)
async def test_a_broken_mapping_of_executions_is_noticed(mutations, monkeypatch, empty_store, tmp_path):
    """Each mutation that changes what a person reads makes the reader name a difference of its kind."""
    for mutation in mutations:
        mutation.apply(monkeypatch)
    source = Generator(26, executions=60, seed=1)
    found = (await migrate(source, tmp_path, await empty_store(), mapping=MAPPING)).executions.differences
    assert {mutation.noticed for mutation in mutations if not any(mutation.noticed in line for line in found)} == set()


async def test_the_sound_mapping_of_executions_has_no_difference(empty_store, tmp_path):
    """A project without a mutation: nothing is noticed, every kind of record is there."""
    source = Generator(40, executions=160, seed=1)
    moved = await migrate(source, tmp_path, await empty_store(), mapping=MAPPING)
    assert moved.report["outcome"] == "complete"
    assert moved.executions.differences == []
    assert moved.reading.differences == []
    assert moved.executions.logs == 160 + moved.executions.undated
    assert min(moved.executions.planned, moved.executions.undated, moved.executions.tabled) > 0
