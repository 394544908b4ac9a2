"""The kind `test-run`: the executions of one test case in one test cycle and environment (decisions 10 and 11)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import attributes, properties
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import RUNS, Context
from ztoq_async.mapping.field_kind import activation
from ztoq_async.mapping.kind import Creation, Found, Item, Kind, Made, Refs, made_of
from ztoq_async.mapping.suite_kind import outside
from ztoq_async.mapping.text import same_line, without_control
from ztoq_async.mapping.values import Value
from ztoq_async.plan import OneByOne, Planner, Row
from ztoq_async.qtest import changes, paths
from ztoq_async.qtest.records import TestRun
from ztoq_async.resources.calls import Call
from ztoq_async.zephyr.places import case_key, cycle_key, environment_id
from ztoq_async.zephyr.records import TestCase, TestExecution

_REMEMBERED = 2000
"""Names of runs: more than rows are written at once. One that comes again later is in the journal already."""


class RunTarget(msgspec.Struct, frozen=True):
    """A run to make: `suite` and `case` are the names of the rows behind it, `values` go by field label."""

    name: str
    suite: str
    case: str
    values: dict[str, Value]


def suite_of(execution: TestExecution, context: Context) -> str:
    """The key of the suite of an execution; raises `SourceError` where its test cycle cannot be known."""
    if execution.test_cycle is None:
        return outside(context)
    key = cycle_key(execution.test_cycle) or context.source.cycles.get(execution.test_cycle.id or 0, "")
    if not key:
        raise SourceError(f"testCycle: no list of the project knows the id {execution.test_cycle.id}")
    return key


def run_of(execution: TestExecution, context: Context) -> str:
    """The key of the run of an execution; raises `SourceError` where test case or test cycle cannot be known."""
    case = case_key(execution)
    if not case:
        raise SourceError(f"testCase: its address '{execution.test_case.self}' has no key")
    return f"{suite_of(execution, context)}/{case}/{environment_id(execution)}"


def _plan(context: Context) -> Planner:
    """A row for each run; the executions of one come one after another, so only the last names are remembered."""
    planned: dict[str, None] = {}

    def rows(key: str, record: bytes) -> Iterable[Row]:
        try:
            execution = msgspec.json.decode(record, type=TestExecution)
            run, suite = run_of(execution, context), suite_of(execution, context)
        except (SourceError, msgspec.DecodeError):
            return  # the execution is refused by itself
        if run not in planned:
            planned[run] = None
            if len(planned) > _REMEMBERED:
                del planned[next(iter(planned))]
            yield Row("test-run", run, _parents(suite, case_key(execution), context))

    return OneByOne(rows)


def _parents(suite: str, case: str, context: Context) -> tuple[str, ...]:
    approval = () if context.target.findings.drafts_run else (f"approval:{case}",)
    return (f"test-suite:{suite}", context.case(case), activation(RUNS), *approval)


def _build(item: Item, context: Context) -> tuple[RunTarget, list[Note]]:
    case = item.parent("test-case", "stub-case")
    environment = item.key.rpartition("/")[2]
    values: dict[str, Value] = {context.planned(RUNS)["key"].label: item.key}
    if environment != "-":
        name = attributes.named(int(environment), "environment", context.source.environments)
        values[context.planned(RUNS)["environment"].label] = name
    required = attributes.required_values(context, RUNS)
    return RunTarget(_name(item, case), item.parent("test-suite"), case, {**required, **values}), []


def _name(item: Item, case: str) -> str:
    """The name of the test case; a stub's key."""
    beside = item.beside.get(case)
    if beside is None:
        raise SourceError(f"{case.replace(':', ' ', 1)} is not in the archive")
    if not case.startswith("test-case:"):
        return f"{beside.key} (not in Zephyr any more)"
    return without_control(msgspec.json.decode(beside.record, type=TestCase).name)


def _create(target: RunTarget, context: Context, refs: Refs) -> Call | Made:
    case = made_of(refs, target.case)
    body: dict[str, Any] = {
        "name": target.name,
        "test_case": {"id": case.id},
        "test_case_version_id": case.version_id,
        "properties": properties.bodies(target.values, context, RUNS),
    }
    return paths.create_test_run(context.target.project_id, made_of(refs, target.suite).id, body)


def _made(answer: bytes, target: Any, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=TestRun)
    return Made(made.id, made.test_case_version_id), made


def _recognise(items: list[bytes], context: Context) -> Iterator[Found]:
    for item in items:
        row = msgspec.json.decode(item, type=TestRun)
        key = properties.key_of(row.properties, context, RUNS)
        if key:
            yield key, Made(row.id, row.test_case_version_id), row


def _differences(target: RunTarget, actual: TestRun, context: Context, refs: Refs) -> list[str]:
    """Lists may leave out the name (mapping.md, row "test run"): then it is not compared."""
    case, found = made_of(refs, target.case), []
    if actual.name is not None and not same_line(target.name, actual.name):
        found.append("name")
    if actual.parent_id not in (None, made_of(refs, target.suite).id):
        found.append("parentId")
    case_id = actual.test_case.id if actual.test_case else actual.test_case_id
    if case_id not in (None, case.id):
        found.append("test_case")
    return found + list(properties.differences(target.values, actual.properties, context, RUNS))


def _amend(
    target: RunTarget, identifier: int, actual: TestRun, names: list[str], context: Context, refs: Refs
) -> list[Call]:
    if "test_case" in names:
        raise SourceError("test_case: a run keeps its test case for ever; delete the run, and repair makes it again")
    project, suite = context.target.project_id, made_of(refs, target.suite).id
    moved = [changes.move_test_run(project, identifier, suite)] if "parentId" in names else []
    if set(names) <= {"parentId"}:
        return moved
    properties.check_changeable(names, target.values, context, RUNS)
    found = properties.changes(target.values, actual.properties, context, RUNS)
    return [*moved, changes.change_test_run(project, identifier, {"name": target.name, "properties": found})]


def _canonical(actual: TestRun, context: Context) -> Any:
    case = actual.test_case.id if actual.test_case else actual.test_case_id
    return [actual.name, actual.parent_id, case, properties.canonical(actual.properties, context, RUNS)]


def _is_ours(key: str, context: Context) -> bool:
    return key.startswith((f"{outside(context)}/", f"{context.source.project.key}-R"))


TEST_RUN = Kind(
    name="test-run",
    parents=("test-suite", "test-case", "stub-case", "approval", "run-field-activation"),
    plan=_plan,
    build=_build,
    create=_create,
    made=_made,
    recognise=_recognise,
    find=lambda target, context, refs: paths.test_runs(context.target.project_id, made_of(refs, target.suite).id),
    read_back=lambda context: paths.all_test_runs(context.target.project_id),
    differences=_differences,
    one=lambda identifier, context, refs: paths.test_run(context.target.project_id, identifier),
    delete=lambda identifier, context: paths.delete_test_run(context.target.project_id, identifier),
    holds=lambda identifier, context: (("test-log", paths.test_logs(context.target.project_id, identifier)),),
    creation=lambda actual: Creation(actual.creator_id, actual.created_date),
    reported="test-run",
    reads="test-execution",
    amend=_amend,
    canonical=_canonical,
    beside=("test-case", "stub-case"),
    part_of="test-suite",
    keyed=lambda context: properties.is_keyed(context, RUNS),
    is_ours=_is_ours,
)
