"""A client of qTest Manager v3: sends calls, reads lists to their true end (facts.md 3.4)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import msgspec

from ztoq_async.access import LimitSettings, QTestSettings
from ztoq_async.errors import ListShifted, ServiceError, TooLarge
from ztoq_async.qtest import paths
from ztoq_async.qtest.listing import Listing
from ztoq_async.qtest.login import Login
from ztoq_async.qtest.records import Field, Module, Status, TestCase, TestCycle, TestLog, TestRun, TestSuite, User
from ztoq_async.resources.calls import Attempt, Call
from ztoq_async.resources.client import ServiceClient
from ztoq_async.resources.connector import ConnectionPool

READINGS = 6
LARGE_PAGE = 8 * 2**20
"""Bytes; decoded they take a multiple."""


class _Id(msgspec.Struct):
    """Enough of a row to know it again."""

    id: int = 0


class QTestClient(ServiceClient):
    """Speaks with one site: `QTestClient(load_settings(path).qtest)`. Each list is an async iterator of one page.

    `fence` is asked before each request is written, and raises where nothing may be sent any more. Raises what
    `Gateway.send` raises, and `ServiceError` for an answer that is not what the contract says.
    """

    def __init__(
        self,
        settings: QTestSettings,
        limits: LimitSettings | None = None,
        *,
        pool: ConnectionPool | None = None,
        fence: Callable[[], None] | None = None,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> None:
        limits = limits or LimitSettings()
        login = Login(settings, self.send)
        super().__init__(
            "qtest",
            settings.base_url,
            login.header,
            limits,
            per_minute=limits.qtest_per_minute,
            month_calls=limits.month_calls,
            pool=pool,
            fence=fence,
            on_attempt=on_attempt,
        )

    async def get(self, call: Call, type_: type[Any]) -> Any:
        """The answer of one call, decoded."""
        return _decoded((await self.send(call)).body, type_)

    async def pages(self, listing: Listing) -> AsyncIterator[list[bytes]]:
        """A list page by page, a bare array or a paged object (facts.md 3.4).

        An array has no total: it ends at an empty page, or at one that brings nothing new.
        """
        waiting = [listing]
        while waiting:
            current = waiting.pop()
            async for rows, ids in self._pages(current):
                yield rows
                del rows
                if listing.below:
                    waiting += [listing.under(identifier) for identifier in sorted(ids)]

    async def whole(self, listing: Listing) -> AsyncGenerator[list[bytes], None]:
        """A list of several pages again and again, until no row has vanished since the time before.

        A row that is deleted between two pages hides another, which moves up into the page before. Raises
        `ListShifted` where rows vanish without end; who has found what it looks for need not read on.
        """
        before: set[int] | None = None
        for _ in range(READINGS):
            seen, pages = set[int](), 0
            async for rows in self.pages(listing):
                seen.update(_decoded(row, _Id).id for row in rows)
                pages += 1
                yield rows
                del rows
            if pages < 2 or (before is not None and before <= seen):
                return
            before = seen
        raise ListShifted(f"rows of the list {listing.label} in qTest vanished while it was read, {READINGS} times")

    async def _pages(self, listing: Listing) -> AsyncIterator[tuple[list[bytes], frozenset[int]]]:
        number, last, read, size = 1, frozenset[int](), 0, listing.most
        while True:
            try:
                body = (await self.send(listing.page(number, size))).body
            except TooLarge:
                part = part_of(size, size // 2)
                if part == size or read != (number - 1) * size:
                    raise
                number, size = (number - 1) * (size // part) + 1, part
                continue
            rows, total = _rows(body)
            ids = frozenset(_decoded(row, _Id).id for row in rows)
            if not rows or ids == last:
                return
            read += len(rows)
            found, large = [bytes(row) for row in rows], len(body) / LARGE_PAGE
            del rows, body  # nobody needs the whole answer while its rows are looked at
            yield found, ids
            del found  # who reads the list is to hold one page, not two
            if listing.paging == "none" or (total is not None and read >= total):
                return
            if large > 1 and read == number * size:  # else the site caps pages: nobody knows where smaller ones begin
                part = part_of(size, int(size / large))
                number, size = number * (size // part), part
            number, last = number + 1, ids

    async def get_projects(self) -> AsyncIterator[dict[str, Any]]:
        """The projects that the user sees."""
        async for record in self._records(Listing("/api/v3/projects", "/api/v3/projects"), dict[str, Any]):
            yield record

    async def get_fields(self, project: int, object_type: str = "test-cases") -> AsyncIterator[Field]:
        """The fields of an object type, inactive ones too."""
        async for record in self._records(paths.fields(project, object_type), Field):
            yield record

    async def get_users(self, project: int) -> AsyncIterator[User]:
        """The members of a project, inactive ones too."""
        async for record in self._records(paths.users(project), User):
            yield record

    async def get_modules(self, project: int) -> AsyncIterator[Module]:
        """The root modules, each with everything below it."""
        async for record in self._records(paths.module_tree(project), Module):
            yield record

    async def get_test_cases(self, project: int, module: int | None = None) -> AsyncIterator[TestCase]:
        """The test cases of a project, or those directly in one module, with steps and properties."""
        async for record in self._records(paths.test_cases(project, module), TestCase):
            yield record

    async def get_execution_statuses(self, project: int) -> AsyncIterator[Status]:
        """The statuses of test runs and logs."""
        async for record in self._records(paths.execution_statuses(project), Status):
            yield record

    async def get_test_cycles(self, project: int) -> AsyncIterator[TestCycle]:
        """The root test cycles, each with everything below it."""
        async for record in self._records(paths.test_cycle_tree(project), TestCycle):
            yield record

    async def get_test_suites(self, project: int, cycle: int) -> AsyncIterator[TestSuite]:
        """The suites of a test cycle."""
        async for record in self._records(paths.test_suites(project, cycle), TestSuite):
            yield record

    async def get_test_runs(self, project: int) -> AsyncIterator[TestRun]:
        """All runs of a project."""
        async for record in self._records(paths.all_test_runs(project), TestRun):
            yield record

    async def get_test_logs(self, project: int, run: int) -> AsyncIterator[TestLog]:
        """The logs of a run, in the order in which they were submitted; the rows may lack their steps."""
        async for record in self._records(paths.test_logs(project, run), TestLog):
            yield record

    async def _records(self, listing: Listing, type_: type[Any]) -> AsyncIterator[Any]:
        async for page in self.pages(listing):
            for row in page:
                yield _decoded(row, type_)


class _Paged(msgspec.Struct):
    """A paged object: `total` counts the rows of all pages."""

    items: list[msgspec.Raw]
    total: int | None = None


def _rows(body: bytes) -> tuple[list[msgspec.Raw], int | None]:
    if not body.lstrip().startswith(b"{"):
        return _decoded(body, list[msgspec.Raw]), None
    page: _Paged = _decoded(body, _Paged)
    return page.items, page.total


def _decoded(body: bytes | msgspec.Raw, type_: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.DecodeError as error:
        raise ServiceError(f"qTest answered something else than the contract says: {error}", service="qtest") from None


def part_of(size: int, most: int) -> int:
    """The largest page, of at most so many rows, of which several make one of `size`; at least 1 row."""
    return next((part for part in range(most, 1, -1) if size % part == 0), min(size, 1))
