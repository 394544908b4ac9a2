"""Test runs against groups of executions: one for each test case, test cycle and environment."""

from collections import Counter
from collections.abc import Iterator

from both_sides import Row
from field_values import Fields, shown
from history_sides import History, Runs, case_of, run_case
from plain_text import CONTROL
from reading_modules import counted
from reading_steps import Found

NOT_EXECUTED = "Not Executed"


class Groups:
    """Executions by the run that they belong to, and runs by their Zephyr key."""

    def __init__(self, history: History, runs: Runs, mapping: Row) -> None:
        self._history, self._unexecuted = history, runs.unexecuted
        self._mapped = mapping.get("execution_status", {})
        self._cycles = {row["id"]: row["key"] for row in history.cycles}
        self._statuses = {row["id"]: row for row in history.statuses}
        field = Fields(runs.run_fields).own("Zephyr Key")
        self.keys = {row["id"]: str(shown(row, field)) if field else "" for row in runs.runs}

    def is_planned(self, execution: Row) -> bool:
        """True if it says only that somebody is to execute the test case."""
        status = self._statuses[execution["testExecutionStatus"]["id"]]
        unexecuted = self._mapped.get(status["name"], status["name"]) == self._unexecuted
        return not execution.get("actualEndDate") and (
            status["name"] == NOT_EXECUTED or status["default"] or unexecuted
        )

    def status(self, execution: Row) -> str:
        """The name of an execution's status."""
        return str(self._statuses[execution["testExecutionStatus"]["id"]]["name"])

    def suite(self, execution: Row) -> str:
        """The Zephyr key of the suite for an execution."""
        cycle = execution.get("testCycle")
        return str(self._cycles[cycle["id"]]) if cycle else f"{self._history.project}/outside-cycles"

    def key(self, execution: Row) -> str:
        """The Zephyr key of the run for an execution."""
        environment = (execution.get("environment") or {}).get("id", "-")
        return f"{self.suite(execution)}/{case_of(execution)[0]}/{environment}"

    def key_of(self, run: int) -> str:
        """The Zephyr key that a run has."""
        return self.keys.get(run, "")


class TestRuns:
    """What runs should say."""

    __test__ = False

    def __init__(self, history: History, runs: Runs, groups: Groups, suites: dict[int, str]) -> None:
        self._history, self._runs, self._groups, self._suites = history, runs, groups, suites
        self._environment = Fields(runs.run_fields).own("Zephyr Environment")
        self._first = {groups.key(row): row for row in history.executions}

    def differences(self) -> Iterator[str]:
        """What differs: none missing, none extra, none twice, each with its suite, test case and environment."""
        yield from counted("run ", Counter(self._groups.keys.values()), set(self._first))
        for row in self._runs.runs:
            key = self._groups.key_of(row["id"])
            if key in self._first:
                for where, words in self._run(self._first[key], row):
                    yield f"run {key}: {where}: {words}"

    def _run(self, execution: Row, run: Row) -> Found:
        suite = self._suites.get(run.get("parentId") or 0, "") if run.get("parentType") == "test-suite" else ""
        wanted = self._groups.suite(execution)
        if suite != wanted:
            yield "suite", f"in {suite or run.get('parentType')} instead of {wanted}"
        key, _ = case_of(execution)
        found = self._runs.cases.get(run_case(run), "")
        if found != key:
            yield "test case", f"of {found or run_case(run)} instead of {key}"
        if run.get("test_case_version_id") not in self._runs.versions.get(run_case(run), {}):
            yield "version", f"{run.get('test_case_version_id')} is no version of the test case"
        name = self._name(key, run)
        if run["name"] != name:
            yield "name", f"{run['name']!r} instead of {name!r}"
        yield from self._environment_differences(execution, run)

    def _name(self, key: str, run: Row) -> str:
        """The name of the test case; that of a stub, which no source has, as qTest shows it."""
        source = self._history.cases.get(key)
        if source is not None:
            return CONTROL.sub("", source["name"])
        versions = self._runs.versions.get(run_case(run), {})
        return str(versions[max(versions)].get("name", key)) if versions else key

    def _environment_differences(self, execution: Row, run: Row) -> Found:
        environment = execution.get("environment")
        wanted = self._history.environments[environment["id"]] if environment else ""
        found = shown(run, self._environment) if self._environment else ""
        if found != wanted:
            yield "environment", f"{found!r} instead of {wanted!r}"
