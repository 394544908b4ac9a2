"""The Zephyr service as one aiohttp application under `/v2`."""

from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ztoq_async.sandbox.source import UnreadableError
from ztoq_async.sandbox.zephyr import (
    environments,
    execution_steps,
    folders,
    priorities,
    projects,
    statuses,
    test_cases,
    test_cycles,
    test_executions,
    test_scripts,
    test_steps,
    versions,
)
from ztoq_async.sandbox.zephyr.answers import ApiError, problem
from ztoq_async.sandbox.zephyr.auth import REVOKED, refusal, unauthorised
from ztoq_async.sandbox.zephyr.state import STATE, ZephyrState

PREFIX = "/v2"
_RESOURCES = (
    projects,
    folders,
    priorities,
    statuses,
    environments,
    test_cases,
    versions,
    test_steps,
    test_scripts,
    test_cycles,
    test_executions,
    execution_steps,
)
_LARGEST_BODY = 16 * 2**20


def build_app(state: ZephyrState, middlewares: Iterable[Middleware] = ()) -> web.Application:
    """The application; `middlewares` (outermost first) stand around the check of the token."""
    app = web.Application(middlewares=[*middlewares, _guard], client_max_size=_LARGEST_BODY)
    app[STATE] = state
    for resource in _RESOURCES:
        for method, path, handler in resource.ROUTES:
            app.router.add_route(method, PREFIX + path, handler)
            app.router.add_route(method, PREFIX + path + "/", handler)
    return app


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Token first, then the handler; every error in Zephyr's shape, what is not implemented as 404."""
    if request.path.rstrip("/") != f"{PREFIX}/healthcheck":
        state = request.app[STATE]
        cause = REVOKED if state.profile.current.zephyr.refuses_token else refusal(request, state.token)
        if cause:
            return unauthorised(request, cause)
    try:
        return await handler(request)
    except (ApiError, UnreadableError) as error:
        return problem(error.status, error.message)
    except web.HTTPMethodNotAllowed:
        return problem(404, f"{request.method} {request.path} is not implemented")
    except web.HTTPError as error:
        return problem(error.status, error.reason)
