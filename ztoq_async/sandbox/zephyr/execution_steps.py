"""The frozen steps of test executions with their results: position is the order (facts.md 1.9)."""

import msgspec
from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import page, whole
from ztoq_async.sandbox.zephyr.state import STATE
from ztoq_async.sandbox.zephyr.test_executions import position_of


class _Inline(msgspec.Struct, rename="camel"):
    test_data_row_number: int | None = None


class _Row(msgspec.Struct):
    inline: _Inline


_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_ROW = msgspec.json.Decoder(_Row)


async def list_steps(request: web.Request) -> web.Response:
    state = request.app[STATE]
    steps = _RAWS.decode(state.executions.steps(position_of(request)))
    if "testDataRowNumber" in request.query:
        data = whole(request, "testDataRowNumber", 0, 0)
        steps = [step for step in steps if _ROW.decode(step).inline.test_data_row_number == data]
    return page(request, len(steps), state.page_cap, lambda start, stop: [bytes(step) for step in steps[start:stop]])


ROUTES = (("GET", "/testexecutions/{testExecutionIdOrKey}/teststeps", list_steps),)
