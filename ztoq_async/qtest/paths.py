"""The calls of qTest Manager v3 that the engine makes, as values (its OpenAPI file; facts.md 3.4 to 3.12)."""

from __future__ import annotations

from typing import Any

import msgspec

from ztoq_async.qtest.listing import PROJECT, Listing
from ztoq_async.qtest.listing import project_call as _call
from ztoq_async.resources.calls import Call

MOST_TEST_CASES = 1000
MOST = 999


def fields(project: int, object_type: str) -> Listing:
    """All fields of an object type, inactive ones too: a bare array without pages."""
    rest = f"/settings/{object_type}/fields"
    label = f"{PROJECT}/settings/{{objectType}}/fields"
    return Listing(f"/api/v3/projects/{project}{rest}", label, (("includeInactive", "true"),))


def create_field(project: int, object_type: str, body: Any) -> Call:
    """Answers 201 and the field."""
    return _call("POST", project, f"/settings/{object_type}/fields", body, label="/settings/{objectType}/fields")


def field(project: int, object_type: str, field_id: int) -> Call:
    """One field."""
    rest = f"/settings/{object_type}/fields/{field_id}"
    return _call("GET", project, rest, label="/settings/{objectType}/fields/{fieldId}")


def delete_field(project: int, object_type: str, field_id: int) -> Call:
    """Deletes a custom field with the values that objects have in it."""
    rest = f"/settings/{object_type}/fields/{field_id}"
    return _call("DELETE", project, rest, label="/settings/{objectType}/fields/{fieldId}")


def create_values(project: int, object_type: str, field_id: int, body: Any) -> Call:
    """At most 100 values a call."""
    rest = f"/settings/{object_type}/fields/{field_id}/allowed-values"
    return _call("POST", project, rest, body, label="/settings/{objectType}/fields/{fieldId}/allowed-values")


def activate_fields(project: int, object_type: str, body: Any) -> Call:
    """May switch off what it omits (facts.md 8)."""
    rest = f"/settings/{object_type}/custom-fields/active"
    return _call("POST", project, rest, body, label="/settings/{objectType}/custom-fields/active")


def modules(project: int, parent_id: int | None) -> Listing:
    """The modules directly below one, or below the root."""
    query = () if parent_id is None else (("parentId", str(parent_id)),)
    return Listing(f"/api/v3/projects/{project}/modules", f"{PROJECT}/modules", query)


def module_tree(project: int) -> Listing:
    """All modules, nested."""
    return Listing(f"/api/v3/projects/{project}/modules", f"{PROJECT}/modules", (("expand", "descendants"),))


def module_walk(project: int) -> Listing:
    """All modules, level by level: for sites whose nested rows lack descriptions."""
    return Listing(f"/api/v3/projects/{project}/modules", f"{PROJECT}/modules", below=(("parentId", "{id}"),))


def module(project: int, identifier: int) -> Call:
    """One module."""
    return _call("GET", project, f"/modules/{identifier}", label="/modules/{moduleId}")


def create_module(project: int, parent_id: int | None, body: Any) -> Call:
    """Answers 201 and the module."""
    return _call("POST", project, "/modules", body, parentId=parent_id)


def delete_module(project: int, identifier: int) -> Call:
    """Only an empty module: never with force (protocol rule 19)."""
    return _call("DELETE", project, f"/modules/{identifier}", label="/modules/{moduleId}")


def test_cases(project: int, parent_id: int | None) -> Listing:
    """Test cases with steps and properties: direct children of a module, or the whole project."""
    query: tuple[tuple[str, str], ...] = (("expandSteps", "true"), ("showParamIdentifier", "true"))
    if parent_id is not None:
        query = (("parentId", str(parent_id)), *query)
    path = f"/api/v3/projects/{project}/test-cases"
    return Listing(path, f"{PROJECT}/test-cases", query, "size", MOST_TEST_CASES)


def test_case(project: int, identifier: int) -> Call:
    """One test case with its steps."""
    rest = f"/test-cases/{identifier}"
    return _call("GET", project, rest, label="/test-cases/{testCaseId}", expand="teststep")


def create_test_case(project: int, body: Any) -> Call:
    """Answers 200 and the test case, version 0.1."""
    return _call("POST", project, "/test-cases", body)


def delete_test_case(project: int, identifier: int) -> Call:
    """Deletes one test case."""
    return _call("DELETE", project, f"/test-cases/{identifier}", label="/test-cases/{testCaseId}")


def approve(project: int, identifier: int) -> Call:
    """Makes the next whole version of a test case; not idempotent (facts.md 8)."""
    return _call("PUT", project, f"/test-cases/{identifier}/approve", label="/test-cases/{testCaseId}/approve")


_ROOT = (("parentId", "0"), ("parentType", "root"))


def test_cycles(project: int, parent_id: int | None) -> Listing:
    """The test cycles directly below one, or below the root: all in one answer."""
    parent = _ROOT if parent_id is None else (("parentId", str(parent_id)), ("parentType", "test-cycle"))
    return Listing(f"/api/v3/projects/{project}/test-cycles", f"{PROJECT}/test-cycles", (*parent, ("pageSize", "-1")))


