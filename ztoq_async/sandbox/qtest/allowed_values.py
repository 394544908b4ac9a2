"""Allowed values of a field: `…/settings/{objectType}/fields/{fieldId}/allowed-values`."""

from __future__ import annotations

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest.answers import Refusal, body_of, not_found, number, part, reply
from ztoq_async.sandbox.qtest.field_store import Field, Value
from ztoq_async.sandbox.qtest.fields import FIELD, field_of
from ztoq_async.sandbox.qtest.state import STATE
from ztoq_async.sandbox.qtest.value_rules import ValueInput, check_values, need_values, update

VALUES = FIELD + "/allowed-values"
MOST_VALUES = 100
routes = web.RouteTableDef()
_value = msgspec.json.Decoder(ValueInput)
_values = msgspec.json.Decoder(list[ValueInput])


@routes.get(VALUES)
async def values(request: web.Request) -> web.Response:
    page, size = number(request, "page", 1), number(request, "pageSize", 0)
    found = list(field_of(request).values.values())
    return reply(found[(page - 1) * size : page * size] if size > 0 and page > 0 else found)


@routes.post(VALUES)
async def add_values(request: web.Request) -> web.Response:
    """At most 100 a call; all of them or none."""
    field, given = field_of(request, write=True), await body_of(request, _values)
    need_values(field)
    if len(given) > MOST_VALUES:
        raise Refusal(400, f"At most {MOST_VALUES} allowed values a call.")
    check_values(given, {value.label for value in field.values.values()})
    store = request.app[STATE].fields
    made = [store.add_value(field, **value.set()) for value in given]
    return reply({"links": [], "total": len(made), "items": made}, 201)


def _value_of_path(request: web.Request, field: Field) -> Value:
    found = field.values.get(part(request, "value"))
    if found is None:
        raise not_found("Allowed value", request.match_info["value"])
    return found


@routes.put(VALUES + "/{value}")
async def change_value(request: web.Request) -> web.Response:
    field = field_of(request, write=True)
    value, given = _value_of_path(request, field), await body_of(request, _value)
    if given.label is not None and given.label != value.label:
        check_values([given], {other.label for other in field.values.values()})
    update(value, given)
    return reply({})


@routes.delete(VALUES + "/{value}")
async def delete_value(request: web.Request) -> web.Response:
    field = field_of(request, write=True)
    del field.values[_value_of_path(request, field).value]
    return reply({})
