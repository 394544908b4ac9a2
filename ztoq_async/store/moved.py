"""Rows of the journal that change their state, and those that wait for them: in the transaction of the caller."""

from __future__ import annotations

from collections.abc import Sequence

from ztoq_async.resources.session import Session
from ztoq_async.store.statements import BRIDGE, MOVE, REFUSE_CHILDREN, WAITING, WAITING_FOR
from ztoq_async.store.transitions import DONE, FROM, PENDING, REFUSED, Transition
from ztoq_async.store.words import storable


async def write(session: Session, batch: Sequence[Transition], number: int, epoch: int) -> None:
    """All of a batch, in the pass of that number; a state that does not permit the next one stays as it is."""
    for state, allowed in FROM.items():
        rows = [row for row in batch if row.state == state]
        if rows:
            await _move(session, state, allowed, rows, number, epoch)
    refused = [row.id for row in batch if row.state == REFUSED]
    if refused:
        await session.execute(BRIDGE, refused)
    await recount(session, [row.id for row in batch if row.state in (DONE, REFUSED)])
    back = [row.id for row in batch if row.state == PENDING]
    if back:  # what belongs before them may have got another chance meanwhile
        await session.execute(WAITING, back)
    if refused:
        await refuse_children(session, refused)


async def _move(
    session: Session, state: str, allowed: tuple[str, ...], rows: Sequence[Transition], number: int, epoch: int
) -> None:
    await session.execute(
        MOVE,
        state,
        list(allowed),
        [row.id for row in rows],
        [row.made.id for row in rows],
        [row.made.version_id for row in rows],
        [",".join(map(str, row.made.step_ids)) for row in rows],
        [row.origin for row in rows],
        [storable(row.reason) for row in rows],
        [row.due_s for row in rows],
        [row.resent for row in rows],
        number,
        [row.as_made for row in rows],
        [row.accounted for row in rows],
        epoch,
    )


async def refuse_children(session: Session, rows: Sequence[int]) -> None:
    """Rule 14: those of these rows that have a refused parent, and what is below them and below refused ones."""
    refused = await session.fetch(REFUSE_CHILDREN, rows)
    await recount(session, [row["id"] for row in refused])


async def recount(session: Session, settled: Sequence[int]) -> None:
    """What waits for these rows may wait for less now."""
    if settled:
        await session.execute(WAITING_FOR, settled)
