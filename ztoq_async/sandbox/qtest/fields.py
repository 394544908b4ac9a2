"""Fields and their activation: `/api/v3/projects/{projectId}/settings/{objectType}` (facts.md 3.6)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import field_store as types
from ztoq_async.sandbox.qtest.answers import Refusal, body_of, flag, not_found, number, part, reply
from ztoq_async.sandbox.qtest.field_store import Field, FieldStore, Value
from ztoq_async.sandbox.qtest.state import STATE, QTestState

PATH = "/api/v3/projects/{projectId}/settings/{objectType}"
FIELD = PATH + "/fields/{fieldId}"
VALUES = FIELD + "/allowed-values"
MOST_VALUES = 100
routes = web.RouteTableDef()

_Label = Annotated[str, msgspec.Meta(max_length=255)]


class ValueInput(msgspec.Struct, forbid_unknown_fields=True):
    """AllowedValueResource; `value`, the id, only names values that exist."""

    label: _Label | None = None
    value: int | None = None
    order: int | None = None
    is_default: bool | None = None
    is_active: bool | None = None
    color: str | None = None
    default: Any = None
    links: Any = None

    def set(self) -> dict[str, Any]:
        names = ("label", "order", "is_default", "is_active", "color")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class FieldInput(msgspec.Struct, forbid_unknown_fields=True):
    """FieldResource; what a site derives is taken and ignored."""

    label: _Label | None = None
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
_value = msgspec.json.Decoder(ValueInput)
_values = msgspec.json.Decoder(list[ValueInput])


def _kind(request: web.Request) -> str:
    kind = request.match_info["objectType"]
    if kind not in types.OBJECT_TYPES:
        raise not_found("Object type", kind)
    return kind


def _store(request: web.Request, *, write: bool = False) -> FieldStore:
    state: QTestState = request.app[STATE]
    if write and not state.dialect.may_manage_fields:
        raise Refusal(403, "You do not have permission to manage the fields of this project.")
    return state.fields


def _of_path(request: web.Request, *, write: bool = False) -> Field:
    return _store(request, write=write).get(_kind(request), part(request, "fieldId"))


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
    store, kind = _store(request), _kind(request)
    found = store.all(kind) if flag(request, "includeInactive") else store.active(kind)
    return reply([field.row() for field in found])


@routes.post(PATH + "/fields")
async def create(request: web.Request) -> web.Response:
    """A new custom field is inactive until it is activated."""
    store, kind = _store(request, write=True), _kind(request)
    given = await body_of(request, _field)
    label, data_type = _checked_label(store, kind, given.label), _checked_type(store, kind, given)
    inline = (given.allowed_values or []) if request.app[STATE].dialect.inline_values else []
    _checked_values(inline, set())
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
    return reply(_of_path(request).row())


@routes.put(FIELD)
async def change(request: web.Request) -> web.Response:
    """A list of values drops those it omits; the type stays for ever."""
    field, store, kind = _of_path(request, write=True), _store(request), _kind(request)
    given = await body_of(request, _field)
    if given.data_type not in (None, field.data_type):
        raise Refusal(400, "The data_type of a field cannot be changed.")
    if given.label is not None:
        _checked_label(store, kind, given.label, field)
    if given.allowed_values is not None and (field.data_type in types.WITH_VALUES or given.allowed_values):
        _replace_values(store, field, given.allowed_values)
    for name in ("label", "required", "order", "searchable", "default_value", "is_active"):
        if getattr(given, name) is not None:
            setattr(field, name, getattr(given, name))
    store.changed(kind)
    return reply(field.row())


def _replace_values(store: FieldStore, field: Field, given: list[ValueInput]) -> None:
    _with_values(field)
    _checked_values(given, set())
    if missing := next((row.value for row in given if row.value and row.value not in field.values), None):
        raise Refusal(400, f"Value {missing} does not exist in field '{field.label}'.")
    kept: dict[int, Value] = {}
    for row in given:
        found = field.values.get(row.value) if row.value else field.labelled(row.label or "")
        if found:
            _update(found, row)
        value = found or store.add_value(field, **row.set())
        kept[value.value] = value
    field.values = kept


def _update(value: Value, given: ValueInput) -> None:
    for name, new in given.set().items():
        setattr(value, name, new)


def _with_values(field: Field) -> None:
    if field.data_type not in types.WITH_VALUES:
        raise Refusal(400, f"Field '{field.label}' has no allowed values.")


@routes.delete(FIELD)
async def delete(request: web.Request) -> web.Response:
    state, field, kind = request.app[STATE], _of_path(request, write=True), _kind(request)
    if field.system_field:
        raise Refusal(400, f"Field '{field.label}' belongs to the system and cannot be deleted.")
    if state.dialect.fields_in_use == "refuse" and kind == "test-cases" and _in_use(state, field):
        raise Refusal(400, f"Field '{field.label}' is in use and cannot be deleted.")
    state.fields.remove(kind, field)
    return reply({})


def _in_use(state: QTestState, field: Field) -> bool:
    return any(case.newest.content.values.get(field.id) for case in state.cases)


@routes.get(VALUES)
async def values(request: web.Request) -> web.Response:
    page, size = number(request, "page", 1), number(request, "pageSize", 0)
    found = list(_of_path(request).values.values())
    return reply(found[(page - 1) * size : page * size] if size > 0 and page > 0 else found)


@routes.post(VALUES)
async def add_values(request: web.Request) -> web.Response:
    """At most 100 a call; all of them or none."""
    field, given = _of_path(request, write=True), await body_of(request, _values)
    _with_values(field)
    if len(given) > MOST_VALUES:
        raise Refusal(400, f"At most {MOST_VALUES} allowed values a call.")
    _checked_values(given, {value.label for value in field.values.values()})
    store = _store(request)
    made = [store.add_value(field, **value.set()) for value in given]
    return reply({"links": [], "total": len(made), "items": made}, 201)


def _checked_values(given: list[ValueInput], taken: set[str]) -> None:
    for value in given:
        if not value.label or not value.label.strip() or value.label in taken:
            raise Refusal(400, f"The label {value.label!r} of an allowed value is blank or taken.")
        taken.add(value.label)


def _value_of_path(request: web.Request, field: Field) -> Value:
    found = field.values.get(part(request, "value"))
    if found is None:
        raise not_found("Allowed value", request.match_info["value"])
    return found


@routes.put(VALUES + "/{value}")
async def change_value(request: web.Request) -> web.Response:
    field = _of_path(request, write=True)
    value, given = _value_of_path(request, field), await body_of(request, _value)
    if given.label is not None and given.label != value.label:
        _checked_values([given], {other.label for other in field.values.values()})
    _update(value, given)
    return reply({})


@routes.delete(VALUES + "/{value}")
async def delete_value(request: web.Request) -> web.Response:
    field = _of_path(request, write=True)
    del field.values[_value_of_path(request, field).value]
    return reply({})


@routes.post(PATH + "/custom-fields/active")
async def activate(request: web.Request) -> web.Response:
    """The body is an array of fields, each with its id; one with `is_active` false is switched off."""
    store, kind = _store(request, write=True), _kind(request)
    given = await body_of(request, _fields)
    named = [(store.get(kind, row.id or 0), row.is_active is not False) for row in given]
    if request.app[STATE].dialect.activation_replaces:
        for field in store.all(kind):
            field.is_active = field.is_active and (field.system_field or field.seeded)
    for field, active in named:
        field.is_active = active
    store.changed(kind)
    return reply([field.row() for field, _ in named])
