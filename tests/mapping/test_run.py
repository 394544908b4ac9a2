"""Runs: one for each test case, cycle and environment, under a key that says so."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from past import CYCLE, REFS, beside, case_item, case_reference, context_of_past, encode

from ztoq_async.errors import SourceError
from ztoq_async.mapping.kind import Item
from ztoq_async.mapping.run_kind import TEST_RUN
from ztoq_async.zephyr.places import place
from ztoq_async.zephyr.records import TestExecution

OTHER = {"id": 8, "self": "https://x.example/v2/testcycles/MM-R2"}


def execution(number, **attributes):
    return {
        "id": number,
        "testCase": case_reference(),
        "testExecutionStatus": {"id": 1},
        "testCycle": CYCLE,
        **attributes,
    }


def rows_of(executions):
    """The rows of runs, records coming in the order of the archive."""
    context = context_of_past(executions=executions)
    planner = TEST_RUN.plan(context)
    ordered = sorted(executions, key=lambda record: place(msgspec.convert(record, TestExecution)))
    return context, [row for record in ordered for row in planner.add(str(record["id"]), encode(record), b"")]


PLACES = st.builds(
    lambda cycle, case, version, environment, end: {
        "testCycle": cycle,
        "testCase": case_reference(case, version),
        "environment": environment and {"id": environment},
        **({"actualEndDate": end} if end else {}),
    },
    st.sampled_from([CYCLE, OTHER, None]),
    st.sampled_from(["MM-T1", "MM-T11", "MM-T2"]),
    st.integers(1, 2),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.5Z", "2019-12-31T23:00:00-05:00"]),
)


@settings(deadline=None)
@given(st.lists(PLACES, max_size=8))
def test_each_group_of_executions_has_one_run(places):
    """Its key names cycle, case and environment; versions and dates make no other; the order of ids does not matter."""
    executions = [execution(number, **found) for number, found in enumerate(places, start=1)]
    _, rows = rows_of(executions)
    groups = {
        "/".join(
            (
                found["testCycle"]["self"].rpartition("/")[2] if found["testCycle"] else "MM/outside-cycles",
                found["testCase"]["self"].split("/")[5],
                str(found["environment"]["id"]) if found["environment"] else "-",
            )
        )
        for found in places
    }
    assert sorted(row.key for row in rows) == sorted(groups)
    for row in rows:
        suite, case, _ = row.key.rsplit("/", 2)
        assert {f"test-suite:{suite}", f"test-case:{case}", f"approval:{case}"} < set(row.parents)


def test_a_run_is_equal_as_sent_and_any_change_of_it_is_named():
    """Name, place, test case, key and environment; what a list leaves out is not compared."""
    context, (row,) = rows_of([execution(1, environment={"id": 2})])
    item = Item(row.key, row.parents, beside=beside(case_item(name="A <case>\x00")))
    target, _ = TEST_RUN.build(item, context)
    body = msgspec.json.decode(TEST_RUN.create(target, context, REFS).body)
    assert (body["name"], body["test_case_version_id"]) == ("A <case>", 3)
    answer = {**body, "id": 5, "parentId": 50}
    bare = {name: answer[name] for name in ("id", "properties")}
    for same in (answer, {**answer, "testCaseId": 40}, bare):
        _, actual = TEST_RUN.made(encode(same), target, context)
        assert TEST_RUN.differences(target, actual, context, REFS) == []
    properties = [{**body["properties"][0]}, {**body["properties"][1], "field_value": "elsewhere"}]
    changes = {
        "name": {"name": "B"},
        "parentId": {"parentId": 51},
        "test_case": {"test_case": {"id": 41}},
        "Zephyr Environment": {"properties": properties},
        "Zephyr Key": {"properties": body["properties"][1:]},
    }
    _, unchanged = TEST_RUN.made(encode(answer), target, context)
    for name, change in changes.items():
        _, actual = TEST_RUN.made(encode({**answer, **change}), target, context)
        assert TEST_RUN.differences(target, actual, context, REFS) == [name]
        assert TEST_RUN.canonical(actual, context) != TEST_RUN.canonical(unchanged, context)


@pytest.mark.parametrize(
    "odd",
    [
        {"testCase": {"self": "https://x/testcases/5"}},
        {"testCycle": {"id": 77}},
    ],
)
def test_an_execution_whose_place_is_unknown_makes_no_run(odd):
    """It is refused by itself, and takes no other with it."""
    _, rows = rows_of([execution(1, **odd), execution(2)])
    assert [row.key for row in rows] == ["MM-R1/MM-T1/-"]


def test_an_environment_that_no_list_knows_refuses_the_run_by_name():
    """SourceError with the id."""
    context, (row,) = rows_of([execution(1, environment={"id": 99})])
    with pytest.raises(SourceError, match=r"environment.*99"):
        TEST_RUN.build(Item(row.key, row.parents, beside=beside(case_item())), context)
