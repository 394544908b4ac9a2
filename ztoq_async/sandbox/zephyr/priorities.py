"""Priorities of the project."""

from aiohttp import web

from ztoq_async.sandbox.zephyr.catalogue import list_rows, one_row
from ztoq_async.sandbox.zephyr.state import STATE


async def list_priorities(request: web.Request) -> web.Response:
    return list_rows(request, request.app[STATE].source.catalogue.priorities)


async def get_priority(request: web.Request) -> web.Response:
    """Also one of the neighbour project, whose test cases refer to it."""
    return one_row(request, "priorityId", [row for known in request.app[STATE].catalogues for row in known.priorities])


ROUTES = (("GET", "/priorities", list_priorities), ("GET", "/priorities/{priorityId}", get_priority))
