"""Test logs: every attribute of a Zephyr execution to its place in qTest, and back for comparison.

qTest stores the caller as tester and has no fields for logs: what has no place of its own stands in the note, as
labelled blocks after the comment (decision 11; docs/what-goes-where.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping.account import WHOLE, Note, is_identity, leaves
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.kind import Differences, Item, Refs, made_of
from ztoq_async.mapping.log_note import note_of
from ztoq_async.mapping.step_results import (
    PATH,
    StepResult,
    aligned,
    build_results,
    create_bodies,
    loaded,
    status_of,
    step_id,
)
from ztoq_async.mapping.text import same_html
from ztoq_async.qtest.records import StepLog, TestLog
from ztoq_async.zephyr.places import instant
from ztoq_async.zephyr.records import Result, Results, TestCase, TestExecution

NOT_EXECUTED = "not executed"
LOST_WHEN_PLANNED = frozenset(
    {"executedById", "assignedToId", "comment", "executionTime", "estimatedTime", "jiraProjectVersion.id"}
    | {"links.issues", f"{PATH}.actualResult"}
)


class LogTarget(msgspec.Struct, frozen=True):
    """A log to make: `run` and `case` are the names of the rows behind it; dates in UTC, whole seconds."""

    run: str
    case: str
    start: datetime
    end: datetime
    status: str
    note: str
    results: list[StepResult]


def decoded(item: Item) -> tuple[TestExecution, list[Result]]:
    """An execution and its steps; `SourceError` for what the contract does not allow."""
    try:
        execution = msgspec.json.decode(item.record, type=TestExecution)
        results = msgspec.json.decode(item.detail or b"{}", type=Results)
    except msgspec.DecodeError as error:
        raise SourceError(str(error)) from None
    return execution, [row.inline for row in results.steps]


def is_planned(execution: TestExecution, context: Context) -> bool:
    """True for an execution that nobody has begun: without an end date, and Not Executed.

    That is the status of that name, the project's default, or one that the mapping makes the default of qTest's runs.
    """
    status = context.source.execution_statuses.get(execution.test_execution_status.id)
    if status is None or execution.actual_end_date:
        return False
    result = context.target.statuses.get(context.rules.execution_status.get(status.name, status.name))
    return status.default or status.name.casefold() == NOT_EXECUTED or (result is not None and bool(result.is_default))


def build(execution: TestExecution, frozen: list[Result], item: Item, context: Context) -> tuple[LogTarget, list[Note]]:
    """The log of an execution, and what became of every attribute."""
    notes = [Note(name, "execution-to-run") for name in ("testCase.id", "testCycle.id") if _has(execution, name)]
    if execution.environment is not None:
        notes.append(Note("environment.id", "environment-to-run"))
    case = item.parent("test-case", "stub-case")
    name, status = status_of(execution.test_execution_status.id, context)
    notes.append(Note("testExecutionStatus.id", "status-by-mapping"))
    start, end = _dates(execution, case, item, notes)
    results, table = build_results(frozen, aligned(frozen, loaded(case, item)), context, notes)
    note = note_of(execution, name if name != status else "", table, context, notes)
    return LogTarget(item.parent("test-run"), case, start, end, status, note, results), notes


def _has(execution: TestExecution, name: str) -> bool:
    part = execution.test_case if name == "testCase.id" else execution.test_cycle
    return part is not None and part.id is not None


def _dates(execution: TestExecution, case: str, item: Item, notes: list[Note]) -> tuple[datetime, datetime]:
    end = _end(execution, case, item, notes)
    if execution.execution_time is None:
        return end, end
    notes.append(Note("executionTime", "duration-to-start"))
    try:
        start = end - timedelta(milliseconds=execution.execution_time)
    except OverflowError:
        raise SourceError(f"executionTime: {execution.execution_time} ms before its end there is no date") from None
    return start.replace(microsecond=0), end


def _end(execution: TestExecution, case: str, item: Item, notes: list[Note]) -> datetime:
    if execution.actual_end_date:
        end = instant(execution.actual_end_date)
        if end is None:
            raise SourceError(f"actualEndDate: '{execution.actual_end_date}' is not a date")
        notes.append(Note("actualEndDate"))
        return end
    beside = item.beside.get(case)
    created = None
    if beside is not None and case.startswith("test-case:"):
        created = instant(msgspec.json.decode(beside.record, type=TestCase).created_on)
    if created is None:
        raise SourceError("actualEndDate: neither the execution nor its test case has a date")
    notes.append(Note(WHOLE, "undated", f"it has no end date: dated {created:%Y-%m-%dT%H:%M:%SZ}, as its test case"))
    return created


def planned_notes(execution: TestExecution, frozen: list[Result], estimated: int | None) -> list[Note]:
    """What becomes of a planned execution: its run says where it stands; what more it holds has no place there.

    `estimated` is the test case's own estimated time, which executions repeat.
    """
    attributes_set = list(leaves(msgspec.to_builtins(execution)))
    for step in frozen:
        attributes_set += leaves(msgspec.to_builtins(step), PATH)
    lost = "a planned execution has no log that could hold it"
    kept = {"estimatedTime"} if execution.estimated_time == estimated else set()
    return [
        Note(name, "planned", lost if name in LOST_WHEN_PLANNED - kept or name.startswith("customFields.") else "")
        for name in attributes_set
        if not is_identity(name)
    ]


def create_body(target: LogTarget, context: Context, refs: Refs) -> dict[str, Any]:
    """The body of `POST …/test-logs`: zoned dates without fractions, the status by id (facts.md 3.10)."""
    return {
        "exe_start_date": _zoned(target.start),
        "exe_end_date": _zoned(target.end),
        "status": {"id": context.target.statuses[target.status].id},
        "test_case_version_id": made_of(refs, target.case).version_id,
        "note": target.note,
        "test_step_logs": create_bodies(target.results, context, refs),
    }


def change_body(target: LogTarget, actual: TestLog, names: list[str], context: Context, refs: Refs) -> dict[str, Any]:
    """The body of `PUT …/test-logs/{id}`: results are named by their `order`; none comes or goes (facts.md 8)."""
    fixed = [
        name
        for name in names
        if name == "test_run_id" or name.endswith("test_step_id") or name.startswith("test_step_logs:")
    ]
    if fixed:
        raise SourceError(
            f"{fixed[0]}: the API cannot change it; delete the run, and repair makes it and its logs again"
        )
    body = create_body(target, context, refs)
    del body["test_case_version_id"]
    rows = _shown_results(target, actual.test_step_logs or [], context, refs)
    results = zip(rows, body["test_step_logs"], strict=True)
    return {**body, "test_step_logs": [{**result, "order": row.order} for row, result in results]}


def canonical(actual: TestLog) -> Any:
    """What people may change of a log."""
    rows = [
        [row.test_step_id, row.status.id if row.status else 0, row.actual_result] for row in actual.test_step_logs or []
    ]
    status = actual.status.id if actual.status else 0
    return [str(instant(actual.exe_start_date)), str(instant(actual.exe_end_date)), status, actual.note, rows]


def _zoned(moment: datetime) -> str:
    """Not by `strftime`, which writes the year 999 with three digits."""
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


def differences(target: LogTarget, actual: TestLog, context: Context, refs: Refs) -> Differences:
    """What differs; None where the steps are not shown, and there are some."""
    if actual.note is None or (target.results and actual.test_step_logs is None):
        return None
    found = [] if _same_instant(target.start, actual.exe_start_date) else ["exe_start_date"]
    found += [] if _same_instant(target.end, actual.exe_end_date) else ["exe_end_date"]
    if actual.status is None or actual.status.id != context.target.statuses[target.status].id:
        found.append("status")
    if not same_html(target.note, actual.note):
        found.append("note")
    if actual.test_run_id not in (None, made_of(refs, target.run).id):
        found.append("test_run_id")
    return found + list(_step_differences(target, actual.test_step_logs or [], context, refs))


def _same_instant(expected: datetime, actual: str | None) -> bool:
    return instant(actual) == expected


def _step_differences(target: LogTarget, rows: list[StepLog], context: Context, refs: Refs) -> Iterator[str]:
    """Tolerance `unexecuted`: a site may show steps that were not sent, with its default status and no result."""
    shown = _shown_results(target, rows, context, refs)
    if len(shown) != len(target.results):
        yield f"test_step_logs: {len(shown)} instead of {len(target.results)}"
        return
    for place, (result, row) in enumerate(zip(target.results, shown, strict=True), start=1):
        if row.test_step_id != step_id(result.place, refs):
            yield f"test_step_logs[{place}].test_step_id"
        if row.status is None or row.status.id != context.target.statuses[result.status].id:
            yield f"test_step_logs[{place}].status"
        if not same_html(result.actual, row.actual_result):
            yield f"test_step_logs[{place}].actual_result"


def _shown_results(target: LogTarget, rows: list[StepLog], context: Context, refs: Refs) -> list[StepLog]:
    sent = {step_id(result.place, refs) for result in target.results}
    return [row for row in rows if row.test_step_id in sent or not _is_blank(row, context)]


def _is_blank(row: StepLog, context: Context) -> bool:
    status = next(
        (found for found in context.target.statuses.values() if row.status and found.id == row.status.id), None
    )
    return not row.actual_result and (row.status is None or status is None or bool(status.is_default))
