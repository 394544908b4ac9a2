"""What the parts of the probe share: its marker, calls whose outcome is settled, deletions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from ztoq_async.errors import NotFound, NotSent, OutcomeUnknown, Refused
from ztoq_async.lanes.run import Run
from ztoq_async.mapping import values
from ztoq_async.mapping.attributes import required_values
from ztoq_async.mapping.context import Context
from ztoq_async.qtest.listing import Listing
from ztoq_async.resources.calls import Call

PROBE = "probe"
NAME = "ztoq_async probe, may be deleted"
TRIES = 5
BREATH_S = 1.0


def required(context: Context, object_type: str) -> list[dict[str, Any]]:
    """What the project demands of every object of a type: by the mapping file, else any value that is open."""
    wanted = required_values(context, object_type)
    for field in context.target.of(object_type).values():
        if field.required and field.open_labels() and field.label not in wanted:
            wanted[field.label] = (field.open_labels()[0],)
    return [values.to_property(value, context.field(label, object_type)) for label, value in wanted.items()]


async def settled(run: Run, call: Call, listing: Listing, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Sends a call that makes something; an unknown outcome is settled by looking (protocol rules 5 and 6)."""
    for _ in range(TRIES):
        try:
            answer = await run.qtest.send(call)
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except (OutcomeUnknown, msgspec.DecodeError):
            await run.sleep(run.settings.qtest.settle_s)
            async for row in rows_of(run, listing):
                if is_it(row):
                    return row
    raise NotSent(f"qTest gave no usable answer to {TRIES} attempts at {call.method} {call.label}: run again later")


async def rows_of(run: Run, listing: Listing) -> AsyncIterator[dict[str, Any]]:
    """The rows of a list."""
    async for page in run.qtest.pages(listing):
        for row in page:
            yield msgspec.json.decode(row, type=dict[str, Any])


async def delete_each(run: Run, calls: Sequence[Call]) -> str:
    """Deletes one after another; "" or why the last one is still there. What is gone already is gone."""
    words = ""
    for call in calls:
        try:
            await run.qtest.send(call)
            words = ""
        except NotFound:
            words = ""
        except (Refused, OutcomeUnknown) as error:
            words = str(error)
    return words
