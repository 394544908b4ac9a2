"""A history of nine executions and its faithful image, both written by hand."""

from typing import Any

from both_sides import Row
from history_sides import History, Runs

MAPPING: Row = {
    "root_cycle": "History",
    "execution_status": {"Pass": "Passed", "Fail": "Failed", "Not Executed": "Unexecuted", "Later": "Unexecuted"},
    "versions": {"77": "2.1 <beta>"},
    "users": {"u:2": "jane@example.org"},
}
PASSED, FAILED, BLOCKED, UNEXECUTED = 701, 702, 703, 704
PASS, FAIL, BLOCK, NOT_EXECUTED, LATER = 41, 42, 43, 44, 45
KEY, ENVIRONMENT = 1, 2
DESCRIPTION, PLANNED_START, PLANNED_END, STATUS, OWNER, VERSION, LINKS, TEAM, SEEN = range(3, 12)
IDS = {"P-T1": 1001, "P-T2": 1002, "P-T3": 1003, "X-T9": 1004}


def _step(description: str, data: str | None = None, expected: str | None = None, **more: Any) -> Row:
    return {"inline": {"description": description, "testData": data, "expectedResult": expected, **more}}


def _frozen(status: int, step: Row, actual: str | None = None, row: int | None = None) -> Row:
    more = {"status": {"id": status}, "actualResult": actual, "testDataRowNumber": row}
    return {"inline": {**step["inline"], **more}}


OPEN, LOOK, SEND = _step("open", "a &lt; b", "<p>opened</p>"), _step("look"), _step("<b>send</b> it", None, "sent")
GONE = _step("<table><tr><td>gone</td></tr></table>", "x", "y")


def _execution(identity: int, case: str, status: int, cycle: int | None, end: str | None, **more: Any) -> Row:
    row: Row = {"id": identity, "project": {"id": 1}, "testExecutionStatus": {"id": status}}
    row["testCase"] = {"id": identity * 2, "self": f"https://z.invalid/v2/testcases/{case}"}
    row["testCycle"] = {"id": cycle, "self": f"https://z.invalid/v2/testcycles/{cycle}"} if cycle else None
    return row | ({"actualEndDate": end} if end else {}) | more


def _full() -> Row:
    issue = {"id": 1, "type": "BLOCKS", "issueId": 12, "target": "https://jira.invalid/12"}
    row: Row = {"key": "P-E101", "executedById": "u:1", "assignedToId": "u:2", "automated": False}
    row |= {"environment": {"id": 31}, "jiraProjectVersion": {"id": 77}, "executionTime": 1500, "estimatedTime": 0}
    row |= {"comment": "<p>one &amp; two</p>[key]", "links": {"issues": [issue]}}
    row["customFields"] = {"Team": ["a", "b, c"], "Size": 2.50, "Never": None, "Notes": "<i>n</i>", "Ok": True}
    row["testCase"] = {"id": 1, "self": "https://z.invalid/v2/testcases/P-T1/versions/2"}
    return row


