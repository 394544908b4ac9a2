"""The judge of recorded requests notices each way in which a request can leave the contract."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from contract_files import QTEST, ZEPHYR, contract, needs_contracts
from recording import violations

pytestmark = needs_contracts
CASES = "/api/v3/projects/{projectId}/test-cases"
LOGS = "/api/v3/projects/{projectId}/test-runs/{testRunId}/test-logs"
CYCLES = "/api/v3/projects/{projectId}/test-cycles"
FIELDS = "/api/v3/projects/{projectId}/settings/{objectType}/fields"


@dataclass
class Request:
    method: str
    path: str
    label: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str = "application/json"


def post_case(**changed: Any) -> Request:
    body = {"name": "A", "parent_id": 5, "properties": [{"field_id": 1, "field_value": "x"}]} | changed
    return Request("POST", "/api/v3/projects/7/test-cases", CASES, body=json.dumps(body).encode())


def post_log(**changed: Any) -> Request:
    result = {"test_step_id": 3, "status": {"id": 1}, "actual_result": "a", "order": 1}
    dates = {"exe_start_date": "2024-05-01T10:00:00Z", "exe_end_date": "2024-05-01T10:00:00Z"}
    body = dates | {"status": {"id": 1}, "test_case_version_id": 2, "note": "n", "test_step_logs": [result]} | changed
    return Request("POST", "/api/v3/projects/7/test-runs/5/test-logs", LOGS, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    "call",
    [
        Request(
            "GET", "/api/v3/projects/7/test-cases", CASES, (("page", "1"), ("size", "50"), ("expandSteps", "true"))
        ),
        post_case(),
        post_case(test_steps=[{"description": "d", "expected": "e", "order": 1}]),
        post_log(),
        Request("GET", "/api/v3/projects/7/test-cycles", CYCLES, (("parentType", "root"), ("pageSize", "-1"))),
        Request(
            "POST",
            "/oauth/token",
            "/oauth/token",
            body=b"grant_type=password&username=a&password=b",
            content_type="application/x-www-form-urlencoded",
        ),
    ],
    ids=["list", "create", "create with steps", "test log", "list of cycles", "log in"],
)
def test_a_proper_request_of_qtest_passes(call: Request):
    """No false alarm: query, JSON body, form."""
    assert violations(contract(QTEST), [call]) == []


def test_a_proper_request_of_zephyr_passes():
    """Lists by offset and by cursor."""
    query = (("projectKey", "SBX"), ("limit", "1000"), ("startAtId", "0"))
    calls = [
        Request("GET", "/testcases/nextgen", "/testcases/nextgen", query),
        Request("GET", "/folders", "/folders", (("folderType", "TEST_CASE"), ("maxResults", "1000"))),
    ]
    assert violations(contract(ZEPHYR), calls) == []


@pytest.mark.parametrize(
    ("call", "place"),
    [
        (Request("GET", "/api/v3/projects/7/testcases", CASES), "not in the contract"),
        (Request("PATCH", "/api/v3/projects/7/test-cases", CASES), "not in the contract"),
        (Request("GET", "/api/v3/projects/7/test-cases", "/api/v3/projects/7/test-cases"), "labelled"),
        (Request("GET", "/api/v3/projects/X/test-cases", CASES), "path projectId"),
        (Request("GET", "/api/v3/projects/7/test-cases", CASES, (("pageSize", "9"),)), "query pageSize: unknown"),
        (Request("GET", "/api/v3/projects/7/test-cases", CASES, (("size", "many"),)), "query size"),
        (Request("GET", "/api/v3/projects/7/test-cases", CASES, (("size", "1"), ("size", "2"))), "given 2 times"),
        (Request("GET", "/api/v3/projects/7/test-cases", CASES, (("expandSteps", "True"),)), "query expandSteps"),
        (Request("GET", "/api/v3/projects/7/test-cases", CASES, body=b"{}"), "body: none is expected"),
        (Request("POST", "/api/v3/projects/7/test-cases", CASES), "body: missing"),
        (Request("POST", "/api/v3/projects/7/test-cases", CASES, body=b"{"), "body: not application/json"),
        (Request("POST", "/api/v3/projects/7/test-cases", CASES, body=b"{}", content_type="text/plain"), "text/plain"),
        (post_log(status={"name": "Passed"}), "'id' is a required"),
        (post_log(exe_start_date=None), "body.exe_start_date"),
        (post_log(exe_start_date="2024-05-01"), "body.exe_start_date"),
        (post_log(test_run_id=5), "'test_run_id'"),
        (post_log(test_step_logs=[{"test_step_id": "3"}]), "body.test_step_logs[0]"),
        (Request("GET", "/api/v3/projects/7/test-cycles", CYCLES, (("parentType", "folder"),)), "query parentType"),
        (post_case(nmae="A"), "'nmae'"),
        (post_case(name=7), "body.name"),
        (post_case(properties=[{"field_id": 1, "field_value": "x", "colour": "red"}]), "body.properties[0]"),
        (post_case(test_steps=[{"description": "d", "expected": "e", "data": "x"}]), "body.test_steps[0]"),
        (Request("POST", "/api/v3/projects/7/test-cases", CASES, body=b'{"name": "A"}'), "'properties' is a required"),
    ],
)
def test_an_improper_request_is_told_with_its_place(call: Request, place: str):
    """One violation at least, and it says where."""
    assert any(place in line for line in violations(contract(QTEST), [call]))


@pytest.mark.parametrize("query", [(("maxResults", "0"),), (("startAt", "1000001"),), (("size", "1"),)])
def test_limits_of_the_query_are_held(query: tuple[tuple[str, str], ...]):
    """Minimum, maximum, and a parameter of the other service."""
    assert violations(contract(ZEPHYR), [Request("GET", "/folders", "/folders", query)])


def test_a_violation_is_told_once():
    """A run of thousands of equal calls gives one line."""
    assert len(violations(contract(QTEST), [post_case(nmae=1)] * 3)) == 1
