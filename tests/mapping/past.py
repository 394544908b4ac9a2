"""Test cycles and executions as the contract allows them, for Hypothesis, and the context of their project."""

import msgspec
from hypothesis import strategies as st
from samples import CUSTOM, DATES, HTML, IDS, LINKS, PROJECT, TEXT, maybe, reference, system_fields, with_our_fields

from ztoq_async.kinds import prepare
from ztoq_async.mapping.context import CASES, SUITES, Context, Findings, Target, fields_by_label
from ztoq_async.mapping.gathering import Gathering
from ztoq_async.mapping.kind import Item, Made
from ztoq_async.mapping.rules import Rules
from ztoq_async.qtest.records import DataType, Field, Status

encode = msgspec.json.encode
STATUSES = {1: "Pass", 2: "Fail", 3: "Not Executed"}
RULES = Rules(
    execution_status={"Pass": "Passed"},
    users={"5b10:a": "jane@example.org"},
    versions={"1": "2.4 <final>"},
)
TARGET_STATUSES = [Status(601, "Passed"), Status(602, "Fail"), Status(603, "Not Executed", is_default=True)]
PEOPLE = st.sampled_from(["5b10:a", "557058:<b>", "x\x00y"])
ISSUES = st.lists(st.fixed_dictionaries({"issueId": IDS}, optional={"type": st.just("BLOCKS"), "id": IDS}), max_size=2)
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat()[:19] + "Z")
CYCLES = st.fixed_dictionaries(
    {
        "id": st.integers(1, 10**9),
        "key": st.integers(1, 30).map("MM-R{}".format),
        "name": st.text(min_size=1, max_size=20),
        "project": reference(st.just(7)),
        "status": reference(),
    },
    optional={
        "description": maybe(HTML),
        "folder": maybe(reference(st.just(1))),
        "jiraProjectVersion": maybe(reference()),
        "plannedStartDate": maybe(DATES),
        "plannedEndDate": maybe(DATES),
        "owner": maybe(st.fixed_dictionaries({"accountId": maybe(PEOPLE)})),
        "customFields": CUSTOM,
        "links": LINKS,
    },
)


def case_reference(key="MM-T1", version=1):
    return {"id": 5, "self": f"https://x.example/v2/testcases/{key}/versions/{version}"}


CYCLE = {"id": 9, "self": "https://x.example/v2/testcycles/MM-R1"}
EXECUTIONS = st.fixed_dictionaries(
    {
        "id": st.integers(1, 10**9),
        "project": reference(st.just(7)),
        "testCase": st.just(case_reference()),
        "testExecutionStatus": reference(),
    },
    optional={
        "key": maybe(st.just("MM-E1")),
        "environment": maybe(reference()),
        "jiraProjectVersion": maybe(reference()),
        "actualEndDate": maybe(MOMENTS),
        "estimatedTime": maybe(st.integers(0, 10**9)),
        "executionTime": maybe(st.integers(0, 10**9)),
        "executedById": maybe(PEOPLE),
        "assignedToId": maybe(PEOPLE),
        "comment": maybe(HTML),
        "automated": maybe(st.booleans()),
        "testCycle": maybe(st.just(CYCLE)),
        "customFields": CUSTOM,
        "links": st.fixed_dictionaries({}, optional={"self": st.just("https://x.example/l"), "issues": ISSUES}),
    },
)
RESULT = st.fixed_dictionaries(
    {},
    optional={
        "description": maybe(HTML),
        "testData": maybe(HTML),
        "expectedResult": maybe(HTML),
        "actualResult": maybe(HTML),
        "testDataRowNumber": maybe(st.integers(0, 3)),
        "reflectRef": maybe(TEXT),
        "status": maybe(reference()),
    },
)
RESULTS = st.lists(RESULT, max_size=4)


def frozen(results):
    """What the archive keeps of an execution's steps."""
    return encode({"steps": [{"id": place, "inline": row} for place, row in enumerate(results, start=1)]})


def script(steps):
    """What the archive keeps of a test case's steps: texts, keys of called cases, or whole rows."""
    rows = []
    for step in steps:
        if isinstance(step, str) and step.startswith("MM-T"):
            rows.append({"testCase": {"testCaseKey": step, "self": f"https://x.example/testcases/{step}"}})
        else:
            rows.append({"inline": {"description": step} if isinstance(step, str) else step})
    return encode({"type": "steps", "steps": rows})


def case_item(key="MM-T1", detail=None, calls=(), **attributes):
    """A test case as it stands beside its runs and logs."""
    record = {"id": 5, "key": key, "name": "A case", "priority": {"id": 1}, "status": {"id": 1}, **attributes}
    parents = ("field-activation:test-cases", "module:1", *(f"test-case:{called}" for called in calls))
    return Item(key, parents, encode(record), detail or script([]))


def beside(*items):
    return {f"test-case:{item.key}": item for item in items}


def log_item(execution, results=(), family=None, run="MM-R1/MM-T1/-", case="test-case:MM-T1"):
    """An execution with its steps; `family` are the items of test cases by their names."""
    family = beside(case_item(createdOn="2020-02-29T12:00:00Z")) if family is None else family
    return Item(str(execution["id"]), (f"test-run:{run}", case), encode(execution), frozen(results), family)


REFS = {
    "test-run:MM-R1/MM-T1/-": Made(70, 3),
    "test-case:MM-T1": Made(40, 3, tuple(range(400, 420))),
    "test-case:MM-T2": Made(41, 4, tuple(range(420, 440))),
    "test-case:MM-T3": Made(42, 5, tuple(range(440, 460))),
    "stub-case:MM-T1": Made(43, 6, tuple(range(460, 480))),
    "test-cycle:1": Made(30),
    "test-cycle:MM": Made(31),
    "test-suite:MM-R1": Made(50),
}


def context_of_past(cycles=(), executions=(), *, rules=RULES, suite_fields=(), missing=()):
    """The prepared context of a project with these cycles and executions, its fields made."""
    gathering = Gathering(PROJECT)
    for number in (1, 2, 3):
        gathering.add("status", encode({"id": number, "name": "New"}))
        gathering.add("priority", encode({"id": number, "name": "Low"}))
        gathering.add("cycle-status", encode({"id": number, "name": f"Cycle status {number}"}))
        gathering.add("execution-status", encode({"id": number, "name": STATUSES[number], "default": number == 3}))
        gathering.add("environment", encode({"id": number, "name": f"Environment {number}"}))
    gathering.add("cycle-folder", encode({"id": 1, "name": "F", "index": 0, "folderType": "TEST_CYCLE"}))
    for source, records in (("test-cycle", cycles), ("test-execution", executions), ("missing-case", missing)):
        for record in records:
            gathering.add(source, encode(record))
    fields = {CASES: fields_by_label(system_fields()), SUITES: fields_by_label(suite_fields)}
    statuses = {status.name: status for status in TARGET_STATUSES}
    target = Target(1, fields, {}, statuses, Findings())
    return with_our_fields(prepare(Context(gathering.source(), rules, target)))


def suite_fields():
    """System fields of suites as a site may have them."""
    dates = (("Planned Start Date", DataType.DATE_TIME), ("Planned End Date", DataType.DATE))
    rows = [Field(11 + n, label, of, system_field=True) for n, (label, of) in enumerate(dates)]
    return [*rows, Field(13, "Description", DataType.RICH_TEXT, system_field=True)]
