"""Allowed values as callers send them, and the rules that they obey (facts.md 3.6)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ztoq_async.sandbox.qtest.answers import Refusal
from ztoq_async.sandbox.qtest.field_store import WITH_VALUES, Field, FieldStore, Value

Label = Annotated[str, msgspec.Meta(max_length=255)]


class ValueInput(msgspec.Struct, forbid_unknown_fields=True):
    """AllowedValueResource; `value`, the id, only names values that exist."""

    label: Label | None = None
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


def replace_values(store: FieldStore, field: Field, given: list[ValueInput]) -> None:
    need_values(field)
    check_values(given, set())
    if missing := next((row.value for row in given if row.value and row.value not in field.values), None):
        raise Refusal(400, f"Value {missing} does not exist in field '{field.label}'.")
    kept: dict[int, Value] = {}
    for row in given:
        found = field.values.get(row.value) if row.value else field.labelled(row.label or "")
        if found:
            update(found, row)
        value = found or store.add_value(field, **row.set())
        kept[value.value] = value
    field.values = kept


def update(value: Value, given: ValueInput) -> None:
    for name, new in given.set().items():
        setattr(value, name, new)


def need_values(field: Field) -> None:
    if field.data_type not in WITH_VALUES:
        raise Refusal(400, f"Field '{field.label}' has no allowed values.")


def check_values(given: list[ValueInput], taken: set[str]) -> None:
    for value in given:
        if not value.label or not value.label.strip() or value.label in taken:
            raise Refusal(400, f"The label {value.label!r} of an allowed value is blank or taken.")
        taken.add(value.label)
