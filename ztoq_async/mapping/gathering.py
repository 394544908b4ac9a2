"""From archived records to the tables of `Source`: folders, statuses, environments, the values that records hold."""

from __future__ import annotations

import msgspec

from ztoq_async.mapping.context import Source
from ztoq_async.mapping.seen import Seen, SeenCycles, SeenExecutions
from ztoq_async.zephyr.places import case_key
from ztoq_async.zephyr.records import Folder, Named, Project, TestCase, TestCycle, TestExecution

NAMED = ("status", "priority", "cycle-status", "execution-status", "environment")
FOLDERS = ("folder", "cycle-folder")


class Gathering:
    """Takes records one by one, in any order; keeps tables and values, not records."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._folders: dict[str, dict[int, Folder]] = {name: {} for name in FOLDERS}
        self._named: dict[str, dict[int, Named]] = {name: {} for name in NAMED}
        self._cycles: dict[int, str] = {}
        self._foreign: set[str] = set()
        self._missing: set[str] = set()
        self._seen = Seen()
        self._seen_cycles = SeenCycles()
        self._seen_executions = SeenExecutions()

    def add(self, source: str, record: bytes) -> None:
        """One record of the named list."""
        if source in NAMED:
            named = msgspec.json.decode(record, type=Named)
            self._named[source][named.id] = named
        elif source in FOLDERS:
            folder = msgspec.json.decode(record, type=Folder)
            self._folders[source][folder.id] = folder
        elif source == "test-case":
            self._add_case(msgspec.json.decode(record, type=TestCase))
        elif source == "test-cycle":
            cycle = msgspec.json.decode(record, type=TestCycle)
            self._cycles[cycle.id] = cycle.key
            self._seen_cycles.add(cycle)
        else:
            self._add_execution(source, msgspec.json.decode(record, type=TestExecution))

    def _add_case(self, case: TestCase) -> None:
        self._seen.add(case)
        if not case.key.startswith(f"{self._project.key}-"):
            self._foreign.add(case.key)
        elif case.folder is None:
            self._seen.unfiled = True

    def _add_execution(self, source: str, execution: TestExecution) -> None:
        if source == "missing-case":
            self._missing.add(case_key(execution))
        else:
            self._seen_executions.add(execution)

    def source(self) -> Source:
        """The tables as they are now."""
        return Source(
            project=self._project,
            folders=self._folders["folder"],
            cycle_folders=self._folders["cycle-folder"],
            statuses=self._named["status"],
            priorities=self._named["priority"],
            cycle_statuses=self._named["cycle-status"],
            execution_statuses=self._named["execution-status"],
            environments=self._named["environment"],
            cycles=self._cycles,
            foreign=frozenset(self._foreign),
            missing=frozenset(self._missing),
            seen=self._seen,
            seen_cycles=self._seen_cycles,
            seen_executions=self._seen_executions,
        )
