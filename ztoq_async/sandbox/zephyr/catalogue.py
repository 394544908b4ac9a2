"""What the short lists have in common: a project filter, offset pages, one row by id."""

import re
from collections.abc import Sequence

from aiohttp import web

from ztoq_async.sandbox.source import Row
from ztoq_async.sandbox.zephyr.answers import ApiError, answer, page, path_id
from ztoq_async.sandbox.zephyr.state import STATE, ZephyrState


def check_project(request: web.Request) -> None:
    """The query's `projectKey`, if given, must be this project's: 400 for another form, 404 for another project."""
    key = request.query.get("projectKey")
    if key is not None:
        require_project(request, key)


def cursor_lists(request: web.Request) -> ZephyrState:
    """The state for a list by cursor of this project; 404 where the tenant is older than these lists."""
    state = request.app[STATE]
    if not state.profile.current.zephyr.cursor_lists:
        raise ApiError(404, "Not found")
    check_project(request)
    return state


def require_project(request: web.Request, key: str) -> None:
    """400 for what is no project key, 404 for another project's."""
    if not re.fullmatch(r"[A-Z][A-Z_0-9]+", key):
        raise ApiError(400, "projectKey: does not match [A-Z][A-Z_0-9]+")
    if key != request.app[STATE].source.catalogue.project_key:
        raise ApiError(404, f"Project {key} not found, or Zephyr is not enabled for it")


def choice(request: web.Request, name: str, allowed: Sequence[str]) -> str | None:
    """One of the allowed words of a query, None where it is absent; 400 otherwise."""
    value = request.query.get(name)
    if value is not None and value not in allowed:
        raise ApiError(400, f"{name}: one of {', '.join(allowed)} was expected")
    return value


def list_rows(request: web.Request, rows: Sequence[Row]) -> web.Response:
    """An offset page of a short list."""
    check_project(request)
    cap = request.app[STATE].page_cap
    return page(request, len(rows), cap, lambda start, stop: [row.body for row in rows[start:stop]])


def one_row(request: web.Request, name: str, rows: Sequence[Row]) -> web.Response:
    """The row whose id stands in the path; 404 where there is none."""
    identity = path_id(request, name)
    for row in rows:
        if row.id == identity:
            return answer(request, row.body)
    raise ApiError(404, f"No record with id {identity}")
