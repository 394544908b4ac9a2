"""The cycles and executions of a corpus: files `testcycles`, `testexecutions` and `executionsteps`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from ztoq_async.sandbox.corpus_lines import CorpusError, read_rows
from ztoq_async.sandbox.source import History
from ztoq_async.sandbox.stored_executions import StoredExecution, StoredExecutions

Key = Annotated[str, msgspec.Meta(pattern=r"^.+-E[0-9]+$")]


class _Reference(msgspec.Struct):
    id: int


class _Cycle(msgspec.Struct, rename="camel"):
    id: int
    key: Annotated[str, msgspec.Meta(pattern=r"^.+-R[0-9]+$")]
    name: str
    project: _Reference
    status: _Reference
    custom_fields: dict[str, msgspec.Raw] = {}


class _Result(msgspec.Struct):
    inline: dict[str, msgspec.Raw]


class _Results(msgspec.Struct):
    key: Key = msgspec.field(name="testExecutionKey")
    values: list[_Result]


class _ResultLine(msgspec.Struct):
    values: msgspec.Raw


def read_history(folder: Path) -> History:
    """What the files hold; a file that is missing is an empty one."""
    cycles = sorted(
        ((row.id, line, row) for row, line in read_rows(folder, "testcycles", _Cycle)), key=lambda row: row[0]
    )
    steps = {
        row.key: bytes(msgspec.json.decode(line, type=_ResultLine).values)
        for row, line in read_rows(folder, "executionsteps", _Results)
    }
    return History(
        executions=StoredExecutions(_executions(folder), steps),
        cycles=tuple(line for _, line, _ in cycles),
        cycle_fields=frozenset(name for _, _, row in cycles for name in row.custom_fields),
    )


def _executions(folder: Path) -> Iterator[tuple[StoredExecution, bytes]]:
    seen: set[int | str] = set()
    for row, line in read_rows(folder, "testexecutions", StoredExecution):
        if row.id in seen or row.key in seen:
            raise CorpusError(f"{folder / 'testexecutions.jsonl'}: test execution {row.key or row.id} occurs twice")
        seen.update((row.id, row.key) if row.key else (row.id,))
        yield row, line
