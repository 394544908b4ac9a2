"""Execution statuses: `/api/v3/projects/{projectId}/test-runs/execution-statuses` (facts.md 3.10)."""

from __future__ import annotations

from aiohttp import web

from ztoq_async.sandbox.qtest.answers import reply
from ztoq_async.sandbox.qtest.state import STATE

routes = web.RouteTableDef()


@routes.get("/api/v3/projects/{projectId}/test-runs/execution-statuses")
async def listing(request: web.Request) -> web.Response:
    """A bare array, inactive ones included; ids are the site's own."""
    return reply(list(request.app[STATE].statuses.values()))
