"""Steps of test cases: `…/test-cases/{testCaseId}/test-steps`, v3 and v4, of the newest or of one version."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest.answers import Refusal, body_of, flag, not_found, page_of, part, reply
from ztoq_async.sandbox.qtest.case_input import StepInput, step_of
from ztoq_async.sandbox.qtest.case_store import Content, Step
from ztoq_async.sandbox.qtest.rendering import step_row, step_rows
from ztoq_async.sandbox.qtest.state import STATE
from ztoq_async.sandbox.qtest.test_cases import find_case, find_version

CASE = "/projects/{projectId}/test-cases/{testCaseId}"
STEPS = "/api/v3" + CASE + "/test-steps"
V4_SIZE = 200
routes = web.RouteTableDef()
_input = msgspec.json.Decoder(StepInput)


def _content(request: web.Request) -> Content:
    case = find_case(request)
    if "versionId" in request.match_info:
        return find_version(case, part(request, "versionId")).content
    return case.newest.content


def _rows(request: web.Request) -> list[dict[str, Any]]:
    show = flag(request, "showParamIdentifier")
    return list(step_rows(request.app[STATE], find_case(request), _content(request).steps, show))


def _row(request: web.Request, content: Content, step: Step) -> web.Response:
    show = flag(request, "showParamIdentifier")
    return reply(step_row(request.app[STATE], step, content.steps.index(step) + 1, show))


def _find(request: web.Request, content: Content) -> Step:
    identity = part(request, "stepId")
    found = next((step for step in content.steps if step.id == identity), None)
    if found is None:
        raise not_found("Test step", identity)
    return found


@routes.get(STEPS)
@routes.get("/api/v3" + CASE + "/versions/{versionId}/test-steps")
async def listing(request: web.Request) -> web.Response:
    return reply(_rows(request))


@routes.get("/api/v4" + CASE + "/test-steps")
async def page_of_steps(request: web.Request) -> web.Response:
    page, size = page_of(request, "size", V4_SIZE, request.app[STATE].dialect.size_cap)
    return reply(_rows(request)[(page - 1) * size : page * size])


@routes.get(STEPS + "/{stepId}")
async def single(request: web.Request) -> web.Response:
    content = _content(request)
    return _row(request, content, _find(request, content))


@routes.post(STEPS)
async def create(request: web.Request) -> web.Response:
    """Answers 200; the case gets a new version; `order` is the place, the end by default."""
    state, case, given = request.app[STATE], find_case(request), await body_of(request, _input)
    content, step = case.newest.content, step_of(state, given, case)
    if step is None:
        raise Refusal(400, "Test step description must not be empty.")
    step.id = state.cases.step_id()
    content.steps.insert((given.order or len(content.steps) + 1) - 1, step)
    state.cases.edit(case, content, state.now())
    return _row(request, content, step)


@routes.put(STEPS + "/{stepId}")
async def change(request: web.Request) -> web.Response:
    state, case, given = request.app[STATE], find_case(request), await body_of(request, _input)
    content = case.newest.content
    old = _find(request, content)
    place = content.steps.index(old)
    given.description = old.description if given.description is None else given.description
    given.expected = old.expected if given.expected is None else given.expected
    given.called_test_case_id = given.called_test_case_id or old.called or None
    step = step_of(state, given, case)
    if step is None:
        raise Refusal(400, "Test step description must not be empty.")
    step.id = old.id
    del content.steps[place]
    content.steps.insert(given.order - 1 if given.order else place, step)
    state.cases.edit(case, content, state.now())
    return _row(request, content, step)


@routes.delete(STEPS + "/{stepId}")
async def delete(request: web.Request) -> web.Response:
    state, case = request.app[STATE], find_case(request)
    content = case.newest.content
    content.steps.remove(_find(request, content))
    state.cases.edit(case, content, state.now())
    return reply({})
