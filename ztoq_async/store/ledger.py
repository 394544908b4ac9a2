"""The ledger: what became of every attribute that was read. Counts for each rule, a row for each loss and refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec import structs

from ztoq_async.resources.database import Database
from ztoq_async.resources.session import Session
from ztoq_async.store.words import storable

Counts = Counter[tuple[str, str, str]]
BATCH = 1000


class LedgerRow(msgspec.Struct, frozen=True):
    """A loss or a refusal: `words` say what is gone, or why the record was refused."""

    kind: str
    key: str
    attribute: str
    rule: str
    words: str


class Ledger:
    """Written anew by each account: the records are in the archive, so nothing is counted twice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last = 0

    async def clear(self) -> None:
        """An account begins."""
        await self._database.execute("DELETE FROM ledger_row; DELETE FROM ledger_count")
        self._last = 0

    async def add(self, rows: Sequence[LedgerRow]) -> None:
        """Keeps losses and refusals."""
        if not rows:
            return
        records = [tuple(map(storable, structs.astuple(row))) for row in rows]

        async def write(session: Session) -> int:
            # what an attempt has left whose COMMIT got no answer
            await session.execute("DELETE FROM ledger_row WHERE id > $1", self._last)
            await session.copy_records("ledger_row", records, ["kind", "key", "attribute", "rule", "words"])
            return int(await session.fetchval("SELECT max(id) FROM ledger_row"))

        self._last = await self._database.again(write)

    async def close(self, counts: Counts) -> None:
        """Keeps how often each rule was used."""
        kept: Counts = Counter()
        for (kind, attribute, rule), number in counts.items():
            kept[kind, storable(attribute), rule] += number
        records = [(*name, number) for name, number in sorted(kept.items())]

        async def write(session: Session) -> None:
            await session.execute("DELETE FROM ledger_count")
            await session.copy_records("ledger_count", records, ["kind", "attribute", "rule", "number"])

        await self._database.again(write)

    async def counts(self) -> Counts:
        """How often each (kind, attribute, rule) was used by the last account."""
        rows = await self._database.fetch("SELECT kind, attribute, rule, number FROM ledger_count")
        return Counter({(row["kind"], row["attribute"], row["rule"]): row["number"] for row in rows})

    async def lost(self) -> dict[str, int]:
        """How many losses and refusals there are by rule."""
        rows = await self._database.fetch("SELECT rule, count(*) AS number FROM ledger_row GROUP BY rule ORDER BY rule")
        return {row["rule"]: row["number"] for row in rows}

    async def rows(self, most: int, first: Sequence[str] = ()) -> list[LedgerRow]:
        """The first losses and refusals: those by the rules of `first`, then by rule."""
        rows = await self._database.fetch(
            "SELECT kind, key, attribute, rule, words FROM ledger_row "
            "ORDER BY rule <> ALL($2::text[]), rule, id LIMIT $1",
            most,
            first,
        )
        return [LedgerRow(**dict(row)) for row in rows]

    async def all_rows(self) -> AsyncIterator[LedgerRow]:
        """Every loss and refusal; a batch of them is in memory."""
        last = 0
        while True:
            rows = await self._database.fetch(
                "SELECT id, kind, key, attribute, rule, words FROM ledger_row WHERE id > $1 ORDER BY id LIMIT $2",
                last,
                BATCH,
            )
            for row in rows:
                last = row["id"]
                yield LedgerRow(*(row[name] for name in LedgerRow.__struct_fields__))
            if len(rows) < BATCH:
                return
