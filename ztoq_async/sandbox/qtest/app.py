"""The aiohttp application of the simulated qTest Manager."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ztoq_async.sandbox.qtest import (
    allowed_values,
    execution_statuses,
    fields,
    login,
    modules,
    projects,
    releases,
    search,
    test_cases,
    test_cycles,
    test_logs,
    test_runs,
    test_steps,
    test_suites,
    users,
)
from ztoq_async.sandbox.qtest.answers import Refusal, not_found
from ztoq_async.sandbox.qtest.state import STATE, QTestState

RESOURCES = (
    test_logs, test_runs, execution_statuses, test_cases, test_steps, test_suites, test_cycles, releases, modules,
    fields, allowed_values, search, projects, users, login,
)  # fmt: skip
LARGEST_BODY = 64 * 2**20


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Checks the token and the project; gives every refusal the service's own shape."""
    try:
        if request.path != login.TOKEN_PATH:
            login.authorise(request)
        _same_project(request)
        return await handler(request)
    except Refusal as refusal:
        return refusal.response()
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return not_found("Resource", request.path).response()
    except web.HTTPRequestEntityTooLarge:
        return Refusal(413, "The request is too large.").response()


def _same_project(request: web.Request) -> None:
    asked = request.match_info.get("projectId")
    if asked is not None and asked != str(request.app[STATE].project_id):
        raise not_found("Project", asked)


def build_app(state: QTestState, middlewares: Sequence[Middleware] = ()) -> web.Application:
    """One site. The middlewares given run before the token is looked at."""
    app = web.Application(middlewares=[*middlewares, guard], client_max_size=LARGEST_BODY)
    app[STATE] = state
    for resource in RESOURCES:
        app.add_routes(resource.routes)
    return app
