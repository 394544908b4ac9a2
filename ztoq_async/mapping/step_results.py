"""Step results: the frozen steps of an execution aligned with the steps that the test case has now (decision 12).

Zephyr freezes the steps of an execution and flattens called test cases (facts.md 1.9); a test case is edited without a
new version. Two steps are the same if description, test data and expected result are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import attributes
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.kind import Item, Made, Refs, made_of
from ztoq_async.mapping.steps import carried_html, is_pinned, labelled
from ztoq_async.mapping.stub_kind import frozen_script
from ztoq_async.mapping.test_case_kind import linked
from ztoq_async.mapping.text import as_html, balanced, closed, comparable, without_control
from ztoq_async.zephyr.records import Inline, Result, Script

PATH = "steps.inline"
MOST_DEEP = 99


class Place(msgspec.Struct, frozen=True):
    """A step of a test case: the case's row, the step's place from 0; `caller` is the step that calls the case."""

    case: str
    index: int
    caller: Place | None = None


class StepResult(msgspec.Struct, frozen=True):
    """The result of one step to send: `status` is the qTest status' name."""

    place: Place
    status: str
    actual: str


_Texts = tuple[str, str, str]


def loaded(case: str, item: Item) -> list[tuple[Place, _Texts]]:
    """The steps of a test case as they are now, called test cases in their places."""
    return list(_loaded(case, item.beside, None, 0))


def _loaded(case: str, items: Mapping[str, Item], caller: Place | None, depth: int) -> Iterator[tuple[Place, _Texts]]:
    item = items.get(case)
    if item is None or depth > MOST_DEEP:
        return
    script, links = _script(case, item), linked(item)
    for index, step in enumerate(script.steps):
        place, call = Place(case, index, caller), step.test_case
        if call is not None and call.test_case_key in links and not is_pinned(call):
            yield from _loaded(f"test-case:{call.test_case_key}", items, place, depth + 1)
        elif call is None:
            yield place, _texts(step.inline or Inline())
    if script.type != "steps":
        yield Place(case, 0, caller), _texts(Inline(script.text))


def _script(case: str, item: Item) -> Script:
    try:
        return frozen_script(item.detail) if case.startswith("stub") else msgspec.json.decode(item.detail, type=Script)
    except msgspec.DecodeError as error:
        raise SourceError(f"{case.replace(':', ' ', 1)}: its script is not what the contract says: {error}") from None


def _texts(step: Inline | Result) -> _Texts:
    return step.description or "", step.test_data or "", step.expected_result or ""


def aligned(frozen: list[Result], steps: list[tuple[Place, _Texts]]) -> list[Place | None]:
    """For each frozen step the step that it is now, in order; None where there is none.

    In a test case of 200 steps and more, those that are repeated over and over do not count by themselves: to weigh
    every pair of them takes minutes.
    """
    then: list[tuple[Any, ...]] = [_texts(step) for step in frozen]
    now: list[tuple[Any, ...]] = [texts for _, texts in steps]
    found: list[Place | None] = [None] * len(frozen)
    if then == now:
        return [place for place, _ in steps]
    # Most texts stand on both sides: each is parsed once.
    trees = {text: comparable(text) for texts in (*then, *now) for text in texts}
    then, now = ([tuple(trees[text] for text in texts) for texts in side] for side in (then, now))
    for start, other, size in SequenceMatcher(None, then, now).get_matching_blocks():
        for step in range(size):
            found[start + step] = steps[other + step][0]
    return found


def build_results(
    frozen: list[Result], places: list[Place | None], context: Context, notes: list[Note]
) -> tuple[list[StepResult], str]:
    """The results of aligned steps, and the table of the others, "" if there are none."""
    results: list[StepResult] = []
    rows: list[str] = []
    for number, (step, place) in enumerate(zip(frozen, places, strict=True), start=1):
        if place is None or step.status is None:
            rows.append(_row(number, step, context, notes))
        else:
            results.append(_result(step, place, context, notes))
    return results, _table(rows) if rows else ""


