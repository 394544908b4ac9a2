"""Logs by Hypothesis: dates, notes, accounts and comparisons of whatever execution the contract allows."""

import copy
import re

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from past import EXECUTIONS, REFS, RESULTS, beside, case_item, case_reference, context_of_past, log_item, script
from selectolax.lexbor import LexborHTMLParser

from ztoq_async.errors import SourceError
from ztoq_async.mapping.account import settle
from ztoq_async.mapping.log_kind import PLANNED, TEST_LOG

encode, decode = msgspec.json.encode, msgspec.json.decode
relaxed = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None, max_examples=60
)
BLOCKS = ["key", "executed by", "assigned to", "status", "version", "test case version", "execution time (ms)"]
BLOCKS += ["estimated time (ms)", "automated"]


def execution(**attributes):
    record = {"id": 11, "testCase": case_reference(), "testExecutionStatus": {"id": 1}}
    return {**record, "actualEndDate": "2021-03-28T01:00:00Z", **attributes}


def family(results):
    """The test case with every second of the frozen steps as its own."""
    steps = [{name: row.get(name) for name in ("description", "testData", "expectedResult")} for row in results[::2]]
    return beside(case_item(detail=script(steps), createdOn="2020-02-29T12:00:00Z"))


def built(record, results=(), items=None):
    """Context, item, target and notes of an execution that can be moved; skips the others."""
    context = context_of_past(executions=[record])
    item = log_item(record, results, family(results) if items is None else items)
    try:
        return (context, item, *TEST_LOG.build(item, context))
    except SourceError:
        assume(False)


def note_of(**attributes):
    return built(execution(**attributes))[2].note


def body_of(target, context):
    return decode(TEST_LOG.create(target, context, REFS).body)


def named(body, target, context, **changes):
    """What differs where qTest shows the log as it was sent, but for the changes; it shows in the canonical form, too.

    But for the run: a log has no other as long as it is there.
    """
    same = {**body, "id": 5, "test_run_id": 70}
    _, actual = TEST_LOG.made(encode({**same, **changes}), target, context)
    found = TEST_LOG.differences(target, actual, context, REFS)
    if found and "test_run_id" not in found:
        _, unchanged = TEST_LOG.made(encode(same), target, context)
        assert TEST_LOG.canonical(actual, context) != TEST_LOG.canonical(unchanged, context)
    return found


@relaxed
@given(EXECUTIONS, RESULTS)
def test_any_execution_is_built_or_refused_by_name(record, results):
    """Total and deterministic: a target, or a SourceError with words; no other exception."""
    context = context_of_past(executions=[record])
    item = log_item(record, results, family(results))
    for kind in (TEST_LOG, PLANNED):
        try:
            first = kind.build(item, context)
        except SourceError as error:
            assert str(error)
            with pytest.raises(SourceError):
                kind.build(item, context)
        else:
            assert kind.build(item, context) == first


@relaxed
@given(EXECUTIONS, RESULTS)
def test_every_attribute_of_an_execution_is_accounted_for(record, results):
    """Nothing that was read is unexplained, whether the execution has a result or is planned."""
    _, item, _, notes = built(record, results)
    _, planned = PLANNED.build(item, context_of_past(executions=[record]))
    for kind, found in ((TEST_LOG, notes), (PLANNED, planned)):
        read = list(kind.attributes(item))
        counts, surplus = settle(read, found)
        assert surplus == []
        assert sum(counts.values()) == len(read)


@relaxed
@given(EXECUTIONS, RESULTS)
def test_an_execution_is_planned_or_logged_and_never_both(record, results):
    """Exactly one of the two kinds has a row for it, refusals among the logs; that row hangs on its run."""
    context = context_of_past(executions=[record])
    rows = [row for kind in (TEST_LOG, PLANNED) for row in kind.plan(context).add("11", encode(record), b"")]
    assert len(rows) == 1
    assert rows[0].parents[0].startswith("test-run:") or rows[0].refusal
    assert (rows[0].kind == "planned") == (record["testExecutionStatus"]["id"] == 3 and not record.get("actualEndDate"))


