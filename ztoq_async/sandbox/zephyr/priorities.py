"""Priorities of the project."""

from aiohttp import web

from ztoq_async.sandbox.zephyr.catalogue import list_rows, one_row
from ztoq_async.sandbox.zephyr.state import STATE


async def list_priorities(request: web.Request) -> web.Response:
    return list_rows(request, request.app[STATE].source.catalogue.priorities)


async def get_priority(request: web.Request) -> web.Response:
    return one_row(request, "priorityId", request.app[STATE].source.catalogue.priorities)


ROUTES = (("GET", "/priorities", list_priorities), ("GET", "/priorities/{priorityId}", get_priority))
