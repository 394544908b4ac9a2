"""Properties: values of fields as create calls send them, and how what qTest shows differs from them (facts.md 3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ztoq_async.errors import SourceError
from ztoq_async.mapping import values
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.values import Value
from ztoq_async.qtest.records import DataType, Field, Property


def bodies(found: Mapping[str, Value], context: Context, object_type: str) -> list[dict[str, Any]]:
    """The array `properties` of a create call, by this project's ids."""
    return [values.to_property(value, context.field(label, object_type)) for label, value in found.items()]


def changes(
    found: Mapping[str, Value], shown: Sequence[Property] | None, context: Context, object_type: str
) -> list[dict[str, Any]]:
    """The array `properties` of a change: all values, and those of our fields cleared that should be empty."""
    full = {item.field_id for item in shown or () if item.field_value not in (None, "", "[]")}
    ours = context.own_labels(object_type)
    cleared = [
        {"field_id": field.id, "field_value": "[]" if field.data_type in values.CHOICES else ""}
        for label, field in context.target.of(object_type).items()
        if label in ours and field.is_custom and label not in found and field.id in full and not _is_stuck(field)
    ]
    return bodies(found, context, object_type) + cleared


def check_changeable(names: Iterable[str], found: Mapping[str, Value], context: Context, object_type: str) -> None:
    """Raises `SourceError` where all that differs are values that the API cannot clear."""
    fields = [context.target.of(object_type).get(name) for name in names if name not in found]
    stuck = [field.label for field in fields if field is not None and field.is_custom and _is_stuck(field)]
    if stuck and set(stuck) == set(names):
        raise SourceError(f"the qTest field '{stuck[0]}' has one choice, which the API cannot clear")


def _is_stuck(field: Field) -> bool:
    """One choice of several cannot be cleared (facts.md 3.7)."""
    return field.data_type == DataType.COMBO


def canonical(
    shown: Sequence[Property] | None, context: Context, object_type: str, systems: Sequence[str] = ()
) -> list[tuple[int, str]]:
    """The values that `differences` looks at, as qTest shows them: our fields, required ones, these system fields.

    By the ids of fields: people may rename them.
    """
    labels = {*context.own_labels(object_type), *context.rules.required_of(object_type)}
    found = [field for label, field in context.target.of(object_type).items() if label in labels]
    found += [field for name in systems if (field := context.target.system(name, object_type))]
    ids = {field.id for field in found}
    held = ((item.field_id, str(item.field_value)) for item in shown or () if item.field_id in ids)
    return sorted((identifier, value) for identifier, value in held if value not in ("", "None", "[]"))


def key_of(properties: Sequence[Property] | None, context: Context, object_type: str) -> str | None:
    """The Zephyr key in an object that qTest shows."""
    plan = context.planned(object_type).get("key")
    field = context.target.of(object_type).get(plan.label) if plan else None
    if field is None:
        return None
    texts = (str(item.field_value or "") for item in properties or () if item.field_id == field.id)
    return next((text for text in texts if text), None)


def is_keyed(context: Context, object_type: str) -> bool:
    """True if the project has the field for keys."""
    plan = context.planned(object_type).get("key")
    return plan is not None and plan.label in context.target.of(object_type)


def differences(
    expected: Mapping[str, Value], properties: Sequence[Property] | None, context: Context, object_type: str
) -> Iterator[str]:
    """The labels of fields that show another value than was sent; fields of ours that got none must be empty."""
    shown = {item.field_id: item for item in properties or ()}
    ours = context.own_labels(object_type)
    for label, field in context.target.of(object_type).items():
        if label not in expected and (label not in ours or not field.is_custom):
            continue
        item, wanted = shown.get(field.id), expected.get(label, "")
        if wanted == ("" if item is None or item.field_value is None else item.field_value):
            continue  # the most of them: as it was sent, or unset
        found = values.from_property(item or Property(field.id), field)
        if not values.same(_comparable(wanted, field), found, field.data_type):
            yield label


def _comparable(expected: Value, field: Field) -> Value:
    if expected == "" and field.data_type in values.CHOICES:
        return ()
    if field.data_type == DataType.USER_LIST and isinstance(expected, str):
        return tuple(f"#{identifier}" for identifier in expected.strip("[]").split(",") if identifier)
    return expected
