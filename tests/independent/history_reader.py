"""The independent reader of executions: a Zephyr project's history against a qTest project's tree of execution.

It knows where things go from the documentation of the target form alone, and shares no code with what it judges.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from both_sides import Corpus, Row
from history_sides import History, Runs, case_of
from reading_cycles import CycleTree, Suites
from reading_logs import NEVER, Logs, instant
from reading_runs import Groups, TestRuns


@dataclass(frozen=True)
class HistoryReading:
    """What a comparison found: the differences in words, and what was counted on the way.

    `results` are step logs, `tabled` rows of tables in notes; `undatable` logs have a date that nobody can judge.
    """

    differences: list[str]
    cycles: int
    suites: int
    runs: int
    logs: int
    planned: int
    results: int
    tabled: int
    undated: int
    undatable: int


def compare_history(history: History, runs: Runs, mapping: Row) -> HistoryReading:
    """All differences between a history and its image, each with its record; `mapping` is the mapping file as data."""
    history = with_stubs(history)
    tree = CycleTree(history, runs, mapping.get("root_cycle") or history.project)
    suites, groups = Suites(history, runs, mapping, tree), Groups(history, runs, mapping)
    logs = Logs(history, runs, mapping, groups)
    judges = (tree, suites, TestRuns(history, runs, groups, suites.keys), logs)
    found = [words for judge in judges for words in judge.differences()]
    return HistoryReading(
        differences=found,
        cycles=len(runs.cycles),
        suites=len(runs.suites),
        runs=len(runs.runs),
        logs=logs.read,
        planned=sum(groups.is_planned(row) for row in history.executions),
        results=logs.results.aligned,
        tabled=logs.results.tabled,
        undated=logs.undated,
        undatable=logs.undatable,
    )


def with_stubs(history: History) -> History:
    """The history with a script for each test case that Zephyr does not give: the steps of its newest execution."""
    return replace(history, scripts={**history.scripts, **dict(_stubs(history))})


def _stubs(history: History) -> Iterator[tuple[str, list[Row]]]:
    newest: dict[str, Row] = {}
    for row in sorted(history.executions, key=_age):
        newest[case_of(row)[0]] = row
    for key, row in newest.items():
        if history.cases.get(key) is None:
            yield key, [_inline(step) for step in history.results[row["id"]]]


def _age(execution: Row) -> tuple[object, int]:
    told = execution.get("actualEndDate")
    return instant(told) if told else NEVER, execution["id"]


def _inline(step: Row) -> Row:
    names = ("description", "testData", "expectedResult", "reflectRef")
    return {"inline": {name: step["inline"].get(name) for name in names}}


def with_unlisted(corpus: Corpus, history: History) -> Corpus:
    """The corpus with the test cases that executions name and no list shows, and with stubs."""
    listed = {row["key"] for row in corpus.cases}
    added = [row for key, row in history.cases.items() if row is not None and key not in listed]
    scripts = with_stubs(history).scripts
    texts = {key: rows[0] for key, rows in scripts.items() if rows and "text" in rows[0]}
    return replace(
        corpus,
        cases=[*corpus.cases, *added],
        statuses=corpus.statuses | history.case_words.get("statuses", {}),
        priorities=corpus.priorities | history.case_words.get("priorities", {}),
        unlisted={row["key"] for row in added},
        stubs={key for key, row in history.cases.items() if row is None},
        steps={key: rows for key, rows in scripts.items() if key not in texts},
        scripts=texts,
    )
