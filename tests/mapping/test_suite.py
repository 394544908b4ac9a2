"""Suites by Hypothesis: whatever the contract allows is built or refused, and nothing is left unexplained."""

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from past import CYCLES, REFS, context_of_past, encode, suite_fields

from ztoq_async.errors import SettingsError, SourceError
from ztoq_async.mapping.account import settle
from ztoq_async.mapping.kind import Item
from ztoq_async.mapping.suite_kind import TEST_SUITE

relaxed = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None, max_examples=60
)
SITES = st.sampled_from([(), tuple(suite_fields())])


def planned(cycle, site=()):
    """The context and item of a cycle; skips those whose fields find no label."""
    try:
        context = context_of_past([cycle], suite_fields=site)
    except SettingsError:
        assume(False)
    record = encode(cycle)
    planner = TEST_SUITE.plan(context)
    (row,) = [*planner.add(cycle["key"], record, b""), *planner.end(())]
    return context, row, Item(row.key, row.parents, record)


def built(cycle, site=()):
    context, _, item = planned(cycle, site)
    try:
        return (context, item, *TEST_SUITE.build(item, context))
    except SourceError:
        assume(False)


def shown(target, context, **changes):
    """The suite as qTest answers it."""
    call = TEST_SUITE.create(target, context, REFS)
    return encode({**msgspec.json.decode(call.body), "id": 5, "parentId": REFS[target.cycle].id, **changes})


@relaxed
@given(CYCLES, SITES)
def test_any_cycle_is_built_or_refused_by_name(cycle, site):
    """Total and deterministic: a target, or a SourceError with words; no other exception."""
    context, row, item = planned(cycle, site)
    assert (row.key, row.refusal) == (cycle["key"], "")
    try:
        first = TEST_SUITE.build(item, context)
    except SourceError as error:
        assert str(error)
        with pytest.raises(SourceError):
            TEST_SUITE.build(item, context)
    else:
        assert TEST_SUITE.build(item, context) == first


@relaxed
@given(CYCLES, SITES)
def test_every_attribute_of_a_cycle_is_accounted_for(cycle, site):
    """Nothing that was read is unexplained, and no note speaks of what was not read."""
    _, item, _, notes = built(cycle, site)
    read = list(TEST_SUITE.attributes(item))
    counts, surplus = settle(read, notes)
    assert surplus == []
    assert sum(counts.values()) == len(read)


@relaxed
@given(CYCLES, SITES, st.data())
def test_a_suite_is_equal_as_sent_and_any_change_of_it_is_named(cycle, site, data):
    """What is answered as it was sent does not differ; a name, a place or any one value that does is named."""
    context, _, target, _ = built(cycle, site)
    try:
        answer = shown(target, context)
    except SourceError:
        assume(False)
    made, actual = TEST_SUITE.made(answer, target, context)
    assert TEST_SUITE.differences(target, actual, context, REFS) == []
    assert [(key, found) for key, found, _ in TEST_SUITE.recognise([answer], context)] == [(cycle["key"], made)]
    assert TEST_SUITE.is_ours(cycle["key"], context)
    for change, name in (({"name": target.name + " x"}, "name"), ({"parentId": 77}, "parentId")):
        _, other = TEST_SUITE.made(shown(target, context, **change), target, context)
        assert TEST_SUITE.differences(target, other, context, REFS) == [name]
        assert TEST_SUITE.canonical(other, context) != TEST_SUITE.canonical(actual, context)
    properties = msgspec.json.decode(answer)["properties"]
    place = data.draw(st.integers(0, len(properties) - 1))
    label = list(target.values)[place]
    assume(target.values[label] != ())
    properties[place]["field_value"] = "" if isinstance(target.values[label], tuple) else "other words"
    _, other = TEST_SUITE.made(shown(target, context, properties=properties), target, context)
    assert TEST_SUITE.differences(target, other, context, REFS) == [label]
    assert TEST_SUITE.canonical(other, context) != TEST_SUITE.canonical(actual, context)


def test_a_cycle_in_a_folder_that_no_list_knows_is_refused_by_name():
    """It is refused when it is planned, with the folder's id."""
    cycle = {"id": 1, "key": "MM-R1", "name": "n", "status": {"id": 1}, "folder": {"id": 44}}
    _, row, _ = planned(cycle)
    assert "44" in row.refusal


def test_dates_and_texts_go_to_system_fields_where_suites_have_them():
    """No second field is made beside the site's own (decision 9)."""
    cycle = {"id": 1, "key": "MM-R1", "name": "n", "status": {"id": 1}, "description": "<p>d</p>"}
    cycle |= {"plannedStartDate": "2024-02-29T23:59:59Z", "plannedEndDate": "2024-03-01T00:00:00Z"}
    target = built(cycle, suite_fields())[2]
    assert {"Description", "Planned Start Date", "Planned End Date"} <= set(target.values)
    assert not [label for label in target.values if label.startswith(("Zephyr Planned", "Zephyr Description"))]
    target = built(cycle)[2]
    assert {"Zephyr Description", "Zephyr Planned Start Date", "Zephyr Planned End Date"} <= set(target.values)


def test_executions_outside_cycles_have_a_suite_of_their_own():
    """Only where there are such; it is no record of the source, and ours by its key."""
    execution = {
        "id": 1,
        "testCase": {"self": "https://x/testcases/MM-T1/versions/1"},
        "testExecutionStatus": {"id": 1},
    }
    context = context_of_past(executions=[execution])
    (row,) = TEST_SUITE.plan(context).end(())
    assert (row.key, row.counted, row.parents[0]) == ("MM/outside-cycles", False, "test-cycle:MM")
    target, notes = TEST_SUITE.build(Item(row.key, row.parents), context)
    assert (target.name, notes) == ("Executions outside cycles", [])
    assert TEST_SUITE.is_ours(row.key, context)
    assert not list(TEST_SUITE.plan(context_of_past()).end(()))
