"""The three kinds of rows that make fields: the field, its values, the activation of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import field as fields
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import Context, FieldPlan, fields_by_label
from ztoq_async.mapping.kind import Found, Item, Kind, Made, Refs, Target
from ztoq_async.plan import AtOnce, Planner, Row
from ztoq_async.qtest import paths
from ztoq_async.qtest.paths import Listing
from ztoq_async.qtest.records import Field
from ztoq_async.resources.calls import Call

ACTIVATION_KEY = "test-cases"


def plan_fields(context: Context) -> Planner:
    """One row for each field."""
    return AtOnce(Row("field", plan.label) for plan in context.plans.values())


def plan_field_values(context: Context) -> Planner:
    """One row for each chunk of values; a field's chunks go one after another, since each continues the order."""
    return AtOnce(_value_rows(context))


def _value_rows(context: Context) -> Iterator[Row]:
    for plan in context.plans.values():
        for number, _ in enumerate(fields.chunks(plan.choices)):
            after = (f"field-values:{plan.label}#{number - 1}",) if number else ()
            yield Row(
                "field-values", f"{plan.label}#{number}", (f"field:{plan.label}",), after, counted=False, again=True
            )


def plan_activation(context: Context) -> Planner:
    """One row: all fields of test cases are activated in one call."""
    parents = [f"field:{plan.label}" for plan in context.plans.values()]
    parents += [f"{row.kind}:{row.key}" for row in _value_rows(context)]
    return AtOnce([Row("field-activation", ACTIVATION_KEY, tuple(parents), counted=False, again=True)])


def _field_plan(label: str, context: Context) -> FieldPlan:
    for plan in context.plans.values():
        if plan.label == label:
            return plan
    raise SourceError(f"the field '{label}' is not needed any more")


def _build_field(item: Item, context: Context) -> tuple[FieldPlan, list[Note]]:
    return _field_plan(item.key, context), []


def _create_field(target: FieldPlan, context: Context, refs: Refs) -> Call | Made:
    existing = context.target.fields.get(target.label)
    if existing is not None:
        return Made(existing.id)
    return paths.create_field(context.target.project_id, fields.create_body(target))


def _fields(items: list[bytes]) -> list[Field]:
    return [msgspec.json.decode(item, type=Field) for item in items]


def _recognise_fields(items: list[bytes], context: Context) -> Iterator[Found]:
    labels = {plan.label for plan in context.plans.values()}
    for label, found in fields_by_label(_fields(items)).items():
        if label in labels and found.is_custom:
            yield label, Made(found.id), found


def _find_fields(target: Target, context: Context, refs: Refs) -> Listing:
    return paths.fields(context.target.project_id)


def _read_fields(context: Context) -> Listing:
    return paths.fields(context.target.project_id)


def _field_differences(target: FieldPlan, actual: Field, context: Context, refs: Refs) -> list[str]:
    found = [] if actual.data_type == target.data_type else ["data_type"]
    found += [] if actual.is_active else ["is_active"]
    missing = set(target.choices) - set(actual.value_ids())
    return found + [f"allowed_values: '{label}' is missing" for label in sorted(missing)]


class _Values(msgspec.Struct, frozen=True):
    """A chunk of a field's values."""

    plan: FieldPlan
    number: int

    @property
    def labels(self) -> tuple[str, ...]:
        return fields.chunks(self.plan.choices)[self.number]


def _build_values(item: Item, context: Context) -> tuple[_Values, list[Note]]:
    label, _, number = item.key.rpartition("#")
    plan = _field_plan(label, context)
    return _Values(plan, int(number)), []


def _create_values(target: _Values, context: Context, refs: Refs) -> Call | Made:
    existing = context.field(target.plan.label)
    body = fields.missing_values(existing, target.labels, target.number * fields.VALUES_A_CALL)
    return paths.create_values(context.target.project_id, existing.id, body) if body else Made(existing.id)


def _made_values(answer: bytes, target: _Values, context: Context) -> tuple[Made, Any]:
    return Made(context.field(target.plan.label).id), None


def _recognise_values(items: list[bytes], context: Context) -> Iterator[Found]:
    by_label = fields_by_label(_fields(items))
    for plan in context.plans.values():
        actual = by_label.get(plan.label)
        for number, chunk in enumerate(fields.chunks(plan.choices)):
            if actual is not None and set(chunk) <= set(actual.value_ids()):
                yield f"{plan.label}#{number}", Made(actual.id), None


def _create_activation(target: Target, context: Context, refs: Refs) -> Call | Made:
    if all(context.field(plan.label).is_active for plan in context.plans.values()):
        return Made(0)
    return paths.activate_fields(
        context.target.project_id, fields.active_body(dict(context.target.fields), dict(context.plans))
    )


def _recognise_activation(items: list[bytes], context: Context) -> Iterator[Found]:
    by_label = fields_by_label(_fields(items))
    labels = [plan.label for plan in context.plans.values()]
    if all(label in by_label and by_label[label].is_active for label in labels):
        yield ACTIVATION_KEY, Made(0), None


def _made_field(answer: bytes, target: Target, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=Field)
    return Made(made.id), made


FIELD = Kind(
    name="field",
    parents=(),
    plan=plan_fields,
    build=_build_field,
    create=_create_field,
    made=_made_field,
    recognise=_recognise_fields,
    find=_find_fields,
    read_back=_read_fields,
    differences=_field_differences,
    reported="field",
    changes_target=True,
)

FIELD_VALUES = replace(
    FIELD,
    name="field-values",
    parents=("field",),
    plan=plan_field_values,
    build=_build_values,
    create=_create_values,
    made=_made_values,
    recognise=_recognise_values,
    reported="",
)

FIELD_ACTIVATION = replace(
    FIELD,
    name="field-activation",
    parents=("field", "field-values"),
    plan=plan_activation,
    build=lambda item, context: (None, []),
    create=_create_activation,
    made=lambda answer, target, context: (Made(0), None),
    recognise=_recognise_activation,
    reported="",
)
