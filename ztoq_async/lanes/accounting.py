"""Counts what became of every attribute: of records that a run makes while it does, of all others at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from ztoq_async.mapping.account import IDENTITY, REFUSED, Note, is_identity, settle
from ztoq_async.mapping.kind import Item, Kind
from ztoq_async.store.ledger import BATCH, Counts, Ledger, LedgerRow

UNEXPLAINED = "unexplained"


class Accounting:
    """Counts by (kind, attribute, rule); losses, refusals and what is unexplained become rows of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._counts: Counts = Counter()
        self._losses: list[LedgerRow] = []

    async def begin(self) -> None:
        """Nothing is accounted for yet."""
        self._counts.clear()
        self._losses.clear()
        await self._ledger.clear()

    def made(self, kind: Kind, item: Item, notes: Sequence[Note]) -> bool:
        """Counts a record whose row is done; False where that is left to the end: the row may be made once more."""
        if kind.follows is not None or not (kind.source and item.record):
            return False
        self.moved(kind, item, notes)
        return True

    def moved(self, kind: Kind, item: Item, notes: Sequence[Note]) -> None:
        """Counts what the notes say of a record."""
        found, surplus = settle(attributes(kind, item), notes)
        self._counts.update({(kind.reported, *name): number for name, number in found.items()})
        self._losses += [LedgerRow(kind.reported, item.key, n.attribute, n.rule, n.loss) for n in notes if n.loss]
        if surplus:
            self._counts.update((kind.reported, attribute, UNEXPLAINED) for attribute in surplus)
            self._losses += [LedgerRow(kind.reported, item.key, name, UNEXPLAINED, "no rule") for name in surplus]

    def refused(self, kind: Kind, item: Item, reason: str) -> None:
        """Counts a record that is not in the target, as a whole."""
        read = attributes(kind, item)
        self._counts.update((kind.reported, name, IDENTITY if is_identity(name) else REFUSED) for name in read)
        self._losses.append(LedgerRow(kind.reported, item.key, "*", REFUSED, reason))

    async def keep(self, least: int = BATCH) -> None:
        """Writes the losses that have gathered, if they are so many."""
        if len(self._losses) >= max(1, least):
            losses = list(self._losses)
            await self._ledger.add(losses)
            del self._losses[: len(losses)]

    async def close(self) -> None:
        """The account is complete."""
        await self.keep(1)
        await self._ledger.close(self._counts)


def attributes(kind: Kind, item: Item) -> Iterable[str]:
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
