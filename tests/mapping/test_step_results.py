"""Step results: frozen steps find the step that they are now, in order; nothing of the others is lost."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from past import REFS, beside, case_item, context_of_past, frozen, log_item, script

from ztoq_async.errors import SourceError
from ztoq_async.mapping.kind import Item
from ztoq_async.mapping.log_kind import TEST_LOG

EXECUTION = {
    "id": 11,
    "testCase": {"id": 5, "self": "https://x.example/v2/testcases/MM-T1/versions/1"},
    "testExecutionStatus": {"id": 2},
    "actualEndDate": "2021-03-28T01:00:00Z",
}
TEXTS = st.lists(st.sampled_from("abcdef"), max_size=8, unique=True)
MIXED = st.lists(st.sampled_from("abc"), max_size=6)


def results(texts):
    """Frozen steps; the actual result names the place from 1."""
    return [
        {"description": text, "actualResult": f"seen {place}", "status": {"id": 2}}
        for place, text in enumerate(texts, start=1)
    ]


def sent(then, family, case="test-case:MM-T1"):
    """The step logs of an execution and its note."""
    context = context_of_past(executions=[EXECUTION])
    rows = then if then and isinstance(then[0], dict) else results(then)
    target, _ = TEST_LOG.build(log_item(EXECUTION, rows, family, case=case), context)
    body = msgspec.json.decode(TEST_LOG.create(target, context, REFS).body)
    return body["test_step_logs"], body["note"]


def one(steps):
    return beside(case_item(detail=script(steps)))


def places(rows):
    """Place of each result among the steps of the test case, and the frozen place that it came from."""
    return [(row["test_step_id"] - 400, int(row["actual_result"].split()[1])) for row in rows]


@settings(deadline=None)
@given(MIXED, MIXED)
def test_alignment_keeps_texts_and_order_and_loses_nothing(then, now):
    """An aligned step has the text that it had, order is kept; each frozen step is a result or a row of the table."""
    rows, note = sent(then, one(list(now)))
    found = places(rows)
    assert found == sorted(found)
    assert len({place for place, _ in found}) == len(found)
    for place, was in found:
        assert now[place] == then[was - 1]
    loose = set(range(1, len(then) + 1)) - {was for _, was in found}
    assert {number for number in range(1, len(then) + 1) if f"<tr><td>{number}</td>" in note} == loose
    assert len(found) == len(then) if then == now else True


@settings(deadline=None)
@given(TEXTS, st.data())
def test_a_step_more_or_less_leaves_every_other_at_its_place(now, data):
    """Inserted, removed or edited since: all the others are found."""
    place = data.draw(st.integers(0, len(now)))
    for then in ([*now[:place], "gone", *now[place:]], now[:place] + now[place + 1 :]):
        kept = [text for text in then if text in now]
        rows, note = sent(then, one(now))
        assert [now[found] for found, _ in places(rows)] == kept
        assert ("[steps]" in note) == (kept != then)
    edited = [f"{text} edited" if number == place else text for number, text in enumerate(now)]
    rows, _ = sent(edited, one(now))
    assert [found for found, _ in places(rows)] == [number for number in range(len(now)) if number != place]


def test_of_two_steps_that_were_swapped_one_is_found():
    """Order is not given up: the other goes into the table, with everything that it holds."""
    rows, note = sent(["b", "a", "c"], one(["a", "b", "c"]))
    assert len(rows) == 2
    assert places(rows)[-1] == (2, 3)
    assert note.count("<tr>") == 2


def test_markup_that_says_the_same_is_the_same_step():
    """Texts are compared as a reader sees them: breaks, entities and blanks may differ, words may not."""
    rows, _ = sent(["<p>a&nbsp;b</p>", "c<br>d", "e f"], one(["a b", "c<br />d", "e g"]))
    assert [found for found, _ in places(rows)] == [0, 1]


def test_test_data_and_expected_result_belong_to_a_step():
    """Two steps of one description are told apart by the rest."""
    now = [{"description": "a", "testData": data, "expectedResult": "x"} for data in "12"]
    rows, _ = sent([{**now[1], "actualResult": "seen 1", "status": {"id": 2}}], one(now))
    assert places(rows) == [(1, 1)]


def test_steps_of_called_cases_stand_where_they_are_called_three_deep():
    """Each result names the step of the called case, that case, and the step that calls it."""
    family = beside(
        case_item("MM-T1", script(["a", "MM-T2", "e"]), calls=["MM-T2"]),
        case_item("MM-T2", script(["b", "MM-T3", "d"]), calls=["MM-T3"]),
        case_item("MM-T3", script(["c"])),
    )
    rows, note = sent(list("abcde"), family)
    assert [row["test_step_id"] for row in rows] == [400, 420, 440, 422, 402]
    assert [(row.get("called_test_case_id"), row.get("parent_test_step_id")) for row in rows] == [
        (None, None),
        (41, 401),
        (42, 421),
        (41, 401),
        (None, None),
    ]
    assert "[steps]" not in note


def test_a_case_that_is_called_twice_has_its_results_twice():
    """The same step id, told apart by the calling step."""
    family = beside(case_item("MM-T1", script(["MM-T2", "MM-T2"]), calls=["MM-T2"]), case_item("MM-T2", script(["b"])))
    rows, _ = sent(["b", "b"], family)
    assert [(row["test_step_id"], row["parent_test_step_id"]) for row in rows] == [(420, 400), (420, 401)]


def test_a_call_that_became_text_has_no_steps_to_align_with():
    """Its frozen steps go into the table; the steps around it are found."""
    rows, note = sent(["a", "b", "e"], one(["a", "MM-T2", "e"]))
    assert [found for found, _ in places(rows)] == [0, 2]
    assert "<td>b</td>" in note


@pytest.mark.parametrize("kind", ["plain", "bdd"])
def test_a_script_of_text_is_one_step(kind):
    """Plain and BDD: the frozen step that holds the text is aligned with the one step that qTest has."""
    detail = msgspec.json.encode({"type": kind, "text": "Given a\nWhen b"})
    rows, note = sent(["Given a\nWhen b"], beside(case_item(detail=detail)))
    assert places(rows) == [(0, 1)]
    assert "[steps]" not in note


def test_a_stub_has_the_steps_of_its_newest_execution():
    """Results of older executions are aligned with those, as with any test case."""
    stub = Item("MM-T1", ("field-activation:test-cases", "module:MM/unlisted"), b"{}", frozen(results("ab")))
    rows, note = sent(["a", "x", "b"], {"stub-case:MM-T1": stub}, case="stub-case:MM-T1")
    assert [row["test_step_id"] for row in rows] == [460, 461]
    assert "<td>x</td>" in note


def test_a_step_without_a_status_is_no_result():
    """It goes into the table: a result that nobody gave is not made up."""
    rows, note = sent([{"description": "a", "actualResult": "seen 1"}], one(["a"]))
    assert rows == []
    assert "seen 1" in note


def test_a_status_that_no_list_knows_is_refused_by_name():
    """In an aligned step as in the table."""
    for description in "ax":
        with pytest.raises(SourceError, match=r"testExecutionStatus.*44"):
            sent([{"description": description, "status": {"id": 44}}], one(["a"]))


def test_fewer_steps_in_qtest_than_there_should_be_are_named():
    """The log is refused with the number: results are not sent to steps of others."""
    context = context_of_past(executions=[EXECUTION])
    target, _ = TEST_LOG.build(log_item(EXECUTION, results("ab"), one(["a", "b"])), context)
    refs = {**REFS, "test-case:MM-T1": msgspec.structs.replace(REFS["test-case:MM-T1"], step_ids=(400,))}
    with pytest.raises(SourceError, match="1 steps"):
        TEST_LOG.create(target, context, refs)
