"""Lane 1: Zephyr to archive. Lists first, page by page; then what each record needs a call of its own for."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from ztoq_async.errors import ListShifted, NotFound, ServiceError, SourceError, Unreachable
from ztoq_async.lanes.run import Run, plural
from ztoq_async.store.archive import Archived, Read, Reading
from ztoq_async.zephyr.pages import Page
from ztoq_async.zephyr.sources import Source

TASK_S = 900.0
GROUP = 200
LINGER_S = 0.2
READ_AGAIN = 3
MOST_LOST = 20
LOST_SHARE = 0.05
TOO_MANY_CALLS = 429
OF_THE_SERVICE = (0, 200, 502, 503, 504)
"""Statuses that may speak of the whole service, or of the way to it, rather than of one record.

0: no answer; 200: a page for people, as some proxies say that a service is down, or JSON that ends too soon.
"""

Detail = tuple[Archived, bytes, str]


async def read_list(run: Run, source: Source, project: str) -> None:
    """Reads one list to its true end; a resumed pass goes on where it stopped (protocol rule 15)."""
    reading = await run.archive.reading(source.name)
    run.lane("read").begin(f"reading {plural(source.name)}")
    for _ in range(READ_AGAIN):
        with contextlib.suppress(ListShifted):
            total = await _read_pages(run, source, project, reading)
            if total is None or run.stop.is_set() or await run.archive.count(source.name) >= total:
                return
        reading = Reading()  # rows moved between two pages: what the service counts is not all here
    raise SourceError(
        f"the list of {plural(source.name)} changed while it was read, {READ_AGAIN} times; run again later"
    )


async def _read_pages(run: Run, source: Source, project: str, reading: Reading) -> int | None:
    """Reads the rest of a list; how many rows the service says that it has."""
    total: int | None = None
    if reading.complete or run.stop.is_set():
        return total
    assert source.pages is not None
    async for page in source.pages(run.zephyr, project, reading.cursor, run.chosen.get(source.name, ())):
        total = page.total
        reading = Reading(page.cursor or "", complete=page.cursor is None)
        await run.archive.add_page(source.name, _checked(page, source), reading)
        run.lane("read").done += len(page.values)
        if run.stop.is_set():
            break
    return total


def _checked(page: Page, source: Source) -> list[Read]:
    return [checked(bytes(value), source) for value in page.values]


def checked(value: bytes, source: Source) -> Read:
    """A record under its key, with what is wrong with it."""
    try:
        record = msgspec.json.decode(value, type=source.shape)
        return Read(source.key(record), value, "", source.place(record))
    except msgspec.DecodeError as error:
        return Read(_any_key(value), value, f"the record is not what the contract says: {error}")


def _any_key(value: bytes) -> str:
    try:
        found = msgspec.convert(json.loads(value), _Keyed)
    except (ValueError, msgspec.ValidationError) as error:
        raise SourceError(f"a record of the list cannot be read: {error}") from None
    if not (found.key or found.id):
        raise SourceError("a record of the list has neither key nor id")
    return found.key or str(found.id)


class _Keyed(msgspec.Struct, frozen=True):
    """What every record must have, whatever else is wrong with it."""

    key: str = ""
    id: int = 0


class Details:
    """Fetches what each record of a source needs, many at once; `ready` gets them in groups, already archived."""

    def __init__(self, run: Run, source: Source, ready: Callable[[Sequence[Detail]], Awaitable[None]]) -> None:
        assert source.detail is not None
        self._run = run
        self._source = source
        self._fetch = source.detail
        self._ready = ready
        self._fetched: asyncio.Queue[tuple[Detail, asyncio.Future[None]] | None] = asyncio.Queue(GROUP)
        self._archived: asyncio.Queue[Detail | None] = asyncio.Queue(GROUP)
        self._fault: BaseException | None = None
        self._lost = 0

    async def read(self) -> None:
        """Everything that this pass still lacks; raises the first error that concerns more than one record."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._archive())
            group.create_task(self._hand_on())
            await self._feed()
            await self._fetched.put(None)

    async def _feed(self) -> None:
        in_flight = self._run.settings.limits.in_flight
        async with self._run.queue("read", self._one, TASK_S, in_flight) as queue:
            async for record in self._run.archive.records(self._source.name, without_detail=True):
                if self._run.stop.is_set() or self._fault:
                    break
                await queue.put(record)
            await queue.join()
        if self._fault:
            raise self._fault

    async def _one(self, record: Archived) -> None:
        """Until it is archived: no more than `in_flight` are read twice after a crash."""
        if self._fault:  # what is queued behind it would wait as long for the same
            return
        try:
            kept = asyncio.get_running_loop().create_future()
            await self._fetched.put((await self._found(record), kept))
            await kept
        except asyncio.CancelledError:  # its time is over; who cancels the run asks for no fault
            late = f"zephyr: the details of {record.key} were not read within {TASK_S:.0f} s"
            self._fault = self._fault or Unreachable(late, service="zephyr")
            raise
        except BaseException as error:
            self._fault = self._fault or error
            raise

    async def _found(self, record: Archived) -> Detail:
        try:
            return record, await self._fetch(self._run.zephyr, record.record), ""
        except (NotFound, SourceError, msgspec.DecodeError) as error:
            return record, b"", f"its details cannot be read: {error}"
        except ServiceError as error:
            return await self._lasting(record, error)

    async def _lasting(self, record: Archived, error: ServiceError) -> Detail:
        """A record that the service keeps back while it gives others is refused; else, or if too many, the run ends."""
        self._lost += 1
        too_many = self._lost > max(MOST_LOST, self._run.lane("read").done * LOST_SHARE)
        no_record = error.status == TOO_MANY_CALLS or (
            error.status in OF_THE_SERVICE and not await self._gives_others()
        )
        if too_many or no_record:
            raise error.concerning(f"{self._source.name} {record.key}")
        return record, b"", f"its details cannot be read: {error}"

    async def _gives_others(self) -> bool:
        """Whether the service, which fails for a record, still gives one that it gave before: else it is down.

        At the end of a list only those may be left that it never gives, and they open the circuit for each other.
        """
        async for known in self._run.archive.records(self._source.name, with_detail=True):
            if not known.fault:
                with contextlib.suppress(ServiceError):
                    await self._fetch(self._run.zephyr, known.record)
                    return True
                return False
        return False

    async def _archive(self) -> None:
        """Group commit without a linger: all that has come since the last one."""
        ended = False
        while not ended:
            group = [await self._fetched.get()]
            while not self._fetched.empty():
                group.append(self._fetched.get_nowait())
            ended = group[-1] is None
            came = [one for one in group if one is not None]
            rows = [(record.key, detail, fault) for (record, detail, fault), _ in came]
            await self._run.archive.add_details(self._source.name, rows)
            for detail, kept in came:
                if not kept.done():
                    kept.set_result(None)
                await self._archived.put(detail)
        await self._archived.put(None)

    async def _group(self) -> list[Detail | None]:
        """What comes within a moment: many small transactions would keep the writing lane from its rows."""
        group = [await self._archived.get()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while len(group) < GROUP and group[-1] is not None:
                    group.append(await self._archived.get())
        return group

    async def _hand_on(self) -> None:
        ended = False
        while not ended:
            group = await self._group()
            ended = group[-1] is None
            details = [detail for detail in group if detail is not None]
            await self._ready(details)
            self._run.lane("read").done += len(details)
