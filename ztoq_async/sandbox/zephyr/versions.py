"""Versions of a test case, newest first; each has its own id (facts.md 1.7)."""

import msgspec
from aiohttp import web

from ztoq_async.sandbox.source import CLOUD
from ztoq_async.sandbox.zephyr.answers import ApiError, answer, page, path_id
from ztoq_async.sandbox.zephyr.state import ZephyrState, case_of, encode


class _Identified(msgspec.Struct):
    id: int


def _all_versions(state: ZephyrState, position: int) -> dict[int, bytes]:
    """Every version by number, newest first; the newest follows the highest old one."""
    older = state.versions(position)
    newest = max(older, default=0) + 1
    return {newest: state.case(position)} | {number: older[number] for number in sorted(older, reverse=True)}


async def list_versions(request: web.Request) -> web.Response:
    state, position = case_of(request)
    key = request.match_info["testCaseKey"]
    versions = _all_versions(state, position)
    rows = [
        encode(
            {"id": msgspec.json.decode(body, type=_Identified).id, "self": f"{CLOUD}/testcases/{key}/versions/{number}"}
        )
        for number, body in versions.items()
    ]
    return page(request, len(rows), state.page_cap, lambda start, stop: rows[start:stop])


async def get_version(request: web.Request) -> web.Response:
    """The full case; its script's address points into the version."""
    state, position = case_of(request)
    key, number = request.match_info["testCaseKey"], path_id(request, "version")
    body = _all_versions(state, position).get(number)
    if body is None:
        raise ApiError(404, f"Test case {key} has no version {number}")
    row = msgspec.json.decode(body)
    if script := row.get("testScript"):
        kind = script["self"].rpartition("/")[2]
        row["testScript"] = {"self": f"{CLOUD}/testcases/{key}/versions/{number}/{kind}"}
    return answer(request, encode(row))


ROUTES = (
    ("GET", "/testcases/{testCaseKey}/versions", list_versions),
    ("GET", "/testcases/{testCaseKey}/versions/{version}", get_version),
)