@relaxed
@given(EXECUTIONS, RESULTS, st.data())
def test_a_log_is_equal_as_sent_and_any_change_of_it_is_named(record, results, data):
    """Dates, status, note, run, each step's status, result and place: none may change unseen."""
    context, _, target, _ = built(record, results)
    body = body_of(target, context)
    assert named(body, target, context) == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["exe_end_date"])
    for name in ("exe_start_date", "exe_end_date"):
        second = "1" if body[name][18] == "0" else "0"
        assert named(body, target, context, **{name: f"{body[name][:18]}{second}Z"}) == [name]
    assert named(body, target, context, status={"id": 999}) == ["status"]
    assert named(body, target, context, test_run_id=71) == ["test_run_id"]
    assert named(body, target, context, note="surplus" + body["note"]) == ["note"]
    steps = body["test_step_logs"]
    if not steps:
        return
    place = data.draw(st.integers(0, len(steps) - 1))
    for name, changed in (("status", {"id": 999}), ("actual_result", "<p>other words</p>")):
        other = copy.deepcopy(steps)
        other[place][name] = changed
        assert named(body, target, context, test_step_logs=other) == [f"test_step_logs[{place + 1}].{name}"]
    fewer = [step for number, step in enumerate(steps) if number != place]
    assert named(body, target, context, test_step_logs=fewer) == [
        f"test_step_logs: {len(fewer)} instead of {len(steps)}"
    ]
    assert named(body, target, context, test_step_logs=None) is None


@relaxed
@given(EXECUTIONS, RESULTS)
def test_a_log_is_found_again_by_its_execution(record, results):
    """Its key is the execution's id, whatever the comment and the custom fields say."""
    context, item, target, _ = built(record, results)
    answer = encode({**body_of(target, context), "id": 5})
    assert [key for key, _, _ in TEST_LOG.recognise([answer], context)] == [item.key]


