"""Test logs against executions: under the right run, in order, with every instant, status, block and step result."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from both_sides import Row
from field_values import UNSET, same_list, same_number, word
from history_sides import History, Runs, case_of, run_case
from notes import is_table, lines, links_differ, mark, split, without_mark
from plain_text import plain
from reading_cycles import customs, version_words
from reading_modules import counted
from reading_results import Block, Results, blocks_of, text_block
from reading_runs import Groups
from reading_steps import Found

NEVER = datetime.min.replace(tzinfo=UTC)


class Logs:
    """The test logs of a qTest project by the execution that their last line names."""

    def __init__(self, history: History, runs: Runs, mapping: Row, groups: Groups) -> None:
        self._history, self._runs, self._mapping, self._groups = history, runs, mapping, groups
        self._executions = {row["id"]: row for row in history.executions if not groups.is_planned(row)}
        self._marks = {row["id"]: mark(row.get("note")) for row in runs.logs}
        self._cases = {row["id"]: run_case(row) for row in runs.runs}
        self.results = Results(history, runs, mapping)
        self.read = self.undated = self.undatable = 0

    def differences(self) -> Iterator[str]:
        """What differs: none missing, none extra, none twice, the order in each run, and every attribute."""
        found = Counter(str(identity or "") for identity in self._marks.values())
        yield from counted("test log ", found, {str(identity) for identity in self._executions})
        yield from self._orders()
        for row in self._runs.logs:
            execution = self._executions.get(self._marks[row["id"]] or 0)
            if execution is not None:
                self.read += 1
                for where, words in self._log(execution, row):
                    yield f"test log {execution['id']} ({execution.get('key', 'no key')}): {where}: {words}"

    def _orders(self) -> Iterator[str]:
        found: dict[int, list[int]] = defaultdict(list)
        for row in sorted(self._runs.logs, key=lambda row: row["id"]):
            identity = self._marks[row["id"]]
            if identity in self._executions:
                found[row["test_run_id"]].append(identity or 0)
        for run, ids in found.items():
            wanted = sorted(ids, key=lambda identity: (self._end(identity), identity))
            if ids != wanted:
                yield f"run {self._groups.key_of(run)}: order of test logs: {ids} instead of {wanted}"

    def _end(self, identity: int) -> datetime:
        told = self._executions[identity].get("actualEndDate")
        return instant(told) if told else NEVER

    def _log(self, execution: Row, log: Row) -> Found:
        wanted, found = self._groups.key(execution), self._groups.key_of(log["test_run_id"])
        if found != wanted:
            yield "run", f"under {found} instead of {wanted}"
        yield from self._times(execution, log)
        name = self._groups.status(execution)
        status = self._mapping.get("execution_status", {}).get(name, name)
        shown = self._runs.statuses.get((log.get("status") or {}).get("id"))
        if shown != status:
            yield "status", f"{shown!r} instead of {status!r}"
        blocks = self._blocks(execution, name if name != status else "")
        yield from self._note(execution, log, blocks)

    def _times(self, execution: Row, log: Row) -> Found:
        told = execution.get("actualEndDate")
        self.undated += not told
        case = self._history.cases.get(case_of(execution)[0])
        told = told or (case or {}).get("createdOn")
        if told is None:
            self.undatable += 1
            return
        end = instant(told).replace(microsecond=0)
        start = (end - timedelta(milliseconds=execution.get("executionTime") or 0)).replace(microsecond=0)
        for name, wanted in (("exe_start_date", start), ("exe_end_date", end)):
            found = instant(log[name])
            if found.tzinfo is None or found != wanted:
                yield name, f"{log[name]} instead of {wanted.isoformat()}"

    def _blocks(self, execution: Row, status: str) -> list[Block]:
        """The blocks that a note should hold, in their order, but that of steps."""
        _, version = case_of(execution)
        automated = execution.get("automated")
        told = [
            ("key", execution.get("key")),
            ("executed by", self._person(execution.get("executedById"))),
            ("assigned to", self._person(execution.get("assignedToId"))),
            ("status", status),
            ("version", version_words(execution, self._mapping)),
            ("test case version", version),
            ("execution time (ms)", execution.get("executionTime")),
            ("estimated time (ms)", execution.get("estimatedTime")),
            ("automated", None if automated is None else word(automated)),
        ]
        blocks = [text_block(label, str(value)) for label, value in told if value not in UNSET]
        blocks += [_value_block(name, value) for name, value in customs(execution) if value not in UNSET]
        links = (execution.get("links") or {}).get("issues") or []
        if links:
            blocks.append(("links", lambda found: not links_differ(links, lines(found)), str(links)))
        return blocks

    def _note(self, execution: Row, log: Row, blocks: list[Block]) -> Found:
        case, version = self._cases.get(log["test_run_id"], 0), log.get("test_case_version_id") or 0
        steps = self._runs.versions.get(case, {}).get(version)
        note = without_mark(log["note"])
        below = None
        before, found = split(note, "steps", is_table)
        if found is not None and is_table(found):
            note, below = before, found
        head, _, differences = blocks_of(note, blocks)
        yield from differences
        if plain(head) != plain(execution.get("comment")):
            yield "comment", f"{head!r} instead of {execution.get('comment')!r}"
        if steps is None:
            yield "version", f"{version} is no version of the test case"
        else:
            yield from self.results.differences(execution, log, steps, below)

    def _person(self, account: str | None) -> str | None:
        name = self._mapping.get("users", {}).get(account)
        return f"{name} ({account})" if name else account


def instant(text: str) -> datetime:
    """A date of either service."""
    return datetime.fromisoformat(text)


def _value_block(name: str, value: Any) -> Block:
    """The value of a custom field in the note, in any of the forms that say the same."""

    def fits(found: str) -> bool:
        if isinstance(value, list):
            return {str(item) for item in value} == set(lines(found)) or same_list(value, plain(found))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return same_number(value, plain(found))
        return plain(found) == plain(word(value))

    return name, fits, repr(value)
