"""Test cases by Hypothesis: whatever the contract allows is built or refused, and nothing is left unexplained."""

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from samples import CASES, SCRIPTS, context_of, with_our_fields

from ztoq_async.errors import SettingsError, SourceError
from ztoq_async.mapping import steps as mapped_steps
from ztoq_async.mapping.account import settle
from ztoq_async.mapping.context import Context, Findings, Source, Target
from ztoq_async.mapping.kind import Item, Made
from ztoq_async.mapping.rules import Rules
from ztoq_async.mapping.steps import StepTarget, call_line, labelled
from ztoq_async.mapping.test_case import TestCaseTarget, create_body, differences
from ztoq_async.mapping.test_case_kind import TEST_CASE
from ztoq_async.qtest.records import Step
from ztoq_async.qtest.records import TestCase as QTestCase
from ztoq_async.zephyr.records import Project

encode = msgspec.json.encode
FOLDERS = [{"id": n, "parentId": None, "name": f"F{n}", "index": n, "folderType": "TEST_CASE"} for n in (1, 2)]
relaxed = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None, max_examples=60
)


def planned(case, script, findings=None):
    """The context and the item of a case, after planning; None where planning refuses it."""
    try:
        context = with_our_fields(context_of([case], folders=FOLDERS, findings=findings))
    except SettingsError:
        return None
    record, detail = encode(case), encode(script)
    planner = TEST_CASE.plan(context)
    rows = [*planner.add(case["key"], record, detail), *planner.end({f"MM-T{n}" for n in range(1, 20)})]
    assert len(rows) == 1
    (row,) = rows
    return None if row.refusal else (context, Item(row.key, row.parents, record, detail))


def built(case, script, findings=None):
    """Context, target and notes of a case that can be moved; skips the others."""
    found = planned(case, script, findings)
    assume(found is not None)
    context, item = found
    try:
        target, notes = TEST_CASE.build(item, context)
    except SourceError:
        assume(False)
    return context, item, target, notes


def echo(target, body, number=500):
    """The case as qTest answers it."""
    rows = [{**step, "id": place} for place, step in enumerate(body["test_steps"], start=1)]
    return encode({**body, "id": number, "test_case_version_id": 3, "test_steps": rows})


def refs_of(target):
    return {f"module:{target.parent}": Made(9)} | {
        f"test-case:{step.called}": Made(40) for step in target.steps if step.called
    }


@relaxed
@given(CASES, SCRIPTS, st.builds(Findings, empty_steps=st.booleans(), called_steps=st.sampled_from(["id", "ignored"])))
def test_any_case_is_built_or_refused_by_name(case, script, findings):
    """Total and deterministic: a target, or a SourceError with words; no other exception."""
    found = planned(case, script, findings)
    if found is None:
        return
    context, item = found
    try:
        first = TEST_CASE.build(item, context)
    except SourceError as error:
        assert str(error)
        with pytest.raises(SourceError):
            TEST_CASE.build(item, context)
    else:
        assert TEST_CASE.build(item, context) == first


@relaxed
@given(CASES, SCRIPTS)
def test_every_attribute_is_accounted_for(case, script):
    """Nothing that was read is unexplained, and no note speaks of what was not read."""
    _, item, _, notes = built(case, script)
    read = list(TEST_CASE.attributes(item))
    counts, surplus = settle(read, notes)
    assert surplus == []
    assert sum(counts.values()) == len(read)


@relaxed
@given(CASES, SCRIPTS, st.sampled_from(["case", "step", "script"]))
def test_an_unknown_property_is_unexplained(case, script, where):
    """What the service gains tomorrow is reported, wherever it is."""
    if where == "case":
        case = {**case, "novelty": "x"}
    elif where == "script" or not script.get("steps"):
        assume(script["type"] != "steps")
        script = {**script, "novelty": "x"}
    else:
        script = {**script, "steps": [{**script["steps"][0], "novelty": "x"}, *script["steps"][1:]]}
    _, item, _, notes = built(case, script)
    _, surplus = settle(TEST_CASE.attributes(item), notes)
    assert len(surplus) == 1
    assert surplus[0].endswith("novelty")


