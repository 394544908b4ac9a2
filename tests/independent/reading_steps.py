"""Scripts against steps: number, order, every text, and which test case is called where."""

import html
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from both_sides import Corpus, Objects, Row
from field_values import UNSET, same_list, word
from plain_text import CONTROL, collapsed, plain

Found = Iterator[tuple[str, str]]


def text_differences(where: str, source: str | None, actual: str | None) -> Found:
    """What differs between two pieces of HTML as plain text."""
    wanted, found = plain(source), plain(actual)
    if wanted != found:
        yield where, f"{found!r} instead of {wanted!r}"


class Scripts:
    """The scripts of a corpus against the steps of qTest's test cases, whose Zephyr keys `keys` has by id.

    It counts steps, calls, and `flattened`: calls that are text instead of a link, excused or not.
    """

    def __init__(self, corpus: Corpus, objects: Objects, keys: dict[int, str]) -> None:
        self._corpus, self._keys = corpus, keys
        self._sources = {row["key"] for row in corpus.cases}
        self.steps = self.calls = self.flattened = 0
        self._links: dict[str, set[str]] = defaultdict(set)
        for row in objects.cases:
            called = {step.get("called_test_case_id") or 0 for step in own_steps(row)} & keys.keys()
            self._links[keys[row["id"]]] |= {keys[identifier] for identifier in called}

    def differences(self, key: str, actual: Row) -> Found:
        """What differs between a test case's script and its qTest steps; places count from 1."""
        rows = own_steps(actual)
        script = self._corpus.scripts.get(key)
        wanted = [script] if script else self._corpus.steps.get(key, [])
        self.steps += len(rows) if not script else 0
        if len(rows) != len(wanted):
            yield "steps", f"{len(rows)} instead of {len(wanted)}"
        if len({row["order"] for row in rows}) != len(rows):
            yield "steps", "two have one place"
        for place, (source, row) in enumerate(zip(wanted, rows, strict=False), start=1):
            for where, words in self._text_script(source, row) if script else self._step(key, source, row):
                yield f"steps[{place}].{where}", words

    def _text_script(self, source: Row, row: Row) -> Found:
        found = row["description"] or ""
        if source["type"] == "plain":
            yield from text_differences("script", f"<p>[plain]</p>{source['text']}", found)
        else:
            body = re.fullmatch(r"<p>\[bdd\]</p><pre>(.*)</pre>", found, re.DOTALL)
            if body is None or html.unescape(body[1]) != CONTROL.sub("", source["text"]):
                yield "script", f"{found!r} instead of {source['text']!r}"
        yield from text_differences("expected", "", row["expected"])

    def _step(self, key: str, source: Row, row: Row) -> Found:
        called = source.get("testCase")
        if called:
            yield from self._call(key, called, row)
            return
        if row.get("called_test_case_id"):
            yield "call", f"a call to {self._keys.get(row['called_test_case_id'])} instead of none"
        inline = source.get("inline") or {}
        rest = row["description"] or ""
        for label, value in reversed(_blocks(inline)):
            where = "testData" if label == "test data" else label
            head, found = _split(rest, label)
            rest = head
            if found is None:
                yield where, f"it is missing: {value!r}"
            elif not (isinstance(value, list) and same_list(value, found)):
                yield from text_differences(where, word(value), found)
        yield from text_differences("description", inline.get("description"), rest)
        yield from text_differences("expected", inline.get("expectedResult"), row["expected"])

    def _call(self, key: str, called: Row, row: Row) -> Found:
        wanted = called["testCaseKey"]
        linked = row.get("called_test_case_id")
        self.calls += 1
        if linked and (self._keys.get(linked) != wanted or _is_pinned(called)):
            yield "call", f"a link to {self._keys.get(linked)} instead of {wanted}"
        if not linked:
            self.flattened += 1
            if not (_is_pinned(called) or wanted not in self._sources or self._leads_to(wanted, key)):
                yield "call", f"the link to {wanted} is missing"
        lines = [f"{item['name']} = {item['value'] or ''}" for item in called.get("parameters") or ()]
        words = [f"[call] {wanted}", *(["[parameters]"] if lines else []), *lines]
        if plain(row["description"]) != collapsed(" ".join(words)):
            yield "call", f"{row['description']!r} instead of {words}"
        yield from text_differences("expected", "", row["expected"])

    def _leads_to(self, start: str, goal: str) -> bool:
        """True if the links of qTest lead from one test case to another: one more the other way closes a circle."""
        seen, ahead = set(), [start]
        while ahead:
            key = ahead.pop()
            if key == goal:
                return True
            if key not in seen:
                seen.add(key)
                ahead.extend(self._links.get(key, ()))
        return False


def own_steps(case: Row) -> list[Row]:
    return sorted((row for row in case["test_steps"] if not row.get("parent_test_step_id")), key=lambda r: r["order"])


def _is_pinned(called: Row) -> bool:
    return "/versions/" in called.get("self", "")


def _blocks(inline: Row) -> list[tuple[str, Any]]:
    """What follows a step's description under labels, in order."""
    known = [("test data", inline.get("testData")), ("reflect", inline.get("reflectRef"))]
    named = [*known, *(inline.get("customFields") or {}).items()]
    return [(label, value) for label, value in named if value not in UNSET]


def _split(text: str, label: str) -> tuple[str, str | None]:
    """The text before a labelled block, and the block; of several such labels the one of the highest number counts."""
    marks = list(re.finditer(rf"<p>\[{re.escape(html.escape(label, quote=False))}(?: (\d+))?\]</p>", text))
    if not marks:
        return text, None
    mark = max(marks, key=lambda found: int(found[1] or 1))
    return text[: mark.start()], text[mark.end() :]
