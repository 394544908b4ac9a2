"""Stubs: test cases that Zephyr does not give any more, from the frozen steps of an execution."""

import msgspec
import pytest
from hypothesis import given, settings
from past import RESULTS, case_reference, context_of_past, frozen

from ztoq_async.errors import SourceError
from ztoq_async.mapping.account import settle
from ztoq_async.mapping.kind import Item, Made
from ztoq_async.mapping.stub_kind import STUB_CASE
from ztoq_async.mapping.test_case_kind import TEST_CASE

encode = msgspec.json.encode
REFS = {"module:MM/unlisted": Made(9)}
EXECUTION = {"id": 11, "testCase": case_reference("GONE-T7"), "testExecutionStatus": {"id": 1}}


def planned(results):
    context = context_of_past(executions=[EXECUTION], missing=[EXECUTION])
    (row,) = STUB_CASE.plan(context).add("GONE-T7", encode(EXECUTION), b"")
    return context, Item(row.key, row.parents, encode(EXECUTION), frozen(results))


@settings(deadline=None)
@given(RESULTS)
def test_any_frozen_steps_make_a_stub(results):
    """Its key, a name that says what it is, the module for such cases, a step each; one row of the ledger, named."""
    context, item = planned(results)
    target, notes = STUB_CASE.build(item, context)
    assert STUB_CASE.build(item, context) == (target, notes)
    assert (target.key, target.parent) == ("GONE-T7", "MM/unlisted")
    assert target.name == "GONE-T7 (not in Zephyr any more)"
    assert len(target.steps) == len(results)
    assert settle(STUB_CASE.attributes(item), notes)[1] == []
    assert [(note.rule, "11" in note.loss) for note in notes] == [("stub", True)]
    body = msgspec.json.decode(STUB_CASE.create(target, context, REFS).body)
    steps = [{**step, "id": place} for place, step in enumerate(body["test_steps"], start=1)]
    made, actual = STUB_CASE.made(encode({**body, "id": 5, "test_steps": steps}), target, context)
    assert made.step_ids == tuple(range(1, len(results) + 1))
    assert STUB_CASE.differences(target, actual, context, REFS) == []


def test_a_key_belongs_to_a_stub_or_to_a_case_and_never_to_both():
    """Kinds that one list shows share its rows out: none counts twice, none is nobody's."""
    context, _ = planned([])
    for key, stub, case in (("GONE-T7", True, False), ("MM-T1", False, True), ("OTHER-T1", False, False)):
        assert (STUB_CASE.is_ours(key, context), TEST_CASE.is_ours(key, context)) == (stub, case)
    assert (context.case("GONE-T7"), context.case("MM-T1")) == ("stub-case:GONE-T7", "test-case:MM-T1")


def test_an_execution_that_cannot_be_read_makes_no_stub():
    """SourceError, so that its executions are refused with it."""
    context, item = planned([])
    with pytest.raises(SourceError):
        STUB_CASE.build(msgspec.structs.replace(item, detail=b'{"steps": 5}'), context)
