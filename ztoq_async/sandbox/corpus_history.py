"""The cycles and executions of a corpus: files `testcycles`, `testexecutions` and `executionsteps`."""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from ztoq_async.sandbox.corpus_lines import CorpusError, read_rows
from ztoq_async.sandbox.source import History
from ztoq_async.sandbox.stored_executions import Key, StoredExecution, StoredExecutions

T = TypeVar("T", "_Cycle", StoredExecution)


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
    cycles = _unique(folder, "testcycles", _Cycle)
    steps = {
        row.key: bytes(msgspec.json.decode(line, type=_ResultLine).values)
        for row, line in read_rows(folder, "executionsteps", _Results)
    }
    return History(
        executions=StoredExecutions(_unique(folder, "testexecutions", StoredExecution), steps),
        cycles=tuple(line for _, line in cycles),
        cycle_fields=frozenset(name for row, _ in cycles for name in row.custom_fields),
    )


def _unique(folder: Path, name: str, shape: type[T]) -> list[tuple[T, bytes]]:
    """The rows of a file by ascending id; an id or a key that occurs twice is an error."""
    seen: set[int | str] = set()
    rows = sorted(read_rows(folder, name, shape), key=lambda row: row[0].id)
    for row, _ in rows:
        if seen & {row.id, row.key or row.id}:
            raise CorpusError(f"{folder / name}.jsonl: {row.key or row.id} occurs twice")
        seen |= {row.id, row.key or row.id}
    return rows
