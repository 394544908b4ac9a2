"""The reader of executions itself: one thing changed in a faithful image, and it says so."""

import copy

import pytest
from aligning import Place, longest
from both_sides import Corpus
from history_damages import CHANGES, FROZEN
from history_reader import compare_history, with_unlisted
from notes import mark, split, table
from reading_results import least
from small_history import MAPPING, PASSED, UNEXECUTED, history, runs


def test_a_faithful_image_has_no_difference():
    """Zones, heads of tables, calls and scripts are no differences; everything is counted."""
    found = compare_history(history(), runs(), MAPPING)
    assert found.differences == []
    assert (found.cycles, found.suites, found.runs, found.logs, found.planned) == (4, 3, 5, 7, 2)
    assert (found.results, found.tabled, found.undated, found.undatable) == (8, 2, 2, 0)


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_one_change_is_noticed(change, words):
    """Whatever is changed in the image, a difference names the record and the attribute."""
    image = copy.deepcopy(runs())
    change(image)
    found = compare_history(history(), image, MAPPING).differences
    assert any(line.startswith(words) for line in found), found


def test_results_that_a_site_fills_in_are_no_difference():
    """Where a site shows a blank result for each step that was sent none, only what was sent is compared."""
    image = runs()
    blank = {"test_step_id": 21, "parent_test_step_id": 12, "status": {"id": UNEXECUTED}, "actual_result": ""}
    image.logs[FROZEN]["test_step_logs"].insert(1, blank)
    words = "test log 102 (no key): results: 3 instead of 2"
    assert words in compare_history(history(), image, MAPPING).differences
    image.fills = True
    assert compare_history(history(), image, MAPPING).differences == []
    blank["status"] = {"id": PASSED}
    assert words in compare_history(history(), image, MAPPING).differences


def test_every_execution_lost_is_named():
    """An empty project: every suite, run and log that should be there is missing."""
    image = runs()
    image.suites.clear()
    image.runs.clear()
    image.logs.clear()
    found = compare_history(history(), image, MAPPING).differences
    missing = {line for line in found if line.endswith(" is missing")}
    assert {f"test log {number} is missing" for number in (101, 102, 103, 105, 106, 107, 108)} < missing
    assert len(missing) == 7 + 5 + 3


def test_a_stub_has_the_steps_of_its_newest_execution():
    """A test case that Zephyr does not give is read like any other, by the frozen steps of its newest execution."""
    project = with_unlisted(Corpus("P", cases=[{"key": "P-T1"}]), history())
    assert project.stubs == {"X-T9"}
    assert project.unlisted == {"P-T2", "P-T3"}
    assert [step["inline"]["testData"] for step in project.steps["X-T9"]] == ["x"]
    assert project.scripts["P-T3"]["type"] == "plain"


def test_a_mark_is_the_last_line():
    """Marks in a comment do not count; paragraphs around the last one may be lost."""
    assert mark("<p>[zephyr:test-log:1]</p>x<p>[zephyr:test-log:2]</p>") == 2
    assert mark("x\n[zephyr:test-log:3]") == 3
    assert mark("[zephyr:test-log:4] and more") is None
    assert mark(None) is None


def test_of_several_labels_the_fitting_one_counts():
    """A text that holds such a line already does not hide the block."""
    text = "<p>[key]</p>mine<p>[key 2]</p>E1<p>[status]</p><p>[key]</p>theirs"
    assert split(text, "key", lambda found: found.startswith("E1"))[0] == "<p>[key]</p>mine"
    assert split(text, "key", lambda found: False)[1] == "theirs"
    assert split(text, "none", bool) == (text, None)


def test_a_table_within_a_cell_stays_there():
    """Only the outermost table's rows and cells count; entities stay as they are."""
    inner = "<table><tr><td>a</td><td>b</td></tr></table>"
    assert table(f"<table><tbody><tr><th>1</th><td>{inner}&lt;</td></tr><tr><td>2</td></tr></tbody></table>") == [
        ["1", f"{inner}&lt;"],
        ["2"],
    ]


def test_steps_of_one_row_of_test_data_are_aligned_together():
    """Where each row of test data ran all steps, as many must stand at a step as of one row can."""
    places = [Place(number, None, (text, None, None)) for number, text in enumerate("bacd")]
    frozen = [{"inline": {"description": text, "testDataRowNumber": row}} for row in (0, 1) for text in "abcd"]
    assert least(frozen, places) == 3
    assert least([*frozen, {"inline": {"description": "b"}}], places) == 3
    assert least([], places) == 0


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [("", "", 0), ("abc", "abc", 3), ("abc", "ab", 2), ("abcd", "acbd", 3), ("xaxb", "ab", 2), ("ab", "ba", 1)],
)
def test_the_longest_alignment_is_known(first, second, length):
    """The most steps that two lists can share in one order."""
    assert longest(first, second) == longest(second, first) == length
