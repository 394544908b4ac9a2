"""The calls of qTest Manager v3 that change what is there: a PUT each, which may be sent again (protocol rule 13).

With a parent in the query an object moves, and the body is ignored (facts.md 3.5); a test case moves by its body.
"""

from __future__ import annotations

from typing import Any

from ztoq_async.qtest.listing import project_call
from ztoq_async.resources.calls import Call


def change_module(project: int, identifier: int, body: Any) -> Call:
    """Changes what the body names."""
    return project_call("PUT", project, f"/modules/{identifier}", body, label="/modules/{moduleId}")


def move_module(project: int, identifier: int, parent_id: int | None) -> Call:
    """Below another module, or the root."""
    return project_call(
        "PUT", project, f"/modules/{identifier}", {}, label="/modules/{moduleId}", parentId=parent_id or 0
    )


def change_test_case(project: int, identifier: int, body: Any) -> Call:
    """Replaces the steps if the body has them; makes the next draft (facts.md 3.8)."""
    return project_call("PUT", project, f"/test-cases/{identifier}", body, label="/test-cases/{testCaseId}")


def change_test_cycle(project: int, identifier: int, body: Any) -> Call:
    """Changes what the body names."""
    return project_call("PUT", project, f"/test-cycles/{identifier}", body, label="/test-cycles/{testCycleId}")


def move_test_cycle(project: int, identifier: int, parent_id: int | None) -> Call:
    """Below another test cycle, or the root."""
    of = "root" if parent_id is None else "test-cycle"
    label = "/test-cycles/{testCycleId}"
    rest = f"/test-cycles/{identifier}"
    return project_call("PUT", project, rest, {}, label=label, parentId=parent_id or 0, parentType=of)


def change_test_suite(project: int, identifier: int, body: Any) -> Call:
    """Changes what the body names."""
    return project_call("PUT", project, f"/test-suites/{identifier}", body, label="/test-suites/{testSuiteId}")


def move_test_suite(project: int, identifier: int, cycle_id: int) -> Call:
    """Into another test cycle."""
    rest, label = f"/test-suites/{identifier}", "/test-suites/{testSuiteId}"
    return project_call("PUT", project, rest, {}, label=label, parentId=cycle_id, parentType="test-cycle")


def change_test_run(project: int, identifier: int, body: Any) -> Call:
    """Changes what the body names; a run keeps its test case for ever."""
    return project_call("PUT", project, f"/test-runs/{identifier}", body, label="/test-runs/{testRunId}")


def move_test_run(project: int, identifier: int, suite_id: int) -> Call:
    """Into another suite."""
    rest, label = f"/test-runs/{identifier}", "/test-runs/{testRunId}"
    return project_call("PUT", project, rest, {}, label=label, parentId=suite_id, parentType="test-suite")


def change_test_log(project: int, run_id: int, identifier: int, body: Any) -> Call:
    """Changes one's own log, but for its version and its steps' texts (facts.md 8); results are named by `order`."""
    return project_call(
        "PUT",
        project,
        f"/test-runs/{run_id}/test-logs/{identifier}",
        body,
        label="/test-runs/{testRunId}/test-logs/{id}",
    )
