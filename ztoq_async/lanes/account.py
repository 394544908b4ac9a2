"""The account: what became of every attribute of every record. It adds up, or the run fails."""

from __future__ import annotations

from collections import Counter

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.lanes.items import items_as_made
from ztoq_async.lanes.large import built
from ztoq_async.lanes.run import Run, plural
from ztoq_async.mapping.account import IDENTITY, REFUSED, is_identity, settle
from ztoq_async.mapping.kind import Item, Kind
from ztoq_async.store.ledger import Counts, LedgerRow
from ztoq_async.store.overview import Known

UNEXPLAINED = "unexplained"


async def account(run: Run, kinds: tuple[Kind, ...]) -> Counts:
    """Counts by (kind, attribute, rule); losses, refusals and what is unexplained become rows of the ledger."""
    counts: Counts = Counter()
    await run.ledger.clear()
    for kind in kinds:
        if kind.source:
            run.lane("account").begin(f"accounting for {plural(kind.name)}")
            async for rows in run.overview.rows(kind.name, kind.source):
                losses: list[LedgerRow] = []
                items = await items_as_made(run, kind, rows)
                for row in rows:
                    if row.record:  # our own containers have none
                        losses += await _account(run, kind, row, items[row.id], counts)
                await run.ledger.add(losses)
                run.lane("account").done += len(rows)
    await run.ledger.close(counts)
    return counts


async def _account(run: Run, kind: Kind, row: Known, item: Item, counts: Counts) -> list[LedgerRow]:
    read = _attributes(kind, item)
    reason = row.reason
    if row.state == "done":
        try:
            _, notes = await built(run, kind, item)
        except SourceError as error:
            reason = f"it was moved, and has changed since: {error}"
        else:
            found, surplus = settle(read, notes)
            counts.update({(kind.reported, *name): number for name, number in found.items()})
            counts.update((kind.reported, attribute, UNEXPLAINED) for attribute in surplus)
            losses = [LedgerRow(kind.reported, row.key, n.attribute, n.rule, n.loss) for n in notes if n.loss]
            return losses + [LedgerRow(kind.reported, row.key, name, UNEXPLAINED, "no rule") for name in surplus]
    counts.update((kind.reported, name, IDENTITY if is_identity(name) else REFUSED) for name in read)
    return [LedgerRow(kind.reported, row.key, "*", REFUSED, reason or f"it is {row.state}")]


def _attributes(kind: Kind, item: Item) -> list[str]:
    """The attributes of a record, none where it is no JSON that can be read: it is refused as a whole."""
    try:
        return list(kind.attributes(item))
    except msgspec.DecodeError:
        return []


def totals(counts: Counts) -> dict[str, Counter[str]]:
    """For each kind how many attributes were read, as they are, by rule, refused and unexplained."""
    found: dict[str, Counter[str]] = {}
    for (kind, _, rule), number in counts.items():
        word = {"as it is": "as_is", REFUSED: "refused", UNEXPLAINED: "unexplained"}.get(rule, "by_rule")
        found.setdefault(kind, Counter()).update({word: number, "read": number})
    return found
