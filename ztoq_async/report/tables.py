"""The report's long tables as CSV (RFC 4180), whole or not there: every loss and refusal, every part of the move."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import structs

from ztoq_async.lanes.parts import WORDS, held
from ztoq_async.resources.batches import batch_processor
from ztoq_async.resources.pools import WorkerPools
from ztoq_async.store.ledger import Ledger, LedgerRow

LEDGER, PARTS = "ledger.csv", "parts.csv"
FILES = "files"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = Sequence[Any]
Redact = Callable[[str], str]


async def write_tables(
    pools: WorkerPools, ledger: Ledger, parts: Sequence[dict[str, Any]], folder: Path, redact: Redact
) -> dict[str, str]:
    """Writes both into `folder` in place of the last ones; gives their paths by their names in the report.

    Files are written in the pool `files`.
    """
    await pools.run(FILES, _make, folder)
    losses = (structs.astuple(row) async for row in ledger.all_rows())
    await _write(pools, folder / LEDGER, LedgerRow.__struct_fields__, losses, redact)
    kinds = held(parts)
    rows = (
        [part["kind"], part["key"], *(part["holds"].get(kind, 0) for kind in kinds), *(part[word] for word in WORDS)]
        for part in parts
    )
    await _write(pools, folder / PARTS, ["kind", "key", *kinds, *WORDS], rows, redact)
    return {"ledger_csv": str(folder / LEDGER), "parts_csv": str(folder / PARTS)}


async def _write(
    pools: WorkerPools, path: Path, head: Row, rows: Iterable[Row] | AsyncIterable[Row], redact: Redact
) -> None:
    """A batch after the other, so that no more than one is held; no reader finds half a file."""
    beside = path.with_suffix(".csv.new")
    await pools.run(FILES, _add, beside, "w", [head], redact)
    async for batch in batch_processor(rows):
        await pools.run(FILES, _add, beside, "a", batch, redact)
    await pools.run(FILES, _put, beside, path)


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _add(path: Path, mode: str, rows: Iterable[Row], redact: Redact) -> None:
    with path.open(mode, encoding="utf-8", newline="") as file:
        file.write(lines(rows, redact))


def _put(beside: Path, path: Path) -> None:
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)


def lines(rows: Iterable[Row], redact: Redact) -> str:
    """The rows as lines of CSV."""
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value, redact) for value in row] for row in rows])
    return text.getvalue()


def _cell(value: object, redact: Redact) -> object:
    """A text that a spreadsheet would take for a formula gets an apostrophe, which spreadsheets do not show."""
    if not isinstance(value, str):
        return value
    shown = redact(value)
    return f"'{shown}" if shown.startswith(FORMULA) else shown
