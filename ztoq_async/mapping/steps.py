"""Scripts: Zephyr steps, plain text or BDD become qTest steps (decisions 4, 5 and 7; facts.md 1.6 and 3.8).

qTest has no column for test data, step fields or call parameters: they follow the description as labelled blocks
`<p>[test data]</p>…`, so that a reader finds them and a program can split them off again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import values
from ztoq_async.mapping.account import AS_IS, Note
from ztoq_async.mapping.context import Findings
from ztoq_async.mapping.text import as_html, cleaned, closed, holds_forbidden, without_control, without_parameters
from ztoq_async.qtest.records import DataType
from ztoq_async.zephyr.records import CallToTest, Inline, Script, Step

_PINNED = re.compile(r"/versions/\d+/?$")
EMPTY = "[empty]"
SCRIPTS = ("steps", "plain", "bdd")


class StepTarget(msgspec.Struct, frozen=True):
    """One qTest step; `called` is the Zephyr key of the test case that it calls."""

    description: str = ""
    expected: str = ""
    called: str | None = None


def build_steps(script: Script, linked: Collection[str], findings: Findings) -> tuple[list[StepTarget], list[Note]]:
    """The qTest steps of a script in their order, and what became of every attribute.

    `linked` are the keys of the test cases that steps may call: a call to any other becomes text.
    """
    notes: list[Note] = []
    if script.type not in SCRIPTS:
        raise SourceError(f"script.type: '{script.type}' has no rule")
    if script.type != "steps":
        return [_text_step(script, notes)], notes
    steps = [_step(step, linked, findings, notes) for step in script.steps]
    return steps, notes


def carried_html(markup: str, attribute: str, notes: list[Note], *, in_step: bool = False) -> str:
    """The HTML as it goes over, and the note that says by which rule."""
    text = without_control(markup)
    rule, loss = (AS_IS, "") if text == markup else ("control-characters", "control characters were dropped")
    if holds_forbidden(text):
        text, rule, loss = cleaned(text), "html-cleaned", "scripts, event handlers or embedded objects were dropped"
    if in_step and "[~" in text:
        text, rule = without_parameters(text), rule if loss else "parameter-escaped"
    notes.append(Note(attribute, rule, loss))
    return text


def _text_step(script: Script, notes: list[Note]) -> StepTarget:
    notes.append(Note("script.type", "script-marker"))
    if not script.text:
        return StepTarget(f"<p>[{script.type}]</p>")
    if script.type == "bdd":
        notes.append(Note("script.text", "bdd-to-step"))
        return StepTarget(f"<p>[bdd]</p><pre>{without_parameters(as_html(without_control(script.text)))}</pre>")
    text = carried_html(script.text, "script.text", notes, in_step=True)
    return StepTarget(f"<p>[plain]</p>{text}")


def _step(step: Step, linked: Collection[str], findings: Findings, notes: list[Note]) -> StepTarget:
    if step.test_case is not None:
        if step.inline not in (None, Inline()):
            raise SourceError("steps: one has both texts of its own and a call to a test case")
        return _call(step.test_case, linked, notes)
    made = _inline(step.inline or Inline(), notes)
    if findings.empty_steps or made.description or made.expected:
        return made
    return StepTarget(EMPTY)


def _inline(inline: Inline, notes: list[Note]) -> StepTarget:
    description = _html(inline.description, "steps.inline.description", notes)
    expected = _html(inline.expected_result, "steps.inline.expectedResult", notes)
    blocks = list(_blocks(inline, notes))
    description = closed(description) if blocks else description
    for label, text in blocks:
        description += labelled(label, text, description + text)
    return StepTarget(description, expected)


def _html(markup: str | None, attribute: str, notes: list[Note]) -> str:
    return carried_html(markup, attribute, notes, in_step=True) if markup else ""


def _blocks(inline: Inline, notes: list[Note]) -> Iterator[tuple[str, str]]:
    if inline.test_data:
        yield "test data", _moved(inline.test_data, "steps.inline.testData", "test-data-block", notes)
    if inline.reflect_ref:
        yield "reflect", as_html(_moved(inline.reflect_ref, "steps.inline.reflectRef", "labelled-block", notes))
    for name, value in (inline.custom_fields or {}).items():
        if value is not None and value != "" and value != []:
            attribute = f"steps.inline.customFields.{name}"
            text = values.from_zephyr(value, DataType.TEXT)
            yield name, _moved(str(text), attribute, "labelled-block", notes)


def _moved(text: str, attribute: str, rule: str, notes: list[Note]) -> str:
    own: list[Note] = []
    carried = carried_html(text, attribute, own, in_step=True)
    notes.append(Note(attribute, own[0].rule if own[0].loss else rule, own[0].loss))
    return closed(carried)


def labelled(label: str, text: str, beside: str = "") -> str:
    """A block under a label; where the texts beside it hold the label, it takes a number above theirs."""
    start = without_parameters(f"[{as_html(without_control(label))}")
    if start not in beside:
        return f"<p>{start}]</p>{text}"
    taken = [int(number or 1) for number in re.findall(rf"{re.escape(start)}(?: (\d+))?\]", beside, re.ASCII)]
    return f"<p>{start}]</p>{text}" if not taken else f"<p>{start} {max(taken) + 1}]</p>{text}"


def _call(call: CallToTest, linked: Collection[str], notes: list[Note]) -> StepTarget:
    description = call_line(call.test_case_key)
    link = call.test_case_key in linked and not is_pinned(call)
    loss = "" if link else f"the call to {call.test_case_key} is text, not a link"
    notes.append(Note("steps.testCase.testCaseKey", "call-to-test" if link else "call-flattened", loss))
    if call.parameters:
        notes.append(Note("steps.testCase.parameters", "call-parameters-block"))
        lines = "".join(f"<p>{_parameter(item.name, item.value)}</p>" for item in call.parameters)
        description += labelled("parameters", lines)
    return StepTarget(description, "", call.test_case_key if link else None)


def call_line(key: str) -> str:
    """The words of a step that calls a test case; parameters follow them."""
    return f"<p>[call] {as_html(key)}</p>"


def _parameter(name: str, value: str | None) -> str:
    return without_parameters(as_html(without_control(f"{name} = {value or ''}")))


def is_pinned(call: CallToTest) -> bool:
    """True if the call names a version of the called test case, which qTest's calls cannot."""
    return _PINNED.search(call.self) is not None


def calls(script: Script) -> list[str]:
    """The keys of the test cases that the script's steps call and that may become links."""
    found = [step.test_case for step in script.steps if step.test_case is not None]
    return [call.test_case_key for call in found if not is_pinned(call)]


def raw_attributes(script: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The parts of an archived script with the prefix of their attributes: each step, or the text."""
    if script.get("type") == "steps":
        yield from (("steps", step) for step in script.get("steps", []))
    else:
        yield "script", script
