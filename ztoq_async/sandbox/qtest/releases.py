"""Releases: `/api/v3/projects/{projectId}/releases` (facts.md 3.9)."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import clock, keys, property_input
from ztoq_async.sandbox.qtest.answers import Refusal, body_of, flag, part, reply
from ztoq_async.sandbox.qtest.case_input import Name, Place, checked_name
from ztoq_async.sandbox.qtest.echo import echo
from ztoq_async.sandbox.qtest.execution_rows import release_row
from ztoq_async.sandbox.qtest.execution_tree import Release
from ztoq_async.sandbox.qtest.shelf import ROOT
from ztoq_async.sandbox.qtest.state import STATE, QTestState
from ztoq_async.sandbox.qtest.values import PropertyInput

PATH = "/api/v3/projects/{projectId}/releases"
RELEASE = PATH + "/{releaseId}"
KIND = "releases"
CLOSED = "Closed"
routes = web.RouteTableDef()


class ReleaseInput(msgspec.Struct, forbid_unknown_fields=True):
    """ReleaseWithCustomFieldResource; what a site derives is taken and ignored."""

    name: Name | None = None
    description: str | None = None
    note: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    properties: list[PropertyInput] | None = None
    order: Place | None = None
    id: Any = None
    links: Any = None
    pid: Any = None
    created_date: Any = None
    last_modified_date: Any = None
    web_url: Any = None


_input = msgspec.json.Decoder(ReleaseInput)


@routes.post(PATH)
async def create(request: web.Request) -> web.Response:
    state, given = request.app[STATE], await body_of(request, _input)
    releases, name, now = state.execution.releases, checked_name(state, given.name), state.now()
    start, end = _date(given.start_date), _date(given.end_date)
    values = property_input.of_new(state, KIND, given.properties)
    identity, serial = releases.next()
    release = Release(
        id=identity, number=serial, place=ROOT, name=name, order=releases.room(ROOT, given.order), created=now,
        modified=now, description=echo(state.dialect.echo, given.description or ""), note=given.note or "",
        start=start, end=end, values=values,
    )  # fmt: skip
    return reply(release_row(state, releases.add(release, keys.last_marker(given.description or ""))), 201)


def _date(text: str | None) -> str | None:
    if not text:
        return None
    when = clock.parse(text)
    if when is None:
        raise Refusal(400, f"{text[:40]!r} is not a date like 2024-05-01T00:00:00Z.")
    return clock.stamp(when)


@routes.get(PATH)
async def listing(request: web.Request) -> web.Response:
    """A bare array; those whose status is Closed only with `includeClosed=true` (facts.md 3.9)."""
    state, closed = request.app[STATE], flag(request, "includeClosed")
    found = state.shown(state.execution.releases.children(ROOT))
    return reply([release_row(state, release) for release in found if closed or not _is_closed(state, release)])


def _is_closed(state: QTestState, release: Release) -> bool:
    field = state.fields.labelled(KIND, "Status")
    value = field.labelled(CLOSED) if field else None
    return bool(field and value and release.values.get(field.id) == str(value.value))


@routes.get(RELEASE)
async def single(request: web.Request) -> web.Response:
    state = request.app[STATE]
    return reply(release_row(state, state.execution.releases.get(part(request, "releaseId"))))


@routes.put(RELEASE)
async def change(request: web.Request) -> web.Response:
    state, given = request.app[STATE], await body_of(request, _input)
    releases = state.execution.releases
    release = releases.get(part(request, "releaseId"))
    name = checked_name(state, given.name) if given.name is not None else release.name
    start, end = _date(given.start_date) or release.start, _date(given.end_date) or release.end
    release.values = property_input.of_changed(state, KIND, release.values, given.properties)
    release.name, release.start, release.end, release.modified = name, start, end, state.now()
    release.order = given.order if given.order is not None else release.order
    release.note = given.note if given.note is not None else release.note
    if given.description is not None:
        release.description = echo(state.dialect.echo, given.description)
        releases.rekey(release, keys.last_marker(given.description))
    return reply(release_row(state, release))


@routes.delete(RELEASE)
async def delete(request: web.Request) -> web.Response:
    """Only an empty release goes."""
    tree = request.app[STATE].execution
    place = ("release", tree.releases.get(part(request, "releaseId")).id)
    if not tree.is_empty(place):
        raise Refusal(400, f"Release {place[1]} is not empty.")
    tree.remove(place)
    return reply({})
