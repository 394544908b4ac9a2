"""The store's schema: numbered SQL files, each applied once, in order, in a transaction of its own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ztoq_async.errors import StoreError
from ztoq_async.resources.database import Database
from ztoq_async.resources.session import Session

FOLDER = Path(__file__).parent / "sql"
FILE_NAME = re.compile(r"(\d{3})_(\w+)\.sql", re.ASCII)
LOCK = 0x7A746F71  # "ztoq": the advisory lock of schema changes
FILE_S = 600.0  # a change of a large store, and the wait for another process that makes it
TABLE = """
CREATE TABLE IF NOT EXISTS schema_version (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True)
class Change:
    """One numbered SQL file."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Tells whether an applied file was changed later."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def upgrade(database: Database, folder: Path = FOLDER) -> int:
    """Bring the store to this program's schema; its number. Safe in several processes at once.

    StoreError where a newer program has written the store, or an applied file was changed.
    """
    changes = read_changes(folder)
    steps: list[Change | None] = [*changes] or [None]  # none to apply: still look whether the store is newer
    for change in steps:
        await database.again(partial(_apply, change=change, changes=changes))
    return len(changes)


def read_changes(folder: Path) -> list[Change]:
    """The folder's files in order; StoreError unless they are numbered 001, 002, ... without a gap."""
    changes = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        match = FILE_NAME.fullmatch(path.name)
        if match is None or int(match[1]) != number:
            raise StoreError(f"{path.name} in {folder}: expected {number:03d}_name.sql")
        changes.append(Change(number, match[2], path.read_text(encoding="utf-8")))
    return changes


async def _apply(session: Session, change: Change | None, changes: list[Change]) -> None:
    """Under the lock, so that what is seen as not yet applied stays so."""
    await session.execute("SELECT pg_advisory_xact_lock($1)", LOCK, timeout=FILE_S)
    await session.execute(TABLE)
    applied = await session.fetch("SELECT number, name, sha256 FROM schema_version ORDER BY number")
    _check({row["number"]: (row["name"], row["sha256"]) for row in applied}, changes)
    if change is None or any(row["number"] == change.number for row in applied):
        return
    await session.execute(change.sql, timeout=FILE_S)
    await session.execute(
        "INSERT INTO schema_version (number, name, sha256) VALUES ($1, $2, $3)",
        change.number,
        change.name,
        change.sha256,
    )


def _check(applied: dict[int, tuple[str, str]], changes: list[Change]) -> None:
    newest = max(applied, default=0)
    if newest > len(changes):
        raise StoreError(
            f"the store has schema {newest}, this program knows {len(changes)}: use the newer ztoq_async that wrote it"
        )
    for change in changes[:newest]:
        if applied.get(change.number) != (change.name, change.sha256):
            raise StoreError(
                f"schema file {change.number:03d}_{change.name}.sql is not the one that the store was made with:"
                " use the ztoq_async that wrote it, or a new store"
            )