def _result(step: Result, place: Place, context: Context, notes: list[Note]) -> StepResult:
    texts = (step.description, step.test_data, step.expected_result, step.reflect_ref)
    for text, name in zip(texts, ("description", "testData", "expectedResult", "reflectRef"), strict=True):
        if text:
            notes.append(Note(f"{PATH}.{name}", "same-step"))
    actual = carried_html(step.actual_result, f"{PATH}.actualResult", notes) if step.actual_result else ""
    name, status = status_of(step.status.id if step.status else 0, context)
    notes.append(Note(f"{PATH}.status.id", "status-by-mapping"))
    if name != status or step.test_data_row_number is not None:
        actual = closed(actual)
    if name != status:
        actual += labelled("status", as_html(name), actual)
    if step.test_data_row_number is not None:
        notes.append(Note(f"{PATH}.testDataRowNumber", "data-row-block"))
        actual += labelled("data row", str(step.test_data_row_number), actual)
    return StepResult(place, status, actual)


def status_of(identifier: int, context: Context) -> tuple[str, str]:
    """The Zephyr name of an execution status and the qTest name that it becomes; `SourceError` where it has no rule."""
    name = attributes.named(identifier, "testExecutionStatus", context.source.execution_statuses)
    wanted = context.rules.execution_status.get(name, name)
    if wanted not in context.target.statuses:
        raise SourceError(f"testExecutionStatus: '{name}' has no status in qTest")
    return name, wanted


_COLUMNS = ("step", "description", "test data", "expected result", "actual result", "status", "data row")


def _table(rows: list[str]) -> str:
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    return f"<table><tbody><tr>{head}</tr>{''.join(rows)}</tbody></table>"


def _row(number: int, step: Result, context: Context, notes: list[Note]) -> str:
    """A step that does not align, with everything that it holds."""
    texts = (
        ("description", step.description),
        ("testData", step.test_data),
        ("expectedResult", step.expected_result),
        ("actualResult", step.actual_result),
    )
    cells = [str(number), *(_cell(f"{PATH}.{name}", text, notes) for name, text in texts)]
    cells.append(_status_cell(step, context, notes))
    cells.append("" if step.test_data_row_number is None else str(step.test_data_row_number))
    if step.test_data_row_number is not None:
        notes.append(Note(f"{PATH}.testDataRowNumber", "frozen-steps"))
    if step.reflect_ref:
        notes.append(Note(f"{PATH}.reflectRef", "frozen-steps"))
        cells[1] += labelled("reflect", as_html(without_control(step.reflect_ref)), cells[1])
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _cell(attribute: str, text: str | None, notes: list[Note]) -> str:
    if not text:
        return ""
    own: list[Note] = []
    found = balanced(carried_html(text, attribute, own))
    notes.append(Note(attribute, own[0].rule if own[0].loss else "frozen-steps", own[0].loss))
    return found


def _status_cell(step: Result, context: Context, notes: list[Note]) -> str:
    if step.status is None:
        return ""
    notes.append(Note(f"{PATH}.status.id", "frozen-steps"))
    return as_html(attributes.named(step.status.id, "testExecutionStatus", context.source.execution_statuses))


def create_bodies(results: list[StepResult], context: Context, refs: Refs) -> list[dict[str, Any]]:
    """The array `test_step_logs` of a log, by the ids of this project (facts.md 3.10)."""
    return [_body(result, context, refs) for result in results]


def _body(result: StepResult, context: Context, refs: Refs) -> dict[str, Any]:
    place = result.place
    body: dict[str, Any] = {
        "test_step_id": step_id(place, refs),
        "status": {"id": context.target.statuses[result.status].id},
        "actual_result": result.actual,
    }
    if place.caller is None:
        return body
    called = {"called_test_case_id": made_of(refs, place.case).id, "parent_test_step_id": step_id(place.caller, refs)}
    return {**body, **called}


def step_id(place: Place, refs: Refs) -> int:
    """The id of a step in qTest; raises `SourceError` where the test case has fewer steps than it should."""
    case: Made = made_of(refs, place.case)
    if place.index >= len(case.step_ids):
        raise SourceError(f"{place.case.replace(':', ' ', 1)} has {len(case.step_ids)} steps in qTest")
    return case.step_ids[place.index]
