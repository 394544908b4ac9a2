"""What a client may write of a test execution, and the row that comes of it; PUT is partial (facts.md 1.9)."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType, field

from ztoq_async.sandbox.flattening import flattened
from ztoq_async.sandbox.source import CLOUD
from ztoq_async.sandbox.zephyr.answers import ApiError
from ztoq_async.sandbox.zephyr.inputs import (
    Account,
    Milliseconds,
    Moment,
    Strict,
    Word,
    custom_fields,
    given,
    moment,
    named,
    statuses,
)
from ztoq_async.sandbox.zephyr.state import ZephyrState, now, reference

_TYPE = "TEST_EXECUTION"


class StepResult(Strict):
    """The result of one step of a new execution."""

    status_name: Word
    actual_end_date: Moment | UnsetType = UNSET
    actual_result: str = ""


class ExecutionInput(Strict):
    """Body of POST: case and cycle by key, status and environment by name."""

    project_key: str
    test_case_key: str
    test_cycle_key: str
    status_name: Word
    test_script_results: list[StepResult] = field(default_factory=list)
    environment_name: str | UnsetType = UNSET
    actual_end_date: Moment | UnsetType = UNSET
    execution_time: Milliseconds | UnsetType = UNSET
    executed_by_id: Account | None = None
    assigned_to_id: Account | None = None
    comment: str | None = None
    custom_fields: dict[str, Any] = field(default_factory=dict)


class ExecutionUpdate(Strict):
    """Body of PUT: what is absent or null stays."""

    status_name: Word | UnsetType = UNSET
    environment_name: str | UnsetType = UNSET
    actual_end_date: Moment | UnsetType = UNSET
    execution_time: Milliseconds | UnsetType = UNSET
    executed_by_id: Account | None = None
    assigned_to_id: Account | None = None
    comment: str | None = None


def new_row(state: ZephyrState, execution: ExecutionInput) -> dict[str, Any]:
    """The row of a new execution; one that has a result and no date ended now. 404 for an unknown name or key."""
    cycle = state.cycles.by_key(execution.test_cycle_key)
    if cycle is None:
        raise ApiError(404, f"Test cycle {execution.test_cycle_key} not found")
    status = status_id(state, execution.status_name, 404)
    row = {
        "project": reference("projects", state.source.catalogue.project_id),
        "testCase": case_reference(state, state.position(execution.test_case_key), execution.test_case_key),
        "environment": _environment(state, execution.environment_name, 404),
        "jiraProjectVersion": None,
        "testExecutionStatus": reference("statuses", status),
        "estimatedTime": None,
        "executionTime": given(execution.execution_time),
        "executedById": execution.executed_by_id,
        "assignedToId": execution.assigned_to_id,
        "comment": execution.comment,
        "automated": False,
        "testCycle": reference("testcycles", cycle),
        "customFields": custom_fields(state.executions.custom_fields, execution.custom_fields),
    }
    ended = moment("actualEndDate", execution.actual_end_date)
    if ended is None and status != status_id(state, UNSET, 404):
        ended = now()
    return row if ended is None else row | {"actualEndDate": ended}


def new_steps(state: ZephyrState, execution: ExecutionInput) -> list[dict[str, Any]]:
    """Its frozen steps; 400 for a case that calls others (facts.md 1.6) and for more results than steps."""
    position = state.position(execution.test_case_key)
    if state.script(position) is None and b'"testCaseKey"' in state.steps(position):
        raise ApiError(400, "testCaseKey: the test case calls other test cases")
    steps = frozen_steps(state, position)
    results = [(one.status_name, one.actual_result) for one in execution.test_script_results]
    return with_results(state, steps, results, 404)


def updated_row(state: ZephyrState, update: ExecutionUpdate) -> dict[str, Any]:
    """What PUT changes; 422 for an unknown name (facts.md 1.12)."""
    changed: dict[str, Any] = {
        "environment": _environment(state, update.environment_name, 422),
        "actualEndDate": moment("actualEndDate", update.actual_end_date),
        "executionTime": given(update.execution_time),
        "executedById": update.executed_by_id,
        "assignedToId": update.assigned_to_id,
        "comment": update.comment,
    }
    if update.status_name is not UNSET:
        changed["testExecutionStatus"] = reference("statuses", status_id(state, update.status_name, 422))
    return {name: value for name, value in changed.items() if value is not None}


def case_reference(state: ZephyrState, position: int, key: str) -> dict[str, Any]:
    """The reference to the newest version of a case."""
    version = max(state.versions(position), default=0) + 1
    return {"id": state.case_id(position), "self": f"{CLOUD}/testcases/{key}/versions/{version}"}


def frozen_steps(state: ZephyrState, position: int) -> list[dict[str, Any]]:
    """The steps of a case as it is now, none of them executed."""
    status = reference("statuses", status_id(state, UNSET, 404))
    unseen = {"actualResult": None, "testDataRowNumber": None, "reflectRef": None, "status": status}
    return [{"id": None, "inline": texts | unseen} for texts in flattened(state, position)]


def with_results(
    state: ZephyrState,
    steps: list[dict[str, Any]],
    results: Sequence[tuple[str | UnsetType, str | UnsetType]],
    unknown: int,
) -> list[dict[str, Any]]:
    """The steps with (status name, actual result) in their order; 400 for too many, `unknown` for an unknown status."""
    if len(results) > len(steps):
        raise ApiError(400, f"there are {len(steps)} steps and {len(results)} results")
    for step, (name, seen) in zip(steps, results, strict=False):
        if not isinstance(name, UnsetType):
            step["inline"]["status"] = reference("statuses", status_id(state, name, unknown))
        if not isinstance(seen, UnsetType):
            step["inline"]["actualResult"] = seen
    return steps


def status_id(state: ZephyrState, name: str | UnsetType, unknown: int) -> int:
    """Id of the execution status of this name, or of the default one."""
    return named("status", statuses(state, _TYPE), name, unknown)


def _environment(state: ZephyrState, name: str | UnsetType, unknown: int) -> dict[str, Any] | None:
    if isinstance(name, UnsetType):
        return None
    return reference("environments", named("environment", state.source.catalogue.environments, name, unknown))
