"""Test executions as they are now: those of the source under what clients have written since."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from ztoq_async.sandbox.source import CLOUD, Executions, Facts
from ztoq_async.sandbox.stored_executions import facts as facts_of
from ztoq_async.sandbox.zephyr.answers import ApiError

_KEPT_SELECTIONS = 8
_decode = msgspec.json.Decoder(dict[str, Any]).decode
encode = msgspec.json.encode


class Filter(NamedTuple):
    """What a list asks for; None, 0 and "" are any. `case` is a key or the digits of an id."""

    cycle: int | None = None
    case: str = ""
    after: str = ""
    before: str = ""
    version: int = 0
    updated: str = ""
    only_last: bool = False

    def takes(self, facts: Facts) -> bool:
        """Whether an execution is asked for; limits of dates are outside."""
        return (
            (self.cycle is None or self.cycle == facts.cycle)
            and (not self.case or self.case in (facts.case_key, str(facts.case_id)))
            and (not self.after or facts.ended > self.after)
            and (not self.before or "" < facts.ended < self.before)
            and (not self.version or self.version == facts.version)
            and (not self.updated or facts.updated > self.updated)
        )


class ExecutionStore:
    """One project's executions. Positions beyond the source's are executions that clients created."""

    def __init__(self, executions: Executions, project_key: str) -> None:
        self._source = executions
        self._project_key = project_key
        self._base = len(executions.ids)
        self._last_id = executions.ids[-1] if self._base else 0
        self._count = self._base
        self._rows: dict[int, bytes] = {}
        self._steps: dict[int, bytes] = {}
        self._updated: dict[int, str] = {}
        self._selections: dict[Filter, Sequence[int]] = {}

    @property
    def custom_fields(self) -> frozenset[str]:
        return self._source.custom_fields

    def identity(self, position: int) -> int:
        return self._source.ids[position] if position < self._base else self._last_id + 1 + position - self._base

    def from_id(self, identity: int) -> int:
        """Position of the first execution whose id is not below `identity`."""
        if identity > self._last_id:
            return min(self._base + identity - self._last_id - 1, self._count)
        return bisect_left(self._source.ids, identity)

    def find(self, text: str) -> int:
        """Position by id or key; 400 for what is neither, 404 for an unknown one."""
        if not re.fullmatch(r"[0-9]+|.+-E[0-9]+", text):
            raise ApiError(400, f"testExecutionIdOrKey: {text!r} is neither an id nor a key")
        position = self._by_id(int(text)) if text.isdecimal() and len(text) < 20 else self._by_key(text)
        if position is None:
            raise ApiError(404, f"Test execution {text} not found")
        return position

    def select(self, wanted: Filter) -> Sequence[int]:
        """Ascending positions of what is asked for; the last few answers are kept until something is written."""
        if wanted == Filter():
            return range(self._count)
        if wanted not in self._selections:
            if len(self._selections) >= _KEPT_SELECTIONS:
                self._selections.clear()
            self._selections[wanted] = array("q", self._matching(wanted))
        return self._selections[wanted]

    def row(self, position: int, *, step_links: bool = False) -> bytes:
        if position not in self._rows:
            return self._source.row(position, step_links=step_links)
        return self._with_step_links(position) if step_links and position < self._base else self._rows[position]

    def values(self, position: int) -> dict[str, Any]:
        return _decode(self.row(position))

    def steps(self, position: int) -> bytes:
        """JSON array of the frozen steps; `UnreadableError` where the service fails."""
        written = self._steps.get(position)
        return self._source.steps(position) if written is None else written

    def add(self, row: dict[str, Any], steps: bytes, updated: str) -> int:
        """Id of a new execution."""
        position = self._count
        self._count += 1
        identity = self.identity(position)
        key = f"{self._project_key}-E{self._source.last_number + self._count - self._base}"
        links = {"self": f"{CLOUD}/testexecutions/{key}/links", "issues": []}
        self.write(position, {"id": identity, "key": key, **row, "links": links}, updated)
        self._steps[position] = steps
        return identity

    def write(self, position: int, row: dict[str, Any], updated: str) -> None:
        """The whole row of an execution."""
        self._rows[position] = encode(row)
        self._touch(position, updated)

    def write_steps(self, position: int, steps: bytes, updated: str) -> None:
        self._steps[position] = steps
        self._touch(position, updated)

    def _with_step_links(self, position: int) -> bytes:
        """The written row with the links that the steps had in the source."""
        row, source = _decode(self._rows[position]), _decode(self._source.row(position, step_links=True))
        held = [link["id"] for link in row["links"]["issues"]]
        row["links"]["issues"] += [link for link in source["links"]["issues"] if link["id"] not in held]
        return encode(row)

    def _by_id(self, identity: int) -> int | None:
        position = self.from_id(identity)
        return position if position < self._count and self.identity(position) == identity else None

    def _by_key(self, key: str) -> int | None:
        prefix, _, number = key.rpartition("-E")
        added = int(number[:18]) - self._source.last_number
        if prefix == self._project_key and 0 < added <= self._count - self._base:
            return self._base + added - 1
        return self._source.position(key)

    def _facts(self, position: int) -> Facts:
        written = self._rows.get(position)
        facts = self._source.facts(position) if written is None else facts_of(written)
        updated = self._updated.get(position)
        return facts._replace(updated=updated) if updated else facts

    def _matching(self, wanted: Filter) -> Iterator[int]:
        positions = self._last_of_each() if wanted.only_last else range(self._count)
        return (position for position in positions if wanted.takes(self._facts(position)))

    def _last_of_each(self) -> list[int]:
        """The execution with the highest id of each test case, cycle and environment."""
        last: dict[tuple[str, int, int], int] = {}
        for position in range(self._count):
            facts = self._facts(position)
            last[facts.case_key, facts.cycle, facts.environment] = position
        return sorted(last.values())

    def _touch(self, position: int, updated: str) -> None:
        self._updated[position] = updated
        self._selections.clear()
