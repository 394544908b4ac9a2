"""Deleting one object of qTest: what hangs on it, the call, and whether it is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from ztoq_async.errors import NotFound, OutcomeUnknown
from ztoq_async.lanes.run import Run
from ztoq_async.mapping.kind import Kind, Refs
from ztoq_async.qtest.listing import Listing
from ztoq_async.resources.calls import Answer

TRIES = 8
LONGEST_S = 5.0

Users = dict[int, list[tuple[str, int]]]
"""Of the objects of a kind by their ids: what uses them from elsewhere, as names in reports and ids."""


class _Id(msgspec.Struct):
    """Enough of a row to know it again."""

    id: int


def id_of(row: bytes) -> int:
    """The id of a row of a list."""
    return msgspec.json.decode(row, type=_Id).id


async def pages_of(run: Run, listing: Listing) -> AsyncIterator[list[bytes]]:
    """A list page by page; it has none where what it stands below is gone."""
    with contextlib.suppress(NotFound):
        async for page in run.qtest.pages(listing):
            yield page
            del page
            run.check()


async def users_of(run: Run, kind: Kind, counts: Callable[[str, Sequence[int]], Awaitable[set[int]]]) -> Users:
    """The uses of objects of the kind by those objects of the project that count, of each page."""
    found: Users = defaultdict(list)
    for use in kind.uses(run.context):
        async for page in run.qtest.pages(use.listing):
            rows = {id_of(row): row for row in page}
            for user in sorted(await counts(use.label, list(rows))):
                for identifier in use.used(rows[user]):
                    found[identifier].append((use.label, user))
            run.check()
    return found


async def shown(run: Run, kind: Kind, identifier: int, refs: Refs) -> Answer | None:
    """The object as qTest answers for it alone; None where it is gone."""
    assert kind.one is not None
    try:
        return await run.qtest.send(kind.one(identifier, run.context, refs))
    except NotFound:
        return None


async def deleted(run: Run, kind: Kind, identifier: int, refs: Refs) -> bool:
    """Deletes an object. A call whose outcome is unknown is settled by looking: what is still there is sent again.

    An id is never given to another object, so that a second call can do no harm. False where it did not go in so many
    tries; raises what proves that the last call took no effect.
    """
    assert kind.delete is not None
    for number in range(TRIES):
        try:
            await run.qtest.send(kind.delete(identifier, run.context))
        except NotFound:
            return True
        except OutcomeUnknown:
            if await shown(run, kind, identifier, refs) is None:
                return True
            await asyncio.sleep(min(LONGEST_S, 0.1 * 2**number))
        else:
            return True
    return False
