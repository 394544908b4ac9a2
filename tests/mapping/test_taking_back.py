"""What deleting must know of each kind: who made an object, what uses it, what people have added, what goes with it."""

import msgspec
import pytest
from samples import context_of, with_our_fields

from ztoq_async.kinds import KINDS
from ztoq_async.mapping.context import CASES
from ztoq_async.mapping.kind import Made
from ztoq_async.qtest.records import AllowedValue, Field, TestLog

BY_NAME = {kind.name: kind for kind in KINDS}
CASE = {
    "id": 1,
    "key": "MM-T1",
    "name": "n",
    "priority": {"id": 1},
    "status": {"id": 1},
    "createdOn": "2020-01-01T00:00:00Z",
    "labels": ["x"],
}


@pytest.fixture
def context():
    """A project with one test case, whose fields are there."""
    return with_our_fields(context_of([CASE]))


def encoded(**row):
    return msgspec.json.encode(row)


@pytest.mark.parametrize("name", ["module", "test-cycle", "test-suite"])
def test_kinds_of_which_qtest_does_not_show_who_made_them_never_count_as_ours(name):
    """The contract has a creator of test cases and runs only: of others no double is ever deleted."""
    assert BY_NAME[name].creation is None
    shown = msgspec.json.decode(encoded(id=1, creator_id=5, created_date="2024-01-01T00:00:00Z"), type=dict)
    for kind in ("test-case", "stub-case", "test-run"):
        _, actual = BY_NAME[kind].made(msgspec.json.encode(shown), None, context_of([CASE]))
        creation = BY_NAME[kind].creation(actual)
        assert (creation.user_id, creation.date) == (5, "2024-01-01T00:00:00Z")


def test_every_object_that_can_be_deleted_can_be_looked_at_and_the_rest_goes_with_one():
    """An unknown outcome is settled by asking for the object; rows without a call of their own have one to go with."""
    for kind in KINDS:
        if kind.delete is not None:
            assert kind.one is not None, kind.name
            assert not kind.goes_with
        elif not kind.changes:
            assert set(kind.goes_with) <= set(BY_NAME)
            assert kind.goes_with, kind.name


@pytest.mark.parametrize(
    ("version", "twice"), [("0.1", False), ("1.0", False), ("1.1", False), ("2.0", True), ("", False)]
)
def test_a_version_above_one_says_that_it_was_approved_more_than_once(version, twice):
    """1.1 was edited since, and is not approved again."""
    assert bool(BY_NAME["approval"].repeated(encoded(id=1, version=version))) == twice


def test_what_uses_a_test_case_is_its_runs_and_the_cases_that_call_it(context):
    """A run names its case in one of two places; rows of an expanded call are the called case's own steps."""
    runs, cases = BY_NAME["test-case"].uses(context)
    assert set(runs.used(encoded(id=9, test_case={"id": 3}, testCaseId=3))) == {3}
    assert set(runs.used(encoded(id=9, testCaseId=4))) == {4}
    steps = [
        {"id": 1, "called_test_case_id": 5},
        {"id": 2, "called_test_case_id": 6, "parent_test_step_id": 1},
        {"id": 3},
    ]
    assert set(cases.used(encoded(id=9, test_steps=steps))) == {5}


def test_a_field_is_used_where_it_has_a_value(context):
    """Unset values come as null, "" or an empty array in a text (facts.md 3.7)."""
    values = [{"field_id": number, "field_value": value} for number, value in enumerate(["x", "", None, "[]", "[1]"])]
    (use,) = BY_NAME["field"].uses(context)
    assert set(use.used(encoded(id=9, properties=values))) == {0, 4}
    assert set(use.used(encoded(id=9))) == set()


def test_values_and_attachments_that_people_added_are_named(context):
    """They are no difference to what was made, and yet keep it."""
    plan = next(plan for plan in context.planned(CASES).values() if plan.choices)
    field = context.field(plan.label)
    assert BY_NAME["field"].added(plan, field) == []
    more = msgspec.structs.replace(field, allowed_values=[*field.allowed_values, AllowedValue(77, "theirs")])
    assert BY_NAME["field"].added(plan, more) == ["allowed_values: 'theirs' was added"]
    assert BY_NAME["test-log"].added(None, TestLog(1, attachments=[], defects=[{"id": 1}])) == ["defects"]
    _, case = BY_NAME["test-case"].made(encoded(id=1, attachments=[{"id": 2}]), None, context)
    assert BY_NAME["test-case"].added(None, case) == ["attachments"]


def test_two_fields_of_one_label_are_both_seen_the_active_one_first(context):
    """One of them may be a request's that was applied late: nothing hides it."""
    field = context.field("Zephyr Key")
    late = Field(field.id + 1, field.label, field.data_type, is_active=False)
    rows = [msgspec.json.encode(row) for row in (late, field)]
    found = [(key, made) for key, made, _ in BY_NAME["field"].recognise(rows, context)]
    assert found == [("Zephyr Key", Made(field.id)), ("Zephyr Key", Made(late.id))]
