"""People: members of the project, and the two searches."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ztoq_async.sandbox.qtest.answers import flag, not_found, page_of, paged, part, reply
from ztoq_async.sandbox.qtest.projects import PAGE, PAGE_CAP
from ztoq_async.sandbox.qtest.state import STATE, QTestState

USERS_CAP = 100
ACTIVE = 1
routes = web.RouteTableDef()


def _people(state: QTestState, inactive: bool) -> list[dict[str, Any]]:
    return [user for user in state.users if inactive or user["status"] == ACTIVE]


@routes.get("/api/v3/projects/{projectId}/users")
async def members(request: web.Request) -> web.Response:
    """A bare array, inactive people included unless `inactive=false`."""
    return reply(_people(request.app[STATE], flag(request, "inactive", default=True)))


@routes.get("/api/v3/users/search")
async def by_name(request: web.Request) -> web.Response:
    """Those whose login or mail contains `username`, in any case of letters."""
    state, wanted = request.app[STATE], request.query.get("username", "").lower()
    people = _people(state, flag(request, "includeInactiveUsers"))
    page, size = page_of(request, "pageSize", PAGE, USERS_CAP, state.dialect.page_cap)
    return reply(paged([user for user in people if wanted in user["username"].lower()], page, size))


@routes.get("/api/v3/search/user")
async def by_project(request: web.Request) -> web.Response:
    """Members of projects whose name contains `projectName`, in this case of letters."""
    state = request.app[STATE]
    matches = request.query.get("projectName", "") in f"Sandbox {state.project_id}"
    people = _people(state, flag(request, "inactive", default=True)) if matches else []
    page, size = page_of(request, "pageSize", PAGE, PAGE_CAP, state.dialect.page_cap)
    return reply({**paged(people, page, size), "total_project": int(matches)})


@routes.get("/api/v3/users/{userId}")
async def single(request: web.Request) -> web.Response:
    identity = part(request, "userId")
    for user in request.app[STATE].users:
        if user["id"] == identity:
            return reply(user)
    raise not_found("User", identity)
