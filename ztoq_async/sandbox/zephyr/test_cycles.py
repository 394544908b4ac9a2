"""Test cycles: offset and cursor lists, one cycle with its links (facts.md 1.9)."""

import msgspec
from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import ApiError, answer, cursor_page, instant, page, whole
from ztoq_async.sandbox.zephyr.catalogue import check_project, cursor_lists
from ztoq_async.sandbox.zephyr.state import STATE, ZephyrState


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
    return answer(request, cycles[cycles.find(request.match_info["testCycleIdOrKey"])].row)


async def get_links(request: web.Request) -> web.Response:
    cycles = request.app[STATE].cycles
    row = cycles[cycles.find(request.match_info["testCycleIdOrKey"])].row
    return answer(request, bytes(msgspec.json.decode(row, type=_Linked).links))


def _ids(request: web.Request, state: ZephyrState, since: str = "") -> list[int]:
    """The cycles that a list asks for; a folder takes its direct children."""
    folder = whole(request, "folderId", 1, 1) if "folderId" in request.query else 0
    if folder and folder not in state.folders:
        raise ApiError(404, f"Folder {folder} not found")
    version = whole(request, "jiraProjectVersionId", 1, 1) if "jiraProjectVersionId" in request.query else 0
    return state.cycles.ids(folder, version, since)


ROUTES = (
    ("GET", "/testcycles", list_cycles),
    ("GET", "/testcycles/nextgen", list_cycles_by_cursor),
    ("GET", "/testcycles/{testCycleIdOrKey}", get_cycle),
    ("GET", "/testcycles/{testCycleIdOrKey}/links", get_links),
)