def history() -> History:
    """Several executions of one case, two planned, two undated, one outside any cycle of a case that Zephyr lacks."""
    env = {"environment": {"id": 31}}
    script = {"type": "plain", "text": "1. go<br />2. stop"}
    return History(
        project="P",
        folders=[
            {"id": 20, "parentId": None, "index": 1, "name": "Second"},
            {"id": 21, "parentId": 20, "index": 0, "name": "Below"},
            {"id": 22, "parentId": None, "index": 0, "name": "First"},
        ],
        cycles=[_cycle(), {"id": 52, "key": "P-R2", "name": "Plain", "folder": None, "status": {"id": 61}}],
        cycle_statuses={61: "Done", 62: "In Progress"},
        statuses=[
            {"id": PASS, "name": "Pass", "default": False},
            {"id": FAIL, "name": "Fail", "default": False},
            {"id": BLOCK, "name": "Blocked", "default": False},
            {"id": LATER, "name": "Later", "default": False},
            {"id": NOT_EXECUTED, "name": "Not Executed", "default": True},
        ],
        environments={31: "Firefox", 32: "Chrome"},
        executions=[
            _execution(101, "P-T1", PASS, 51, "2021-03-28T01:00:01Z", **_full()),
            _execution(102, "P-T1", BLOCK, 51, "2021-10-31T00:30:00Z", **env),
            _execution(103, "P-T1", FAIL, 51, "2020-12-31T23:59:59Z", **env),
            _execution(104, "P-T1", NOT_EXECUTED, 51, None),
            _execution(105, "P-T2", FAIL, 52, None),
            _execution(106, "X-T9", PASS, None, "2021-01-01T00:00:00Z"),
            _execution(107, "P-T3", PASS, 52, "2021-01-02T00:00:00Z"),
            _execution(109, "P-T1", LATER, 51, None),
            _execution(108, "P-T1", PASS, 51, None, **env),
        ],
        results={
            101: [
                _frozen(PASS, OPEN, "as <b>told</b>", 3),
                _frozen(BLOCK, LOOK, None),
                _frozen(FAIL, SEND, "<p>[status]</p>mine"),
            ],
            102: [
                _frozen(FAIL, GONE, "bad", 2),
                _frozen(PASS, OPEN),
                _frozen(PASS, _step("sent")),
                _frozen(PASS, SEND),
            ],
            103: [],
            104: [_frozen(NOT_EXECUTED, OPEN)],
            105: [_frozen(NOT_EXECUTED, LOOK)],
            106: [_frozen(PASS, GONE)],
            107: [_frozen(PASS, _step("1. go<br />2. stop"))],
            108: [],
        },
        cases={
            **{key: {"key": key, "name": f"Case {key}", "createdOn": "2020-02-01T00:00:00Z"} for key in IDS},
            "X-T9": None,
        },
        scripts={"P-T1": [OPEN, {"testCase": {"testCaseKey": "P-T2"}}, SEND], "P-T2": [LOOK], "P-T3": [script]},
    )


def _cycle() -> Row:
    issue = {"id": 1, "type": "COVERAGE", "issueId": 13, "target": "https://jira.invalid/13"}
    web = {"id": 2, "type": "RELATED", "url": "https://web.invalid/", "description": "the page"}
    plan = {"id": 3, "type": "RELATED", "testPlanId": 9, "target": "https://z.invalid/v2/testplans/9"}
    row: Row = {"id": 51, "key": "P-R1", "name": " Cycl\u00e9 ", "folder": {"id": 21}, "status": {"id": 62}}
    row |= {"description": "<p>all</p>of it", "plannedStartDate": "2021-03-28T00:59:59Z"}
    row |= {"plannedEndDate": "2021-03-29T22:59:59Z", "owner": {"accountId": "u:1"}, "jiraProjectVersion": {"id": 77}}
    row["customFields"] = {"Team": ["a", "b"], "Seen": "2026-06-30T00:00:00Z", "Never": None}
    return row | {"links": {"issues": [issue], "webLinks": [web], "testPlans": [plan]}}


def _field(identity: int, label: str, data_type: int, values: tuple[str, ...] = (), *, system: bool = False) -> Row:
    row: Row = {"id": identity, "label": label, "original_name": label, "data_type": data_type, "system_field": system}
    if values:
        row["allowed_values"] = [{"value": identity * 100 + n, "label": word} for n, word in enumerate(values)]
    return row


def _values(values: dict[int, str]) -> list[Row]:
    return [{"field_id": identity, "field_value": value} for identity, value in values.items()]


def _mark(kind: str, key: Any) -> str:
    return f"<p>[zephyr:{kind}:{key}]</p>"


def _qtest_cycle(identity: int, name: str, parent: int, order: int, key: str) -> Row:
    row: Row = {"id": identity, "name": name, "order": order, "description": _mark("test-cycle", key)}
    return row | {"parentId": parent, "parentType": "test-cycle" if parent else "root"}