@pytest.mark.parametrize(
    ("end", "time", "start", "sent"),
    [
        ("2021-03-28T01:00:00Z", None, "2021-03-28T01:00:00Z", "2021-03-28T01:00:00Z"),
        ("2021-03-28T01:00:00Z", 0, "2021-03-28T01:00:00Z", "2021-03-28T01:00:00Z"),
        ("2021-03-28T01:00:00Z", 1, "2021-03-28T00:59:59Z", "2021-03-28T01:00:00Z"),
        ("2021-03-28T01:00:00Z", 1000, "2021-03-28T00:59:59Z", "2021-03-28T01:00:00Z"),
        ("2021-03-28T01:00:00Z", 1001, "2021-03-28T00:59:58Z", "2021-03-28T01:00:00Z"),
        ("2021-03-28T03:00:00.999+02:00", 0, "2021-03-28T01:00:00Z", "2021-03-28T01:00:00Z"),
        ("2021-11-07T05:30:00Z", 3_600_000, "2021-11-07T04:30:00Z", "2021-11-07T05:30:00Z"),
        ("2020-02-29T00:00:00Z", 86_400_000, "2020-02-28T00:00:00Z", "2020-02-29T00:00:00Z"),
        ("2020-01-01T00:00:00.000Z", 1, "2019-12-31T23:59:59Z", "2020-01-01T00:00:00Z"),
        ("2020-01-01T00:00:00", 0, "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        (None, 1500, "2020-02-29T11:59:58Z", "2020-02-29T12:00:00Z"),
        ("", 0, "2020-02-29T12:00:00Z", "2020-02-29T12:00:00Z"),
    ],
)
def test_dates_are_instants_in_whole_seconds(end, time, start, sent):
    """End as it is, start that much earlier, down to the second, in UTC; undated ones have their test case's date."""
    context, _, target, notes = built(execution(actualEndDate=end, executionTime=time))
    body = body_of(target, context)
    assert (body["exe_start_date"], body["exe_end_date"]) == (start, sent)
    assert [note.rule for note in notes if note.rule == "undated"] == ([] if end else ["undated"])


@pytest.mark.parametrize(
    ("attributes", "created", "words"),
    [
        ({"actualEndDate": "yesterday"}, "2020-02-29T12:00:00Z", "actualEndDate.*yesterday"),
        ({"actualEndDate": "2021-02-29T00:00:00Z"}, "2020-02-29T12:00:00Z", "actualEndDate"),
        ({"actualEndDate": None}, None, "actualEndDate"),
        ({"executionTime": 2**62}, None, "executionTime"),
        ({"executionTime": 10**14}, None, "executionTime"),
        ({"testExecutionStatus": {"id": 44}}, None, "testExecutionStatus.*44"),
    ],
)
def test_what_cannot_be_dated_or_named_is_refused_by_its_attribute(attributes, created, words):
    """A date is never made up; a status never falls to a default."""
    record = execution(**attributes)
    context = context_of_past(executions=[record])
    with pytest.raises(SourceError, match=words):
        TEST_LOG.build(log_item(record, (), beside(case_item(createdOn=created))), context)


def labels(note):
    """The labels of the blocks that a reader sees: paragraphs at the top of the note's tree."""
    tops = LexborHTMLParser(f"<body>{note}").body.iter(include_text=False)
    texts = [node.text() for node in tops if node.tag == "p"]
    return [text[1:-1] for text in texts if re.fullmatch(r"\[[^\]]+\]", text)]


def full(**attributes):
    everything = {"key": "MM-E1", "executedById": "5b10:a", "assignedToId": "5b10:a", "executionTime": 5}
    everything |= {"estimatedTime": 7, "automated": True, "jiraProjectVersion": {"id": 1}}
    everything |= {"customFields": {"B": "x", "A": True}, "links": {"issues": [{"issueId": 7}]}}
    return execution(**everything | attributes)


def test_blocks_stand_in_the_promised_order():
    """docs/what-goes-where.md: facts, custom fields in Zephyr's order, links, steps, and the marker last."""
    frozen = [{"description": "gone", "status": {"id": 2}}]
    note = built(full(comment="<p>said</p>"), frozen, beside(case_item()))[2].note
    assert note.startswith("<p>said</p><p>[key]</p>MM-E1<p>[executed by]</p>jane@example.org (5b10:a)")
    assert labels(note) == [*BLOCKS, "B", "A", "links", "steps", "zephyr:test-log:11"]
    assert "2.4 &lt;final&gt;" in note
    assert note.endswith("<p>[zephyr:test-log:11]</p>")


def test_a_status_of_the_same_name_needs_no_block():
    """Only where qTest's name is another one is Zephyr's kept beside it."""
    assert "status" not in labels(note_of(testExecutionStatus={"id": 2}))
    assert "<p>[status]</p>Pass" in note_of(testExecutionStatus={"id": 1})


@pytest.mark.parametrize("comment", ["<p>[key]</p>mine", "[key] and [key 2]", "<p>[zephyr:test-log:7]</p>"])
def test_a_comment_that_holds_a_label_or_a_marker_deceives_nobody(comment):
    """The block takes a number above; the last marker counts."""
    context, _, target, _ = built(full(comment=comment))
    assert target.note.startswith(comment)
    own = target.note[len(comment) :]
    assert re.findall(r"<p>(\[key[^\]]*\])</p>", own)[0] not in comment
    answer = encode({**body_of(target, context), "id": 5})
    assert [key for key, _, _ in TEST_LOG.recognise([answer], context)] == ["11"]


UNCLOSED = ["a<b word", "<b>word", "x <!-- word", "<a href='word", "<table><tr><td>word", "word</td></tr></table>"]
UNCLOSED += ["<pre>word", "5 < 6 word", "<a href='z>word", "<plaintext>word", "<textarea>word", "<select><option>word"]


@pytest.mark.parametrize("text", UNCLOSED)
@pytest.mark.parametrize("where", ["comment", "customFields"])
def test_no_text_hides_the_blocks_that_follow_it(where, text):
    """A tag, comment or quote that is never closed ends with its own block: a reader sees every other one."""
    value = {"customFields": {"B": text, "A": True}} if where == "customFields" else {"comment": text}
    note = built(full(**value))[2].note
    assert labels(note) == [*BLOCKS, "B", "A", "links", "zephyr:test-log:11"]
    assert "word" in LexborHTMLParser(f"<body>{note}").body.text()


@pytest.mark.parametrize("text", UNCLOSED)
@pytest.mark.parametrize("place", ["description", "testData", "expectedResult", "actualResult"])
def test_no_text_breaks_out_of_the_table_of_steps(place, text):
    """One row for each step that does not align, seven cells each, whatever HTML the step holds."""
    frozen = [{place: text, "status": {"id": 2}, "reflectRef": "r"}, {"description": "second", "status": {"id": 1}}]
    note = built(full(), frozen, beside(case_item()))[2].note
    rows = LexborHTMLParser(f"<body>{note}").css("body > table > tbody > tr")
    assert len(rows) == 3
    for row in rows:
        assert len([cell for cell in row.iter(include_text=False) if cell.tag in ("td", "th")]) == 7
    assert [row.css_first("td").text() for row in rows[1:]] == ["1", "2"]
    assert labels(note)[-2:] == ["steps", "zephyr:test-log:11"]
    assert "word" in rows[1].text()


@pytest.mark.parametrize("text", UNCLOSED)
def test_no_actual_result_hides_its_blocks(text):
    """The same of the blocks after the actual result of a step."""
    frozen = [{"description": "a", "actualResult": text, "status": {"id": 1}, "testDataRowNumber": 2}]
    (result,) = built(full(), frozen, beside(case_item(detail=script(["a"]))))[2].results
    assert labels(result.actual) == ["status", "data row"]
    assert "word" in LexborHTMLParser(f"<body>{result.actual}").body.text()


def test_html_that_is_whole_goes_untouched():
    """Closing what is open changes nothing that is not: decision 7 of the mapping."""
    comment = "<p>a<br />b &nbsp;&lt;c</p> and 5 < 6 <ul><li>d</ul>"
    assert built(full(comment=comment))[2].note.startswith(comment)
