"""A project of four test cases and its faithful image, both written by hand."""

from typing import Any

from both_sides import Corpus, Objects, Row

MAPPING: Row = {"root_module": "Library", "status": {"Draft": "New"}, "priority": {"Normal": "Medium"}}
STATUS, PRIORITY, KEY, ZEPHYR_STATUS, ZEPHYR_PRIORITY = 1, 2, 3, 4, 5
CREATED, TIME, LABELS, COMPONENT, OWNER, LINKS, SIZE, SEEN, OK, TITLE = range(6, 16)


def _field(identifier: int, label: str, data_type: int, values: tuple[str, ...] = (), *, system: bool = False) -> Row:
    row: Row = {"id": identifier, "label": label, "original_name": label, "data_type": data_type}
    row["system_field"] = system
    if values:
        row["allowed_values"] = [
            {"value": identifier * 100 + place, "label": word} for place, word in enumerate(values)
        ]
    return row


def fields() -> list[Row]:
    """The fields of test cases."""
    return [
        _field(STATUS, "Status", 3, ("New", "Baselined"), system=True),
        _field(PRIORITY, "Priority", 3, ("Low", "Medium"), system=True),
        _field(20, "Title", 1, system=True),
        _field(KEY, "Zephyr Key", 1),
        _field(ZEPHYR_STATUS, "Zephyr Status", 1),
        _field(ZEPHYR_PRIORITY, "Zephyr Priority", 1),
        _field(CREATED, "Zephyr Created On", 9),
        _field(TIME, "Zephyr Estimated Time (ms)", 7),
        _field(LABELS, "Zephyr Labels", 17, ("a", "b")),
        _field(COMPONENT, "Zephyr Component", 1),
        _field(OWNER, "Zephyr Owner", 1),
        _field(LINKS, "Zephyr Links", 2),
        _field(SIZE, "Size", 7),
        _field(SEEN, "Seen", 4),
        _field(OK, "Ok", 3, ("Yes", "No")),
        _field(TITLE, "Zephyr Title", 6),
    ]


def _source(number: int, name: str, **values: Any) -> Row:
    row: Row = dict.fromkeys(("objective", "precondition", "estimatedTime", "component", "owner", "folder"))
    row |= {"key": f"P-T{number}", "name": name, "createdOn": "2020-01-31T23:59:07Z", "labels": []}
    row |= {"priority": {"id": 7}, "status": {"id": 8}, "links": {"issues": [], "webLinks": []}, "customFields": {}}
    return row | values


def _inline(description: str, data: str | None, expected: str) -> Row:
    return {"inline": {"description": description, "testData": data, "expectedResult": expected}}


def _call(key: str, **values: Any) -> Row:
    return {"testCase": {"self": f"https://z.invalid/v2/testcases/{key}", "testCaseKey": key, **values}}


def corpus() -> Corpus:
    """Two nested folders and their sibling; steps, calls in a circle, plain text, BDD; a case outside any folder."""
    custom = {"Size": 2.50, "Seen": "2026-06-30T00:00:00Z", "Ok": False, "Title": "<b>x</b> &amp; y", "Never": None}
    issue = {"type": "COVERAGE", "issueId": 12, "target": "https://jira.invalid/12"}
    web = {"type": "RELATED", "url": "https://web.invalid/", "description": "the page"}
    full = _source(
        1, " Full\u00e4 ", objective="<p>one</p>two", precondition="log in", estimatedTime=0, labels=["a", "b"]
    )
    full |= {"component": {"id": 9}, "owner": {"accountId": "u:1"}, "folder": {"id": 11}, "customFields": custom}
    full["links"] = {"issues": [issue], "webLinks": [web]}
    steps = [_inline("do <i>it</i>", "1 &lt; 2", "<p>done</p>"), _inline("", None, ""), _call("P-T2")]
    steps[2]["testCase"]["parameters"] = [{"name": "N", "type": "MANUAL_INPUT", "value": "<1>"}]
    bdd, plain = "Given x\n  When <y>", "1. go<br />2. stop"
    return Corpus(
        project="P",
        folders=[
            {"id": 10, "parentId": None, "index": 1, "name": "Second"},
            {"id": 11, "parentId": 10, "index": 0, "name": "Below"},
            {"id": 12, "parentId": None, "index": 0, "name": "First"},
        ],
        statuses={8: "Draft"},
        priorities={7: "Normal"},
        cases=[
            full,
            _source(2, "Called", folder={"id": 12}),
            _source(3, "Behaviour", folder={"id": 12}),
            _source(4, "Outside"),
        ],
        steps={"P-T1": steps, "P-T2": [_call("P-T1"), _call("X-T9")]},
        scripts={"P-T3": {"type": "bdd", "text": bdd}, "P-T4": {"type": "plain", "text": plain}},
    )


def _module(identifier: int, name: str, parent: int | None, order: int, key: str) -> Row:
    row: Row = {"id": identifier, "name": name, "parent_id": parent, "order": order}
    return row | {"description": f"[zephyr:module:{key}]"}


def _case(number: int, name: str, module: int, steps: list[Row], values: Row | None = None, **texts: str) -> Row:
    all_values: Row = {KEY: f"P-T{number}", STATUS: "100", PRIORITY: "201", ZEPHYR_STATUS: "Draft"}
    all_values |= {ZEPHYR_PRIORITY: "Normal", CREATED: "2020-02-01T00:59:07+01:00", LABELS: "", **(values or {})}
    properties = [{"field_id": identifier, "field_value": value} for identifier, value in all_values.items()]
    rows = [{"id": number * 10 + place, "order": place, **step} for place, step in enumerate(steps, start=1)]
    row: Row = {"id": 1000 + number, "name": name, "parent_id": module, "description": "", "precondition": ""}
    return row | {"properties": properties, "test_steps": rows} | texts


def _step(description: str, expected: str = "", called: int | None = None) -> Row:
    row: Row = {"description": description, "expected": expected}
    return row if called is None else {**row, "called_test_case_id": called}


def objects() -> Objects:
    """The image of `corpus()` as the target form describes it; the call that closes a circle is text."""
    links = "COVERAGE issue 12 https://jira.invalid/12\nRELATED page https://web.invalid/ the page"
    values = {TIME: "0", LABELS: "[801,800]", COMPONENT: "9", OWNER: "u:1", LINKS: links}
    values |= {SIZE: "2.5", SEEN: "2026-06-30T00:00:00+00:00", OK: "1401", TITLE: "<b>x</b> &amp; y"}
    called = "<p>[call] P-T2</p><p>[parameters]</p><p>N = &lt;1&gt;</p>"
    steps = [
        _step("do <i>it</i><p>[test data]</p>1 &lt; 2", "<p>done</p>"),
        _step(""),
        _step(called, called=1002),
    ]
    return Objects(
        fields=fields(),
        modules=[
            _module(100, "Library", None, 1, "P"),
            _module(101, "First", 100, 1, "12"),
            _module(102, "Second", 100, 2, "10"),
            _module(103, "Below", 102, 1, "11"),
            _module(104, "Outside folders", 100, 3, "P/unfiled"),
        ],
        cases=[
            _case(1, " Full\u00e4 ", 103, steps, values, description="<p>one</p>two", precondition="log in"),
            _case(2, "Called", 101, [_step("<p>[call] P-T1</p>"), _step("<p>[call] X-T9</p>")]),
            _case(3, "Behaviour", 101, [_step("<p>[bdd]</p><pre>Given x\n  When &lt;y&gt;</pre>")]),
            _case(4, "Outside", 104, [_step("<p>[plain]</p>1. go<br />2. stop")]),
        ],
    )
