"""Test executions: offset and cursor lists with their filters, one execution with its links, create, change, link.

facts.md 1.9
"""

import re
from collections.abc import Callable

import msgspec
from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import (
    ApiError,
    answer,
    created,
    cursor_page,
    flag,
    from_place,
    instant,
    page,
    read,
    whole,
)
from ztoq_async.sandbox.zephyr.catalogue import check_project, cursor_lists, require_project
from ztoq_async.sandbox.zephyr.execution_store import Filter
from ztoq_async.sandbox.zephyr.links import ISSUE, with_issue
from ztoq_async.sandbox.zephyr.state import STATE, ZephyrState, encode, now
from ztoq_async.sandbox.zephyr.test_execution_input import (
    ExecutionInput,
    ExecutionUpdate,
    new_row,
    new_steps,
    updated_row,
)

_NEW = msgspec.json.Decoder(ExecutionInput)
_UPDATE = msgspec.json.Decoder(ExecutionUpdate)


class _Linked(msgspec.Struct):
    links: msgspec.Raw = msgspec.Raw(b"{}")


async def list_executions(request: web.Request) -> web.Response:
    check_project(request)
    state = request.app[STATE]
    found, row = state.executions.select(_filter(request, state)), _rows(request, state)
    return page(request, len(found), state.page_cap, lambda start, stop: [row(one) for one in found[start:stop]])


async def list_executions_by_cursor(request: web.Request) -> web.Response:
    state = cursor_lists(request)
    executions = state.executions
    wanted = _filter(request, state)._replace(updated=instant(request, "updatedAfter"))
    found = from_place(executions.select(wanted), executions.from_id(whole(request, "startAtId", 0, 0)))
    return cursor_page(request, state.page_cap, found, executions.identity, _rows(request, state))


async def get_execution(request: web.Request) -> web.Response:
    state = request.app[STATE]
    return answer(request, _rows(request, state)(position_of(request)))


async def get_links(request: web.Request) -> web.Response:
    row = request.app[STATE].executions.row(position_of(request))
    return answer(request, bytes(msgspec.json.decode(row, type=_Linked).links))


async def create_execution(request: web.Request) -> web.Response:
    """The answer has no key (OpenAPI file)."""
    execution = await read(request, _NEW)
    require_project(request, execution.project_key)
    state = request.app[STATE]
    row, steps = new_row(state, execution), new_steps(state, execution)
    identity = state.executions.add(row, encode(steps), now())
    return created(request, identity, f"testexecutions/{identity}")


async def update_execution(request: web.Request) -> web.Response:
    state, position = request.app[STATE], position_of(request)
    update = await read(request, _UPDATE)
    state.executions.write(position, state.executions.values(position) | updated_row(state, update), now())
    return web.Response()


async def link_issue(request: web.Request) -> web.Response:
    executions, position = request.app[STATE].executions, position_of(request)
    given = await read(request, ISSUE)
    executions.write(position, with_issue(executions.values(position), given), now())
    return web.Response(status=201)


def position_of(request: web.Request) -> int:
    """Position of the execution in the path."""
    return request.app[STATE].executions.find(request.match_info["testExecutionIdOrKey"])


def _rows(request: web.Request, state: ZephyrState) -> Callable[[int], bytes]:
    """What gives the row of a position, the links of its steps included if the query says so."""
    step_links = flag(request, "includeStepLinks")
    return lambda position: state.executions.row(position, step_links=step_links)


def _filter(request: web.Request, state: ZephyrState) -> Filter:
    """What the query asks for; an unknown cycle or test case has no executions."""
    cycle = _matching(request, "testCycle", r"[A-Z][A-Z_0-9]+-R[0-9]+")
    return Filter(
        cycle=(state.cycles.by_key(cycle) or -1) if cycle else None,
        case=_matching(request, "testCase", r"[0-9]+|.+-T[0-9]+"),
        after=instant(request, "actualEndDateAfter"),
        before=instant(request, "actualEndDateBefore"),
        version=whole(request, "jiraProjectVersionId", 1, 1) if "jiraProjectVersionId" in request.query else 0,
        only_last=flag(request, "onlyLastExecutions"),
    )


def _matching(request: web.Request, name: str, pattern: str) -> str:
    """A text of the query that must have a form; "" where it is absent."""
    text = request.query.get(name)
    if text is not None and not re.fullmatch(pattern, text):
        raise ApiError(400, f"{name}: {text!r} does not match {pattern}")
    return text or ""


ROUTES = (
    ("GET", "/testexecutions", list_executions),
    ("POST", "/testexecutions", create_execution),
    ("GET", "/testexecutions/nextgen", list_executions_by_cursor),
    ("GET", "/testexecutions/{testExecutionIdOrKey}", get_execution),
    ("PUT", "/testexecutions/{testExecutionIdOrKey}", update_execution),
    ("GET", "/testexecutions/{testExecutionIdOrKey}/links", get_links),
    ("POST", "/testexecutions/{testExecutionIdOrKey}/links/issues", link_issue),
)
