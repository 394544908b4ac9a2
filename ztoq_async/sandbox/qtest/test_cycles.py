"""Test cycles: `/api/v3/projects/{projectId}/test-cycles` (facts.md 3.9)."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import keys
from ztoq_async.sandbox.qtest.answers import Refusal, body_of, deep, flag, number, page_of, part, reply
from ztoq_async.sandbox.qtest.case_input import Name, Place, checked_name
from ztoq_async.sandbox.qtest.echo import echo
from ztoq_async.sandbox.qtest.execution_rows import cycle_row, cycle_tree
from ztoq_async.sandbox.qtest.execution_tree import Cycle
from ztoq_async.sandbox.qtest.places import CYCLE_PARENTS, is_move, place_of
from ztoq_async.sandbox.qtest.projects import PAGE, PAGE_CAP
from ztoq_async.sandbox.qtest.state import STATE

PATH = "/api/v3/projects/{projectId}/test-cycles"
CYCLE = PATH + "/{testCycleId}"
routes = web.RouteTableDef()


class CycleInput(msgspec.Struct, forbid_unknown_fields=True):
    """TestCycleResource; what a site derives is taken and ignored. Cycles have no properties and no dates."""

    name: Name | None = None
    description: str | None = None
    order: Place | None = None
    id: Any = None
    links: Any = None
    pid: Any = None
    created_date: Any = None
    last_modified_date: Any = None
    web_url: Any = None
    target_release_id: Any = None
    target_build_id: Any = None
    test_cycles: Any = msgspec.field(default=None, name="test-cycles")
    test_suites: Any = msgspec.field(default=None, name="test-suites")


_input = msgspec.json.Decoder(CycleInput)


@routes.post(PATH)
async def create(request: web.Request) -> web.Response:
    state, given = request.app[STATE], await body_of(request, _input)
    tree, place = state.execution, place_of(request, CYCLE_PARENTS)
    name, sent, now = checked_name(state, given.name), given.description or "", state.now()
    tree.may_hold(place)
    identity, serial = tree.cycles.next()
    cycle = Cycle(
        id=identity, number=serial, place=place, name=name, order=tree.cycles.room(place, given.order), created=now,
        modified=now, description=echo(state.dialect.echo, sent),
    )  # fmt: skip
    return reply(cycle_row(state, tree.cycles.add(cycle, keys.last_marker(sent))), 201)


@routes.get(PATH)
async def listing(request: web.Request) -> web.Response:
    """A bare array of direct children; a negative pageSize without page is all of them (facts.md 3.4)."""
    state, place = request.app[STATE], place_of(request, CYCLE_PARENTS)
    cycles = state.shown(state.execution.cycles.children(place))
    if number(request, "pageSize", PAGE) >= 0 or "page" in request.query:
        page, size = page_of(request, "pageSize", PAGE, PAGE_CAP, state.dialect.page_cap)
        cycles = cycles[(page - 1) * size : page * size]
    show = cycle_tree if deep(request) else cycle_row
    return reply([show(state, cycle) for cycle in cycles])


def _find(request: web.Request) -> Cycle:
    return request.app[STATE].execution.cycles.get(part(request, "testCycleId"))


@routes.get(CYCLE)
async def single(request: web.Request) -> web.Response:
    state, cycle = request.app[STATE], _find(request)
    return reply(cycle_tree(state, cycle) if deep(request) else cycle_row(state, cycle))


@routes.put(CYCLE)
async def change(request: web.Request) -> web.Response:
    """With a parent in the query the cycle moves and the body is ignored."""
    if is_move(request):
        return _move(request)
    state, given = request.app[STATE], await body_of(request, _input)
    cycle, tree = _find(request), state.execution
    cycle.name = checked_name(state, given.name) if given.name is not None else cycle.name
    cycle.order = given.order if given.order is not None else cycle.order
    if given.description is not None:
        cycle.description = echo(state.dialect.echo, given.description)
        tree.cycles.rekey(cycle, keys.last_marker(given.description))
    cycle.modified = state.now()
    return reply(cycle_row(state, cycle))


def _move(request: web.Request) -> web.Response:
    state, cycle, place = request.app[STATE], _find(request), place_of(request, CYCLE_PARENTS)
    state.execution.may_hold(place, cycle)
    state.execution.cycles.move(cycle, place, state.now())
    return reply(cycle_row(state, cycle))


@routes.delete(CYCLE)
async def delete(request: web.Request) -> web.Response:
    """Only an empty cycle goes without `force=true`."""
    tree, force = request.app[STATE].execution, flag(request, "force")
    cycle = _find(request)
    place = ("test-cycle", cycle.id)
    if not force and not tree.is_empty(place):
        raise Refusal(400, f"Test cycle {cycle.id} is not empty; use force=true to delete it with all that is in it.")
    tree.remove(place)
    return reply({"message": f"Test cycle {cycle.id} was deleted."})
