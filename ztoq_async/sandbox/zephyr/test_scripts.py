"""Plain-text and BDD scripts of test cases; a step-by-step case answers 422 (facts.md 1.5)."""

from typing import Annotated, Literal

import msgspec
from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import ApiError, answer, created, read
from ztoq_async.sandbox.zephyr.state import STATE, case_of


class _ScriptInput(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["plain", "bdd"]
    text: Annotated[str, msgspec.Meta(min_length=1)]


_INPUT = msgspec.json.Decoder(_ScriptInput)


async def get_script(request: web.Request) -> web.Response:
    state, position = case_of(request)
    script = state.script(position)
    if script is None:
        raise ApiError(422, "The test script of this test case is of the type step-by-step")
    return answer(request, script)


async def write_script(request: web.Request) -> web.Response:
    state = request.app[STATE]
    key = request.match_info["testCaseKey"]
    position = state.position(key)
    script = await read(request, _INPUT)
    state.write_script(position, script.type, script.text)
    return created(request, state.case_id(position), f"testcases/{key}/testscript")


ROUTES = (
    ("GET", "/testcases/{testCaseKey}/testscript", get_script),
    ("POST", "/testcases/{testCaseKey}/testscript", write_script),
)
