"""The fields of the simulated site, system and custom ones, for each object type."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from ztoq_async.sandbox.qtest.answers import Refusal, not_found

OBJECT_TYPES = (
    "releases", "builds", "requirements", "test-cases", "test-steps", "test-suites", "test-runs", "defects",
)  # fmt: skip
TEXT, AREA, COMBO, DATE, USERS, RICH, NUMBER, CHECKS, DATE_TIME, URL, MULTI = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 17
TYPE_NAMES = {
    TEXT: "TextField", AREA: "TextArea", COMBO: "ArrayNumber", DATE: "DateField", USERS: "ArrayUser", RICH: "RichText",
    NUMBER: "NumberField", CHECKS: "ArrayCheckbox", DATE_TIME: "DateTime", URL: "UrlField", MULTI: "ArrayMultiple",
}  # fmt: skip
WITH_VALUES = frozenset({COMBO, CHECKS, MULTI})
NEED_MULTIPLE = frozenset({CHECKS, MULTI})
STEP_TYPES = frozenset({RICH, COMBO, USERS})
LABEL_LIMIT, STEP_LABEL_LIMIT, STEP_FIELDS = 100, 16, 2


class Value(msgspec.Struct):
    """An allowed value; `value` is its id (facts.md 3.6)."""

    value: int
    label: str
    order: int = 1
    is_default: bool = False
    is_active: bool = True
    color: str | None = None


class Field(msgspec.Struct):
    """A field as `GET …/fields` answers it; `seeded` ones were there before any caller."""

    id: int
    attribute_type: str
    label: str
    required: bool
    constrained: bool
    order: int
    multiple: bool
    data_type: int
    searchable: bool
    free_text_search: bool
    search_key: str | None
    default_value: str | None
    system_field: bool
    original_name: str
    is_active: bool
    seeded: bool
    values: dict[int, Value]

    def row(self) -> dict[str, Any]:
        """The answer's form; only fields with values list them."""
        hidden = ("seeded", "values")
        row: dict[str, Any] = {name: getattr(self, name) for name in self.__struct_fields__ if name not in hidden}
        if self.data_type in WITH_VALUES:
            row["allowed_values"] = list(self.values.values())
        return {"links": [], **row}

    def labelled(self, label: str) -> Value | None:
        return next((value for value in self.values.values() if value.label == label), None)


class FieldStore:
    """All fields; ids are the installation's, so they differ from site to site."""

    def __init__(self, first_id: int, first_value_id: int) -> None:
        self._ids = count(first_id)
        self._value_ids = count(first_value_id)
        self._fields: dict[str, dict[int, Field]] = {kind: {} for kind in OBJECT_TYPES}
        self._active: dict[str, list[Field]] = {}

    def all(self, kind: str) -> Iterator[Field]:
        return iter(self._fields[kind].values())

    def active(self, kind: str) -> list[Field]:
        """The active fields in their order, as objects list their properties."""
        if kind not in self._active:
            rows = [field for field in self.all(kind) if field.is_active]
            self._active[kind] = sorted(rows, key=lambda field: (field.order, field.id))
        return self._active[kind]

    def find(self, kind: str, identity: int) -> Field | None:
        return self._fields[kind].get(identity)

    def get(self, kind: str, identity: int) -> Field:
        field = self._fields[kind].get(identity)
        if field is None:
            raise not_found("Field", identity)
        return field

    def labelled(self, kind: str, label: str) -> Field | None:
        return next((field for field in self.all(kind) if field.label == label), None)

    def custom(self) -> Iterator[tuple[str, Field]]:
        """(object type, field) of each field that a caller made, in the order of ids."""
        rows = [(kind, field) for kind in OBJECT_TYPES for field in self.all(kind) if not field.seeded]
        return iter(sorted(rows, key=lambda row: row[1].id))

    def add(self, kind: str, label: str, data_type: int, **more: Any) -> Field:
        field = Field(
            id=next(self._ids), attribute_type=TYPE_NAMES[data_type], label=label, data_type=data_type,
            required=more.get("required", False), constrained=data_type in WITH_VALUES,
            order=more.get("order") or len(self._fields[kind]) + 1, multiple=more.get("multiple", False),
            searchable=more.get("searchable", True), free_text_search=data_type in (TEXT, AREA, RICH),
            search_key=None, default_value=more.get("default_value"), system_field=more.get("system_field", False),
            original_name=label, is_active=more.get("is_active", False), seeded=more.get("seeded", False),
            values={},
        )  # fmt: skip
        self._fields[kind][field.id] = field
        self.changed(kind)
        return field

    def add_value(self, field: Field, label: str, **more: Any) -> Value:
        if field.labelled(label):
            raise Refusal(400, f"Value '{label}' already exists in field '{field.label}'.")
        if not label.strip() or len(label) > 255:
            raise Refusal(400, f"A value of field '{field.label}' needs a label of 1 to 255 characters.")
        value = Value(next(self._value_ids), label, **{"order": len(field.values) + 1, **more})
        field.values[value.value] = value
        return value

    def remove(self, kind: str, field: Field) -> None:
        del self._fields[kind][field.id]
        self.changed(kind)

    def changed(self, kind: str) -> None:
        """Forget what was derived from the fields of this type."""
        self._active.pop(kind, None)
