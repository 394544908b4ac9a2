"""The one project that the token sees, and the health check."""

import re

from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import ApiError, answer, page
from ztoq_async.sandbox.zephyr.state import STATE


async def healthcheck(request: web.Request) -> web.Response:
    """200 with an empty body, also without a token (facts.md 1.1)."""
    return web.Response()


async def list_projects(request: web.Request) -> web.Response:
    project = request.app[STATE].source.catalogue.project
    return page(request, 1, request.app[STATE].page_cap, lambda start, stop: [project][start:stop])


async def get_project(request: web.Request) -> web.Response:
    wanted = request.match_info["projectIdOrKey"]
    catalogue = request.app[STATE].source.catalogue
    if not re.fullmatch(r"[0-9]+|[A-Z][A-Z_0-9]+", wanted):
        raise ApiError(400, "projectIdOrKey: a number or a project key was expected")
    if wanted not in (str(catalogue.project_id), catalogue.project_key):
        raise ApiError(404, f"Project {wanted} not found, or Zephyr is not enabled for it")
    return answer(request, catalogue.project)


ROUTES = (
    ("GET", "/healthcheck", healthcheck),
    ("GET", "/projects", list_projects),
    ("GET", "/projects/{projectIdOrKey}", get_project),
)
