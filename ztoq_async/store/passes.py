"""Passes: one goes over the whole source; an unfinished one is gone on with (protocol.md, rule 15)."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ztoq_async.resources.database import Database
from ztoq_async.resources.session import Session


class Plan(msgspec.Struct, frozen=True):
    """That all rows of a kind are in the journal; `late`: so many were made before others that belong before them.

    `read_back`: what is verified before other kinds begin was verified, and mended.
    """

    late: int
    read_back: bool


async def open_pass(database: Database, chosen: str) -> int:
    """The number of the pass to work on: the unfinished one, else a new one, as where it has read other executions."""

    async def work(session: Session) -> int:
        await session.execute(
            "UPDATE pass SET finished_at = now() WHERE finished_at IS NULL AND chosen <> $1 AND report IS NULL", chosen
        )
        number = await session.fetchval("SELECT max(number) FROM pass WHERE finished_at IS NULL")
        if number is None:
            number = await session.fetchval(
                "INSERT INTO pass (number, chosen) SELECT coalesce(max(number), 0) + 1, $1 FROM pass RETURNING number",
                chosen,
            )
        return int(number)

    return await database.again(work)


async def last_pass(database: Database) -> int:
    """The number of the newest pass that was not for a proposal only, 0 if there is none."""
    query = "SELECT coalesce(max(number), 0) FROM pass WHERE finished_at IS NULL OR report IS NOT NULL"
    return int(await database.fetchval(query))


async def report_of(database: Database, number: int) -> bytes | None:
    """The report with which a pass was finished, None if it is not."""
    report = await database.fetchval("SELECT report FROM pass WHERE number = $1", number)
    return None if report is None else bytes(report)


async def last_read_pass(database: Database, lists: int) -> int:
    """The number of the newest pass that has read all its lists, not for a proposal only; 0 if there is none."""
    query = (
        "SELECT coalesce(max(read.pass), 0) FROM "
        "(SELECT pass FROM reading WHERE complete GROUP BY pass HAVING count(*) >= $1) AS read "
        "JOIN pass ON number = read.pass WHERE finished_at IS NULL OR report IS NOT NULL"
    )
    return int(await database.fetchval(query, lists))


async def close_pass(database: Database, number: int, report: bytes) -> None:
    """The pass is finished: the next run reads everything again."""

    async def work(session: Session) -> None:
        await session.execute("UPDATE pass SET finished_at = now(), report = $2 WHERE number = $1", number, report)
        await session.execute("UPDATE migration SET adopting = false")

    await database.again(work)


async def close_proposal(database: Database, number: int) -> None:
    """A pass that only a proposal has read ends: the run that follows reads everything as it is then."""
    await database.execute(
        "UPDATE pass SET finished_at = now() WHERE number = $1 AND NOT EXISTS (SELECT 1 FROM journal WHERE pass = $1)",
        number,
    )


async def adopting(database: Database) -> bool:
    """Whether this pass adopts what the project holds already (protocol.md, rule 12)."""
    return bool(await database.fetchval("SELECT adopting FROM migration"))


async def begin_adopting(database: Database) -> None:
    """From now until the pass is finished, also after an interruption."""
    await database.execute("UPDATE migration SET adopting = true")


async def read_findings(database: Database) -> bytes | None:
    """What the probe found, None if this project was never probed."""
    found = await database.fetchval("SELECT findings FROM migration")
    return None if found is None else bytes(found)


async def write_findings(database: Database, findings: bytes) -> None:
    """Keeps what the probe found."""
    await database.execute("UPDATE migration SET findings = $1", findings)


async def read_source(database: Database, number: int) -> bytes | None:
    """The tables that were gathered when this pass had read all its lists, None if it has not."""
    found = await database.fetchval("SELECT source FROM pass WHERE number = $1", number)
    return None if found is None else bytes(found)


async def write_source(session: Session, number: int, source: bytes) -> None:
    """Keeps what was gathered."""
    await session.execute("UPDATE pass SET source = $2 WHERE number = $1", number, source)


async def plans(database: Database, number: int, basis: bytes) -> dict[str, Plan]:
    """The kinds that were planned to the end in this pass, by the same rules."""
    query = "SELECT kind, late, read_back FROM planned WHERE pass = $1 AND basis = $2"
    rows = await database.fetch(query, number, basis)
    return {row["kind"]: Plan(row["late"], row["read_back"]) for row in rows}


async def keep_plans(session: Session, kinds: Collection[str]) -> None:
    """All others are planned again, which may end in the middle."""
    await session.execute("DELETE FROM planned WHERE kind <> ALL($1::text[])", list(kinds))


async def add_plan(session: Session, number: int, kind: str, basis: bytes, late: int) -> None:
    """A kind is planned to the end."""
    await session.execute(
        "INSERT INTO planned (pass, kind, basis, late) VALUES ($1, $2, $3, $4) ON CONFLICT (pass, kind) "
        "DO UPDATE SET basis = excluded.basis, late = excluded.late, read_back = false",
        number,
        kind,
        basis,
        late,
    )


async def note_read_back(session: Session, number: int, kind: str) -> None:
    """What the kind closes was verified and mended."""
    await session.execute("UPDATE planned SET read_back = true WHERE pass = $1 AND kind = $2", number, kind)
