"""The account: what became of every attribute of every record. It adds up, or the run fails."""

from __future__ import annotations

from ztoq_async.errors import SourceError
from ztoq_async.lanes.items import items_as_made
from ztoq_async.lanes.large import built
from ztoq_async.lanes.run import Run, plural
from ztoq_async.mapping.kind import Item, Kind
from ztoq_async.store.overview import Known


async def account(run: Run, kinds: tuple[Kind, ...]) -> None:
    """Accounts for the records that this run has not made, and closes the account."""
    for kind in kinds:
        if kind.source:
            run.lane("account").begin(f"accounting for {plural(kind.name)}")
            async for rows in run.overview.unaccounted(kind.name, kind.source, run.journal.epoch):
                items = await items_as_made(run, kind, rows)
                for row in rows:
                    if row.record:  # our own containers have none
                        await _account(run, kind, row, items[row.id])
                await run.accounting.keep()
                run.lane("account").done += len(rows)
    await run.accounting.close()


async def _account(run: Run, kind: Kind, row: Known, item: Item) -> None:
    reason = row.reason or f"it is {row.state}"
    if row.state == "done":
        try:
            _, notes = await built(run, kind, item)
        except SourceError as error:
            reason = f"it was moved, and cannot be built any more: {error}"
        else:
            run.accounting.moved(kind, item, notes)
            return
    run.accounting.refused(kind, item, reason)