def _suite(identity: int, name: str, parent: int, values: dict[int, str]) -> Row:
    return {"id": identity, "name": name, "parentId": parent, "parentType": "test-cycle", "properties": _values(values)}


def _run(identity: int, key: str, case: str, suite: int, environment: str = "") -> Row:
    row: Row = {"id": identity, "name": case if case == "X-T9" else f"Case {case}", "test_case": {"id": IDS[case]}}
    row |= {"parentId": suite, "parentType": "test-suite", "test_case_version_id": IDS[case] * 10}
    return row | {"properties": _values({KEY: key, ENVIRONMENT: environment})}


def _log(number: int, execution: int, run: int, case: str, status: int, times: tuple[str, str], note: str = "") -> Row:
    row: Row = {"id": 9000 + number, "test_run_id": run, "test_case_version_id": IDS[case] * 10, "test_step_logs": []}
    row |= {"exe_start_date": times[0], "exe_end_date": times[1], "status": {"id": status}}
    return row | {"note": note + _mark("test-log", execution)}


def _step_log(step: int, status: int, actual: str | None = None, parent: int | None = None) -> Row:
    row: Row = {"test_step_id": step, "status": {"id": status}, "actual_result": actual}
    return row | ({"parent_test_step_id": parent, "called_test_case_id": 1002} if parent else {})


NOTE = """<p>one &amp; two</p>[key]<p>[key]</p>P-E101<p>[executed by]</p>u:1<p>[assigned to]</p>jane@example.org (u:2)\
<p>[status]</p>Pass<p>[version]</p>2.1 &lt;beta&gt;<p>[test case version]</p>2<p>[execution time (ms)]</p>1500\
<p>[estimated time (ms)]</p>0<p>[automated]</p>No<p>[Team]</p><p>a</p><p>b, c</p><p>[Size]</p>2.5<p>[Notes]</p><i>n</i>\
<p>[Ok]</p>Yes<p>[links]</p><p>BLOCKS issue 12 https://jira.invalid/12</p>"""
STEPS = """<p>[steps]</p>\
<table><tr><th>Place</th><th>Description</th><th>Test data</th><th>Expected result</th><th>Actual result</th>\
<th>Status</th><th>Data row</th></tr>\
<tr><td>1</td><td><table><tr><td>gone</td></tr></table></td><td>x</td><td>y</td><td>bad</td><td>Fail</td><td>2</td></tr>\
<tr><td>3</td><td>sent</td><td></td><td></td><td></td><td>Pass</td><td></td></tr></table>"""


def _logs() -> list[Row]:
    first = "2020-02-01T00:00:00+00:00"
    logs = [
        _log(1, 108, 301, "P-T1", PASSED, (first, "2020-01-31T19:00:00-05:00"), "<p>[status]</p>Pass"),
        _log(2, 103, 301, "P-T1", FAILED, ("2020-12-31T23:59:59Z", "2020-12-31T23:59:59Z"), "<p>[status]</p>Fail"),
        _log(3, 101, 301, "P-T1", PASSED, ("2021-03-28T02:59:59+02:00", "2021-03-28T01:00:01Z"), NOTE),
        _log(4, 102, 301, "P-T1", BLOCKED, ("2021-10-31T00:30:00Z", "2021-10-31T02:30:00+02:00"), STEPS),
        _log(5, 105, 303, "P-T2", FAILED, (first, first), "<p>[status]</p>Fail"),
        _log(6, 106, 304, "X-T9", PASSED, ("2021-01-01T00:00:00Z", "2021-01-01T00:00:00Z"), "<p>[status]</p>Pass"),
        _log(7, 107, 305, "P-T3", PASSED, ("2021-01-02T00:00:00Z", "2021-01-02T00:00:00Z"), "<p>[status]</p>Pass"),
    ]
    passed, failed = "<p>[status]</p>Pass", "<p>[status]</p>Fail"
    logs[2]["test_step_logs"] = [
        _step_log(11, PASSED, f"as <b>told</b>{passed}<p>[data row]</p>3"),
        _step_log(21, BLOCKED, None, 12),
        _step_log(13, FAILED, f"<p>[status]</p>mine{failed}"),
    ]
    logs[3]["test_step_logs"] = [_step_log(11, PASSED, passed), _step_log(13, PASSED, passed)]
    logs[4]["test_step_logs"] = [_step_log(21, UNEXECUTED, "<p>[status]</p>Not Executed")]
    logs[5]["test_step_logs"] = [_step_log(41, PASSED, passed)]
    logs[6]["test_step_logs"] = [_step_log(31, PASSED, passed)]
    return logs


