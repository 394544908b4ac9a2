"""Environments of the project."""

from aiohttp import web

from ztoq_async.sandbox.zephyr.catalogue import list_rows, one_row
from ztoq_async.sandbox.zephyr.state import STATE


async def list_environments(request: web.Request) -> web.Response:
    return list_rows(request, request.app[STATE].source.catalogue.environments)


async def get_environment(request: web.Request) -> web.Response:
    return one_row(request, "environmentId", request.app[STATE].source.catalogue.environments)


ROUTES = (("GET", "/environments", list_environments), ("GET", "/environments/{environmentId}", get_environment))
