"""Steps of a step-by-step test case: position is the order, calls to other cases without cycles (facts.md 1.5, 1.6)."""

from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from ztoq_async.sandbox.source import CLOUD
from ztoq_async.sandbox.zephyr.answers import ApiError, created, page, read
from ztoq_async.sandbox.zephyr.state import STATE, ZephyrState, case_of, encode


class _Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    pass


class _Inline(_Strict):
    description: str = ""
    test_data: str = ""
    expected_result: str = ""
    custom_fields: dict[str, Any] = {}
    reflect_ref: str = ""


class _Parameter(_Strict):
    name: str = ""
    type: Literal["MANUAL_INPUT", "DEFAULT_VALUE"] = "MANUAL_INPUT"
    value: str = ""


class _Call(_Strict):
    test_case_key: Annotated[str, msgspec.Meta(pattern=r"^.+-T[0-9]+$")]
    self: str = ""
    parameters: list[_Parameter] = []


class _Item(_Strict):
    inline: _Inline | msgspec.UnsetType = msgspec.UNSET
    test_case: _Call | msgspec.UnsetType = msgspec.UNSET


class _StepsInput(_Strict):
    mode: Literal["APPEND", "OVERWRITE"]
    items: Annotated[list[_Item], msgspec.Meta(min_length=1, max_length=100)]


class _Called(msgspec.Struct):
    key: str = msgspec.field(name="testCaseKey")


class _Step(msgspec.Struct):
    called: _Called | None = msgspec.field(name="testCase", default=None)


_INPUT = msgspec.json.Decoder(_StepsInput)
_STEPS = msgspec.json.Decoder(list[_Step])
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


async def list_steps(request: web.Request) -> web.Response:
    state, position = case_of(request)
    steps = _RAWS.decode(state.steps(position))
    return page(request, len(steps), state.page_cap, lambda start, stop: [bytes(step) for step in steps[start:stop]])


async def write_steps(request: web.Request) -> web.Response:
    state = request.app[STATE]
    key = request.match_info["testCaseKey"]
    position = state.position(key)
    given = await read(request, _INPUT)
    rows = [_row(state, position, item) for item in given.items]
    kept: list[Any] = []
    if given.mode == "APPEND" and state.script(position) is None:
        kept = list(_RAWS.decode(state.steps(position)))
    state.write_steps(position, encode([*kept, *rows]))
    return created(request, state.case_id(position), f"testcases/{key}/teststeps")


def _row(state: ZephyrState, position: int, item: _Item) -> dict[str, Any]:
    """The stored step; 400 unless it is exactly one of text and call, and for a call that closes a cycle."""
    inline, call = item.inline, item.test_case
    if isinstance(inline, _Inline) and not isinstance(call, _Call):
        texts = {
            "description": inline.description,
            "testData": inline.test_data,
            "expectedResult": inline.expected_result,
        }
        return {"id": None, "inline": texts | {"customFields": inline.custom_fields}}
    if not isinstance(call, _Call) or isinstance(inline, _Inline):
        raise ApiError(400, "items: each item has exactly one of inline and testCase")
    if _reaches(state, state.position(call.test_case_key), position):
        raise ApiError(400, f"items: the call to {call.test_case_key} closes a cycle")
    address = f"{CLOUD}/testcases/{call.test_case_key}"
    parameters = [{"name": one.name, "type": one.type, "value": one.value} for one in call.parameters]
    return {"id": None, "testCase": {"self": address, "testCaseKey": call.test_case_key, "parameters": parameters}}


def _reaches(state: ZephyrState, start: int, wanted: int) -> bool:
    """Whether the calls of a case lead to another one."""
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        position = waiting.pop()
        if position == wanted:
            return True
        if position not in seen and state.script(position) is None:
            seen.add(position)
            steps = _STEPS.decode(state.steps(position))
            waiting += [state.position(step.called.key) for step in steps if step.called]
    return False


ROUTES = (
    ("GET", "/testcases/{testCaseKey}/teststeps", list_steps),
    ("POST", "/testcases/{testCaseKey}/teststeps", write_steps),
)
