"""What a run would do, counted (pure): rows of each kind, calls by what they are for, what cannot be carried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.kinds import KINDS, REPORTED
from ztoq_async.mapping.account import REFUSED, Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.kind import Item, Kind, Made
from ztoq_async.plan import Row
from ztoq_async.qtest.listing import Listing

SETTINGS = "settings"
FIRST = 5
_AWAITED = {name for kind in KINDS for name in kind.parents}


class Lost(msgspec.Struct):
    """How often a rule lost something, or refused a record, and the first of them."""

    number: int = 0
    first: list[dict[str, str]] = []


class Tally:
    """Takes the rows of one kind after the other, in the order of the table.

    Of rows that others wait for a number each is kept (60 bytes), of all others nothing. With `build` the records are
    built as far as lists show them, which finds what cannot be carried.
    """

    def __init__(self, context: Context, *, logs: str, build: bool) -> None:
        self._context = context
        self._logs = logs
        self._build = build
        self._there: set[int] = set()
        self._shown: Counter[str] = Counter()
        self._within: dict[str, set[Listing]] = {}
        self.planned: Counter[str] = Counter()
        self.rows = {name: Counter({"read": 0, "unchanged": 0, "to_make": 0, "refused": 0}) for name in REPORTED}
        self.calls: Counter[str] = Counter()
        self.lost: dict[str, Lost] = {}

    def add(self, kind: Kind, row: Row, item: Item, *, done: bool) -> None:
        """One row; `done`: an earlier run made it."""
        self.planned[kind.name] += 1
        reason = row.refusal or self._parent_lacks(row) or ("" if done else self._losses(kind, item))
        if reason:
            self._lose(kind, row.key, [Note("*", REFUSED, reason)])
        else:
            self._expect(kind, row)
            self.calls[purpose(kind)] += bool((not done or row.again) and not self._is_there(kind, item))
        if kind.reported and row.counted:
            word = "refused" if reason else "unchanged" if done else "to_make"
            self.rows[kind.reported].update({"read": 1, word: 1})

    def _parent_lacks(self, row: Row) -> str:
        lacking = [name for name in row.parents if hash(name) not in self._there]
        return f"{lacking[0].replace(':', ' ', 1)} is refused or unknown" if lacking else ""

    def _losses(self, kind: Kind, item: Item) -> str:
        """Keeps what building the record loses; why it cannot be built, "" if it can."""
        if self._build:
            try:
                _, notes = kind.build(item, self._context)
            except SourceError as error:
                return str(error)
            self._lose(kind, item.key, [note for note in notes if note.loss])
        return ""

    def _lose(self, kind: Kind, key: str, notes: Iterable[Note]) -> None:
        for note in notes:
            lost = self.lost.setdefault(note.rule, Lost())
            lost.number += 1
            if len(lost.first) < FIRST:
                name = kind.reported or kind.name
                lost.first.append({"kind": name, "key": key, "attribute": note.attribute, "words": note.loss})

    def _expect(self, kind: Kind, row: Row) -> None:
        """The row will be there: others may wait for it, and verification reads it."""
        self._shown[kind.name] += 1
        if kind.name in _AWAITED:
            self._there.add(hash(f"{kind.name}:{row.key}"))
        if kind.within and not self._is_searched(kind):
            refs = {name: Made(hash(name)) for name in row.parents}
            self._within.setdefault(kind.name, set()).add(kind.within(self._context, refs))

    def _is_searched(self, kind: Kind) -> bool:
        return kind.index and self._logs == "search"

    def _is_there(self, kind: Kind, item: Item) -> bool:
        """True for a row without a call: nothing is made, or fields that the project has are used."""
        if kind.read_back is None or not kind.changes:
            return kind.read_back is None
        try:
            target, _ = kind.build(item, self._context)
            return isinstance(kind.create(target, self._context, {}), Made)
        except SourceError:
            return False  # the field is not there yet

    def read_again(self) -> int:
        """How many lists of fields are read again, since calls change them."""
        changing = (kind.name for kind in KINDS if kind.changes)
        return sum(1 for name in changing if self.calls[f"{SETTINGS} {name}"])

    def writing(self) -> Counter[str]:
        """The calls that make something, by kind; those for fields are together."""
        found: Counter[str] = Counter()
        for name, number in self.calls.items():
            found[name.partition(" ")[0]] += number
        return found

    def verifying(self) -> Counter[str]:
        """The calls that read back, by kind (protocol rule 16); each list once for all kinds that it shows."""
        found: Counter[str] = Counter()
        groups: dict[Listing, list[Kind]] = {}
        for kind in KINDS:
            if kind.reported and kind.read_back and self.planned[kind.name]:
                groups.setdefault(kind.read_back(self._context), []).append(kind)
        for listing, kinds in groups.items():
            below = [self._within.get(kind.name) for kind in kinds if kind.within and not self._is_searched(kind)]
            number = sum(len(listings or ()) for listings in below) if below else pages(listing, self._seen(kinds))
            found[kinds[0].reported] += number
        return found

    def _seen(self, kinds: Sequence[Kind]) -> int:
        return sum(self._shown[kind.name] for kind in kinds)


def purpose(kind: Kind) -> str:
    """What a call that makes a row of the kind is for; `settings …` for what concerns fields."""
    return f"{SETTINGS} {kind.name}" if kind.changes else kind.reported or kind.name


def pages(listing: Listing, rows: int) -> int:
    """The calls that read a list of so many rows to its end: one without a total ends at an empty page."""
    if listing.paging == "none":
        return 1 + (rows if listing.below else 0)
    full = -(-rows // listing.most)
    return full + 1 if listing.paging == "size" else max(1, full)


def hours(calls: int, per_minute: int, share: float, assumed: Sequence[int]) -> list[dict[str, Any]]:
    """How long so many calls take at the known rate, less the share that is left to others, else at assumed ones."""
    rates = [round(per_minute * (1 - share))] if per_minute else list(assumed)
    return [
        {"per_minute": rate, "known": bool(per_minute), "hours": round(calls / max(rate, 1) / 60, 4)} for rate in rates
    ]
