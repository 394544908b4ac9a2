"""Test cycles: offset and cursor lists, one cycle with its links, create, replace, link (facts.md 1.9)."""

import msgspec
from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import ApiError, answer, created, cursor_page, instant, page, read, whole
from ztoq_async.sandbox.zephyr.catalogue import check_project, cursor_lists, require_project
from ztoq_async.sandbox.zephyr.links import ISSUE, WEB, with_issue, with_web
from ztoq_async.sandbox.zephyr.state import STATE, ZephyrState, now
from ztoq_async.sandbox.zephyr.test_cycle_input import CycleInput, CycleReplacement, new_row, replacement_row

_NEW = msgspec.json.Decoder(CycleInput)
_REPLACEMENT = msgspec.json.Decoder(CycleReplacement)


class _Linked(msgspec.Struct):
    links: msgspec.Raw = msgspec.Raw(b"{}")


async def list_cycles(request: web.Request) -> web.Response:
    check_project(request)
    state = request.app[STATE]
    ids = _ids(request, state)
    return page(
        request, len(ids), state.page_cap, lambda start, stop: [state.cycles[one].row for one in ids[start:stop]]
    )


async def list_cycles_by_cursor(request: web.Request) -> web.Response:
    state = cursor_lists(request)
    first = whole(request, "startAtId", 0, 0)
    found = (one for one in _ids(request, state, instant(request, "updatedAfter")) if one >= first)
    return cursor_page(request, state.page_cap, found, lambda one: one, lambda one: state.cycles[one].row)


async def get_cycle(request: web.Request) -> web.Response:
    cycles = request.app[STATE].cycles
    return answer(request, cycles[_identity(request)].row)


async def get_links(request: web.Request) -> web.Response:
    cycles = request.app[STATE].cycles
    row = cycles[_identity(request)].row
    return answer(request, bytes(msgspec.json.decode(row, type=_Linked).links))


async def create_cycle(request: web.Request) -> web.Response:
    cycle = await read(request, _NEW)
    require_project(request, cycle.project_key)
    state = request.app[STATE]
    identity, key = state.cycles.add(new_row(state, cycle), now())
    return created(request, identity, f"testcycles/{key}", key)


async def replace_cycle(request: web.Request) -> web.Response:
    state = request.app[STATE]
    identity = _identity(request)
    cycle = await read(request, _REPLACEMENT)
    if cycle.id != identity or cycle.key != state.cycles[identity].key:
        raise ApiError(400, "id and key of the body must be those of the test cycle in the path")
    state.cycles.replace(identity, replacement_row(state, cycle), now())
    return web.Response()


async def link_issue(request: web.Request) -> web.Response:
    cycles, identity = request.app[STATE].cycles, _identity(request)
    given = await read(request, ISSUE)
    cycles.replace(identity, with_issue(cycles.row(identity), given), now())
    return web.Response(status=201)


async def link_page(request: web.Request) -> web.Response:
    cycles, identity = request.app[STATE].cycles, _identity(request)
    given = await read(request, WEB)
    cycles.replace(identity, with_web(cycles.row(identity), given), now())
    return web.Response(status=201)


def _identity(request: web.Request) -> int:
    return request.app[STATE].cycles.find(request.match_info["testCycleIdOrKey"])


def _ids(request: web.Request, state: ZephyrState, since: str = "") -> list[int]:
    """The cycles that a list asks for; a folder takes its direct children."""
    folder = whole(request, "folderId", 1, 1) if "folderId" in request.query else 0
    if folder and folder not in state.folders:
        raise ApiError(404, f"Folder {folder} not found")
    version = whole(request, "jiraProjectVersionId", 1, 1) if "jiraProjectVersionId" in request.query else 0
    return state.cycles.ids(folder, version, since)


ROUTES = (
    ("GET", "/testcycles", list_cycles),
    ("POST", "/testcycles", create_cycle),
    ("GET", "/testcycles/nextgen", list_cycles_by_cursor),
    ("GET", "/testcycles/{testCycleIdOrKey}", get_cycle),
    ("PUT", "/testcycles/{testCycleIdOrKey}", replace_cycle),
    ("GET", "/testcycles/{testCycleIdOrKey}/links", get_links),
    ("POST", "/testcycles/{testCycleIdOrKey}/links/issues", link_issue),
    ("POST", "/testcycles/{testCycleIdOrKey}/links/weblinks", link_page),
)
