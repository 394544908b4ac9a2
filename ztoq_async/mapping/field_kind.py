"""The three kinds of rows that make fields of an object type: the field, its values, the activation of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import field as fields
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import CASES, RUNS, SUITES, Context, FieldPlan, Plans, fields_by_label
from ztoq_async.mapping.kind import Found, Item, Kind, Made, Refs, Target, Use
from ztoq_async.plan import AtOnce, Planner, Row
from ztoq_async.qtest import paths
from ztoq_async.qtest.listing import Listing
from ztoq_async.qtest.records import Field, Property
from ztoq_async.resources.calls import Call


class _Values(msgspec.Struct, frozen=True):
    """A chunk of a field's values."""

    plan: FieldPlan
    number: int

    @property
    def labels(self) -> tuple[str, ...]:
        return fields.chunks(self.plan.choices)[self.number]


class _FieldKinds:
    """What the three kinds of one object type do. `prefix` tells their names from those of other types."""

    def __init__(self, object_type: str) -> None:
        self.of = object_type
        self.prefix = "" if object_type == CASES else f"{object_type.removeprefix('test-').removesuffix('s')}-"

    def _plans(self, context: Context) -> Plans:
        return context.planned(self.of)

    def plan_fields(self, context: Context) -> Planner:
        """One row for each field."""
        return AtOnce(Row(f"{self.prefix}field", plan.label) for plan in self._plans(context).values())

    def plan_values(self, context: Context) -> Planner:
        """One row for each chunk of values; a field's chunks go one after another, since each continues the order."""
        return AtOnce(self._value_rows(context))

    def _value_rows(self, context: Context) -> Iterator[Row]:
        kind = f"{self.prefix}field-values"
        for plan in self._plans(context).values():
            for number, _ in enumerate(fields.chunks(plan.choices)):
                after = (f"{kind}:{plan.label}#{number - 1}",) if number else ()
                parents = (f"{self.prefix}field:{plan.label}",)
                yield Row(kind, f"{plan.label}#{number}", parents, after, counted=False, again=True)

    def plan_activation(self, context: Context) -> Planner:
        """One row: all fields of the object type are activated in one call."""
        parents = [f"{self.prefix}field:{plan.label}" for plan in self._plans(context).values()]
        parents += [f"{row.kind}:{row.key}" for row in self._value_rows(context)]
        row = Row(f"{self.prefix}field-activation", self.of, tuple(parents), counted=False, again=True)
        return AtOnce([row] if parents else [])

    def _plan(self, label: str, context: Context) -> FieldPlan:
        for plan in self._plans(context).values():
            if plan.label == label:
                return plan
        raise SourceError(f"the field '{label}' is not needed any more")

    def build_field(self, item: Item, context: Context) -> tuple[FieldPlan, list[Note]]:
        return self._plan(item.key, context), []

    def create_field(self, target: FieldPlan, context: Context, refs: Refs) -> Call | Made:
        existing = context.target.of(self.of).get(target.label)
        if existing is not None:
            return Made(existing.id)
        return paths.create_field(context.target.project_id, self.of, fields.create_body(target))

    def recognise_fields(self, items: list[bytes], context: Context) -> Iterator[Found]:
        labels = {plan.label for plan in self._plans(context).values()}
        """Each once by label, then others of the same label: nothing tells whose those are."""
        rows = _fields(items)
        by_label = fields_by_label(rows)
        for found in [*by_label.values(), *(row for row in rows if row is not by_label[row.label])]:
            if found.label in labels and found.is_custom:
                yield found.label, Made(found.id), found

    def uses(self, context: Context) -> Sequence[Use]:
        """Objects of the type that have a value in a field."""
        project = context.target.project_id
        listings = {
            CASES: ("test-case", paths.test_cases(project, None)),
            SUITES: ("test-suite", paths.search(project, SUITES)),
            RUNS: ("test-run", paths.all_test_runs(project)),
        }
        label, listing = listings[self.of]
        return (Use(label, listing, _filled_fields),)

    def listing(self, context: Context) -> Listing:
        return paths.fields(context.target.project_id, self.of)

    def build_values(self, item: Item, context: Context) -> tuple[_Values, list[Note]]:
        label, _, number = item.key.rpartition("#")
        return _Values(self._plan(label, context), int(number)), []

    def create_values(self, target: _Values, context: Context, refs: Refs) -> Call | Made:
        existing = context.field(target.plan.label, self.of)
        body = fields.missing_values(existing, target.labels, target.number * fields.VALUES_A_CALL)
        project = context.target.project_id
        return paths.create_values(project, self.of, existing.id, body) if body else Made(existing.id)

    def made_values(self, answer: bytes, target: _Values, context: Context) -> tuple[Made, Any]:
        return Made(context.field(target.plan.label, self.of).id), None

    def recognise_values(self, items: list[bytes], context: Context) -> Iterator[Found]:
        by_label = fields_by_label(_fields(items))
        for plan in self._plans(context).values():
            actual = by_label.get(plan.label)
            for number, chunk in enumerate(fields.chunks(plan.choices)):
                if actual is not None and set(chunk) <= set(actual.value_ids):
                    yield f"{plan.label}#{number}", Made(actual.id), None

    def create_activation(self, target: Target, context: Context, refs: Refs) -> Call | Made:
        plans = self._plans(context)
        if all(context.field(plan.label, self.of).is_active for plan in plans.values()):
            return Made(0)
        body = fields.active_body(context.target.of(self.of), plans)
        return paths.activate_fields(context.target.project_id, self.of, body)

    def recognise_activation(self, items: list[bytes], context: Context) -> Iterator[Found]:
        by_label = fields_by_label(_fields(items))
        labels = [plan.label for plan in self._plans(context).values()]
        if all(label in by_label and by_label[label].is_active for label in labels):
            yield self.of, Made(0), None


