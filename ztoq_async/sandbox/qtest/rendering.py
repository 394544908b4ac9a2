"""Test cases and steps as the simulated site answers them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ztoq_async.sandbox.qtest import clock, values
from ztoq_async.sandbox.qtest.case_store import Case, Step, Version
from ztoq_async.sandbox.qtest.echo import plain, with_parameters

if TYPE_CHECKING:
    from ztoq_async.sandbox.qtest.state import QTestState


def case_row(
    state: QTestState,
    case: Case,
    version: Version | None = None,
    *,
    props: bool = True,
    steps: bool = True,
    show: bool = False,
) -> dict[str, Any]:
    """TestCaseWithCustomFieldResource of a version, the newest by default; `show` keeps names of parameters."""
    version = version or case.newest
    content = version.content
    mirrored = {
        **content.values,
        state.description_field: content.description,
        state.precondition_field: content.precondition,
    }
    row: dict[str, Any] = {
        "links": [],
        "id": case.id,
        "name": content.name,
        "order": case.order,
        "pid": f"TC-{case.number}",
        "created_date": clock.stamp(case.created),
        "last_modified_date": clock.stamp(version.modified),
        "last_modified_date_utc": clock.stamp(version.modified),
        "properties": values.rows(state.fields, mirrored, state.names) if props else [],
        "web_url": f"https://qtest.invalid/p/{state.project_id}/portal/project#tab=testdesign&object=1&id={case.id}",
        "attachments": [],
        "parent_id": case.parent_id,
        "test_case_version_id": version.id,
        "version": version.label,
        "description": content.description,
        "precondition": content.precondition,
        "creator_id": case.creator_id,
        "agent_ids": [],
    }
    if steps:
        row["test_steps"] = list(step_rows(state, case, content.steps, show))
    return row


def step_rows(state: QTestState, case: Case, steps: list[Step], show: bool) -> Iterator[dict[str, Any]]:
    """TestStepResource of each step; where the dialect expands calls, the called test's steps follow theirs."""
    for order, step in enumerate(steps, 1):
        yield step_row(state, step, order, show)
        if step.called and state.dialect.called_steps == "expanded":
            yield from _expanded(state, step, order, step.called, show)


def _expanded(state: QTestState, caller: Step, group: int, root: int, show: bool) -> Iterator[dict[str, Any]]:
    called = state.cases.find(caller.called)
    for order, step in enumerate(called.newest.content.steps if called else [], 1):
        yield {
            **step_row(state, step, order, show),
            "called_test_case_id": caller.called,
            "parent_test_step_id": caller.id,
            "root_called_test_case_id": root,
            "group": group,
        }
        if step.called:
            yield from _expanded(state, step, group, root, show)


def step_row(state: QTestState, step: Step, order: int, show: bool) -> dict[str, Any]:
    description, expected = step.description, step.expected
    if not show and ("[~" in description or "[~" in expected):
        description = with_parameters(description, state.parameter)
        expected = with_parameters(expected, state.parameter)
    row: dict[str, Any] = {
        "links": [],
        "id": step.id,
        "description": description,
        "expected": expected,
        "order": order,
        "group": 0,
        "attachments": [],
        "plain_value_text": plain(description),
    }
    if step.called:
        called = state.cases.find(step.called)
        row["called_test_case_id"] = step.called
        row["called_test_case_name"] = called.newest.content.name if called else None
    return row
