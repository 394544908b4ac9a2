"""The reader itself: one thing changed in a faithful image, and it says so."""

import ast
import copy
import gzip
import json
import sys
from pathlib import Path

import pytest
from both_sides import read_corpus
from plain_text import plain
from reader import compare
from small_project import (
    COMPONENT,
    CREATED,
    KEY,
    LABELS,
    LINKS,
    MAPPING,
    OK,
    OWNER,
    PRIORITY,
    SEEN,
    SIZE,
    STATUS,
    TIME,
    TITLE,
    ZEPHYR_PRIORITY,
    corpus,
    objects,
)

HERE = Path(__file__).parent
CASES = ("both_sides", "field_values", "notes", "plain_text", "reader", "reading_modules", "reading_steps")
HISTORY = ("aligning", "history_reader", "history_sides", "http_reading")
PARTS = (*CASES, *HISTORY, "reading_cycles", "reading_logs", "reading_results", "reading_runs")


def value(case, field, text):
    """Sets a property of a test case, counted from 0."""

    def change(found):
        for row in found.cases[case]["properties"]:
            if row["field_id"] == field:
                row["field_value"] = text

    return change


def step(case, place, **values):
    return lambda found: found.cases[case]["test_steps"][place].update(values)


def part(kind, place, /, **values):
    return lambda found: getattr(found, kind)[place].update(values)


def swapped(found):
    first, second = found.cases[0]["test_steps"][:2]
    first["order"], second["order"] = second["order"], first["order"]


CHANGES = {
    "a step is lost": (lambda o: o.cases[0]["test_steps"].pop(1), "P-T1: steps: 2 instead of 3"),
    "a step is added": (lambda o: o.cases[2]["test_steps"].append({**o.cases[2]["test_steps"][0], "order": 2}), "P-T3"),
    "steps are swapped": (swapped, "P-T1: steps[1].description"),
    "two steps have one place": (step(0, 1, order=1), "P-T1: steps: two have one place"),
    "a step's text": (step(0, 0, description="do<p>[test data]</p>1 &lt; 2"), "P-T1: steps[1].description"),
    "a step's text is filled": (step(0, 1, description="x"), "P-T1: steps[2].description"),
    "an expected result": (step(0, 0, expected=""), "P-T1: steps[1].expected"),
    "test data lost": (step(0, 0, description="do <i>it</i>"), "P-T1: steps[1].testData: it is missing"),
    "test data changed": (step(0, 0, description="do it<p>[test data]</p>1 < 3"), "P-T1: steps[1].testData"),
    "test data escaped twice": (
        step(0, 0, description="do it<p>[test data]</p>1 &amp;lt; 2"),
        "P-T1: steps[1].testData",
    ),
    "a link of a call is lost": (step(0, 2, called_test_case_id=None), "P-T1: steps[3].call: the link to P-T2"),
    "a call of another case": (step(0, 2, called_test_case_id=1003), "P-T1: steps[3].call: a link to P-T3"),
    "a call's parameters": (step(0, 2, description="<p>[call] P-T2</p>"), "P-T1: steps[3].call"),
    "a link beside a call": (step(0, 0, called_test_case_id=1003), "P-T1: steps[1].call: a call to P-T3"),
    "a flattened call without its key": (step(1, 1, description=""), "P-T2: steps[2].call"),
    "a link of a foreign call": (step(1, 1, called_test_case_id=1003), "P-T2: steps[2].call: a link to P-T3"),
    "a line of BDD": (step(2, 0, description="<p>[bdd]</p><pre>Given x</pre>"), "P-T3: steps[1].script"),
    "BDD without lines": (step(2, 0, description="<p>[bdd]</p><pre>Given x When &lt;y&gt;</pre>"), "P-T3: steps[1]"),
    "the kind of a script": (step(3, 0, description="<p>[bdd]</p>1. go<br />2. stop"), "P-T4: steps[1].script"),
    "a name": (part("cases", 0, name="Full\u00e4"), "P-T1: name"),
    "a description": (part("cases", 0, description="<p>one</p>"), "P-T1: description"),
    "a precondition": (part("cases", 0, precondition=""), "P-T1: precondition"),
    "the module of a case": (part("cases", 0, parent_id=102), "P-T1: module"),
    "a status": (value(1, STATUS, "101"), "P-T2: Status"),
    "a priority": (value(1, PRIORITY, "200"), "P-T2: Priority"),
    "the kept priority": (value(1, ZEPHYR_PRIORITY, "Medium"), "P-T2: Zephyr Priority"),
    "an hour": (value(0, CREATED, "2020-02-01T00:59:07+00:00"), "P-T1: Zephyr Created On"),
    "a date that is none": (value(0, CREATED, "today"), "P-T1: Zephyr Created On"),
    "an estimated time of zero": (value(0, TIME, ""), "P-T1: Zephyr Estimated Time (ms)"),
    "a label": (value(0, LABELS, "[800]"), "P-T1: Zephyr Labels"),
    "one label more": (value(1, LABELS, "[800]"), "P-T2: Zephyr Labels"),
    "an owner": (value(0, OWNER, "u:2"), "P-T1: Zephyr Owner"),
    "a component": (value(0, COMPONENT, ""), "P-T1: Zephyr Component"),
    "a link": (value(0, LINKS, "COVERAGE issue 12 https://jira.invalid/12"), "P-T1: Zephyr Links"),
    "a link's target": (value(0, LINKS, "COVERAGE issue 12\nRELATED page https://web.invalid/ the page"), "P-T1"),
    "a number": (value(0, SIZE, "2.05"), "P-T1: customFields.Size"),
    "a day": (value(0, SEEN, "2026-06-29T00:00:00+00:00"), "P-T1: customFields.Seen"),
    "a boolean": (value(0, OK, "1400"), "P-T1: customFields.Ok"),
    "a boolean's absence": (value(0, OK, ""), "P-T1: customFields.Ok"),
    "a rich text": (value(0, TITLE, "<b>x</b> &amp;amp; y"), "P-T1: customFields.Title"),
    "a field is lost": (lambda o: o.fields.pop(SIZE), "P-T1: customFields.Size: there is no such field"),
    "a key is lost": (value(0, KEY, ""), "P-T1 is missing"),
    "a case is lost": (lambda o: o.cases.pop(3), "P-T4 is missing"),
    "a case is there twice": (lambda o: o.cases.append({**o.cases[3], "id": 1}), "P-T4 is there 2 times"),
    "a strange case": (value(3, KEY, "P-T5"), "P-T5 is extra"),
    "a module is lost": (lambda o: o.modules.pop(3), "module 11 is missing"),
    "a module is there twice": (lambda o: o.modules.append({**o.modules[1], "id": 1}), "module 12 is there 2 times"),
    "a strange module": (part("modules", 3, description="[zephyr:module:99]"), "module 99 is extra"),
    "a module's name": (part("modules", 1, name="first"), "module 12: path"),
    "a module's parent": (part("modules", 3, parent_id=101), "module 11: path"),
    "the order of siblings": (part("modules", 1, order=5), "module P: below it: ['10', 'P/unfiled', '12']"),
}