def runs() -> Runs:
    """The image of `history()` as the target form describes it."""
    links = "COVERAGE issue 13 https://jira.invalid/13\nRELATED page https://web.invalid/ the page\n"
    links += "RELATED plan 9 https://z.invalid/v2/testplans/9"
    values = {KEY: "P-R1", DESCRIPTION: "<p>all</p>of it", PLANNED_START: "2021-03-28T01:59:59+01:00", LINKS: links}
    values |= {PLANNED_END: "2021-03-29T00:00:00+00:00", STATUS: "In Progress", OWNER: "u:1", VERSION: "2.1 <beta>"}
    values |= {TEAM: "[1001,1000]", SEEN: "2026-06-30T00:00:00+00:00"}
    rows = {
        "P-T1": [{"id": 11}, {"id": 12, "called_test_case_id": 1002}, {"id": 13}],
        "P-T2": [{"id": 21}],
        "P-T3": [{"id": 31}],
        "X-T9": [{"id": 41}],
    }
    steps = {key: [{"order": place, **row} for place, row in enumerate(told)] for key, told in rows.items()}
    return Runs(
        suite_fields=[
            _field(KEY, "Zephyr Key", 1),
            _field(DESCRIPTION, "Zephyr Description", 6),
            _field(PLANNED_START, "Planned Start Date", 9, system=True),
            _field(PLANNED_END, "Planned End Date", 4, system=True),
            _field(STATUS, "Zephyr Status", 1),
            _field(OWNER, "Zephyr Owner", 1),
            _field(VERSION, "Zephyr Version", 1),
            _field(LINKS, "Zephyr Links", 2),
            _field(TEAM, "Team", 17, ("a", "b")),
            _field(SEEN, "Seen", 4),
        ],
        run_fields=[_field(KEY, "Zephyr Key", 1), _field(ENVIRONMENT, "Zephyr Environment", 1)],
        statuses={PASSED: "Passed", FAILED: "Failed", BLOCKED: "Blocked", UNEXECUTED: "Unexecuted"},
        cycles=[
            _qtest_cycle(200, "History", 0, 1, "P"),
            _qtest_cycle(201, "First", 200, 1, "22"),
            _qtest_cycle(202, "Second", 200, 2, "20"),
            _qtest_cycle(203, "Below", 202, 1, "21"),
        ],
        suites=[
            _suite(251, " Cycl\u00e9 ", 203, values),
            _suite(252, "Plain", 200, {KEY: "P-R2", STATUS: "Done"}),
            _suite(253, "Executions outside cycles", 200, {KEY: "P/outside-cycles"}),
        ],
        runs=[
            _run(301, "P-R1/P-T1/31", "P-T1", 251, "Firefox"),
            _run(302, "P-R1/P-T1/-", "P-T1", 251),
            _run(303, "P-R2/P-T2/-", "P-T2", 252),
            _run(304, "P/outside-cycles/X-T9/-", "X-T9", 253),
            _run(305, "P-R2/P-T3/-", "P-T3", 252),
        ],
        logs=_logs(),
        unexecuted="Unexecuted",
        cases={identity: key for key, identity in IDS.items()},
        versions={
            identity: {identity * 10: {"id": identity, "name": key, "test_steps": steps[key]}}
            for key, identity in IDS.items()
        },
    )