@relaxed
@given(CASES, SCRIPTS)
def test_what_is_sent_and_answered_as_sent_is_equal(case, script):
    """Values go to qTest's form and back: no difference; the key is found again; steps keep their order."""
    context, _, target, _ = built(case, script)
    refs = refs_of(target)
    try:
        body = create_body(target, context, 9, {step.called: 40 for step in target.steps if step.called})
    except SourceError:
        assume(False)
    answer = echo(target, body)
    made, actual = TEST_CASE.made(answer, target, context)
    assert TEST_CASE.differences(target, actual, context, refs) == []
    shown = [(key, found.id, found.step_ids) for key, found, _ in TEST_CASE.recognise([answer], context)]
    assert shown == [(case["key"], made.id, made.step_ids)]
    if script["type"] == "steps":
        assert len(body["test_steps"]) == len(script["steps"])
        assert [step["order"] for step in body["test_steps"]] == list(range(1, len(script["steps"]) + 1))
    assert all("[~" not in step["description"] + step["expected"] for step in body["test_steps"])


@relaxed
@given(CASES, SCRIPTS, st.data())
def test_whatever_qtest_changes_is_named(case, script, data):
    """A name, a text, a value, a place, a lost or changed step: each is a difference."""
    context, _, target, _ = built(case, script)
    called = {step.called: 40 for step in target.steps if step.called}
    try:
        body = create_body(target, context, 9, called)
    except SourceError:
        assume(False)
    change = data.draw(st.sampled_from(["name", "description", "precondition", "parent_id", "value", "lost", "text"]))
    _, unchanged = TEST_CASE.made(echo(target, body), target, context)
    rows = body["test_steps"]
    if change in ("name", "description", "precondition"):
        body[change] += " surplus"
    elif change == "parent_id":
        body[change] = 10
    elif change == "value":
        body["properties"][0]["field_value"] += "1"
    elif change == "lost":
        assume(rows)
        rows.pop(data.draw(st.integers(0, len(rows) - 1)))
    else:
        assume(rows and "called_test_case_id" not in rows[0])
        rows[0]["description"] += "<p>other</p>"
    _, actual = TEST_CASE.made(echo(target, body), target, context)
    assert len(TEST_CASE.differences(target, actual, context, refs_of(target))) == 1
    assert TEST_CASE.canonical(actual, context) != TEST_CASE.canonical(unchanged, context)


@given(st.sampled_from(["test data", "a&b", "~x", "x\x00<p>", "7", ""]), st.text(max_size=10), st.text(max_size=10))
def test_a_labelled_block_can_be_split_off_again(label, text, beside):
    """Whatever the texts hold, the last block's label occurs once before it, and is no parameter."""
    own = mapped_steps.labelled(label, "")
    assert "[~" not in own
    for before in (beside, beside + own, own.replace("]", " 7]") + beside, own + own.replace("]", " 2]")):
        block = mapped_steps.labelled(label, text, before + text)
        mark = block[: block.index("</p>") + 4]
        assert (before + block).count(mark) == 1
        assert (before + block).split(mark) == [before, text]


def test_lost_parameters_of_a_call_are_named():
    """A site that shows its own words for a call must not make the parameters vanish unseen."""
    step = StepTarget(call_line("A-T1") + labelled("parameters", "<p>x = 1</p>"), "", "A-T1")
    bare = StepTarget(call_line("A-T1"), "", "A-T1")
    shown = QTestCase(1, "n", 5, test_steps=[Step(1, "words of the called one", "", 1, called_test_case_id=9)])
    context = Context(Source(Project(1, "A")), Rules(), Target(1))
    for made, expected in ((bare, []), (step, ["test_steps[1].description"])):
        target = TestCaseTarget("A-T2", "n", "m", steps=(made,))
        assert differences(target, shown, context, 5, {"A-T1": 9}) == expected