def _fields(items: list[bytes]) -> list[Field]:
    return [msgspec.json.decode(item, type=Field) for item in items]


class _Filled(msgspec.Struct):
    """The values of an object, whatever its type."""

    properties: list[Property] | None = None


def _filled_fields(row: bytes) -> Iterator[int]:
    shown = msgspec.json.decode(row, type=_Filled).properties or ()
    yield from {item.field_id for item in shown if item.field_value not in (None, "", "[]")}


def _added_values(target: FieldPlan, actual: Field) -> list[str]:
    return [f"allowed_values: '{label}' was added" for label in sorted(set(actual.value_ids) - set(target.choices))]


def _field_differences(target: FieldPlan, actual: Field, context: Context, refs: Refs) -> list[str]:
    found = [] if actual.data_type == target.data_type else ["data_type"]
    found += [] if actual.is_active else ["is_active"]
    missing = set(target.choices) - set(actual.value_ids)
    return found + [f"allowed_values: '{label}' is missing" for label in sorted(missing)]


def _made_field(answer: bytes, target: Target, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=Field)
    return Made(made.id), made


def activation(object_type: str) -> str:
    """The name of the row after which the fields of an object type are there and active."""
    return f"{_FieldKinds(object_type).prefix}field-activation:{object_type}"


def field_kinds(object_type: str) -> tuple[Kind, Kind, Kind]:
    """The kinds that make the fields of one object type."""
    of = _FieldKinds(object_type)
    field = Kind(
        name=f"{of.prefix}field",
        parents=(),
        plan=of.plan_fields,
        build=of.build_field,
        create=of.create_field,
        made=_made_field,
        recognise=of.recognise_fields,
        find=lambda target, context, refs: of.listing(context),
        read_back=of.listing,
        differences=_field_differences,
        one=lambda identifier, context, refs: paths.field(context.target.project_id, object_type, identifier),
        delete=lambda identifier, context: paths.delete_field(context.target.project_id, object_type, identifier),
        uses=of.uses,
        added=_added_values,
        reported="field",
        changes=object_type,
        amend=lambda target, identifier, actual, names, context, refs: [],  # values and activation follow
        partly=True,
    )
    values = replace(
        field,
        name=f"{of.prefix}field-values",
        parents=(field.name,),
        plan=of.plan_values,
        build=of.build_values,
        create=of.create_values,
        made=of.made_values,
        recognise=of.recognise_values,
        one=None,
        delete=None,
        reported="",
        amend=None,
        follows=lambda made: True,
    )
    active = replace(
        values,
        name=f"{of.prefix}field-activation",
        parents=(field.name, values.name),
        plan=of.plan_activation,
        build=lambda item, context: (None, []),
        create=of.create_activation,
        made=lambda answer, target, context: (Made(0), None),
        recognise=of.recognise_activation,
    )
    return field, values, active
