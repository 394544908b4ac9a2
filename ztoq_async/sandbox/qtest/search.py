"""`POST /api/v3/projects/{projectId}/search` (facts.md 3.12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import clock, query
from ztoq_async.sandbox.qtest.answers import Refusal, body_of, flag, page_of, paged, reply
from ztoq_async.sandbox.qtest.field_store import DATE, DATE_TIME, NUMBER, Field
from ztoq_async.sandbox.qtest.keys import KEY_LABEL
from ztoq_async.sandbox.qtest.projects import PAGE, PAGE_CAP
from ztoq_async.sandbox.qtest.query import Clause
from ztoq_async.sandbox.qtest.searchable import NEVER_ANY, SEARCHABLE, Asked, Searchable, Store
from ztoq_async.sandbox.qtest.state import STATE, QTestState
from ztoq_async.sandbox.qtest.values import shown

routes = web.RouteTableDef()

Test = tuple[Callable[[Any], str], Callable[[str], bool]]


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
    kind = SEARCHABLE.get(given.object_type)
    if kind is None and given.object_type not in NEVER_ANY:
        raise Refusal(400, f"object_type {given.object_type!r} cannot be searched.")
    page, size = page_of(request, "pageSize", PAGE, PAGE_CAP, state.dialect.page_cap)
    asked = Asked(flag(request, "appendTestSteps"), flag(request, "includeTestLogProperties"))
    wanted = query.parse(given.query)
    answer = paged(_find(state, kind, wanted) if kind else [], page, size)
    if kind:
        store = kind.store(state)
        answer["items"] = [kind.row(state, store.get(identity), asked) for identity in answer["items"]]
    return reply(answer)


def _find(state: QTestState, kind: Searchable, asked: query.Query) -> Sequence[int]:
    """Ids of the objects for which some alternative holds, in rising order."""
    store, lag = kind.store(state), state.dialect.search_lag_s
    if asked == [[]]:
        return state.visible(store, store.ids(), lag)
    found, until = set[int](), state.now() - lag
    for clauses in asked:
        tests = [(_reader(state, kind, clause), _comparison(state, kind, clause)) for clause in clauses]
        for item in _candidates(kind, store, clauses):
            if item.created <= until and _holds(kind.view(item), tests):
                found.add(item.id)
    return sorted(found)


def _holds(view: Any, tests: list[Test]) -> bool:
    return all(compare(read(view)) for read, compare in tests)


def _candidates(kind: Searchable, store: Store, clauses: list[Clause]) -> Iterator[Any]:
    """The few that a clause on Id or on the key field leaves; else all."""
    for field, operator, wanted in clauses:
        if operator in ("=", "in") and field == "Id":
            numbers = [number for text in wanted if (number := kind.number(text)) is not None]
            return filter(None, map(store.numbered, numbers))
        if operator in ("=", "in") and field == KEY_LABEL:
            return map(store.get, [identity for text in wanted for identity in store.keys.ids(text)])
    return map(store.get, store.ids())


def _reader(state: QTestState, kind: Searchable, clause: Clause) -> Callable[[Any], str]:
    """How the value of the clause's field is read from a view of an object."""
    own = kind.texts(state)
    if clause.field in own:
        return own[clause.field]
    field = _field(state, kind, clause)
    return lambda view: shown(field, kind.values(state, view).get(field.id, ""), state.names)


def _field(state: QTestState, kind: Searchable, clause: Clause) -> Field:
    field = state.fields.labelled(kind.fields, clause.field) if kind.fields else None
    if field is None or not field.is_active or not field.searchable:
        raise Refusal(400, f"Field '{clause.field}' cannot be searched.")
    return field


def _comparison(state: QTestState, kind: Searchable, clause: Clause) -> Callable[[str], bool]:
    operator, wanted = clause.operator, clause.values
    if operator in (">", "<"):
        return _ordered(state, kind, clause)
    if operator == "~":
        return lambda value: wanted[0].lower() in value.lower()
    if operator == "<>":
        return lambda value: value != wanted[0]
    return lambda value: value in wanted


def _ordered(state: QTestState, kind: Searchable, clause: Clause) -> Callable[[str], bool]:
    """`>` and `<` of dates and numbers; an unset value is on neither side."""
    measure = clock.parse
    if not (clause.field in kind.texts(state) and clause.field.endswith(" Date")):
        data_type = _field(state, kind, clause).data_type
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
