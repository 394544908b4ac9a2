"""A library with one of each shape that has a step of its own in a move: calls, scripts, an environment, histories."""

import json
from pathlib import Path
from typing import Any

PROJECT = {"id": 7, "self": "https://zephyr.invalid/v2/projects/7"}
CASES, EXECUTIONS = 4, 6
Row = dict[str, Any]


def write_library(folder: Path) -> Path:
    """The library as a corpus for the sandbox; gives the folder."""
    folder.mkdir(exist_ok=True)
    for name, rows in LIBRARY.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _named(identity: int, name: str, index: int = 0, **more: Any) -> Row:
    return {"id": identity, "project": PROJECT, "name": name, "index": index, "description": None, **more}


def _reference(identity: int) -> Row:
    return {"id": identity, "self": f"https://zephyr.invalid/v2/things/{identity}"}


def _case(number: int, name: str, folder: int | None, script: str = "teststeps", **more: Any) -> Row:
    key = f"CR-T{number}"
    row = {"id": 1000 + number, "key": key, "name": name, "project": PROJECT, "createdOn": "2020-01-31T23:59:07Z"}
    row |= dict.fromkeys(("objective", "precondition", "estimatedTime", "component", "owner"))
    row |= {"labels": [], "customFields": {}, "priority": _reference(21), "status": _reference(31)}
    row |= {"folder": folder and _reference(folder), "links": {"self": "", "issues": [], "webLinks": []}}
    return row | {"testScript": {"self": f"https://zephyr.invalid/v2/testcases/{key}/{script}"}} | more


def _step(text: str) -> Row:
    inline = {"description": text, "testData": None, "expectedResult": f"{text} works"}
    return {"inline": inline, "testCase": None}


def _call(key: str) -> Row:
    return {"inline": None, "testCase": {"testCaseKey": key, "self": "", "parameters": []}}


def _execution(number: int, case: int, ended: str | None, cycle: int | None = 61, place: int | None = None) -> Row:
    row = {"id": 2000 + number, "key": f"CR-E{number}", "project": PROJECT, "comment": f"<p>run {number}</p>"}
    url = f"https://zephyr.invalid/v2/testcases/CR-T{case}/versions/1"
    row |= {"testCase": {"id": 1000 + case, "self": url}, "environment": place and _reference(place)}
    row |= {"jiraProjectVersion": None, "testCycle": cycle and _reference(cycle), "customFields": {}}
    row |= dict.fromkeys(("estimatedTime", "executionTime", "executedById", "assignedToId"))
    row |= {"testExecutionStatus": _reference(51 if ended else 53), "automated": False}
    return row | {"actualEndDate": ended, "links": {"self": "", "issues": []}}


def _result(text: str) -> Row:
    inline = {"description": text, "testData": None, "expectedResult": f"{text} works", "actualResult": "as expected"}
    return {"inline": inline | {"status": _reference(51)}}


def _cycle() -> Row:
    row = {"id": 61, "key": "CR-R1", "name": "Release 1", "project": PROJECT, "jiraProjectVersion": None}
    row |= {"status": _reference(41), "folder": _reference(3), "description": "<p>before it ships</p>"}
    row |= {"plannedStartDate": None, "plannedEndDate": None, "owner": None, "customFields": {}}
    return row | {"links": {"self": "", "issues": [], "webLinks": [], "testPlans": []}}


STATUSES = [(31, "Draft", "TEST_CASE"), (41, "Done", "TEST_CYCLE"), (51, "Pass", "TEST_EXECUTION")]
LIBRARY: dict[str, list[Row]] = {
    "projects": [{"id": 7, "jiraProjectId": 8, "key": "CR", "enabled": True}],
    "folders": [
        _named(1, "Shop", parentId=None, folderType="TEST_CASE"),
        _named(2, "Basket", parentId=1, folderType="TEST_CASE"),
        _named(3, "Releases", parentId=None, folderType="TEST_CYCLE"),
    ],
    "priorities": [_named(21, "Normal", color="#fff", default=True)],
    "statuses": [
        *(
            _named(identity, name, type=kind, color="#fff", archived=False, default=identity in (31, 41))
            for identity, name, kind in STATUSES
        ),
        _named(53, "Not Executed", 1, type="TEST_EXECUTION", color="#fff", archived=False, default=True),
    ],
    "environments": [_named(71, "Chrome", archived=False)],
    "testcases": [
        _case(1, "Log in", 1, labels=["smoke"]),
        _case(2, "Buy", 2, objective="<p>what shops are for</p>"),
        _case(3, "Return", None, "testscript"),
        _case(4, "Complain", 2),
    ],
    "teststeps": [
        {"testCaseKey": "CR-T1", "values": [_step("open"), _step("type")]},
        {"testCaseKey": "CR-T2", "values": [_call("CR-T1"), _step("pay")]},
        {"testCaseKey": "CR-T4", "values": []},
    ],
    "testscripts": [{"testCaseKey": "CR-T3", "id": 9, "type": "plain", "text": "bring it back"}],
    "testcycles": [_cycle()],
    "testexecutions": [
        _execution(1, 1, "2021-05-03T10:00:00Z"),
        _execution(2, 1, "2021-05-01T10:00:00Z"),
        _execution(3, 1, "2021-05-02T10:00:00Z"),
        _execution(4, 2, "2021-05-04T10:00:00Z", place=71),
        _execution(5, 3, "2021-05-05T10:00:00Z", cycle=None),
        _execution(6, 2, None),
    ],
    "executionsteps": [
        *({"testExecutionKey": f"CR-E{n}", "values": [_result("open"), _result("type")]} for n in (1, 2, 3)),
        {"testExecutionKey": "CR-E4", "values": [_result("open"), _result("type"), _result("pay")]},
    ],
}
