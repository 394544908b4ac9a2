"""The report's long tables as CSV (RFC 4180), whole or not there: every loss and refusal, every part of the move."""

from __future__ import annotations

import asyncio
import csv
import io
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import structs

from ztoq_async.lanes.parts import WORDS, held
from ztoq_async.store.ledger import Ledger, LedgerRow

LEDGER, PARTS = "ledger.csv", "parts.csv"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Rows = Iterable[Sequence[Any]]
Redact = Callable[[str], str]


async def write_tables(ledger: Ledger, parts: Sequence[dict[str, Any]], folder: Path, redact: Redact) -> dict[str, str]:
    """Writes both into `folder` in place of the last ones; gives their paths by their names in the report."""
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    await _write(folder / LEDGER, LedgerRow.__struct_fields__, _losses(ledger), redact)
    kinds = held(parts)
    rows = [
        [part["kind"], part["key"], *(part["holds"].get(kind, 0) for kind in kinds), *(part[word] for word in WORDS)]
        for part in parts
    ]
    await _write(folder / PARTS, ["kind", "key", *kinds, *WORDS], _once(rows), redact)
    return {"ledger_csv": str(folder / LEDGER), "parts_csv": str(folder / PARTS)}


async def _losses(ledger: Ledger) -> AsyncIterator[Rows]:
    async for batch in ledger.all_rows():
        yield [structs.astuple(row) for row in batch]


async def _once(rows: Rows) -> AsyncIterator[Rows]:
    yield rows


async def _write(path: Path, head: Sequence[str], batches: AsyncIterator[Rows], redact: Redact) -> None:
    """A batch after the other, so that no more than one is held; no reader finds half a file."""
    beside = path.with_suffix(".csv.new")
    with await asyncio.to_thread(beside.open, "w", encoding="utf-8", newline="") as file:
        file.write(lines([head], redact))
        async for rows in batches:
            await asyncio.to_thread(file.write, lines(rows, redact))
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    await asyncio.to_thread(beside.replace, path)


def lines(rows: Rows, redact: Redact) -> str:
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
