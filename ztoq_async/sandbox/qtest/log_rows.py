"""Test logs as the simulated site answers them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ztoq_async.sandbox.qtest import clock, run_versions, values
from ztoq_async.sandbox.qtest.case_store import Step
from ztoq_async.sandbox.qtest.execution_rows import case_reference
from ztoq_async.sandbox.qtest.execution_tree import Run
from ztoq_async.sandbox.qtest.log_steps import slots
from ztoq_async.sandbox.qtest.log_store import Log
from ztoq_async.sandbox.qtest.rendering import case_row, step_row

if TYPE_CHECKING:
    from ztoq_async.sandbox.qtest.state import QTestState

EXPANDS = frozenset({"", "testcase", "teststeplog.teststep"})


def log_row(
    state: QTestState, log: Log, *, steps: bool = True, note: bool = True, props: bool = True, expand: str = ""
) -> dict[str, Any]:
    """TestLogResource; `expand` is one of `EXPANDS`."""
    run = state.execution.runs.get(log.run_id)
    row: dict[str, Any] = {
        "links": [],
        "id": log.id,
        "test_case_version_id": log.version_id,
        "exe_start_date": clock.stamp(log.start),
        "exe_end_date": clock.stamp(log.end),
        "attachments": [],
        "name": run.name,
        "planned_exe_time": log.planned,
        "actual_exe_time": log.actual,
        "build_number": log.build_number,
        "build_url": log.build_url,
        "properties": values.rows(state.fields, log.values, state.names, "test-runs") if props else [],
        "status": state.statuses[log.status],
        "result_number": log.number,
        "test_run_id": log.run_id,
        "test_case": _case(state, run, log, expand),
        "defects": [],
        "user_id": log.user_id,
        "tester_id": log.user_id,
    }
    if note:
        row["note"] = log.note
    if steps:
        row["test_step_logs"] = list(_step_rows(state, run, log, expand))
    return row


def _case(state: QTestState, run: Run, log: Log, expand: str) -> dict[str, Any]:
    case = state.cases.find(run.case_id) if expand == "testcase" else None
    return case_row(state, case, run_versions.of_case(case, log.version_id)) if case else case_reference(run.case_id)


def _step_rows(state: QTestState, run: Run, log: Log, expand: str) -> Iterator[dict[str, Any]]:
    """TestStepLogResource of each result; texts are null where a later change took the step away."""
    texts = _steps(state, run, log) if log.steps else {}
    for result in log.steps:
        step = texts.get((result.step, result.parent))
        row = {
            "links": [],
            "test_step_id": result.step,
            "test_step_log_id": result.id,
            "user_id": log.user_id,
            "status": state.statuses[result.status],
            "description": step.description if step else None,
            "expected_result": step.expected if step else None,
            "actual_result": result.actual,
            "order": result.order,
            "group": 0,
            "defects": [],
            "attachments": [],
        }
        if result.called:
            row["called_test_case_id"] = result.called
            row["parent_test_step_id"] = result.parent
        if step and expand == "teststeplog.teststep":
            row["test_step"] = step_row(state, step, result.order or 1, show=False)
        yield row


def _steps(state: QTestState, run: Run, log: Log) -> dict[tuple[int, int], Step]:
    """The steps of the log's version, and of the cases that it calls, by id and calling step."""
    case = state.cases.find(run.case_id)
    version = run_versions.of_case(case, log.version_id) if case else None
    return {(slot.step.id, slot.parent): slot.step for slot in slots(state, version.content.steps)} if version else {}
