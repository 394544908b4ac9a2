"""Schemathesis and the vendor's OpenAPI file judge the sandbox's qTest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from contract_files import QTEST, contract, needs_contracts
from fuzzing import Known, answered, fuzz, told
from left_out import left_out
from serving import serving

from ztoq_async.sandbox import Sandbox

pytestmark = needs_contracts
PROJECT = "/api/v3/projects/{projectId}"
CASES, MODULES = f"{PROJECT}/test-cases", f"{PROJECT}/modules"
CASE, STEPS = CASES + "/{testCaseId}", CASES + "/{testCaseId}/test-steps"
FIELDS, ACTIVE = f"{PROJECT}/settings/{{objectType}}/fields", f"{PROJECT}/settings/{{objectType}}/custom-fields/active"
FIELD, VALUES = FIELDS + "/{fieldId}", FIELDS + "/{fieldId}/allowed-values"
RELEASES, CYCLES, SUITES, RUNS = (
    f"{PROJECT}/{kind}" for kind in ("releases", "test-cycles", "test-suites", "test-runs")
)
RELEASE, CYCLE, SUITE, RUN = (
    RELEASES + "/{releaseId}", CYCLES + "/{testCycleId}", SUITES + "/{testSuiteId}", RUNS + "/{testRunId}"
)  # fmt: skip
LOGS = RUN + "/test-logs"
# What ends the token that everything else needs is judged by hand, below and in the tests of the clients.
BY_HAND = {"POST /oauth/revoke", "POST /oauth/token"}


class Maker:
    """Makes what a site must hold before its operations can succeed."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.root = f"{sandbox.qtest.base_url}/api/v3/projects/{sandbox.qtest.project}"
        self.headers = {"Authorization": f"bearer {sandbox.qtest.token}"}

    def post(self, path: str, body: Any) -> Any:
        answer = requests.post(self.root + path, json=body, headers=self.headers, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        return requests.get(self.root + path, headers=self.headers, timeout=10).json()

    def module(self) -> int:
        return self.post("/modules", {"name": "M"})["id"]

    def case(self, module: int) -> dict[str, Any]:
        steps = [{"description": "d", "expected": "e", "order": order} for order in range(1, 4)]
        return self.post("/test-cases", {"name": "C", "parent_id": module, "properties": [], "test_steps": steps})

    def approved(self, module: int) -> dict[str, Any]:
        """A version that later changes do not replace, as they do a draft."""
        path = f"{self.root}/test-cases/{self.case(module)['id']}/approve"
        return requests.put(path, headers=self.headers, timeout=10).json()

    def field(self, label: str) -> dict[str, Any]:
        values = [{"label": text, "is_active": True} for text in ("a", "b", "c")]
        body = {"label": label, "data_type": 3, "allowed_values": values}
        field = self.post("/settings/test-cases/fields", body)
        self.post("/settings/test-cases/custom-fields/active", [field | {"is_active": True}])
        return field

    def named(self, kind: str, query: str = "") -> int:
        return self.post(f"/{kind}{query}", {"name": "N"})["id"]

    def run(self, case: dict[str, Any]) -> int:
        return self.post("/test-runs", {"test_case": {"id": case["id"]}})["id"]

    def log(self, run: int, status: int) -> int:
        return self.post(f"/test-runs/{run}/test-logs", DATES | {"status": {"id": status}})["id"]


DATES = {"exe_start_date": "2024-05-01T10:00:00Z", "exe_end_date": "2024-05-01T10:05:00Z"}


def known_history(make: Maker, case: dict[str, Any]) -> Known:
    """The same of releases, cycles, suites, runs and logs; `case` is approved."""
    release, doomed_releases = make.named("releases"), [make.named("releases") for _ in range(3)]
    below = f"?parentType=release&parentId={release}"
    cycle, moved, *doomed_cycles = (make.named("test-cycles", below) for _ in range(5))
    suite, *doomed_suites = (make.named("test-suites", below) for _ in range(4))
    status = next(row["id"] for row in make.get("/test-runs/execution-statuses") if row["active"])
    run, other, *doomed_runs = (make.run(case) for _ in range(5))
    logs, others = [make.log(run, status) for _ in range(3)], [make.log(other, status) for _ in range(2)]
    parent = {"parentType": ["release"], "parentId": [release]}
    log = DATES | {"status": {"id": status}, "test_case_version_id": case["test_case_version_id"]}
    return Known(
        values={},
        of={
            **{f"{method} {path}": parent for method in ("GET", "POST") for path in (CYCLES, SUITES, RUNS)},
            **{f"{method} {RELEASE}": {"releaseId": [release]} for method in ("GET", "PUT")},
            f"DELETE {RELEASE}": {"releaseId": doomed_releases},
            f"GET {CYCLE}": {"testCycleId": [cycle]},
            f"PUT {CYCLE}": {"testCycleId": [moved], **parent},
            f"DELETE {CYCLE}": {"testCycleId": doomed_cycles},
            f"GET {SUITE}": {"testSuiteId": [suite]},
            f"PUT {SUITE}": {"testSuiteId": [suite], **parent},
            f"DELETE {SUITE}": {"testSuiteId": doomed_suites},
            f"GET {RUN}": {"testRunId": [run], "expand": ["testcase", "testcase.teststep"]},
            f"PUT {RUN}": {"testRunId": [run], **parent},
            f"DELETE {RUN}": {"testRunId": doomed_runs},
            f"GET {LOGS}": {"testRunId": [run]},
            f"GET {LOGS}/last-run": {"testRunId": [run], "expand": ["testcase", "teststeplog.teststep"]},
            f"GET {LOGS}/{{id}}": {"testRunId": [run], "id": logs},
            f"POST {LOGS}": {"testRunId": [other]},
            f"PUT {LOGS}/{{id}}": {"testRunId": [other], "id": others},
        },
        bodies={
            f"POST {RELEASES}": {"name": "New", "properties": []},
            f"PUT {RELEASE}": {"name": "Renamed", "properties": []},
            f"POST {CYCLES}": {"name": "New"},
            f"PUT {CYCLE}": {"name": "Renamed"},
            f"POST {SUITES}": {"name": "New", "properties": []},
            f"PUT {SUITE}": {"name": "Renamed", "properties": []},
            f"POST {RUNS}": {"test_case": {"id": case["id"]}, "properties": []},
            f"PUT {RUN}": {"name": "Renamed", "properties": []},
            f"POST {LOGS}": log,
            f"PUT {LOGS}/{{id}}": log | {"note": "Changed"},
        },
    )


def known(sandbox: Sandbox) -> Known:
    """Things made for this: what is deleted, and what loses its last step or value, is nobody else's."""
    make = Maker(sandbox)
    modules, doomed_modules = [make.module() for _ in range(3)], [make.module() for _ in range(3)]
    cases, doomed = [make.case(modules[0]) for _ in range(3)], [make.case(modules[0]) for _ in range(3)]
    field, doomed_field, thinned = (make.field(label) for label in ("Colour", "Doomed", "Thinned"))
    first, changed, last = cases
    approved = make.approved(modules[0])
    users, history = make.get("/users"), known_history(make, make.approved(modules[0]))

    def of_case(case: dict[str, Any]) -> dict[str, list[Any]]:
        return {"testCaseId": [case["id"]], "stepId": [step["id"] for step in case["test_steps"]]}

    step = {"description": "Look", "expected": "Seen"}
    return Known(
        values={
            "projectId": [sandbox.qtest.project],
            "objectType": ["test-cases"],
            "moduleId": modules,
            "parentId": modules,
            "testCaseId": [case["id"] for case in cases],
            "versionId": [approved["test_case_version_id"]],
            "fieldId": [field["id"]],
            "value": [row["value"] for row in field["allowed_values"]],
            "userId": [user["id"] for user in users],
        },
        of={
            f"GET {STEPS}/{{stepId}}": of_case(first),
            f"PUT {STEPS}/{{stepId}}": of_case(first),
            f"DELETE {STEPS}/{{stepId}}": of_case(last),
            f"GET {CASE}": of_case(first),
            f"GET {CASE}/versions/{{versionId}}": of_case(approved),
            f"GET {CASE}/versions/{{versionId}}/test-steps": of_case(approved),
            f"PUT {CASE}": of_case(changed),
            f"PUT {CASE}/approve": of_case(changed),
            f"POST {STEPS}": of_case(changed),
            f"DELETE {CASE}": {"testCaseId": [case["id"] for case in doomed]},
            f"DELETE {MODULES}/{{moduleId}}": {"moduleId": doomed_modules},
            f"PUT {MODULES}/{{moduleId}}": {"moduleId": modules[1:2], "parentId": modules[2:]},
            f"DELETE {FIELD}": {"fieldId": [doomed_field["id"]]},
            f"DELETE {VALUES}/{{value}}": {
                "fieldId": [thinned["id"]],
                "value": [row["value"] for row in thinned["allowed_values"]],
            },
            **history.of,
        },
        bodies={
            **history.bodies,
            f"POST {MODULES}": {"name": "New"},
            f"PUT {MODULES}/{{moduleId}}": {"name": "Renamed"},
            f"POST {CASES}": {"name": "New", "properties": []},
            f"PUT {CASE}": {"name": "Renamed", "properties": []},
            f"PUT {CASES}/update/testcases": {str(changed["id"]): {"name": "Renamed", "properties": []}},
            f"POST {STEPS}": step,
            f"PUT {STEPS}/{{stepId}}": step,
            f"POST {FIELDS}": {"label": "New", "data_type": 1},
            f"PUT {FIELD}": {"label": "Colour"},
            f"POST {VALUES}": [{"label": "New", "is_active": True}],
            f"PUT {VALUES}/{{value}}": {"label": "Renamed"},
            f"POST {ACTIVE}": [field | {"is_active": True}],
            f"POST {PROJECT}/search": {"object_type": "test-cases", "fields": ["*"], "query": "'Name' ~ 'C'"},
        },
    )


def fuzzed(folder: Path, phases: str, examples: int) -> None:
    """No 500, every answer as the contract says, and each operation that is not left out succeeds at least once."""
    judged = contract(QTEST)
    operations = {str(operation) for operation in judged.operations} - left_out("qTest") - BY_HAND
    with serving(1) as sandbox:
        service = sandbox.qtest
        document = told(judged, known(sandbox), operations)
        assert fuzz(document, service.base_url, f"bearer {service.token}", folder, phases, examples) == ""
        statuses = answered(service.base_url)
    assert sorted(name for name in operations if not {200, 201} & statuses.get(name, set())) == []


def test_schemathesis_finds_nothing(tmp_path: Path):
    """The examples and some drawn requests of each operation."""
    fuzzed(tmp_path, "examples,fuzzing", 5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_schemathesis_finds_nothing_for_long(tmp_path: Path):
    """Many more drawn requests, and every edge case of each operation: some eighteen thousand."""
    fuzzed(tmp_path, "examples,coverage,fuzzing", 100)


def test_what_the_docs_leave_out_answers_404():
    """Each operation of the list is the contract's, has no address here, and answers in the contract's error shape."""
    judged, absent = contract(QTEST), left_out("qTest")
    assert absent <= {str(operation) for operation in judged.operations}
    with serving(1) as sandbox:
        headers = {"Authorization": f"bearer {sandbox.qtest.token}"}
        for name in absent:
            method, path = name.split()
            path = path.replace("{projectId}", str(sandbox.qtest.project))
            answer = requests.request(method, sandbox.qtest.base_url + path, headers=headers, timeout=10)
            assert (answer.status_code, set(answer.json())) == (404, {"message"}), name
        statuses = answered(sandbox.qtest.base_url)
    assert statuses == {f"{method} *": {404} for method in {name.split()[0] for name in absent}}
