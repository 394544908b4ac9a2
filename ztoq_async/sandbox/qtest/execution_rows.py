"""Releases, cycles, suites and runs as the simulated site answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ztoq_async.sandbox.qtest import clock, values
from ztoq_async.sandbox.qtest.case_store import Case, Version
from ztoq_async.sandbox.qtest.execution_tree import Cycle, Release, Run, Suite
from ztoq_async.sandbox.qtest.log_store import Log
from ztoq_async.sandbox.qtest.rendering import case_row
from ztoq_async.sandbox.qtest.shelf import Item

if TYPE_CHECKING:
    from ztoq_async.sandbox.qtest.state import QTestState


def _row(item: Item, prefix: str) -> dict[str, Any]:
    """What the four have in common."""
    return {
        "links": [],
        "id": item.id,
        "name": item.name,
        "order": item.order,
        "pid": f"{prefix}-{item.number}",
        "created_date": clock.stamp(item.created),
        "last_modified_date": clock.stamp(item.modified),
    }


def _address(state: QTestState, kind: int, item: Item) -> str:
    """The object's address for people; `kind` is the number that such addresses have for its type."""
    return f"https://qtest.invalid/p/{state.project_id}/portal/project#tab=testexecution&object={kind}&id={item.id}"


def release_row(state: QTestState, release: Release) -> dict[str, Any]:
    """ReleaseWithCustomFieldResource."""
    return {
        **_row(release, "RL"),
        "web_url": _address(state, 8, release),
        "description": release.description,
        "note": release.note,
        "start_date": release.start,
        "end_date": release.end,
        "properties": values.rows(state.fields, release.values, state.names, "releases"),
    }


def cycle_row(state: QTestState, cycle: Cycle) -> dict[str, Any]:
    """TestCycleResource without what is below it."""
    return {
        **_row(cycle, "CL"),
        "web_url": _address(state, 2, cycle),
        "description": cycle.description,
        "target_release_id": state.execution.release_of(cycle.place),
        "target_build_id": None,
    }


def cycle_tree(state: QTestState, cycle: Cycle, *, nested: bool = False) -> dict[str, Any]:
    """TestCycleResource with its `test-cycles` and `test-suites`, all the way down."""
    tree, place = state.execution, ("test-cycle", cycle.id)
    row = cycle_row(state, cycle)
    if nested and not state.dialect.tree_descriptions:
        del row["description"]
    row["test-cycles"] = [cycle_tree(state, child, nested=True) for child in state.shown(tree.cycles.children(place))]
    row["test-suites"] = [suite_row(state, suite) for suite in state.shown(tree.suites.children(place))]
    return row


def suite_row(state: QTestState, suite: Suite) -> dict[str, Any]:
    """TestSuiteWithCustomFieldResource."""
    return {
        **_row(suite, "TS"),
        "web_url": _address(state, 4, suite),
        **_parent(suite),
        "properties": values.rows(state.fields, suite.values, state.names, "test-suites"),
        "target_release_id": state.execution.release_of(suite.place),
        "target_build_id": None,
    }


def _parent(item: Item) -> dict[str, Any]:
    kind, identity = item.place
    return {"parentId": identity, "parentType": kind}


def run_row(state: QTestState, run: Run, *, listed: bool = False, expand: str = "") -> dict[str, Any]:
    """TestRunWithCustomFieldResource; `expand` is `testcase` or `testcase.teststep`."""
    case = state.cases.find(run.case_id)
    version = next((one for one in case.versions if one.id == run.version_id), None) if case else None
    latest = state.execution.logs.latest(run.id)
    row = {
        **_row(run, "TR"),
        **_parent(run),
        "properties": values.rows(state.fields, shown_values(state, run, latest), state.names, "test-runs"),
        "testCaseId": run.case_id,
        "test_case": _case(state, run.case_id, case, version, expand),
        "test_case_version_id": run.version_id,
        "test_case_version": version.label if version else None,
        "creator_id": run.creator_id,
    }
    if latest:
        row["latest_test_log"] = {
            "id": latest.id,
            "status": state.statuses[latest.status]["name"],
            "exe_start_date": clock.stamp(latest.start),
            "exe_end_date": clock.stamp(latest.end),
        }
    if listed and not state.dialect.run_names_in_lists:
        del row["name"]
        row.pop("latest_test_log", None)
    return row


def shown_values(state: QTestState, run: Run, latest: Log | None) -> dict[int, str]:
    """The run's properties; Status says what its newest log says."""
    field = state.fields.labelled("test-runs", "Status") if latest else None
    value = field.labelled(state.statuses[latest.status]["name"]) if field and latest else None
    return {**run.values, field.id: str(value.value)} if field and value else run.values


def _case(state: QTestState, identity: int, case: Case | None, version: Version | None, expand: str) -> dict[str, Any]:
    if case and expand:
        return case_row(state, case, version, steps=expand.endswith("teststep"))
    return case_reference(identity)


def case_reference(identity: int) -> dict[str, Any]:
    """A test case that is only named; the vendor's client needs `properties`."""
    return {"links": [], "id": identity, "properties": []}
