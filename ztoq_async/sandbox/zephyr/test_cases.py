"""Test cases: offset and cursor lists, one case with its links, create and replace (facts.md 1.3, 1.5)."""

from datetime import UTC, datetime
from itertools import islice

import msgspec
from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import ApiError, answer, created, next_url, page, read, whole
from ztoq_async.sandbox.zephyr.catalogue import check_project, require_project
from ztoq_async.sandbox.zephyr.state import STATE, ZephyrState
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
    """Ascending ids from `startAtId` on; neither total nor isLast (facts.md 1.3)."""
    state = request.app[STATE]
    if not state.profile.current.zephyr.cursor_lists:
        raise ApiError(404, "Not found")
    check_project(request)
    asked = whole(request, "limit", 10, 1, 1000)
    first = state.from_id(whole(request, "startAtId", 0, 0))
    size = min(asked, state.page_cap) if state.page_cap else asked
    since = _since(request)
    matching = (p for p in _positions(request, state) if p >= first and (not since or state.updated(p) > since))
    found = list(islice(matching, size + 1))
    place, following = b"null", b"null"
    if len(found) > size:
        identity = state.case_id(found[size])
        place, following = b"%d" % identity, next_url(request, startAtId=identity, limit=asked)
    values = b",".join(state.case(position) for position in found[:size])
    body = b'{"next":%s,"nextStartAtId":%s,"limit":%d,"values":[%s]}' % (following, place, size, values)
    return answer(request, body)


async def get_case(request: web.Request) -> web.Response:
    state = request.app[STATE]
    return answer(request, state.case(state.position(request.match_info["testCaseKey"])))


async def get_links(request: web.Request) -> web.Response:
    state = request.app[STATE]
    case = state.case(state.position(request.match_info["testCaseKey"]))
    return answer(request, bytes(msgspec.json.decode(case, type=_Linked).links))


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


def _since(request: web.Request) -> str:
    """`updatedAfter` in the form of the stored dates, which sort as text."""
    text = request.query.get("updatedAfter")
    if text is None:
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError(400, "updatedAfter: a date and time such as 2026-06-30T00:00:00Z was expected") from error
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


ROUTES = (
    ("GET", "/testcases", list_cases),
    ("POST", "/testcases", create_case),
    ("GET", "/testcases/nextgen", list_cases_by_cursor),
    ("GET", "/testcases/{testCaseKey}", get_case),
    ("PUT", "/testcases/{testCaseKey}", replace_case),
    ("GET", "/testcases/{testCaseKey}/links", get_links),
)
