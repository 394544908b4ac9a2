"""The lists that a pass reads from Zephyr, in their order: a table, so that the lane that reads them names none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ztoq_async.zephyr.client import Page, ZephyrClient
from ztoq_async.zephyr.records import Folder, Named, TestCase


@dataclass(frozen=True, slots=True)
class Source:
    """One list: its name in the archive, its pages from a cursor on, a record's shape and key, what else to fetch."""

    name: str
    pages: Callable[[ZephyrClient, str, str], AsyncIterator[Page]]
    shape: type[Any]
    key: Callable[[Any], str]
    detail: Callable[[ZephyrClient, bytes], Awaitable[bytes]] | None = None


def _list(name: str, path: str, shape: type[Any], **query: str) -> Source:
    def pages(client: ZephyrClient, project: str, cursor: str) -> AsyncIterator[Page]:
        return client.pages(path, (("projectKey", project), *query.items()), cursor)

    return Source(name, pages, shape, lambda record: str(record.id))


def _test_case_pages(client: ZephyrClient, project: str, cursor: str) -> AsyncIterator[Page]:
    return client.cursor_pages("/testcases", (("projectKey", project),), cursor)


async def _script(client: ZephyrClient, record: bytes) -> bytes:
    case = msgspec.json.decode(record, type=TestCase)
    return await client.get_script(case.key, case.test_script.self if case.test_script else "")


SOURCES: tuple[Source, ...] = (
    _list("folder", "/folders", Folder, folderType="TEST_CASE"),
    _list("status", "/statuses", Named, statusType="TEST_CASE"),
    _list("priority", "/priorities", Named),
    Source("test-case", _test_case_pages, TestCase, lambda record: record.key, _script),
)
