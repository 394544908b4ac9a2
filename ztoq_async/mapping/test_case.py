"""Test cases: every attribute of the Zephyr record to its place in the qTest record, and back for comparison.

mapping.md, decisions 2 to 8; facts.md 1.5 and 3.8. A value without a rule raises `SourceError`: the record is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import values
from ztoq_async.mapping.account import AS_IS, Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.steps import StepTarget, build_steps, call_line, carried_html
from ztoq_async.mapping.text import same_html, same_line, without_control
from ztoq_async.mapping.values import Value
from ztoq_async.qtest.records import DataType, Field, Property, Step
from ztoq_async.qtest.records import TestCase as QTestCase
from ztoq_async.zephyr.records import Links, Named, Script, TestCase

ACTIVE = 1


class TestCaseTarget(msgspec.Struct, frozen=True):
    """A test case to make. `parent` is the module's key; `values` go by field label, `steps` are in order."""

    __test__ = False

    key: str
    name: str
    parent: str
    description: str = ""
    precondition: str = ""
    values: dict[str, Value] = {}
    steps: tuple[StepTarget, ...] = ()


def build(
    case: TestCase, script: Script, context: Context, parent: str, linked: Collection[str]
) -> tuple[TestCaseTarget, list[Note]]:
    """The qTest test case of a Zephyr test case, and what became of every attribute."""
    notes = [Note("key")]
    found = dict(_values(case, context, notes))
    steps, step_notes = build_steps(script, linked, context.target.findings)
    target = TestCaseTarget(
        key=case.key,
        name=_name(case, notes),
        parent=parent,
        description=carried_html(case.objective, "objective", notes) if case.objective else "",
        precondition=carried_html(case.precondition, "precondition", notes) if case.precondition else "",
        values={**required_values(context), **found},
        steps=tuple(steps),
    )
    if case.folder is not None:
        notes.append(Note("folder.id", "folder-to-module"))
    return target, notes + step_notes


def required_values(context: Context) -> dict[str, Value]:
    """The values that the mapping file gives to every test case; `SourceError` for a user that the project lacks."""
    return {label: _required(label, value, context) for label, value in context.rules.required.items()}


def _required(label: str, value: str, context: Context) -> Value:
    field = context.target.fields.get(label)
    if field is None or field.data_type not in values.CHOICES:
        return value
    if field.data_type != DataType.USER_LIST:
        return (value,)
    if value not in context.target.users:
        raise SourceError(f"[required] \"{label}\": the project has no user '{value}'")
    return f"[{context.target.users[value].id}]"


def _name(case: TestCase, notes: list[Note]) -> str:
    name = without_control(case.name)
    if not name.strip():
        raise SourceError("name: it is blank")
    lost = name != case.name
    notes.append(
        Note("name", "control-characters" if lost else AS_IS, "control characters were dropped" if lost else "")
    )
    return name


def _values(case: TestCase, context: Context, notes: list[Note]) -> Iterator[tuple[str, Value]]:
    yield context.plans["key"].label, case.key
    yield from _mapped(case.status.id, "status", context.source.statuses, context.rules.status, context, notes)
    yield from _mapped(case.priority.id, "priority", context.source.priorities, context.rules.priority, context, notes)
    yield from _owner(case, context, notes)
    yield from _component(case, context, notes)
    if case.created_on:
        yield _carried("createdOn", case.created_on, context, notes)
    if case.estimated_time is not None:
        yield _carried("estimatedTime", case.estimated_time, context, notes)
    if case.labels:
        yield _carried("labels", case.labels, context, notes)
    if case.links.issues or case.links.web_links:
        yield context.plans["links"].label, _links(case.links, notes)
    for name, value in case.custom_fields.items():
        if value is not None and value != "" and value != []:
            yield _carried(f"customFields.{name}", value, context, notes)


def _mapped(
    identifier: int,
    attribute: str,
    names: Any,
    rules: dict[str, str],
    context: Context,
    notes: list[Note],
) -> Iterator[tuple[str, Value]]:
    """The system field by the mapping file, and the Zephyr name as it is: two names may share one qTest value."""
    named: Named | None = names.get(identifier)
    if named is None:
        raise SourceError(f"{attribute}: no list of the project knows the id {identifier}")
    field = context.target.system(attribute)
    if field is not None:
        yield field.label, (mapped_value(named.name, rules, field),)
    yield context.plans[attribute].label, named.name
    notes.append(Note(f"{attribute}.id", f"{attribute}-by-mapping"))


def mapped_value(name: str, rules: dict[str, str], field: Field) -> str:
    """The qTest value of a Zephyr name: by the mapping file, else the one of the same name; else `SourceError`."""
    wanted = rules.get(name, name)
    if wanted not in field.value_ids():
        raise SourceError(f"'{name}' has no value in the qTest field '{field.label}'")
    return wanted


def _owner(case: TestCase, context: Context, notes: list[Note]) -> Iterator[tuple[str, Value]]:
    if case.owner is None or not case.owner.account_id:
        return
    notes.append(Note("owner.accountId", "owner-as-text"))
    yield context.plans["owner"].label, case.owner.account_id
    user = context.target.users.get(context.rules.users.get(case.owner.account_id, ""))
    assigned = context.target.system("Assigned To")
    if context.rules.notify and assigned is not None and user is not None and user.status == ACTIVE:
        yield assigned.label, f"[{user.id}]"


