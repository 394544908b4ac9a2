"""Statuses of the project; a status does not name its type, so lists are asked for by `statusType` (facts.md 8)."""

from aiohttp import web

from ztoq_async.sandbox.zephyr.catalogue import choice, list_rows, one_row
from ztoq_async.sandbox.zephyr.state import STATE

TYPES = ("TEST_CASE", "TEST_PLAN", "TEST_CYCLE", "TEST_EXECUTION")


async def list_statuses(request: web.Request) -> web.Response:
    kind = choice(request, "statusType", TYPES)
    statuses = request.app[STATE].source.catalogue.statuses
    return list_rows(request, [row for row in statuses if kind is None or row.kind == kind])


async def get_status(request: web.Request) -> web.Response:
    """Also one of the neighbour project, whose test cases refer to it."""
    return one_row(request, "statusId", [row for known in request.app[STATE].catalogues for row in known.statuses])


ROUTES = (("GET", "/statuses", list_statuses), ("GET", "/statuses/{statusId}", get_status))
