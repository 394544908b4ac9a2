"""Test cases: every attribute of the Zephyr record to its place in the qTest record, and back for comparison.

mapping.md, decisions 2 to 8; facts.md 1.5 and 3.8. A value without a rule raises `SourceError`: the record is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import attributes, properties
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import CASES, Context
from ztoq_async.mapping.steps import StepTarget, build_steps, call_line, carried_html
from ztoq_async.mapping.text import comparable, same_html, same_line
from ztoq_async.mapping.values import Value
from ztoq_async.qtest.records import Field, Step
from ztoq_async.qtest.records import TestCase as QTestCase
from ztoq_async.zephyr.records import Named, Script, TestCase

ACTIVE = 1
MAPPED = ("status", "priority", "Assigned To")


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
        name=attributes.name_of(case.name, notes),
        parent=parent,
        description=carried_html(case.objective, "objective", notes) if case.objective else "",
        precondition=carried_html(case.precondition, "precondition", notes) if case.precondition else "",
        values={**attributes.required_values(context, CASES), **found},
        steps=tuple(steps),
    )
    if case.folder is not None:
        notes.append(Note("folder.id", "folder-to-module"))
    return target, notes + step_notes


def _values(case: TestCase, context: Context, notes: list[Note]) -> Iterator[tuple[str, Value]]:
    plans = context.planned(CASES)
    yield plans["key"].label, case.key
    yield from _mapped(case.status.id, "status", context.source.statuses, context.rules.status, context, notes)
    yield from _mapped(case.priority.id, "priority", context.source.priorities, context.rules.priority, context, notes)
    yield from _owner(case, context, notes)
    if case.component is not None:
        name = attributes.by_mapping(case.component.id, "component", context.rules.components, notes)
        yield plans["component"].label, name
    if case.created_on:
        yield attributes.carried("createdOn", case.created_on, context, CASES, notes)
    if case.estimated_time is not None:
        yield attributes.carried("estimatedTime", case.estimated_time, context, CASES, notes)
    if case.labels:
        yield attributes.carried("labels", case.labels, context, CASES, notes)
    if case.links.issues or case.links.web_links:
        yield plans["links"].label, "\n".join(attributes.link_lines(case.links, notes))
    yield from attributes.custom(case.custom_fields, context, CASES, notes)


def _mapped(
    identifier: int,
    attribute: str,
    names: Mapping[int, Named],
    rules: dict[str, str],
    context: Context,
    notes: list[Note],
) -> Iterator[tuple[str, Value]]:
    """The system field by the mapping file, and the Zephyr name as it is: two names may share one qTest value."""
    name = attributes.named(identifier, attribute, names)
    field = context.target.system(attribute)
    if field is not None:
        yield field.label, (mapped_value(name, rules, field),)
    yield context.planned(CASES)[attribute].label, name
    notes.append(Note(f"{attribute}.id", f"{attribute}-by-mapping"))


def mapped_value(name: str, rules: dict[str, str], field: Field) -> str:
    """The qTest value of a Zephyr name: by the mapping file, else the one of the same name; else `SourceError`."""
    wanted = rules.get(name, name)
    if wanted not in field.value_ids:
        raise SourceError(f"'{name}' has no value in the qTest field '{field.label}'")
    return wanted


def _owner(case: TestCase, context: Context, notes: list[Note]) -> Iterator[tuple[str, Value]]:
    for label, account in attributes.owner(case.owner, "owner", notes):
        yield context.planned(CASES)[label].label, account
        user = context.target.users.get(context.rules.users.get(str(account), ""))
        assigned = context.target.system("Assigned To")
        if context.rules.notify and assigned is not None and user is not None and user.status == ACTIVE:
            yield assigned.label, f"[{user.id}]"


def create_body(target: TestCaseTarget, context: Context, parent_id: int, called: dict[str, int]) -> dict[str, Any]:
    """The body of `POST test-cases`: steps inline, `properties` by this project's ids (facts.md 3.8)."""
    return {
        "name": target.name,
        "parent_id": parent_id,
        "description": target.description,
        "precondition": target.precondition,
        "properties": properties.bodies(target.values, context, CASES),
        "test_steps": [_step_body(step, place, called) for place, step in enumerate(target.steps, start=1)],
    }


def _step_body(step: StepTarget, order: int, called: dict[str, int]) -> dict[str, Any]:
    body: dict[str, Any] = {"description": step.description, "expected": step.expected, "order": order}
    return body if step.called is None else {**body, "called_test_case_id": called[step.called]}


def change_body(
    target: TestCaseTarget, actual: QTestCase, context: Context, parent_id: int, called: dict[str, int]
) -> dict[str, Any]:
    """The body of `PUT test-cases`: steps that stay keep their ids, which results of test logs name (facts.md 3.8)."""
    body = create_body(target, context, parent_id, called)
    kept = _kept_ids(target, own_steps(actual.test_steps or []), called)
    steps = [
        {**step, "id": identifier} if identifier else step
        for step, identifier in zip(body["test_steps"], kept, strict=True)
    ]
    return {
        **body,
        "properties": properties.changes(target.values, actual.properties, context, CASES),
        "test_steps": steps,
    }


def _kept_ids(target: TestCaseTarget, rows: list[Step], called: dict[str, int]) -> list[int]:
    """For each step the id that it has in qTest: of the same texts, else of what was edited in its place; 0: new."""
    texts = [
        (comparable(step.description), comparable(step.expected), called.get(step.called or ""))
        for step in target.steps
    ]
    shown = [
        (comparable(row.description or ""), comparable(row.expected or ""), row.called_test_case_id) for row in rows
    ]
    found = [0] * len(texts)
    for tag, start, end, first, last in SequenceMatcher(None, shown, texts, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and end - start == last - first):
            found[first:last] = [row.id for row in rows[start:end]]
    return found


def canonical(actual: QTestCase, context: Context) -> Any:
    """What people may change of a test case that is compared."""
    steps = [[row.description, row.expected, row.called_test_case_id] for row in own_steps(actual.test_steps or [])]
    found = properties.canonical(actual.properties, context, CASES, MAPPED)
    return [actual.name, actual.parent_id, actual.description, actual.precondition, found, steps]


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
    """Tolerance `approved-status`: what this project's approving writes into the field Status (facts.md 3.8)."""
    approved, status = context.target.findings.approved_status, context.target.system("status")
    for label in properties.differences(target.values, actual.properties, context, CASES):
        if approved and status is not None and label == status.label and is_whole(actual.version):
            expected = {**target.values, label: (approved,)}
            if label not in properties.differences(expected, actual.properties, context, CASES):
                continue
        yield label


def is_whole(version: str | None) -> bool:
    """True for an approved version: 1.0, not 1.1 (facts.md 3.8)."""
    number, _, minor = (version or "").partition(".")
    return number.isdecimal() and number != "0" and minor.strip("0") == ""


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
