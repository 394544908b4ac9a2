"""A client of Zephyr Scale Cloud v2 that reads: lists to their true end, scripts of either kind (facts.md 1.3, 1.5)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from pydantic import SecretStr

from ztoq_async.access import EXAMPLES, GO_ON, LimitSettings, ZephyrSettings
from ztoq_async.errors import NotFound, Refused, SettingsError, SourceError
from ztoq_async.resources.calls import Attempt, Call
from ztoq_async.resources.client import ServiceClient
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.zephyr.pages import Page, after, decoded, identity, page_body, says_end
from ztoq_async.zephyr.records import Folder, Named, Project, ResultRow, Step, TestCase, TestCycle, TestExecution

MOST = 1000
_WRONG_KIND = 422
_STEPS = "/testcases/{testCaseKey}/teststeps"
_RESULTS = "/testexecutions/{testExecutionIdOrKey}/teststeps"


class ZephyrClient(ServiceClient):
    """Reads one site: `ZephyrClient(load_settings(path).zephyr)`. Each list is an async iterator that holds one page.

    Raises `Refused` and its kinds for what the service refuses, `Unreachable` where it gives no usable answer,
    `SourceError` for an answer that is not what the contract says.
    """

    def __init__(
        self,
        settings: ZephyrSettings,
        limits: LimitSettings | None = None,
        *,
        pool: ConnectionPool | None = None,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> None:
        limits = limits or LimitSettings()
        super().__init__(
            "zephyr",
            settings.base_url,
            _fixed(settings.token),
            limits,
            per_minute=limits.zephyr_per_minute,
            pool=pool,
            on_attempt=on_attempt,
        )

    async def get_project(self, key: str) -> Project:
        """One project; `NotFound` also where Zephyr Scale is not switched on (facts.md 1.12)."""
        answer = await self.send(Call("GET", f"/projects/{key}", label="/projects/{projectIdOrKey}"))
        project: Project = decoded(answer.body, Project)
        return project

    async def get_projects(self) -> AsyncIterator[Project]:
        """The projects that the token's user sees."""
        async for record in self._records("/projects", (), Project):
            yield record

    async def get_folders(self, project: str, folder_type: str = "TEST_CASE") -> AsyncIterator[Folder]:
        """The folders of one type: a flat list."""
        query = (("projectKey", project), ("folderType", folder_type))
        async for record in self._records("/folders", query, Folder):
            yield record

    async def get_statuses(self, project: str, status_type: str) -> AsyncIterator[Named]:
        """The statuses of one type, archived ones too: a status does not name its type (facts.md 8)."""
        query = (("projectKey", project), ("statusType", status_type))
        async for record in self._records("/statuses", query, Named):
            yield record

    async def get_priorities(self, project: str) -> AsyncIterator[Named]:
        """The priorities of a project."""
        async for record in self._records("/priorities", (("projectKey", project),), Named):
            yield record

    async def get_environments(self, project: str) -> AsyncIterator[Named]:
        """The environments of a project."""
        async for record in self._records("/environments", (("projectKey", project),), Named):
            yield record

    async def get_test_cases(self, project: str) -> AsyncIterator[TestCase]:
        """The test cases of a project, newest versions, without steps."""
        async for page in self.cursor_pages("/testcases", (("projectKey", project),)):
            for value in page.values:
                yield decoded(value, TestCase)

    async def get_test_cycles(self, project: str) -> AsyncIterator[TestCycle]:
        """The test cycles of a project."""
        async for page in self.cursor_pages("/testcycles", (("projectKey", project),)):
            for value in page.values:
                yield decoded(value, TestCycle)

    async def get_test_executions(self, project: str) -> AsyncIterator[TestExecution]:
        """The executions of a project, without their steps."""
        query = (("projectKey", project), ("includeStepLinks", "true"))
        async for page in self.cursor_pages("/testexecutions", query):
            for value in page.values:
                yield decoded(value, TestExecution)

    async def get_test_steps(self, test_case_key: str) -> AsyncIterator[Step]:
        """The steps of a test case, in their order; `Refused` with status 422 where it has a script instead."""
        async for record in self._records(f"/testcases/{test_case_key}/teststeps", (), Step, _STEPS):
            yield record

    async def get_test_results(self, execution: int) -> AsyncIterator[ResultRow]:
        """The steps of an execution and what came of each, in their order."""
        async for record in self._records(f"/testexecutions/{execution}/teststeps", (), ResultRow, _RESULTS):
            yield record

    async def _records(
        self, path: str, query: tuple[tuple[str, str], ...], type_: type[Any], label: str = ""
    ) -> AsyncIterator[Any]:
        async for page in self.pages(path, query, label=label):
            for value in page.values:
                yield decoded(value, type_)

    async def pages(
        self, path: str, query: tuple[tuple[str, str], ...], cursor: str = "", label: str = ""
    ) -> AsyncIterator[Page]:
        """An offset list, page by page. It advances by what came, not by what was asked: the server may cap a page.

        Each page begins with the last row of the one before. `ListShifted` where another row stands there: rows that
        were passed are deleted, and others slipped into their places. `cursor` is `<offset>` or `<offset>:<id>`.
        """
        offset, _, before = cursor.partition(":")
        start = int(offset or 0)
        while True:
            asked = (*query, ("maxResults", str(MOST)), ("startAt", str(start - bool(before))))
            answer = page_body((await self.send(Call("GET", path, asked, label=label))).body)
            values = after(before, answer.values) if before else answer.values
            start += len(values)
            rest = answer.total is not None and start < answer.total
            last = not answer.values or (answer.is_last is not False and not rest and says_end(answer))
            before = identity(values[-1]) if values else ""  # a page of one row has no room for the overlap
            yield Page(values, None if last else f"{start}:{before}", answer.total)
            if last:
                return

    async def cursor_pages(
        self, path: str, query: tuple[tuple[str, str], ...], cursor: str = ""
    ) -> AsyncIterator[Page]:
        """A cursor list where the service has one, else the offset list; the cursor tells which (`id:` or a number)."""
        if cursor[:1].isdigit():
            async for page in self.pages(path, query, cursor):
                yield page
            return
        start = cursor.removeprefix("id:") or "0"
        while True:
            try:
                asked = (*query, ("limit", str(MOST)), ("startAtId", start))
                answer = page_body((await self.send(Call("GET", f"{path}/nextgen", asked))).body)
            except NotFound:
                if start != "0":
                    raise
                async for page in self.pages(path, query):
                    yield page
                return
            last = answer.next_start_at_id is None
            start = str(answer.next_start_at_id)
            yield Page(answer.values, None if last else f"id:{start}")
            if last:
                return

    async def get_script(self, key: str, script_self: str) -> bytes:
        """A test case's script: `{"type": "steps", "steps": […]}`, or `{"type": "plain" | "bdd", "text": …}` as is.

        The address in the record tells the kind; 422 says that it has changed since (facts.md 1.5).
        """
        text_first = script_self.rstrip("/").endswith("/testscript")
        for read in (self._text, self._steps) if text_first else (self._steps, self._text):
            with contextlib.suppress(_OtherKind):
                return await read(key)
        raise SourceError(f"{key}: the service has neither steps nor a script for it")

    async def get_results(self, execution: int) -> bytes:
        """An execution's steps: `{"steps": […]}`."""
        return msgspec.json.encode({"steps": await self._all(f"/testexecutions/{execution}/teststeps", _RESULTS)})

    async def get_one(self, path: str, key: str, label: str) -> bytes:
        """One record by its id or key; `NotFound` where it is not there."""
        return (await self.send(Call("GET", f"{path}/{key}", label=f"{path}/{label}"))).body

    async def _all(self, path: str, label: str) -> list[msgspec.Raw]:
        rows: list[msgspec.Raw] = []
        async for page in self.pages(path, (), label=label):
            rows += page.values
        return rows

    async def _steps(self, key: str) -> bytes:
        with _other_kind():
            steps = await self._all(f"/testcases/{key}/teststeps", _STEPS)
            return msgspec.json.encode({"type": "steps", "steps": steps})
        raise AssertionError

    async def _text(self, key: str) -> bytes:
        with _other_kind():
            call = Call("GET", f"/testcases/{key}/testscript", label="/testcases/{testCaseKey}/testscript")
            return (await self.send(call)).body
        raise AssertionError


def _fixed(token: SecretStr) -> Callable[[bool], Awaitable[str]]:
    async def header(refresh: bool) -> str:
        if refresh:
            raise SettingsError(f"Zephyr Scale refuses the token: {EXAMPLES['zephyr.token']}; {GO_ON}")
        return f"Bearer {token.get_secret_value()}"

    return header


class _OtherKind(Exception):  # noqa: N818 - caught where it is raised
    """The script is of the other kind."""


@contextlib.contextmanager
def _other_kind() -> Any:
    try:
        yield
    except Refused as error:
        if error.status == _WRONG_KIND:
            raise _OtherKind from error
        raise