def test_cycle_tree(project: int) -> Listing:
    """All test cycles, nested."""
    root = test_cycles(project, None)
    return msgspec.structs.replace(root, query=(*root.query, ("expand", "descendants")))


def test_cycle_walk(project: int) -> Listing:
    """All test cycles, level by level: for sites whose nested rows lack descriptions."""
    below = (("parentId", "{id}"), ("parentType", "test-cycle"), ("pageSize", "-1"))
    return msgspec.structs.replace(test_cycles(project, None), below=below)


def test_cycle(project: int, identifier: int) -> Call:
    """One test cycle."""
    return _call("GET", project, f"/test-cycles/{identifier}", label="/test-cycles/{testCycleId}")


def create_test_cycle(project: int, parent_id: int | None, body: Any) -> Call:
    """Answers 201 and the test cycle."""
    of = "root" if parent_id is None else "test-cycle"
    return _call("POST", project, "/test-cycles", body, parentId=parent_id or 0, parentType=of)


def delete_test_cycle(project: int, identifier: int) -> Call:
    """Only an empty test cycle."""
    return _call("DELETE", project, f"/test-cycles/{identifier}", label="/test-cycles/{testCycleId}")


def test_suites(project: int, cycle_id: int) -> Listing:
    """The suites of a test cycle: a bare array without pages."""
    query = (("parentId", str(cycle_id)), ("parentType", "test-cycle"))
    return Listing(f"/api/v3/projects/{project}/test-suites", f"{PROJECT}/test-suites", query)


def test_suite(project: int, identifier: int) -> Call:
    """One suite."""
    return _call("GET", project, f"/test-suites/{identifier}", label="/test-suites/{testSuiteId}")


def create_test_suite(project: int, cycle_id: int, body: Any) -> Call:
    """Answers 200 and the suite."""
    return _call("POST", project, "/test-suites", body, parentId=cycle_id, parentType="test-cycle")


def delete_test_suite(project: int, identifier: int) -> Call:
    """Deletes one suite."""
    return _call("DELETE", project, f"/test-suites/{identifier}", label="/test-suites/{testSuiteId}")


def test_runs(project: int, suite_id: int) -> Listing:
    """The runs of a suite."""
    query = (("parentId", str(suite_id)), ("parentType", "test-suite"))
    path = f"/api/v3/projects/{project}/test-runs"
    return Listing(path, f"{PROJECT}/test-runs", query, "pageSize", MOST)


def test_runs_in_cycle(project: int, cycle_id: int) -> Listing:
    """The runs directly in a test cycle, which only people put there."""
    query = (("parentId", str(cycle_id)), ("parentType", "test-cycle"))
    return msgspec.structs.replace(test_runs(project, 0), query=query)


def all_test_runs(project: int) -> Listing:
    """All runs of the project, by pages."""
    return msgspec.structs.replace(test_runs(project, 0), query=(*_ROOT, ("expand", "descendants")))


def test_run(project: int, identifier: int) -> Call:
    """One run."""
    return _call("GET", project, f"/test-runs/{identifier}", label="/test-runs/{testRunId}")


def create_test_run(project: int, suite_id: int, body: Any) -> Call:
    """Answers 201 and the run."""
    return _call("POST", project, "/test-runs", body, parentId=suite_id, parentType="test-suite")


def delete_test_run(project: int, identifier: int) -> Call:
    """Deletes a run with its logs."""
    return _call("DELETE", project, f"/test-runs/{identifier}", label="/test-runs/{testRunId}")


def execution_statuses(project: int) -> Listing:
    """The statuses of runs and logs: a bare array without pages."""
    rest = "/test-runs/execution-statuses"
    return Listing(f"/api/v3/projects/{project}{rest}", PROJECT + rest)


_LOGS = "/test-runs/{testRunId}/test-logs"


def test_logs(project: int, run_id: int) -> Listing:
    """The logs of a run; its rows may lack the steps."""
    path = f"/api/v3/projects/{project}/test-runs/{run_id}/test-logs"
    return Listing(path, PROJECT + _LOGS, (), "pageSize", MOST)


def test_log(project: int, run_id: int, identifier: int) -> Call:
    """One log with its steps."""
    return _call("GET", project, f"/test-runs/{run_id}/test-logs/{identifier}", label=f"{_LOGS}/{{id}}")


def create_test_log(project: int, run_id: int, body: Any) -> Call:
    """Answers 201 and the log; there is no DELETE for it (facts.md 8)."""
    return _call("POST", project, f"/test-runs/{run_id}/test-logs", body, label=_LOGS)


def search(project: int, object_type: str) -> Listing:
    """Everything of one type by the index, which may lag behind (facts.md 3.12)."""
    body = msgspec.json.encode({"object_type": object_type, "fields": ["*"], "query": ""})
    path = f"/api/v3/projects/{project}/search"
    return Listing(path, f"{PROJECT}/search", (), "pageSize", MOST, body=body)


def users(project: int) -> Listing:
    """The members of the project, inactive ones too: a bare array without pages."""
    return Listing(f"/api/v3/projects/{project}/users", f"{PROJECT}/users")


def project(identifier: int) -> Call:
    """One project."""
    return _call("GET", identifier, "")


def profile(project: int) -> Call:
    """What the token's user may do in the project."""
    return _call("GET", project, "/user-profiles/current")
