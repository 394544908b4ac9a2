"""Test suites: `/api/v3/projects/{projectId}/test-suites` (facts.md 3.9)."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import property_input
from ztoq_async.sandbox.qtest.answers import body_of, flag, part, reply
from ztoq_async.sandbox.qtest.case_input import Name, Place, checked_name
from ztoq_async.sandbox.qtest.execution_rows import suite_row
from ztoq_async.sandbox.qtest.execution_tree import Suite
from ztoq_async.sandbox.qtest.places import SUITE_PARENTS, is_move, place_of
from ztoq_async.sandbox.qtest.state import STATE
from ztoq_async.sandbox.qtest.values import PropertyInput

PATH = "/api/v3/projects/{projectId}/test-suites"
SUITE = PATH + "/{testSuiteId}"
KIND = "test-suites"
routes = web.RouteTableDef()


class SuiteInput(msgspec.Struct, forbid_unknown_fields=True):
    """TestSuiteWithCustomFieldResource; what a site derives is taken and ignored. Suites have no description."""

    name: Name | None = None
    properties: list[PropertyInput] | None = None
    order: Place | None = None
    parentId: Any = None  # noqa: N815 - the vendor's spelling
    parentType: Any = None  # noqa: N815 - the vendor's spelling
    id: Any = None
    links: Any = None
    pid: Any = None
    created_date: Any = None
    last_modified_date: Any = None
    web_url: Any = None
    target_release_id: Any = None
    target_build_id: Any = None


_input = msgspec.json.Decoder(SuiteInput)


@routes.post(PATH)
async def create(request: web.Request) -> web.Response:
    """Answers 200, not 201; the parent is in the query."""
    state, given = request.app[STATE], await body_of(request, _input)
    suites, place = state.execution.suites, place_of(request, SUITE_PARENTS)
    name, now = checked_name(state, given.name), state.now()
    values = property_input.of_new(state, KIND, given.properties)
    identity, serial = suites.next()
    suite = Suite(
        id=identity, number=serial, place=place, name=name, order=suites.room(place, given.order), created=now,
        modified=now, values=values,
    )  # fmt: skip
    return reply(suite_row(state, suites.add(suite, values.get(state.key_field(KIND), ""))))


@routes.get(PATH)
async def listing(request: web.Request) -> web.Response:
    """A bare array of direct children, unpaged."""
    state, place = request.app[STATE], place_of(request, SUITE_PARENTS)
    return reply([suite_row(state, suite) for suite in state.shown(state.execution.suites.children(place))])


@routes.get(SUITE)
async def single(request: web.Request) -> web.Response:
    return reply(suite_row(request.app[STATE], _find(request)))


def _find(request: web.Request) -> Suite:
    return request.app[STATE].execution.suites.get(part(request, "testSuiteId"))


@routes.put(SUITE)
async def change(request: web.Request) -> web.Response:
    """With a parent in the query the suite moves and the body is ignored (facts.md 3.5)."""
    flag(request, "noEmail")
    if is_move(request):
        return _move(request)
    state, given = request.app[STATE], await body_of(request, _input)
    suite, suites = _find(request), state.execution.suites
    name = checked_name(state, given.name) if given.name is not None else suite.name
    suite.values = property_input.of_changed(state, KIND, suite.values, given.properties)
    suite.name, suite.modified = name, state.now()
    suite.order = given.order if given.order is not None else suite.order
    suites.rekey(suite, suite.values.get(state.key_field(KIND), ""))
    return reply(suite_row(state, suite))


def _move(request: web.Request) -> web.Response:
    state, suite = request.app[STATE], _find(request)
    state.execution.suites.move(suite, place_of(request, SUITE_PARENTS), state.now())
    return reply(suite_row(state, suite))


@routes.delete(SUITE)
async def delete(request: web.Request) -> web.Response:
    """The runs in it go with it; the contract knows no `force` here."""
    request.app[STATE].execution.remove(("test-suite", _find(request).id))
    return reply({})
