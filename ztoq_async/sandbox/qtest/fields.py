"""Fields and their activation: `/api/v3/projects/{projectId}/settings/{objectType}` (facts.md 3.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import field_store as types
from ztoq_async.sandbox.qtest.answers import Refusal, body_of, flag, not_found, part, reply
from ztoq_async.sandbox.qtest.field_store import Field, FieldStore
from ztoq_async.sandbox.qtest.state import STATE, QTestState
from ztoq_async.sandbox.qtest.value_rules import Label, ValueInput, check_values, replace_values

PATH = "/api/v3/projects/{projectId}/settings/{objectType}"
FIELD = PATH + "/fields/{fieldId}"
routes = web.RouteTableDef()


class FieldInput(msgspec.Struct, forbid_unknown_fields=True):
    """FieldResource; what a site derives is taken and ignored."""

    label: Label | None = None
    data_type: int | None = None
    required: bool | None = None
    order: int | None = None
    multiple: bool | None = None
    searchable: bool | None = None
    default_value: str | None = None
    allowed_values: list[ValueInput] | None = None
    id: int | None = None
    is_active: bool | None = None
    constrained: Any = None
    system_field: Any = None
    original_name: Any = None
    instanceType: Any = None  # noqa: N815 - the vendor's spelling
    attribute_type: Any = None
    search_key: Any = None
    free_text_search: Any = None
    links: Any = None


_field = msgspec.json.Decoder(FieldInput)
_fields = msgspec.json.Decoder(list[FieldInput])


def _kind(request: web.Request) -> str:
    kind = request.match_info["objectType"]
    if kind not in types.OBJECT_TYPES:
        raise not_found("Object type", kind)
    return kind


def store_of(request: web.Request, *, write: bool = False) -> FieldStore:
    state: QTestState = request.app[STATE]
    if write and not state.dialect.may_manage_fields:
        raise Refusal(403, "You do not have permission to manage the fields of this project.")
    return state.fields


def field_of(request: web.Request, *, write: bool = False) -> Field:
    return store_of(request, write=write).get(_kind(request), part(request, "fieldId"))


def _checked_label(store: FieldStore, kind: str, label: str | None, own: Field | None = None) -> str:
    limit = types.STEP_LABEL_LIMIT if kind == "test-steps" else types.LABEL_LIMIT
    if label is None or not label.strip() or len(label) > limit:
        raise Refusal(400, f"A field label has 1 to {limit} characters.")
    if any(field.label.lower() == label.lower() and field is not own for field in store.all(kind)):
        raise Refusal(400, f"A field with label '{label}' already exists in {kind}.")
    return label


def _checked_type(store: FieldStore, kind: str, given: FieldInput) -> int:
    data_type = given.data_type
    if data_type not in types.TYPE_NAMES:
        raise Refusal(400, f"data_type {data_type} is not one of {', '.join(map(str, types.TYPE_NAMES))}.")
    if data_type in types.NEED_MULTIPLE and not given.multiple:
        raise Refusal(400, f"data_type {data_type} needs multiple=true.")
    if kind == "test-steps":
        if data_type not in types.STEP_TYPES:
            raise Refusal(400, "Fields of test steps are rich text, combo or user list.")
        if sum(not field.system_field for field in store.all(kind)) >= types.STEP_FIELDS:
            raise Refusal(400, f"Test steps have at most {types.STEP_FIELDS} custom fields.")
    return data_type


@routes.get(PATH + "/fields")
async def listing(request: web.Request) -> web.Response:
    store, kind = store_of(request), _kind(request)
    found = store.all(kind) if flag(request, "includeInactive") else store.active(kind)
    return reply([field.row() for field in found])


@routes.post(PATH + "/fields")
async def create(request: web.Request) -> web.Response:
    """A new custom field is inactive until it is activated."""
    store, kind = store_of(request, write=True), _kind(request)
    given = await body_of(request, _field)
    label, data_type = _checked_label(store, kind, given.label), _checked_type(store, kind, given)
    inline = (given.allowed_values or []) if request.app[STATE].dialect.inline_values else []
    check_values(inline, set())
    if inline and data_type not in types.WITH_VALUES:
        raise Refusal(400, f"A field of data_type {data_type} has no allowed values.")
    field = store.add(
        kind, label, data_type, required=bool(given.required), multiple=bool(given.multiple), order=given.order,
        searchable=given.searchable is not False, default_value=given.default_value,
    )  # fmt: skip
    for value in inline:
        store.add_value(field, **value.set())
    return reply(field.row(), 201)


@routes.get(FIELD)
async def single(request: web.Request) -> web.Response:
    return reply(field_of(request).row())


@routes.put(FIELD)
async def change(request: web.Request) -> web.Response:
    """A list of values drops those it omits; the type stays for ever."""
    field, store, kind = field_of(request, write=True), store_of(request), _kind(request)
    given = await body_of(request, _field)
    if given.data_type not in (None, field.data_type):
        raise Refusal(400, "The data_type of a field cannot be changed.")
    if given.label is not None:
        _checked_label(store, kind, given.label, field)
    if given.allowed_values is not None and (field.data_type in types.WITH_VALUES or given.allowed_values):
        replace_values(store, field, given.allowed_values)
    for name in ("label", "required", "order", "searchable", "default_value", "is_active"):
        if getattr(given, name) is not None:
            setattr(field, name, getattr(given, name))
    store.changed(kind)
    return reply(field.row())


@routes.delete(FIELD)
async def delete(request: web.Request) -> web.Response:
    state, field, kind = request.app[STATE], field_of(request, write=True), _kind(request)
    if field.system_field:
        raise Refusal(400, f"Field '{field.label}' belongs to the system and cannot be deleted.")
    if state.dialect.fields_in_use == "refuse" and _in_use(state, kind, field):
        raise Refusal(400, f"Field '{field.label}' is in use and cannot be deleted.")
    state.fields.remove(kind, field)
    return reply({})


def _in_use(state: QTestState, kind: str, field: Field) -> bool:
    held: dict[str, Iterable[dict[int, str]]] = {
        "test-cases": (case.newest.content.values for case in state.cases),
        "test-suites": (suite.values for suite in state.execution.suites),
        "test-runs": (run.values for run in state.execution.runs),
    }
    return any(values.get(field.id) for values in held.get(kind, ()))


@routes.post(PATH + "/custom-fields/active")
async def activate(request: web.Request) -> web.Response:
    """The body is an array of fields, each with its id; one with `is_active` false is switched off."""
    store, kind = store_of(request, write=True), _kind(request)
    given = await body_of(request, _fields)
    named = [(store.get(kind, row.id or 0), row.is_active is not False) for row in given]
    if request.app[STATE].dialect.activation_replaces:
        for field in store.all(kind):
            field.is_active = field.is_active and (field.system_field or field.seeded)
    for field, active in named:
        field.is_active = active
    store.changed(kind)
    return reply([field.row() for field, _ in named])
