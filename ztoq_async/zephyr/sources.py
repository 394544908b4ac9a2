"""The lists that a pass reads from Zephyr, in their order: a table, so that the lane that reads them names none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from ztoq_async.errors import SettingsError
from ztoq_async.zephyr.client import ZephyrClient
from ztoq_async.zephyr.pages import Page
from ztoq_async.zephyr.places import age, case_key, place
from ztoq_async.zephyr.records import Folder, Named, TestCase, TestCycle, TestExecution

Query = tuple[tuple[str, str], ...]
Pages = Callable[[ZephyrClient, str, str, Query], AsyncIterator[Page]]


@dataclass(frozen=True, slots=True)
class Source:
    """One list: its name in the archive, its pages from a cursor on, a record's shape and key, what else to fetch.

    `place` sorts its records, `age` by their dates alone. `refers` names records of other lists, by their names here
    and keys; where a list lacks one it is asked for with `single`, and where Zephyr has none either the newest record
    that refers stands for it in the list named `absent`. A list without `pages` holds only such records. `blank`
    stands for a detail that nobody read.
    """

    name: str
    pages: Pages | None
    shape: type[Any]
    key: Callable[[Any], str] = lambda record: str(record.id)
    detail: Callable[[ZephyrClient, bytes], Awaitable[bytes]] | None = None
    place: Callable[[Any], str] = lambda record: ""
    age: Callable[[Any], str] = lambda record: ""
    refers: Callable[[Any], Iterator[tuple[str, str]]] | None = None
    single: Callable[[ZephyrClient, str], Awaitable[bytes]] | None = None
    absent: str = ""
    blank: bytes = b""


def _list(name: str, path: str, shape: type[Any], *, one: str = "", **query: str) -> Source:
    def pages(client: ZephyrClient, project: str, cursor: str, chosen: Query) -> AsyncIterator[Page]:
        return client.pages(path, (("projectKey", project), *query.items(), *chosen), cursor)

    async def single(client: ZephyrClient, key: str) -> bytes:
        return await client.get_one(path, key, one)

    return Source(name, pages, shape, single=single if one else None)


def _cursor_list(path: str, **query: str) -> Pages:
    def pages(client: ZephyrClient, project: str, cursor: str, chosen: Query) -> AsyncIterator[Page]:
        return client.cursor_pages(path, (("projectKey", project), *query.items(), *chosen), cursor)

    return pages


async def _script(client: ZephyrClient, record: bytes) -> bytes:
    case = msgspec.json.decode(record, type=TestCase)
    return await client.get_script(case.key, case.test_script.self if case.test_script else "")


async def _results(client: ZephyrClient, record: bytes) -> bytes:
    return await client.get_results(msgspec.json.decode(record, type=TestExecution).id)


async def _test_case(client: ZephyrClient, key: str) -> bytes:
    return await client.get_one("/testcases", key, "{testCaseKey}")


def _values_of_case(case: TestCase) -> Iterator[tuple[str, str]]:
    yield "status", str(case.status.id)
    yield "priority", str(case.priority.id)


def _case_of_execution(execution: TestExecution) -> Iterator[tuple[str, str]]:
    if case_key(execution):
        yield "test-case", case_key(execution)


SOURCES: tuple[Source, ...] = (
    _list("folder", "/folders", Folder, folderType="TEST_CASE"),
    _list("cycle-folder", "/folders", Folder, folderType="TEST_CYCLE"),
    _list("status", "/statuses", Named, one="{statusId}", statusType="TEST_CASE"),
    _list("cycle-status", "/statuses", Named, statusType="TEST_CYCLE"),
    _list("execution-status", "/statuses", Named, statusType="TEST_EXECUTION"),
    _list("priority", "/priorities", Named, one="{priorityId}"),
    _list("environment", "/environments", Named),
    Source("test-cycle", _cursor_list("/testcycles"), TestCycle, lambda cycle: cycle.key),
    Source(
        "test-execution",
        _cursor_list("/testexecutions", includeStepLinks="true"),
        TestExecution,
        detail=_results,
        place=place,
        age=age,
        refers=_case_of_execution,
    ),
    Source(
        "test-case",
        _cursor_list("/testcases"),
        TestCase,
        lambda case: case.key,
        detail=_script,
        refers=_values_of_case,
        single=_test_case,
        absent="missing-case",
        blank=b'{"type":"steps","steps":[]}',
    ),
    Source("missing-case", None, TestExecution, case_key, detail=_results),
)


def chosen(executions: str) -> Mapping[str, Query]:
    """The filters of lists for `all`, `last` (the newest of each test case in its cycle) or `since:DATE` executions.

    Raises `SettingsError` for anything else. A date is ISO 8601; without a zone it is UTC.
    """
    if executions == "all":
        return {}
    if executions == "last":
        return {"test-execution": (("onlyLastExecutions", "true"),)}
    word, _, date = executions.partition(":")
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        moment = None
    if word != "since" or moment is None:
        raise SettingsError(
            f"executions: all, last or since:DATE was expected, as in  since:2024-05-31, not '{executions}'"
        )
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return {"test-execution": (("actualEndDateAfter", f"{moment.replace(tzinfo=None).isoformat()[:19]}Z"),)}