def test_a_faithful_image_has_no_difference():
    """Zones, order of choices, forms of numbers, and calls that cannot be links are no differences; all is counted."""
    found = compare(corpus(), objects(), MAPPING)
    assert found.differences == []
    assert (found.cases, found.folders, found.steps, found.calls, found.flattened) == (4, 3, 5, 3, 2)


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_one_change_is_noticed(change, words):
    """Whatever is changed in the image, a difference names the record and the attribute."""
    image = copy.deepcopy(objects())
    change(image)
    assert any(line.startswith(words) for line in compare(corpus(), image, MAPPING).differences)


def test_a_corpus_reads_the_same_plain_or_packed(tmp_path):
    """Lines of JSON, plain or gzip, are one corpus; a file that is not there has no rows."""
    rows = {"projects": [{"key": "P"}], "testcases": [{"key": "P-T1", "name": "\u2028"}]}
    for folder, suffix, packed in (("a", "", bytes), ("b", ".gz", gzip.compress)):
        (tmp_path / folder).mkdir()
        for name, lines in rows.items():
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
            (tmp_path / folder / f"{name}.jsonl{suffix}").write_bytes(packed(text))
    assert read_corpus(tmp_path / "a") == read_corpus(tmp_path / "b")
    assert read_corpus(tmp_path / "a").cases == rows["testcases"]
    assert read_corpus(tmp_path / "a").folders == []


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<p>a</p>b<br/>c", "a b c"),
        ("a<b>b</b>&nbsp;&lt;c&gt;", "ab <c>"),
        ("1 < 2 & <more>", "1 < 2 & <more>"),
        ('<a href="https://x.invalid">y</a><img src="z.png">', "[https://x.invalid] y [z.png]"),
        ("x<script>alert(1)</script>\x0b", "x"),
        (None, ""),
    ],
)
def test_plain_text_is_what_a_person_reads(markup, words):
    """Elements part words, entities are characters, a tag that HTML does not know is text."""
    assert plain(markup) == words


@pytest.mark.parametrize("part", PARTS)
def test_the_reader_knows_nothing_of_the_engine(part):
    """Each of its modules imports the standard library and its own parts, nothing else."""
    tree = ast.parse((HERE / f"{part}.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | set(PARTS)
    assert "__import__" not in ast.dump(tree)
