"""The kind `test-suite`: a Zephyr test cycle, and one for executions outside any (decisions 9 and 10; facts.md 8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import account, attributes, properties
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import SUITES, Context
from ztoq_async.mapping.cycle_kind import CYCLES
from ztoq_async.mapping.field import SUITE_ATTRIBUTES
from ztoq_async.mapping.field_kind import activation
from ztoq_async.mapping.kind import Found, Item, Kind, Made, Refs, made_of, ref_of
from ztoq_async.mapping.text import same_line
from ztoq_async.mapping.values import Value
from ztoq_async.plan import OneByOne, Planner, Row
from ztoq_async.qtest import changes, paths
from ztoq_async.qtest.listing import Listing
from ztoq_async.qtest.records import DataType, TestSuite
from ztoq_async.resources.calls import Call
from ztoq_async.zephyr.records import TestCycle


class SuiteTarget(msgspec.Struct, frozen=True):
    """A suite to make: `cycle` is the name of the row above it, `values` go by field label."""

    name: str
    cycle: str
    values: dict[str, Value]


def outside(context: Context) -> str:
    """The key of the suite for executions outside any test cycle."""
    return f"{context.source.project.key}/outside-cycles"


def _plan(context: Context) -> Planner:
    root = f"test-cycle:{CYCLES.root(context)}"

    def rows(key: str, record: bytes) -> Iterable[Row]:
        cycle = msgspec.json.decode(record, type=TestCycle)
        if cycle.folder and cycle.folder.id not in context.source.cycle_folders:
            yield Row("test-suite", key, refusal=f"folder: no list of the project knows the id {cycle.folder.id}")
        else:
            parent = f"test-cycle:{cycle.folder.id}" if cycle.folder else root
            yield Row("test-suite", key, (parent, activation(SUITES)))

    other = Row("test-suite", outside(context), (root, activation(SUITES)), counted=False)
    return OneByOne(rows, [other] if context.source.seen_executions.outside else [])


def _build(item: Item, context: Context) -> tuple[SuiteTarget, list[Note]]:
    parent = item.parent("test-cycle")
    key = {context.planned(SUITES)["key"].label: item.key}
    required = attributes.required_values(context, SUITES)
    if not item.record:
        return SuiteTarget("Executions outside cycles", parent, {**required, **key}), []
    try:
        cycle = msgspec.json.decode(item.record, type=TestCycle)
    except msgspec.DecodeError as error:
        raise SourceError(str(error)) from None
    notes = [Note("key")]
    values = dict(_values(cycle, context, notes))
    if cycle.folder is not None:
        notes.append(Note("folder.id", "folder-to-cycle"))
    return SuiteTarget(attributes.name_of(cycle.name, notes), parent, {**required, **key, **values}), notes


def _values(cycle: TestCycle, context: Context, notes: list[Note]) -> Iterator[tuple[str, Value]]:
    plans = context.planned(SUITES)
    yield plans["status"].label, attributes.named(cycle.status.id, "status", context.source.cycle_statuses)
    notes.append(Note("status.id", "status-as-text"))
    texts = (cycle.description, cycle.planned_start_date, cycle.planned_end_date)
    for text, (attribute, system, _, _) in zip(texts, SUITE_ATTRIBUTES, strict=True):
        if text:
            yield _in_system_field(attribute, system, text, context, notes)
    if "owner" in plans:
        yield from attributes.owner(cycle.owner, plans["owner"].label, notes)
    if cycle.jira_project_version is not None:
        version = cycle.jira_project_version.id
        name = attributes.by_mapping(version, "jiraProjectVersion", context.rules.versions, notes)
        yield plans["version"].label, name
    lines = attributes.link_lines(cycle.links, notes)
    if lines:
        yield plans["links"].label, "\n".join(lines)
    yield from attributes.custom(cycle.custom_fields, context, SUITES, notes)


def _in_system_field(attribute: str, system: str, value: str, context: Context, notes: list[Note]) -> tuple[str, Value]:
    """In the system field of that name if suites have it (decision 9), else in ours."""
    field = context.target.system(system, SUITES)
    if field is None:
        return attributes.carried(attribute, value, context, SUITES, notes)
    return field.label, attributes.in_field(attribute, value, DataType(field.data_type or DataType.TEXT), notes)


def _create(target: SuiteTarget, context: Context, refs: Refs) -> Call | Made:
    body = {"name": target.name, "properties": properties.bodies(target.values, context, SUITES)}
    return paths.create_test_suite(context.target.project_id, made_of(refs, target.cycle).id, body)


def _made(answer: bytes, target: Any, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=TestSuite)
    return Made(made.id), made


def _recognise(items: list[bytes], context: Context) -> Iterator[Found]:
    for item in items:
        row = msgspec.json.decode(item, type=TestSuite)
        key = properties.key_of(row.properties, context, SUITES)
        if key:
            yield key, Made(row.id), row


def _differences(target: SuiteTarget, actual: TestSuite, context: Context, refs: Refs) -> list[str]:
    found = [] if same_line(target.name, actual.name) else ["name"]
    if actual.parent_id not in (None, made_of(refs, target.cycle).id):
        found.append("parentId")
    return found + list(properties.differences(target.values, actual.properties, context, SUITES))


def _amend(
    target: SuiteTarget, identifier: int, actual: TestSuite, names: list[str], context: Context, refs: Refs
) -> list[Call]:
    project, cycle = context.target.project_id, made_of(refs, target.cycle).id
    moved = [changes.move_test_suite(project, identifier, cycle)] if "parentId" in names else []
    if set(names) <= {"parentId"}:
        return moved
    properties.check_changeable(names, target.values, context, SUITES)
    found = properties.changes(target.values, actual.properties, context, SUITES)
    return [*moved, changes.change_test_suite(project, identifier, {"name": target.name, "properties": found})]


def _canonical(actual: TestSuite, context: Context) -> Any:
    systems = [system for _, system, _, _ in SUITE_ATTRIBUTES]
    return [actual.name, actual.parent_id, properties.canonical(actual.properties, context, SUITES, systems)]


def _find(target: SuiteTarget, context: Context, refs: Refs) -> Listing:
    return paths.test_suites(context.target.project_id, made_of(refs, target.cycle).id)


TEST_SUITE = Kind(
    name="test-suite",
    parents=("test-cycle", "suite-field-activation"),
    plan=_plan,
    build=_build,
    create=_create,
    made=_made,
    recognise=_recognise,
    find=_find,
    read_back=lambda context: paths.search(context.target.project_id, "test-suites"),
    differences=_differences,
    one=lambda identifier, context, refs: paths.test_suite(context.target.project_id, identifier),
    delete=lambda identifier, context: paths.delete_test_suite(context.target.project_id, identifier),
    amend=_amend,
    canonical=_canonical,
    holds=lambda identifier, context: (("test-run", paths.test_runs(context.target.project_id, identifier)),),
    within=lambda context, refs: paths.test_suites(context.target.project_id, ref_of(refs, "test-cycle").id),
    reported="test-suite",
    source="test-cycle",
    keyed=lambda context: properties.is_keyed(context, SUITES),
    is_ours=lambda key, context: key == outside(context) or key.startswith(f"{context.source.project.key}-R"),
    attributes=lambda item: account.leaves(msgspec.json.decode(item.record)) if item.record else (),
)
