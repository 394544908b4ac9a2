"""Doubts are settled by looking (protocol.md, rules 5 and 6): one listing of a parent for all its doubts."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Sequence

from ztoq_async.errors import NotFound, SourceError
from ztoq_async.lanes.items import items_of, refs_of
from ztoq_async.lanes.large import built
from ztoq_async.lanes.run import Run
from ztoq_async.mapping.kind import Item, Kind, Made
from ztoq_async.qtest.listing import Listing
from ztoq_async.store.overview import Doubt
from ztoq_async.store.transitions import DONE, PENDING, REFUSED, Transition


async def settle(run: Run, kind: Kind, doubts: Sequence[Doubt]) -> None:
    """Found: recovered. In no parent's list and nowhere in the project: surely not there, to be sent again.

    What cannot be built any more, since a rule for it was taken away or its parent is gone, may have been made as well:
    it is looked for, and refused where it is not found. What makes nothing in the target can be nowhere in doubt: it is
    done once more.
    """
    if kind.read_back is None:
        for doubt in doubts:
            run.journal.hand_over(Transition(doubt.id, PENDING))
        await run.journal.flush()
        return
    groups: dict[Listing, list[Doubt]] = defaultdict(list)
    absent: list[Doubt] = []
    faults: dict[int, str] = {}
    items = await items_of(run, kind, doubts)
    for doubt in doubts:
        listing, faults[doubt.id] = await list_of(run, kind, items[doubt.id])
        (absent if listing is None else groups[listing]).append(doubt)
    for listing, group in groups.items():
        try:
            absent += await _look(run, kind, listing, group)
        except NotFound:  # people have deleted the parent: only the project-wide look can tell
            absent += group
    if absent:
        absent = await _look(run, kind, kind.read_back(run.context), absent)
    for doubt in absent:
        run.journal.hand_over(_not_found(doubt, faults[doubt.id]))
    await run.journal.flush()


async def list_of(run: Run, kind: Kind, item: Item) -> tuple[Listing | None, str]:
    """The list of the parent of an item, None where that is not known; why it cannot be built, "" if it can."""
    refs = await refs_of(run, item)
    try:
        target, _ = await built(run, kind, item)
        return kind.find(target, run.context, refs), ""
    except SourceError as error:
        fault = str(error)
    try:
        return kind.within(run.context, refs) if kind.within else None, fault
    except SourceError:
        return None, fault


def _not_found(doubt: Doubt, fault: str) -> Transition:
    if not fault:
        return Transition(doubt.id, PENDING, resent=True)
    reason = f"{fault} (it was sent before, without an answer; it was not found in qTest)"
    return Transition(doubt.id, REFUSED, reason=reason, resent=True)


async def _look(run: Run, kind: Kind, listing: Listing, doubts: Sequence[Doubt]) -> list[Doubt]:
    """Reads a list until it holds all of the doubts, or surely not; those that it does not hold."""
    wanted = {doubt.key for doubt in doubts}
    found: dict[str, Made] = {}
    async with contextlib.aclosing(run.qtest.whole(listing)) as pages:
        async for page in pages:
            for key, made, _ in kind.recognise(page, run.context):
                if key in wanted:
                    found.setdefault(key, made)
            if len(found) == len(wanted):
                break
    for doubt in doubts:
        if doubt.key in found:
            run.journal.hand_over(Transition(doubt.id, DONE, found[doubt.key], "recovered"))
    return [doubt for doubt in doubts if doubt.key not in found]
