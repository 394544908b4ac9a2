"""Fields of test cases, suites and runs: which are needed, of which type, with which values.

Three kinds of journal rows: the field (its label is its key), its values in chunks of 100, and the activation of all of
them in this project (facts.md 3.6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ztoq_async.errors import SettingsError
from ztoq_async.mapping.context import CASES, RUNS, SUITES, Context, FieldPlan, Fields, Plans
from ztoq_async.mapping.rules import FIELD_TYPES
from ztoq_async.mapping.seen import ValuesSeen
from ztoq_async.mapping.text import without_control
from ztoq_async.qtest.records import DataType, Field

KEY = "Zephyr Key"
PREFIX = "Zephyr "
LONGEST_LABEL = 100
VALUES_A_CALL = 100
SUITE_ATTRIBUTES = (
    ("description", "Description", "Zephyr Description", DataType.RICH_TEXT),
    ("plannedStartDate", "Planned Start Date", "Zephyr Planned Start Date", DataType.DATE_TIME),
    ("plannedEndDate", "Planned End Date", "Zephyr Planned End Date", DataType.DATE_TIME),
)
"""Attributes of test cycles, the system field that takes each if suites have it, else label and type of ours."""
_TEXTS = (DataType.TEXT, DataType.TEXT_AREA, DataType.RICH_TEXT)


def field_plans(context: Context) -> dict[str, dict[str, FieldPlan]]:
    """For each object type its fields by the attribute that each carries; the same input gives the same fields."""
    wishes = {CASES: _of_cases(context), SUITES: _of_suites(context), RUNS: _of_runs(context)}
    return {object_type: _plans(object_type, list(found), context) for object_type, found in wishes.items()}


_Wish = tuple[str, str, DataType, tuple[str, ...]]


def _plans(object_type: str, wishes: list[_Wish], context: Context) -> dict[str, FieldPlan]:
    plans: dict[str, FieldPlan] = {}
    taken: set[str] = set()
    for wish in wishes:
        plan = _placed(context, object_type, wish, taken)
        plans[plan.attribute] = plan
        taken.add(plan.label.casefold())
    return plans


def _of_cases(context: Context) -> Iterator[_Wish]:
    seen = context.source.seen
    yield "key", KEY, DataType.TEXT, ()
    yield "status", "Zephyr Status", DataType.TEXT, ()
    yield "priority", "Zephyr Priority", DataType.TEXT, ()
    if "createdOn" in seen.attributes:
        yield "createdOn", "Zephyr Created On", DataType.DATE_TIME, ()
    if "estimatedTime" in seen.attributes:
        yield "estimatedTime", "Zephyr Estimated Time (ms)", DataType.NUMBER, ()
    if seen.labels.kinds:
        yield "labels", "Zephyr Labels", *_choice_type(seen.labels)
    if seen.components:
        yield "component", "Zephyr Component", DataType.TEXT, ()
    if seen.owners:
        yield "owner", "Zephyr Owner", DataType.TEXT, ()
    if "links" in seen.attributes:
        yield "links", "Zephyr Links", DataType.TEXT_AREA, ()
    yield from _custom(seen.custom, context)


def _of_suites(context: Context) -> Iterator[_Wish]:
    seen = context.source.seen_cycles
    if seen.number or context.source.seen_executions.outside:
        yield "key", KEY, DataType.TEXT, ()
    if seen.number:
        yield "status", "Zephyr Status", DataType.TEXT, ()
    for attribute, system, label, data_type in SUITE_ATTRIBUTES:
        if attribute in seen.attributes and context.target.system(system, SUITES) is None:
            yield attribute, label, data_type, ()
    if seen.owners:
        yield "owner", "Zephyr Owner", DataType.TEXT, ()
    if seen.versions:
        yield "version", "Zephyr Version", DataType.TEXT, ()
    if "links" in seen.attributes:
        yield "links", "Zephyr Links", DataType.TEXT_AREA, ()
    yield from _custom(seen.custom, context)


def _of_runs(context: Context) -> Iterator[_Wish]:
    seen = context.source.seen_executions
    if seen.number:
        yield "key", KEY, DataType.TEXT, ()
    if seen.environments:
        yield "environment", "Zephyr Environment", DataType.TEXT, ()


def _custom(custom: Mapping[str, ValuesSeen], context: Context) -> Iterator[_Wish]:
    for name, seen in sorted(custom.items()):
        wanted = context.rules.fields.get(name)
        data_type, choices = _wanted(FIELD_TYPES[wanted], seen) if wanted else type_of(seen)
        yield f"customFields.{name}", name, data_type, choices


def type_of(seen: ValuesSeen) -> tuple[DataType, tuple[str, ...]]:
    """The type that holds every value seen (decision 3): text, never combo, where values are free strings."""
    kinds = seen.kinds
    if kinds == {"list"}:
        return _choice_type(seen)
    if kinds == {"boolean"}:
        return DataType.COMBO, ("Yes", "No")
    if kinds == {"number"}:
        return DataType.NUMBER, ()
    if kinds == {"date"}:
        return DataType.DATE, ()
    if kinds <= {"date", "date-time"}:
        return DataType.DATE_TIME, ()
    if "html" in kinds:
        return DataType.RICH_TEXT, ()
    return (DataType.TEXT_AREA if kinds & {"long", "list"} else DataType.TEXT), ()


def _choice_type(seen: ValuesSeen) -> tuple[DataType, tuple[str, ...]]:
    if seen.overflow:
        return DataType.TEXT_AREA, ()
    return DataType.MULTI_SELECT, tuple(sorted(seen.choices))


def _wanted(data_type: DataType, seen: ValuesSeen) -> tuple[DataType, tuple[str, ...]]:
    if data_type not in (DataType.COMBO, DataType.MULTI_SELECT):
        return data_type, ()
    return data_type, ("Yes", "No") if seen.kinds == {"boolean"} else tuple(sorted(seen.choices))


def _placed(context: Context, object_type: str, wish: _Wish, taken: set[str]) -> FieldPlan:
    """The wish under a label that is free, or that a fitting field of the site already has (used, not made again)."""
    attribute, label, data_type, choices = wish
    existing: dict[str, list[Field]] = defaultdict(list)
    for known in context.target.of(object_type).values():
        existing[known.label.casefold()].append(known)
    for candidate in _labels(label):
        alike = existing[candidate.casefold()]
        if candidate.casefold() in taken or not all(_holds(field, data_type) for field in alike):
            continue
        field = alike[0] if alike else None
        kept = DataType(field.data_type) if field and field.data_type else data_type
        return FieldPlan(attribute, field.label if field else candidate, kept, choices, object_type)
    raise SettingsError(
        f"the Zephyr attribute '{attribute}' finds no free label for a field of {object_type} in qTest; "
        f'name its type in the mapping file: [fields] "{label}" = "text"'
    )


def _labels(label: str) -> Iterator[str]:
    short = without_control(label).strip()[:LONGEST_LABEL].strip() or "unnamed"
    yield short
    prefixed = (PREFIX + short)[:LONGEST_LABEL].strip()
    yield prefixed
    for number in range(2, 10):
        yield f"{prefixed[: LONGEST_LABEL - 2]} {number}"


def _holds(field: Field, data_type: DataType) -> bool:
    if field.system_field or field.data_type is None:
        return False
    return field.data_type == data_type or (data_type == DataType.TEXT and field.data_type in _TEXTS)


def create_body(plan: FieldPlan) -> dict[str, Any]:
    """The body of `POST settings/test-cases/fields` (201)."""
    multiple = plan.data_type == DataType.MULTI_SELECT
    body: dict[str, Any] = {"label": plan.label, "data_type": int(plan.data_type), "required": False}
    return {**body, "multiple": True} if multiple else body


def chunks(choices: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Values in the chunks that one call takes."""
    return [choices[start : start + VALUES_A_CALL] for start in range(0, len(choices), VALUES_A_CALL)]


def missing_values(field: Field, chunk: tuple[str, ...], before: int) -> list[dict[str, Any]]:
    """The body of `POST …/allowed-values`: the labels of the chunk that the field lacks, after `before` others."""
    known = field.value_ids
    first = before + 1
    lacking = [label for label in chunk if label not in known]
    return [
        {"label": label, "order": first + place, "is_default": False, "is_active": True}
        for place, label in enumerate(lacking)
    ]


def active_body(fields: Fields, plans: Plans) -> list[dict[str, Any]]:
    """The body of `POST …/custom-fields/active`: ours and all active ones: it may switch off what it omits."""
    ours = {plan.label for plan in plans.values()}
    wanted = [field for field in fields.values() if field.is_custom and (field.is_active or field.label in ours)]
    return [{"id": field.id, "label": field.label, "is_active": True} for field in wanted]
