"""Fields of test cases: which are needed, of which type, with which values; how they are made, found and read back.

Three kinds of journal rows: the field (its label is its key), its values in chunks of 100, and the activation of all of
them in this project (facts.md 3.6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ztoq_async.errors import SettingsError
from ztoq_async.mapping.context import Context, FieldPlan
from ztoq_async.mapping.rules import FIELD_TYPES
from ztoq_async.mapping.seen import ValuesSeen
from ztoq_async.mapping.text import without_control
from ztoq_async.qtest.records import DataType, Field

KEY = "Zephyr Key"
PREFIX = "Zephyr "
LONGEST_LABEL = 100
VALUES_A_CALL = 100
_TEXTS = (DataType.TEXT, DataType.TEXT_AREA, DataType.RICH_TEXT)


def field_plans(context: Context) -> dict[str, FieldPlan]:
    """The fields by the attribute that each carries; the same input gives the same fields in the same order."""
    plans: dict[str, FieldPlan] = {}
    taken: set[str] = set()
    for attribute, label, data_type, choices in [*_built_in(context), *_custom(context)]:
        plan = _placed(context, attribute, label, data_type, choices, taken)
        plans[attribute] = plan
        taken.add(plan.label.casefold())
    return plans


_Wish = tuple[str, str, DataType, tuple[str, ...]]


def _built_in(context: Context) -> Iterator[_Wish]:
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


def _custom(context: Context) -> Iterator[_Wish]:
    for name, seen in sorted(context.source.seen.custom.items()):
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


def _placed(
    context: Context, attribute: str, label: str, data_type: DataType, choices: tuple[str, ...], taken: set[str]
) -> FieldPlan:
    """The wish under a label that is free, or that a fitting field of the site already has (used, not made again)."""
    existing: dict[str, list[Field]] = defaultdict(list)
    for known in context.target.fields.values():
        existing[known.label.casefold()].append(known)
    for candidate in _labels(label):
        alike = existing[candidate.casefold()]
        if candidate.casefold() in taken or not all(_holds(field, data_type) for field in alike):
            continue
        field = alike[0] if alike else None
        kept = DataType(field.data_type) if field and field.data_type else data_type
        return FieldPlan(attribute, field.label if field else candidate, kept, choices)
    raise SettingsError(
        f"the Zephyr attribute '{attribute}' finds no free field label in qTest; name its type in the mapping file: "
        f'[fields] "{label}" = "text"'
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
    known = field.value_ids()
    first = before + 1
    lacking = [label for label in chunk if label not in known]
    return [
        {"label": label, "order": first + place, "is_default": False, "is_active": True}
        for place, label in enumerate(lacking)
    ]


def active_body(fields: dict[str, Field], plans: dict[str, FieldPlan]) -> list[dict[str, Any]]:
    """The body of `POST …/custom-fields/active`: ours and all active ones: it may switch off what it omits."""
    ours = {plan.label for plan in plans.values()}
    wanted = [field for field in fields.values() if field.is_custom and (field.is_active or field.label in ours)]
    return [{"id": field.id, "label": field.label, "is_active": True} for field in wanted]