def _component(case: TestCase, context: Context, notes: list[Note]) -> Iterator[tuple[str, Value]]:
    if case.component is None:
        return
    name = context.rules.components.get(str(case.component.id), "")
    notes.append(Note("component.id", "component-by-mapping" if name else "id-as-text"))
    yield context.plans["component"].label, name or str(case.component.id)


def _carried(attribute: str, value: Any, context: Context, notes: list[Note]) -> tuple[str, Value]:
    plan = context.plans.get(attribute)
    if plan is None:
        raise SourceError(f"{attribute}: it was not there when the fields were planned")
    try:
        carried = values.from_zephyr(value, plan.data_type)
    except SourceError as error:
        raise SourceError(f"{attribute}: {error}") from None
    rule, words = values.loss(value, plan.data_type) or (f"to-{plan.data_type.name.lower().replace('_', '-')}", "")
    notes.append(Note(attribute, rule, words))
    return plan.label, carried


def _links(links: Links, notes: list[Note]) -> str:
    notes += [Note(f"links.{name}", "links-as-text") for name, rows in _named_links(links) if rows]
    issues = [f"{link.type} issue {link.issue_id} {link.target or ''}".strip() for link in links.issues]
    pages = [f"{link.type} page {link.url} {link.description or ''}".strip() for link in links.web_links]
    return without_control("\n".join(" ".join(line.split()) for line in issues + pages))


def _named_links(links: Links) -> list[tuple[str, Any]]:
    return [("issues", links.issues), ("webLinks", links.web_links)]


def create_body(target: TestCaseTarget, context: Context, parent_id: int, called: dict[str, int]) -> dict[str, Any]:
    """The body of `POST test-cases`: steps inline, `properties` by this project's ids (facts.md 3.8)."""
    return {
        "name": target.name,
        "parent_id": parent_id,
        "description": target.description,
        "precondition": target.precondition,
        "properties": [values.to_property(value, context.field(label)) for label, value in target.values.items()],
        "test_steps": [_step_body(step, place, called) for place, step in enumerate(target.steps, start=1)],
    }


def _step_body(step: StepTarget, order: int, called: dict[str, int]) -> dict[str, Any]:
    body: dict[str, Any] = {"description": step.description, "expected": step.expected, "order": order}
    return body if step.called is None else {**body, "called_test_case_id": called[step.called]}


def key_of(case: QTestCase, context: Context) -> str | None:
    """The Zephyr key in a test case that qTest shows."""
    field = context.target.fields.get(context.plans["key"].label)
    return None if field is None else next((text for text in _texts(case, field.id) if text), None)


def _texts(case: QTestCase, field_id: int) -> Iterator[str]:
    return (str(item.field_value or "") for item in case.properties or () if item.field_id == field_id)


def differences(
    target: TestCaseTarget, actual: QTestCase, context: Context, parent_id: int, called: dict[str, int]
) -> list[str]:
    """The names of what differs between what should be there and what qTest shows."""
    found = [] if same_line(target.name, actual.name) else ["name"]
    if actual.parent_id != parent_id:
        found.append("parent_id")
    if not same_html(target.description, actual.description):
        found.append("description")
    if not same_html(target.precondition, actual.precondition):
        found.append("precondition")
    return [*found, *_value_differences(target, actual, context), *_step_differences(target, actual, called)]


def _value_differences(target: TestCaseTarget, actual: QTestCase, context: Context) -> Iterator[str]:
    shown = {item.field_id: item for item in actual.properties or ()}
    ours = {plan.label for plan in context.plans.values()}
    for label, field in context.target.fields.items():
        if label not in target.values and (label not in ours or not field.is_custom):
            continue
        expected = target.values.get(label, "")
        found = values.from_property(shown.get(field.id, Property(field.id)), field)
        if not values.same(_comparable(expected, field), found, field.data_type):
            yield label


def _comparable(expected: Value, field: Field) -> Value:
    if expected == "" and field.data_type in values.CHOICES:
        return ()
    if field.data_type == DataType.USER_LIST and isinstance(expected, str):
        return tuple(f"#{identifier}" for identifier in expected.strip("[]").split(",") if identifier)
    return expected


def _step_differences(target: TestCaseTarget, actual: QTestCase, called: dict[str, int]) -> Iterator[str]:
    rows = own_steps(actual.test_steps or [])
    if len(rows) != len(target.steps):
        yield f"test_steps: {len(rows)} instead of {len(target.steps)}"
        return
    for place, (step, row) in enumerate(zip(target.steps, rows, strict=True), start=1):
        if step.called is not None:
            if row.called_test_case_id != called.get(step.called):
                yield f"test_steps[{place}].called_test_case_id"
            if step.description == call_line(step.called):
                continue  # a site may show the called test case's own words there: nothing of ours is lost
        if not same_html(step.description, row.description):
            yield f"test_steps[{place}].description"
        if not same_html(step.expected, row.expected):
            yield f"test_steps[{place}].expected"


def own_steps(rows: list[Step]) -> list[Step]:
    """A test case's own steps in order, without the rows of called tests shown below them (facts.md 3.8)."""
    own = [row for row in rows if row.parent_test_step_id is None]
    return sorted(own, key=lambda row: row.order or 0)
