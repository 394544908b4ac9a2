"""`POST /api/v3/projects/{projectId}/search`, for test cases (facts.md 3.12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import clock, query
from ztoq_async.sandbox.qtest.answers import Refusal, body_of, flag, page_of, paged, reply
from ztoq_async.sandbox.qtest.case_store import Case, Content
from ztoq_async.sandbox.qtest.field_store import DATE, DATE_TIME, NUMBER, Field
from ztoq_async.sandbox.qtest.keys import KEY_LABEL
from ztoq_async.sandbox.qtest.projects import PAGE, PAGE_CAP
from ztoq_async.sandbox.qtest.query import Clause
from ztoq_async.sandbox.qtest.rendering import case_row
from ztoq_async.sandbox.qtest.state import STATE, QTestState
from ztoq_async.sandbox.qtest.values import shown

OBJECT_TYPES = frozenset({
    "releases", "requirements", "test-cases", "test-runs", "test-suites", "test-cycles", "test-logs", "builds",
    "defects",
})  # fmt: skip
routes = web.RouteTableDef()

Read = Callable[[Case, Content], str]


class SearchInput(msgspec.Struct, forbid_unknown_fields=True):
    """ArtifactSearchParams."""

    object_type: str
    fields: list[str] | None = None
    query: str = ""


_input = msgspec.json.Decoder(SearchInput)


@routes.post("/api/v3/projects/{projectId}/search")
async def search(request: web.Request) -> web.Response:
    """Newest objects may be missing for `search_lag_s`; modules and unknown types are refused."""
    state, given = request.app[STATE], await body_of(request, _input)
    if given.object_type not in OBJECT_TYPES:
        raise Refusal(400, f"object_type {given.object_type!r} cannot be searched.")
    page, size = page_of(request, "pageSize", PAGE, PAGE_CAP, state.dialect.page_cap)
    found = _find(state, query.parse(given.query)) if given.object_type == "test-cases" else []
    answer = paged(found, page, size)
    steps = flag(request, "appendTestSteps")
    answer["items"] = [case_row(state, case, steps=steps) for case in answer["items"]]
    return reply(answer)


def _find(state: QTestState, asked: query.Query) -> list[Case]:
    """The cases for which some alternative holds, in the order of ids."""
    latest = state.now() - state.dialect.search_lag_s
    found: dict[int, Case] = {}
    for clauses in asked:
        tests = [(_reader(state, clause), _comparison(state, clause)) for clause in clauses]
        for case in _candidates(state, clauses):
            if case.created <= latest and _holds(case, tests):
                found[case.id] = case
    return [found[identity] for identity in sorted(found)]


def _holds(case: Case, tests: list[tuple[Read, Callable[[str], bool]]]) -> bool:
    content = case.newest.content
    return all(compare(read(case, content)) for read, compare in tests)


def _candidates(state: QTestState, clauses: list[Clause]) -> Iterable[Case]:
    """The few cases that a clause on Id or on the key field leaves; else all."""
    for field, operator, wanted in clauses:
        if operator in ("=", "in") and field == "Id":
            numbers = [int(text[3:]) for text in wanted if text.startswith("TC-") and text[3:].isdecimal()]
            return [case for number in numbers if (case := state.cases.numbered(number))]
        if operator in ("=", "in") and field == KEY_LABEL:
            return [state.cases.get(identity) for text in wanted for identity in state.cases.keys.ids(text)]
    return state.cases


def _reader(state: QTestState, clause: Clause) -> Read:
    """How the value of the clause's field is read from a case."""
    own: dict[str, Read] = {
        "Id": lambda case, content: f"TC-{case.number}",
        "Name": lambda case, content: content.name,
        "Description": lambda case, content: content.description,
        "Precondition": lambda case, content: content.precondition,
        "Created Date": lambda case, content: clock.stamp(case.created),
        "Last Modified Date": lambda case, content: clock.stamp(case.newest.modified),
    }
    if clause.field in own:
        return own[clause.field]
    field = _field(state, clause)
    return lambda case, content: shown(field, content.values.get(field.id, ""), state.names)


def _field(state: QTestState, clause: Clause) -> Field:
    field = state.fields.labelled("test-cases", clause.field)
    if field is None or not field.is_active or not field.searchable:
        raise Refusal(400, f"Field '{clause.field}' cannot be searched.")
    return field


def _comparison(state: QTestState, clause: Clause) -> Callable[[str], bool]:
    operator, wanted = clause.operator, clause.values
    if operator in (">", "<"):
        return _ordered(state, clause)
    if operator == "~":
        return lambda value: wanted[0].lower() in value.lower()
    if operator == "<>":
        return lambda value: value != wanted[0]
    return lambda value: value in wanted


def _ordered(state: QTestState, clause: Clause) -> Callable[[str], bool]:
    """`>` and `<` of dates and numbers; an unset value is on neither side."""
    measure = clock.parse
    if clause.field not in ("Created Date", "Last Modified Date"):
        data_type = _field(state, clause).data_type
        if data_type not in (DATE, DATE_TIME, NUMBER):
            raise Refusal(400, f"Field '{clause.field}' has no order: use =, <>, ~ or in.")
        measure = _number if data_type == NUMBER else clock.parse
    limit = measure(clause.values[0])
    if limit is None:
        raise Refusal(400, f"{clause.values[0]!r} cannot be compared with field '{clause.field}'.")
    sign = 1 if clause.operator == ">" else -1
    return lambda value: (found := measure(value)) is not None and (found - limit) * sign > 0


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
