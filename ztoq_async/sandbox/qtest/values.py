"""Property values: what each type of field accepts and how it is read back (facts.md 3.7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ztoq_async.sandbox.qtest import clock
from ztoq_async.sandbox.qtest import field_store as types
from ztoq_async.sandbox.qtest.answers import Refusal
from ztoq_async.sandbox.qtest.field_store import Field, FieldStore

Values = dict[int, str]
NAMED = frozenset({types.COMBO, types.CHECKS, types.MULTI, types.USERS})


class PropertyInput(msgspec.Struct, forbid_unknown_fields=True):
    """One of `properties`; `field_name` and `field_value_name` are echoes and are ignored."""

    field_id: int
    field_value: str | int | None = None
    field_name: str | None = None
    field_value_name: str | None = None


def _wrong(field: Field, why: str) -> Refusal:
    return Refusal(400, f"Invalid value of field '{field.label}' ({field.id}): {why}.")


def _text(field: Field, value: str, users: Mapping[int, str]) -> str:
    return value


def _url(field: Field, value: str, users: Mapping[int, str]) -> str:
    if not value.lower().startswith(("http://", "https://", "ftp://")):
        raise _wrong(field, "not a URL")
    return value


def _date(field: Field, value: str, users: Mapping[int, str]) -> str:
    when = clock.parse(value)
    if when is None or "T" not in value or "." in value:
        raise _wrong(field, "a date looks like 2016-05-12T00:00:00+00:00")
    return clock.stamp(when)


def _number(field: Field, value: str, users: Mapping[int, str]) -> str:
    try:
        valid = math.isfinite(float(value)) and value.strip() == value and "_" not in value
    except ValueError:
        valid = False
    if not valid:
        raise _wrong(field, "not a number")
    return value


def _combo(field: Field, value: str, users: Mapping[int, str]) -> str:
    chosen = field.values.get(int(value)) if value.isascii() and value.isdecimal() else None
    if chosen is None or not chosen.is_active:
        raise _wrong(field, f"{value[:80]!r} is not the id of an allowed value")
    return value


def _ids(field: Field, value: str) -> list[int]:
    try:
        return msgspec.json.decode(value, type=list[int])
    except (msgspec.DecodeError, UnicodeError):
        raise _wrong(field, "not a list of ids like [1,2]") from None


def _several(field: Field, value: str, users: Mapping[int, str]) -> str:
    ids = _ids(field, value)
    for identity in ids:
        _combo(field, str(identity), users)
    return f"[{','.join(map(str, dict.fromkeys(ids)))}]" if ids else ""


def _users(field: Field, value: str, users: Mapping[int, str]) -> str:
    ids = _ids(field, value)
    if missing := [identity for identity in ids if identity not in users]:
        raise _wrong(field, f"user {missing[0]} is not an active member of the project")
    return f"[{','.join(map(str, ids))}]" if ids else ""


_CHECKS: dict[int, Callable[[Field, str, Mapping[int, str]], str]] = {
    types.TEXT: _text, types.AREA: _text, types.RICH: _text, types.URL: _url, types.DATE: _date,
    types.DATE_TIME: _date, types.NUMBER: _number, types.COMBO: _combo, types.CHECKS: _several,
    types.MULTI: _several, types.USERS: _users,
}  # fmt: skip


def check(
    store: FieldStore,
    given: list[PropertyInput],
    users: Mapping[int, str],
    kind: str = "test-cases",
    *,
    text_limit: int = 0,
) -> Values:
    """The values by field id; "" clears, but for a combo, which cannot be cleared (facts.md 3.7)."""
    checked: Values = {}
    for prop in given:
        field = store.find(kind, prop.field_id)
        if field is None:
            raise Refusal(400, f"Field {prop.field_id} does not exist in {kind}.")
        if not field.is_active:
            raise Refusal(400, f"Field '{field.label}' ({field.id}) is not active in this project.")
        value = "" if prop.field_value is None else str(prop.field_value)
        if text_limit and field.data_type == types.TEXT and len(value) > text_limit:
            raise _wrong(field, f"a text has at most {text_limit} characters")
        if value:
            checked[field.id] = _CHECKS[field.data_type](field, value, users)
        elif field.data_type != types.COMBO:
            checked[field.id] = ""
    return checked


def complete(store: FieldStore, values: Values, kind: str = "test-cases") -> Values:
    """The values of a new object: defaults added; a required field without any is refused."""
    for field in store.active(kind):
        if not values.get(field.id) and field.default_value:
            values[field.id] = field.default_value
    require(store, values, kind)
    return {identity: value for identity, value in values.items() if value}


def require(store: FieldStore, values: Values, kind: str = "test-cases") -> None:
    for field in store.active(kind):
        if field.required and not values.get(field.id):
            raise Refusal(400, f"Field '{field.label}' ({field.id}) is required.")


def _name(field: Field, value: str, users: Mapping[int, str]) -> str | None:
    """`field_value_name`: labels of chosen values, names of users; None for other types."""
    if field.data_type == types.COMBO:
        chosen = field.values.get(int(value))
        return chosen.label if chosen else None
    ids = msgspec.json.decode(value, type=list[int])
    if field.data_type == types.USERS:
        return f"[{', '.join(users.get(identity, '') for identity in ids)}]"
    return f"[{', '.join(chosen.label for identity in ids if (chosen := field.values.get(identity)))}]"


def shown(field: Field, value: str, names: Mapping[int, str]) -> str:
    """The value as people read it, which search compares: a combo's label, else the value."""
    if value and field.data_type in NAMED:
        return _name(field, value, names) or ""
    return value


def rows(store: FieldStore, values: Values, names: Mapping[int, str], kind: str = "test-cases") -> list[dict[str, Any]]:
    """`properties` of an answer: every active field, unset ones with ""."""
    listed = []
    for field in store.active(kind):
        value = values.get(field.id, "")
        row = {"field_id": field.id, "field_name": field.label, "field_value": value}
        if value and field.data_type in NAMED:
            row["field_value_name"] = _name(field, value, names)
        listed.append(row)
    return listed
