"""Test cases: offset and cursor lists, one case with its links, create and replace (facts.md 1.3, 1.5)."""

import msgspec
from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import (
    ApiError,
    answer,
    created,
    cursor_page,
    from_place,
    instant,
    page,
    read,
    whole,
)
from ztoq_async.sandbox.zephyr.catalogue import check_project, cursor_lists, require_project
from ztoq_async.sandbox.zephyr.state import STATE, ZephyrState, case_of
from ztoq_async.sandbox.zephyr.test_case_input import CaseInput, CaseReplacement, new_row, replacement_row

_NEW = msgspec.json.Decoder(CaseInput)
_REPLACEMENT = msgspec.json.Decoder(CaseReplacement)


class _Linked(msgspec.Struct):
    links: msgspec.Raw = msgspec.Raw(b"{}")


async def list_cases(request: web.Request) -> web.Response:
    check_project(request)
    state = request.app[STATE]
    positions = _positions(request, state)
    return page(
        request, len(positions), state.page_cap, lambda start, stop: [state.case(p) for p in positions[start:stop]]
    )


async def list_cases_by_cursor(request: web.Request) -> web.Response:
    state = cursor_lists(request)
    since = instant(request, "updatedAfter")
    places = from_place(_positions(request, state), state.from_id(whole(request, "startAtId", 0, 0)))
    found = (position for position in places if not since or state.updated(position) > since)
    return cursor_page(request, state.page_cap, found, state.case_id, state.case)


async def get_case(request: web.Request) -> web.Response:
    state, position = case_of(request)
    return answer(request, state.case(position))


async def get_links(request: web.Request) -> web.Response:
    state, position = case_of(request)
    return answer(request, bytes(msgspec.json.decode(state.case(position), type=_Linked).links))


async def create_case(request: web.Request) -> web.Response:
    case = await read(request, _NEW)
    require_project(request, case.project_key)
    state = request.app[STATE]
    identity, key = state.add_case(new_row(state, case))
    return created(request, identity, f"testcases/{key}", key)


async def replace_case(request: web.Request) -> web.Response:
    state = request.app[STATE]
    key = request.match_info["testCaseKey"]
    position = state.position(key)
    case = await read(request, _REPLACEMENT)
    if case.key != key or case.id != state.case_id(position):
        raise ApiError(400, "id and key of the body must be those of the test case in the path")
    state.replace_case(position, replacement_row(state, case))
    return web.Response()


def _positions(request: web.Request, state: ZephyrState) -> list[int] | range:
    """All cases, or those directly in the folder of the query."""
    if "folderId" not in request.query:
        return range(state.case_count)
    folder = whole(request, "folderId", 0, 1)
    if folder not in state.folders:
        raise ApiError(404, f"Folder {folder} not found")
    return state.in_folder(folder)


ROUTES = (
    ("GET", "/testcases", list_cases),
    ("POST", "/testcases", create_case),
    ("GET", "/testcases/nextgen", list_cases_by_cursor),
    ("GET", "/testcases/{testCaseKey}", get_case),
    ("PUT", "/testcases/{testCaseKey}", replace_case),
    ("GET", "/testcases/{testCaseKey}/links", get_links),
)
