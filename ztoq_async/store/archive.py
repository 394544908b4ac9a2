"""The archive: every source record as it came, read by pages and by key; and how far each pass has read (rule 15)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence

import msgspec

from ztoq_async.resources.database import Database
from ztoq_async.resources.session import Session
from ztoq_async.store.statistics import analyse
from ztoq_async.store.tenure import Tenure
from ztoq_async.store.words import storable

BATCH = 500
_ADD_DETAILS = """
UPDATE archive a SET
    detail = CASE WHEN t.fault = '' THEN t.detail ELSE a.detail END, detail_pass = $2, fault = t.fault,
    made_detail = CASE
        WHEN a.made_detail IS NULL AND t.fault = '' AND a.detail NOT IN ('', t.detail) AND EXISTS (
            SELECT 1 FROM journal j WHERE j.kind = $1 AND j.key = a.key AND j.state IN ('sent', 'doubt', 'done')
        ) THEN a.detail ELSE a.made_detail END
FROM unnest($3::text[], $4::bytea[], $5::text[]) AS t(key, detail, fault) WHERE a.source = $1 AND a.key = t.key
"""
# Key by key: a table that is being filled has no statistics, and would be read whole for a page.
_KNOWN = """
SELECT t.key FROM unnest($2::text[]) AS t(key) WHERE (SELECT true FROM archive a WHERE a.source = $1 AND a.key = t.key)
"""
_UPSERT = """
INSERT INTO archive (source, key, pass, record, fault, place)
SELECT $1, key, $2, record, fault, place FROM unnest($3::text[], $4::bytea[], $5::text[], $6::text[])
    AS t(key, record, fault, place)
ON CONFLICT (source, key) DO UPDATE
SET pass = excluded.pass, record = excluded.record, fault = excluded.fault, place = excluded.place
"""
_COLUMNS = ("source", "pass", "key", "record", "fault", "place")
_LACKS = "(detail_pass < $2 OR fault <> '')"


class Archived(msgspec.Struct, frozen=True):
    """A record: `detail` is what a call of its own fetched for it, `fault` why it cannot be read ("" if it can)."""

    id: int
    key: str
    record: bytes
    detail: bytes
    fault: str


class Read(msgspec.Struct, frozen=True):
    """A record as a list gave it: `place` sorts it among the others, `fault` says why it cannot be read."""

    key: str
    record: bytes
    fault: str = ""
    place: str = ""


class Reading(msgspec.Struct, frozen=True):
    """How far a list was read in this pass."""

    cursor: str = ""
    complete: bool = False


class Archive:
    """Reads and writes the archive of one pass."""

    def __init__(self, database: Database, tenure: Tenure, number: int) -> None:
        self._database = database
        self._tenure = tenure
        self.number = number

    async def reading(self, source: str) -> Reading:
        """Where the list of that source goes on."""
        row = await self._database.fetchrow(
            "SELECT cursor, complete FROM reading WHERE pass = $1 AND source = $2", self.number, source
        )
        return Reading(row["cursor"], row["complete"]) if row else Reading()

    async def add_page(self, source: str, records: Sequence[Read], reading: Reading) -> None:
        """A page and how far the list is read with it, in one transaction."""

        async def write(session: Session) -> None:
            await self._add(session, source, records)
            await session.execute(
                "INSERT INTO reading (pass, source, cursor, complete) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (pass, source) DO UPDATE SET cursor = excluded.cursor, complete = excluded.complete",
                self.number,
                source,
                reading.cursor,
                reading.complete,
            )

        await self._tenure.write(self._database, write)

    async def add(self, source: str, records: Sequence[Read]) -> None:
        """Records that no page of the list has given."""
        await self._tenure.write(self._database, lambda session: self._upsert(session, source, records))

    async def keep(self, source: str, key: str) -> bool:
        """Takes the record that an earlier pass has kept into this one; False if there is none."""
        query = "UPDATE archive SET pass = $3 WHERE source = $1 AND key = $2 RETURNING true"

        async def write(session: Session) -> bool:
            return bool(await session.fetchval(query, source, key, self.number))

        return await self._tenure.write(self._database, write)

    async def _add(self, session: Session, source: str, records: Iterable[Read]) -> None:
        """COPY takes two thirds of the time, but only records that nobody else adds, and that are new."""
        unique = {record.key: record for record in records}
        known = {row["key"] for row in await session.fetch(_KNOWN, source, list(unique))}
        rows = [(source, self.number, *_stored(record)) for key, record in unique.items() if key not in known]
        if rows:
            await session.copy_records("archive", rows, _COLUMNS)
        await self._upsert(session, source, [unique[key] for key in known])

    async def _upsert(self, session: Session, source: str, records: Sequence[Read]) -> None:
        if records:
            fields = zip(*map(_stored, records), strict=True)
            await session.execute(_UPSERT, source, self.number, *map(list, fields))

    async def add_details(self, source: str, details: Sequence[tuple[str, bytes, str]]) -> None:
        """Details as (key, detail, fault), in one transaction; where there is a fault the last one stays."""

        async def write(session: Session) -> None:
            await session.execute(
                _ADD_DETAILS,
                source,
                self.number,
                [key for key, _, _ in details],
                [detail for _, detail, _ in details],
                [storable(fault) for _, _, fault in details],
            )

        await self._tenure.write(self._database, write)

    async def count(self, source: str, *, without_detail: bool = False) -> int:
        """How many records this pass has, or how many of them lack their detail."""
        query = "SELECT count(*) FROM archive WHERE source = $1 AND pass >= $2"
        query += f" AND {_LACKS}" if without_detail else ""
        return int(await self._database.fetchval(query, source, self.number))

    async def records(
        self, source: str, *, without_detail: bool = False, with_detail: bool = False
    ) -> AsyncIterator[Archived]:
        """The records of this pass in their order; only those that lack their detail, or only those that need none."""
        place, last = "", 0
        condition = f" AND {_LACKS}" if without_detail else f" AND NOT {_LACKS}" if with_detail else ""
        while True:
            rows = await self._database.fetch(
                "SELECT id, place, key, record, detail, fault FROM archive WHERE source = $1 AND pass >= $2 "
                f'AND (place, id) > ($3 COLLATE "C", $4){condition} ORDER BY place, id LIMIT $5',
                source,
                self.number,
                place,
                last,
                BATCH,
            )
            for row in rows:
                place, last = row["place"], row["id"]
                yield Archived(row["id"], row["key"], row["record"], row["detail"], row["fault"])
            if len(rows) < BATCH:
                return

    async def analyse(self) -> None:
        """Statistics of what was just read: without them PostgreSQL sorts all that is left for each batch."""
        await analyse(self._database, "archive")

    async def by_keys(self, source: str, keys: Collection[str]) -> dict[str, bytes]:
        """The records of those keys that this pass has read."""
        rows = await self._database.fetch(
            "SELECT key, record FROM archive WHERE source = $1 AND pass >= $2 AND key = ANY($3)",
            source,
            self.number,
            list(keys),
        )
        return {row["key"]: row["record"] for row in rows}

    async def known(self, source: str, keys: Collection[str]) -> set[str]:
        """Those of the keys that this pass has read and that can be moved."""
        rows = await self._database.fetch(
            "SELECT key FROM archive WHERE source = $1 AND pass >= $2 AND fault = '' AND key = ANY($3)",
            source,
            self.number,
            list(keys),
        )
        return {row["key"] for row in rows}


def _stored(record: Read) -> tuple[str, bytes, str, str]:
    return record.key, record.record, storable(record.fault), storable(record.place)
