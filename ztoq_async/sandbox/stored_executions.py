"""Executions that are rows, as a corpus has them; a project without any is one of these too."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec

from ztoq_async.sandbox.source import Facts, History

Key = Annotated[str, msgspec.Meta(pattern=r"^.+-E[0-9]+$")]


class _Reference(msgspec.Struct):
    id: int = 0
    address: str = msgspec.field(name="self", default="")


class StoredExecution(msgspec.Struct, rename="camel"):
    """What must be known of an execution; the corpus reader checks each line against it."""

    id: int
    project: _Reference
    test_case: _Reference
    test_execution_status: _Reference
    key: Key = ""
    test_cycle: _Reference | None = None
    environment: _Reference | None = None
    jira_project_version: _Reference | None = None
    actual_end_date: str | None = None
    custom_fields: dict[str, msgspec.Raw] = {}

    def facts(self) -> Facts:
        """What lists filter by; an execution was changed when it ended."""
        return Facts(
            case_key=case_key(self.test_case.address),
            case_id=self.test_case.id,
            cycle=self.test_cycle.id if self.test_cycle else 0,
            environment=self.environment.id if self.environment else 0,
            version=self.jira_project_version.id if self.jira_project_version else 0,
            ended=self.actual_end_date or "",
            updated=self.actual_end_date or "",
        )


_DECODER = msgspec.json.Decoder(StoredExecution)


class StoredExecutions:
    """Executions and their steps (by the key of the execution), kept as bytes."""

    def __init__(self, rows: Iterable[tuple[StoredExecution, bytes]] = (), steps: Mapping[str, bytes] = {}) -> None:
        found = sorted(rows, key=lambda row: row[0].id)
        self.ids: Sequence[int] = array("q", (row.id for row, _ in found))
        self._rows = [line for _, line in found]
        self._keys = [row.key for row, _ in found]
        self._positions = {row.key: position for position, (row, _) in enumerate(found) if row.key}
        self._steps = steps
        self.last_number = max((int(key.rpartition("-E")[2]) for key in self._positions), default=0)
        self.custom_fields = frozenset(name for row, _ in found for name in row.custom_fields)

    def position(self, key: str) -> int | None:
        return self._positions.get(key)

    def row(self, position: int, *, step_links: bool = False) -> bytes:
        """The row as it was stored, where links of steps, if known, are among its own."""
        return self._rows[position]

    def facts(self, position: int) -> Facts:
        return _DECODER.decode(self._rows[position]).facts()

    def steps(self, position: int) -> bytes:
        return self._steps.get(self._keys[position], b"[]")


def facts(row: bytes) -> Facts:
    """What lists filter by, of a row that clients have written."""
    return _DECODER.decode(row).facts()


def case_key(address: str) -> str:
    """`ABC-T1` of `…/testcases/ABC-T1/versions/2` (facts.md 1.7)."""
    return address.rpartition("/testcases/")[2].partition("/")[0]


NO_HISTORY = History(StoredExecutions())
"""Neither cycles nor executions."""
