"""Schemathesis and the vendor's OpenAPI file judge the sandbox's Zephyr Scale."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from contract_files import ZEPHYR, contract, needs_contracts
from fuzzing import Known, answered, fuzz, told
from left_out import left_out
from serving import serving

from ztoq_async.sandbox import Sandbox

pytestmark = needs_contracts
PHASES = "examples,coverage,fuzzing"
EXECUTIONS = 80
STEPS, SCRIPT = "/testcases/{testCaseKey}/teststeps", "/testcases/{testCaseKey}/testscript"
CYCLE, EXECUTION = "/testcycles/{testCycleIdOrKey}", "/testexecutions/{testExecutionIdOrKey}"


def known(sandbox: Sandbox) -> Known:
    """Ids by the service's own lists."""

    def rows(path: str, **query: str) -> list[dict]:
        headers = {"Authorization": f"Bearer {sandbox.zephyr.token}"}
        answer = requests.get(
            sandbox.zephyr.base_url + path, {"maxResults": "1000"} | query, headers=headers, timeout=10
        )
        return answer.json()["values"]

    cases = rows("/testcases")
    folders = [row["id"] for row in rows("/folders", folderType="TEST_CASE")]
    steps, scripts = (
        [case for case in cases if case["testScript"]["self"].endswith(end)] for end in ("steps", "script")
    )
    project, status = rows("/projects")[0], rows("/statuses", statusType="TEST_CASE")[0]
    priority = rows("/priorities")[0]
    case = steps[0]
    kept = {name: case[name] for name in ("id", "key", "name", "project", "priority", "status", "customFields")}
    cycles, executions = rows("/testcycles"), rows("/testexecutions")
    cycle = {name: cycles[0][name] for name in ("id", "key", "name", "project", "status", "customFields")}
    listed = {case["key"] for case in cases}
    own = [row["id"] for row in executions if row["testCase"]["self"].split("/")[5] in listed]
    result = rows("/statuses", statusType="TEST_EXECUTION")[2]["name"]
    return Known(
        values={
            "projectKey": [project["key"]],
            "projectIdOrKey": [project["key"], str(project["id"])],
            "testCaseKey": [case["key"] for case in cases[:10]],
            "version": [1],
            "folderId": folders,
            "statusId": [row["id"] for row in rows("/statuses")],
            "priorityId": [priority["id"]],
            "environmentId": [row["id"] for row in rows("/environments")],
            "testCycle": [row["key"] for row in cycles],
            "testCase": [case["key"] for case in cases],
            "testCycleIdOrKey": [cycles[0]["key"], str(cycles[1]["id"])],
            "testExecutionIdOrKey": [str(row["id"]) for row in executions[:20]] + [executions[0]["key"]],
        },
        of={
            f"GET {STEPS}": {"testCaseKey": [case["key"] for case in steps[1:9]]},
            f"GET {SCRIPT}": {"testCaseKey": [case["key"] for case in scripts]},
            f"POST {STEPS}": {"testCaseKey": [steps[-1]["key"]]},
            f"POST {SCRIPT}": {"testCaseKey": [steps[-2]["key"]]},
            "PUT /testcases/{testCaseKey}": {"testCaseKey": [case["key"]]},
            f"PUT {CYCLE}": {"testCycleIdOrKey": [cycle["key"]]},
            f"POST {EXECUTION}/teststeps/sync": {"testExecutionIdOrKey": [str(identity) for identity in own]},
        },
        bodies={
            "POST /folders": {"name": "New", "projectKey": project["key"], "folderType": "TEST_CASE"},
            "POST /testcases": {"name": "New", "projectKey": project["key"], "statusName": status["name"]},
            "PUT /testcases/{testCaseKey}": kept,
            f"POST {STEPS}": {"mode": "OVERWRITE", "items": [{"inline": {"description": "Look"}}]},
            f"POST {SCRIPT}": {"type": "plain", "text": "Look"},
            "POST /testcycles": {"projectKey": project["key"], "name": "New"},
            f"PUT {CYCLE}": cycle,
            f"POST {CYCLE}/links/issues": {"issueId": 4_321},
            f"POST {CYCLE}/links/weblinks": {"url": "https://example.org/new"},
            "POST /testexecutions": {
                "projectKey": project["key"],
                "testCaseKey": steps[0]["key"],
                "testCycleKey": cycle["key"],
                "statusName": result,
            },
            f"PUT {EXECUTION}": {"statusName": result},
            f"PUT {EXECUTION}/teststeps": {"steps": []},
            f"POST {EXECUTION}/links/issues": {"issueId": 4_321},
        },
    )


def fuzzed(folder: Path, examples: int) -> None:
    """No 500, every answer as the contract says, and each operation that is not left out succeeds at least once."""
    judged = contract(ZEPHYR)
    operations = {str(operation) for operation in judged.operations} - left_out("Zephyr")
    with serving(executions=EXECUTIONS) as sandbox:
        service = sandbox.zephyr
        document = told(judged, known(sandbox), operations)
        assert fuzz(document, service.base_url, f"Bearer {service.token}", folder, PHASES, examples) == ""
        statuses = answered(service.base_url.removesuffix("/v2"))
    assert sorted(name for name in operations if not {200, 201} & statuses.get(name, set())) == []


def test_schemathesis_finds_nothing(tmp_path: Path):
    """Its examples, its edge cases and a few drawn requests of each operation."""
    fuzzed(tmp_path, 5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_schemathesis_finds_nothing_for_long(tmp_path: Path):
    """The same with two hundred drawn requests of each operation."""
    fuzzed(tmp_path, 200)


def test_what_the_docs_leave_out_answers_404():
    """Each operation of the list is the contract's, has no address here, and answers in the contract's error shape."""
    judged, absent = contract(ZEPHYR), left_out("Zephyr")
    assert absent <= {str(operation) for operation in judged.operations}
    with serving(1) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.zephyr.token}"}
        for name in absent:
            method, path = name.split()
            answer = requests.request(method, sandbox.zephyr.base_url + path, headers=headers, timeout=10)
            assert (answer.status_code, set(answer.json())) == (404, {"errorCode", "message"}), name
        statuses = answered(sandbox.zephyr.base_url.removesuffix("/v2"))
    assert statuses == {f"{method} *": {404} for method in {name.split()[0] for name in absent}}
