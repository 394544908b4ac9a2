"""Test cases: `/api/v3/projects/{projectId}/test-cases`, their approval and versions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import clock, values
from ztoq_async.sandbox.qtest.answers import Refusal, body_of, flag, id_of, not_found, number, page_of, part, reply
from ztoq_async.sandbox.qtest.case_input import CaseInput, checked_name, fill
from ztoq_async.sandbox.qtest.case_store import Case, Content, Version
from ztoq_async.sandbox.qtest.rendering import case_row
from ztoq_async.sandbox.qtest.state import STATE, QTestState

PATH = "/api/v3/projects/{projectId}/test-cases"
DEFAULT_SIZE = 20
UNFILED = "Created via API"
routes = web.RouteTableDef()
_input = msgspec.json.Decoder(CaseInput)
_batch = msgspec.json.Decoder(dict[str, CaseInput])


def find_case(request: web.Request) -> Case:
    """The test case of the path, by id or by pid."""
    state, text = request.app[STATE], request.match_info["testCaseId"]
    if text.startswith("TC-") and text[3:].isdecimal():
        case = state.cases.numbered(int(text[3:]))
        if case is None:
            raise not_found("Test case", text)
        return case
    return state.cases.get(part(request, "testCaseId"))


def find_version(case: Case, identity: int) -> Version:
    found = next((version for version in case.versions if version.id == identity), None)
    if found is None:
        raise not_found("Test case version", identity)
    return found


@routes.post(PATH)
async def create(request: web.Request) -> web.Response:
    """Answers 200, version 0.1 (facts.md 3.8)."""
    state, given = request.app[STATE], await body_of(request, _input)
    if given.properties is None:
        raise Refusal(400, "Field properties is required.")
    name = checked_name(state, given.name)
    if given.parent_id is not None:
        state.modules.get(given.parent_id)
    content = Content(name, "", "", {}, [])
    key = fill(state, content, given, None)
    parent = given.parent_id if given.parent_id is not None else _unfiled(state)
    case = state.cases.add(parent, given.order, state.caller, content, key, state.now())
    return reply(case_row(state, case, show=flag(request, "showParamIdentifier")))


def _unfiled(state: QTestState) -> int:
    module = state.modules.named(0, UNFILED) or state.modules.add(0, UNFILED, "", None, state.now())
    return module.id


@routes.get(PATH)
async def listing(request: web.Request) -> web.Response:
    """A bare array without a total, in the order of ids; `parentId` means direct children only."""
    state = request.app[STATE]
    page, size = page_of(request, "size", DEFAULT_SIZE, state.dialect.size_cap)
    parent = number(request, "parentId", 0) if "parentId" in request.query else None
    if parent is not None:
        state.modules.get(parent)
    start = (page - 1) * size
    listed = state.visible(state.cases, state.cases.ids(parent), state.dialect.list_lag_s)
    found = _modified_after(request, listed)[start : start + size]
    props, steps = flag(request, "expandProps", default=True), flag(request, "expandSteps")
    show = flag(request, "showParamIdentifier")
    cases = map(state.cases.get, found)
    return reply([case_row(state, case, props=props, steps=steps, show=show) for case in cases])


def _modified_after(request: web.Request, ids: Sequence[int]) -> Sequence[int]:
    text = request.query.get("modifiedAfter", "all")
    if text == "all":
        return ids
    since = clock.parse(text)
    if since is None:
        raise Refusal(400, "Parameter modifiedAfter must be a date like 2024-01-01T00:00:00Z.")
    cases = request.app[STATE].cases
    return [identity for identity in ids if cases.get(identity).newest.modified > since]


@routes.put(PATH + "/update/testcases")
async def change_many(request: web.Request) -> web.Response:
    """A map of id to test case; all are checked before the first is changed."""
    state, given = request.app[STATE], await body_of(request, _batch)
    if not given:
        raise Refusal(400, "At least one test case is required.")
    cases = [state.cases.get(id_of("Test case", text)) for text in given]
    drafts = [_draft(state, case, one) for case, one in zip(cases, given.values(), strict=True)]
    for case, one, (content, key) in zip(cases, given.values(), drafts, strict=True):
        _save(state, case, one, content, key)
    return reply(case_row(state, cases[-1], show=flag(request, "showParamIdentifier")))


@routes.get(PATH + "/{testCaseId}")
async def single(request: web.Request) -> web.Response:
    case, version = find_case(request), number(request, "versionId", 0)
    chosen = find_version(case, version) if version else None
    return reply(case_row(request.app[STATE], case, chosen, show=flag(request, "showParamIdentifier")))


@routes.put(PATH + "/{testCaseId}")
async def change(request: web.Request) -> web.Response:
    state, case = request.app[STATE], find_case(request)
    given = await body_of(request, _input)
    _save(state, case, given, *_draft(state, case, given))
    return reply(case_row(state, case, show=flag(request, "showParamIdentifier")))


def _draft(state: QTestState, case: Case, given: CaseInput) -> tuple[Content, str]:
    """The changed content and key, checked and not yet saved; what is not given stays."""
    content = case.newest.content
    if given.name is not None:
        content.name = checked_name(state, given.name)
    if given.parent_id is not None:
        state.modules.get(given.parent_id)
    key = fill(state, content, given, case)
    values.require(state.fields, content.values)
    return content, key


def _save(state: QTestState, case: Case, given: CaseInput, content: Content, key: str) -> None:
    if given.parent_id is not None and given.parent_id != case.parent_id:
        state.cases.move(case, given.parent_id)
    case.order = given.order if given.order is not None else case.order
    state.cases.rekey(case, key)
    state.cases.edit(case, content, state.now())


@routes.delete(PATH + "/{testCaseId}")
async def delete(request: web.Request) -> web.Response:
    request.app[STATE].cases.remove(find_case(request))
    return reply({})


@routes.put(PATH + "/{testCaseId}/approve")
async def approve(request: web.Request) -> web.Response:
    """The next whole version, each time; clients may send any JSON or nothing as body."""
    state, case = request.app[STATE], find_case(request)
    content = case.newest.content
    if state.dialect.step_ids_after_approve == "new":
        for step in content.steps:
            step.id = state.cases.step_id()
    field = state.fields.labelled("test-cases", "Status")
    status = field.labelled(state.dialect.approve_sets_status) if field else None
    if field and status:
        content.values[field.id] = str(status.value)
    state.cases.approve(case, content, state.now())
    return reply(case_row(state, case))


@routes.get(PATH + "/{testCaseId}/versions")
async def versions(request: web.Request) -> web.Response:
    """Approved versions and the newest draft (facts.md 3.8), newest first."""
    state, case, show = request.app[STATE], find_case(request), flag(request, "showParamIdentifier")
    return reply([case_row(state, case, version, show=show) for version in reversed(case.versions)])


@routes.get(PATH + "/{testCaseId}/versions/{versionId}")
async def version(request: web.Request) -> web.Response:
    case, show = find_case(request), flag(request, "showParamIdentifier")
    return reply(case_row(request.app[STATE], case, find_version(case, part(request, "versionId")), show=show))


@routes.get(PATH + "/{testCaseId}/properties")
@routes.get(PATH + "/{testCaseId}/properties-info")
async def properties(request: web.Request) -> web.Response:
    """For callers who may not read settings (facts.md 3.6): each field with its allowed values."""
    state, case = request.app[STATE], find_case(request)
    rows = case_row(state, case, steps=False)["properties"]
    fields = {field.id: field.row() for field in state.fields.active("test-cases")}
    return reply([{**fields[row["field_id"]], **row} for row in rows])
