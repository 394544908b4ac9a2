"""Test runs: `/api/v3/projects/{projectId}/test-runs` (facts.md 3.9)."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import property_input, run_versions
from ztoq_async.sandbox.qtest.answers import Refusal, body_of, deep, flag, page_of, paged, part, reply
from ztoq_async.sandbox.qtest.case_input import CaseInput, Name, Place, checked_name
from ztoq_async.sandbox.qtest.case_store import Case, Version
from ztoq_async.sandbox.qtest.execution_rows import run_row
from ztoq_async.sandbox.qtest.execution_tree import Run, pack
from ztoq_async.sandbox.qtest.places import RUN_PARENTS, is_move, place_of
from ztoq_async.sandbox.qtest.projects import PAGE, PAGE_CAP
from ztoq_async.sandbox.qtest.state import STATE, QTestState
from ztoq_async.sandbox.qtest.values import PropertyInput

PATH = "/api/v3/projects/{projectId}/test-runs"
RUN = PATH + "/{testRunId:\\d+}"
KIND = "test-runs"
EXPANDS = frozenset({"", "testcase", "testcase.teststep"})
routes = web.RouteTableDef()


class CaseReference(CaseInput, forbid_unknown_fields=True):
    """The `test_case` of a run, of which only `id` and `test_case_version_id` say something."""

    id: int | None = None
    test_case_version_id: int | None = None


class RunInput(msgspec.Struct, forbid_unknown_fields=True):
    """TestRunWithCustomFieldResource; what a site derives is taken and ignored."""

    name: Name | None = None
    properties: list[PropertyInput] | None = None
    order: Place | None = None
    test_case: CaseReference | None = None
    test_case_version_id: int | None = None
    parentId: Any = None  # noqa: N815 - the vendor's spelling
    parentType: Any = None  # noqa: N815 - the vendor's spelling
    testCaseId: Any = None  # noqa: N815 - the vendor's spelling
    automation: Any = None
    created: Any = None
    id: Any = None
    links: Any = None
    pid: Any = None
    created_date: Any = None
    last_modified_date: Any = None
    latest_test_log: Any = None
    test_case_version: Any = None
    creator_id: Any = None
    assign_parameter_values: Any = None
    tosca_guid: Any = None
    tosca_node_path: Any = None
    tosca_workspace_url: Any = None
    tosca_testevent_guid: Any = None
    configuration_id: Any = None


_input = msgspec.json.Decoder(RunInput)


@routes.post(PATH)
async def create(request: web.Request) -> web.Response:
    """Answers 201; the parent is in the query, the test case in the body, the name by default the case's."""
    state, given = request.app[STATE], await body_of(request, _input)
    runs, place, now = state.execution.runs, place_of(request, RUN_PARENTS), state.now()
    case, version = _tested(state, given)
    name = checked_name(state, given.name) if given.name is not None else version.content.name
    values = property_input.of_new(state, KIND, given.properties)
    identity, serial = runs.next()
    run = Run(
        id=identity, number=serial, place=place, name=name, order=runs.room(place, given.order), created=now,
        modified=now, case_id=case.id, version_id=version.id, creator_id=state.caller, packed=pack(values),
    )  # fmt: skip
    return reply(run_row(state, runs.add(run, values.get(state.key_field(KIND), ""))), 201)


def _tested(state: QTestState, given: RunInput) -> tuple[Case, Version]:
    if given.test_case is None or given.test_case.id is None:
        raise Refusal(400, "Field test_case with its id is required.")
    case = state.cases.get(given.test_case.id)
    return case, run_versions.for_run(state, case, given.test_case_version_id or given.test_case.test_case_version_id)


@routes.get(PATH)
async def listing(request: web.Request) -> web.Response:
    """A paged object: direct children by `order`, or with `expand=descendants` all below, by id (facts.md 3.4)."""
    state, place = request.app[STATE], place_of(request, RUN_PARENTS)
    page, size = page_of(request, "pageSize", PAGE, PAGE_CAP, state.dialect.page_cap)
    flag(request, "includeToscaProperties")
    runs = state.execution.runs
    if deep(request):
        ids = state.visible(runs, state.execution.runs_below(place), state.dialect.list_lag_s)
    else:
        ids = [run.id for run in state.shown(runs.children(place))]
    answer = paged(ids, page, size)
    answer["items"] = [run_row(state, runs.get(identity), listed=True) for identity in answer["items"]]
    return reply(answer)


@routes.get(RUN)
async def single(request: web.Request) -> web.Response:
    state, expand = request.app[STATE], request.query.get("expand", "")
    flag(request, "includeToscaProperties")
    if expand not in EXPANDS:
        raise Refusal(400, "Parameter expand must be testcase or testcase.teststep.")
    return reply(run_row(state, find_run(request), expand=expand))


def find_run(request: web.Request) -> Run:
    return request.app[STATE].execution.runs.get(part(request, "testRunId"))


@routes.put(RUN)
async def change(request: web.Request) -> web.Response:
    """With a parent in the query the run moves and the body is ignored (facts.md 3.5); its case stays for ever."""
    if is_move(request):
        return _move(request)
    state, given = request.app[STATE], await body_of(request, _input)
    run, runs = find_run(request), state.execution.runs
    name = checked_name(state, given.name) if given.name is not None else run.name
    version = _changed_version(state, run, given)
    values = property_input.of_changed(state, KIND, run.values, given.properties)
    run.name, run.version_id, run.packed, run.modified = name, version, pack(values), state.now()
    run.order = given.order if given.order is not None else run.order
    runs.rekey(run, values.get(state.key_field(KIND), ""))
    return reply(run_row(state, run))


def _move(request: web.Request) -> web.Response:
    state, run = request.app[STATE], find_run(request)
    state.execution.runs.move(run, place_of(request, RUN_PARENTS), state.now())
    return reply(run_row(state, run))


def _changed_version(state: QTestState, run: Run, given: RunInput) -> int:
    if given.test_case_version_id in (None, run.version_id):
        return run.version_id
    return run_versions.for_run(state, state.cases.get(run.case_id), given.test_case_version_id).id


@routes.delete(RUN)
async def delete(request: web.Request) -> web.Response:
    """Its logs go with it, the only way in which logs go."""
    run = find_run(request)
    request.app[STATE].execution.remove_run(run)
    return reply({"message": f"Test run {run.id} was deleted."})
