"""The frozen steps of test executions with their results: position is the order (facts.md 1.9)."""

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from ztoq_async.sandbox.source import CLOUD
from ztoq_async.sandbox.stored_executions import case_key
from ztoq_async.sandbox.zephyr.answers import ApiError, answer, page, read, whole
from ztoq_async.sandbox.zephyr.inputs import Strict, Word
from ztoq_async.sandbox.zephyr.state import STATE, encode, now
from ztoq_async.sandbox.zephyr.test_execution_input import case_reference, frozen_steps, with_results
from ztoq_async.sandbox.zephyr.test_executions import position_of


class _Inline(msgspec.Struct, rename="camel"):
    test_data_row_number: int | None = None


class _Row(msgspec.Struct):
    inline: _Inline


class _Result(Strict):
    actual_result: str | UnsetType = UNSET
    status_name: Word | UnsetType = UNSET


class _ResultsInput(Strict):
    steps: list[_Result] = msgspec.field(default_factory=list)


_INPUT = msgspec.json.Decoder(_ResultsInput)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_ROW = msgspec.json.Decoder(_Row)


async def list_steps(request: web.Request) -> web.Response:
    state = request.app[STATE]
    steps = _RAWS.decode(state.executions.steps(position_of(request)))
    if "testDataRowNumber" in request.query:
        data = whole(request, "testDataRowNumber", 0, 0)
        steps = [step for step in steps if _ROW.decode(step).inline.test_data_row_number == data]
    return page(request, len(steps), state.page_cap, lambda start, stop: [bytes(step) for step in steps[start:stop]])


async def write_results(request: web.Request) -> web.Response:
    """Results in the order of the steps; what an item leaves out stays. 422 for an unknown status."""
    state, position = request.app[STATE], position_of(request)
    given = await read(request, _INPUT)
    steps = msgspec.json.decode(state.executions.steps(position))
    done = with_results(state, steps, [(one.status_name, one.actual_result) for one in given.steps], 422)
    state.executions.write_steps(position, encode(done), now())
    return web.Response()


async def sync_steps(request: web.Request) -> web.Response:
    """Freeze the steps of the test case as it is now, none executed; 409 where the case cannot be read any more."""
    state, position = request.app[STATE], position_of(request)
    row = state.executions.values(position)
    key = case_key(row["testCase"]["self"])
    try:
        case = state.position(key)
    except ApiError as error:
        raise ApiError(409, f"Test case {key} cannot be read") from error
    state.executions.write(position, row | {"testCase": case_reference(state, case, key)}, now())
    state.executions.write_steps(position, encode(frozen_steps(state, case)), now())
    return answer(request, encode({"self": f"{CLOUD}/testexecutions/{row['id']}/teststeps"}))


_STEPS = "/testexecutions/{testExecutionIdOrKey}/teststeps"
ROUTES = (("GET", _STEPS, list_steps), ("PUT", _STEPS, write_results), ("POST", f"{_STEPS}/sync", sync_steps))
