"""Results of steps: which steps a log may speak of, and in which order they stand (facts.md 3.10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from ztoq_async.sandbox.qtest.answers import Refusal
from ztoq_async.sandbox.qtest.case_input import no_files
from ztoq_async.sandbox.qtest.case_store import Content, Step
from ztoq_async.sandbox.qtest.echo import echo
from ztoq_async.sandbox.qtest.log_store import StepLog

if TYPE_CHECKING:
    from ztoq_async.sandbox.qtest.state import QTestState

MOST_SLOTS = 10_000
"""Cases that call each other twice, many deep, have more steps than can be counted."""


class StatusInput(msgspec.Struct, forbid_unknown_fields=True):
    """StatusResource, of which only `id` counts: a name alone is refused (facts.md 3.10)."""

    id: int
    name: Any = None
    links: Any = None
    is_default: Any = None
    color: Any = None
    active: Any = None


class StepLogInput(msgspec.Struct, forbid_unknown_fields=True):
    """TestStepLogResource; what a site derives is taken and ignored."""

    status: StatusInput | None = None
    test_step_id: int | None = None
    actual_result: str | None = None
    order: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None
    called_test_case_id: int | None = None
    parent_test_step_id: int | None = None
    attachments: list[Any] | None = None
    defects: list[Any] | None = None
    customFieldInfo: Any = None  # noqa: N815 - the vendor's spelling
    links: Any = None
    test_step_log_id: Any = None
    user_id: Any = None
    description: Any = None
    expected_result: Any = None
    called_test_case_name: Any = None
    group: Any = None
    test_step: Any = None
    called_test_case_log: Any = None
    exe_date: Any = None


def known(state: QTestState, given: StatusInput) -> int:
    """The id of a status; 400 for one that the site does not have."""
    if given.id not in state.statuses:
        raise Refusal(400, f"Status {given.id} is not one of the execution statuses of this site.")
    return given.id


def usable(state: QTestState, given: StatusInput) -> int:
    """The id of an active status, which a log needs."""
    if not state.statuses[known(state, given)]["active"]:
        raise Refusal(400, f"Status {given.id} is not active.")
    return given.id


class Slot(NamedTuple):
    """A step that a log can speak of: an own one, or one of a case that `parent` calls."""

    step: Step
    parent: int = 0
    called: int = 0

    @property
    def key(self) -> tuple[int, int, int]:
        return self.step.id, self.parent, self.called


def slots(state: QTestState, steps: list[Step]) -> list[Slot]:
    """The steps in their order, those of called cases, in their current versions, behind the step that calls."""
    return list(islice(_expanded(state, steps, 0, 0), MOST_SLOTS))


def _expanded(state: QTestState, steps: list[Step], parent: int, called: int) -> Iterator[Slot]:
    for step in steps:
        yield Slot(step, parent, called)
        case = state.cases.find(step.called) if step.called else None
        if case:
            yield from _expanded(state, case.newest.content.steps, step.id, case.id)


def no_defects(defects: list[Any] | None) -> None:
    if defects:
        raise Refusal(400, "Defects are not part of this sandbox.")


def step_logs(state: QTestState, content: Content, given: list[StepLogInput]) -> list[StepLog]:
    """The results in the order of `order`, each of a step of this version; where the dialect fills, of every step."""
    fills = state.dialect.fills_step_logs
    if not (given or fills):
        return []
    places = slots(state, content.steps)
    free = Counter(slot.key for slot in places)
    rows = [_row(state, row, place, free) for place, row in enumerate(given, 1)]
    rows.sort(key=lambda row: row.order)
    return _filled(state, places, rows) if fills else rows


def _row(state: QTestState, given: StepLogInput, place: int, free: Counter[tuple[int, int, int]]) -> StepLog:
    no_files(given.attachments)
    no_defects(given.defects)
    if given.test_step_id is None or given.status is None:
        raise Refusal(400, "A test step log needs test_step_id and status.")
    key = given.test_step_id, given.parent_test_step_id or 0, given.called_test_case_id or 0
    if not free[key]:
        raise Refusal(400, f"Test step {key[0]} does not belong to this version, or has its result already.")
    free[key] -= 1
    return StepLog(
        state.execution.logs.next_step_id(), key[0], known(state, given.status),
        place if given.order is None else given.order, echo(state.dialect.echo, given.actual_result or ""),
        key[1], key[2],
    )  # fmt: skip


def _filled(state: QTestState, places: list[Slot], rows: list[StepLog]) -> list[StepLog]:
    """A row for every step, in the order of the steps; those without a result have the status of what was not run."""
    sent: dict[tuple[int, int, int], list[StepLog]] = {}
    for row in rows:
        sent.setdefault((row.step, row.parent, row.called), []).append(row)
    expanded = state.dialect.called_steps == "expanded"
    filled = []
    for slot in places:
        own = sent.get(slot.key)
        if own:
            filled.append(own.pop(0))
        elif expanded or not slot.parent:
            identity = state.execution.logs.next_step_id()
            filled.append(StepLog(identity, slot.step.id, state.unexecuted, 0, "", slot.parent, slot.called))
    for order, row in enumerate(filled, 1):
        row.order = order
    return filled


def changed_step_logs(state: QTestState, held: list[StepLog], given: list[StepLogInput]) -> list[StepLog]:
    """The results after a change: each row names by `order` one that is there (the vendor's note on PUT)."""
    rows = {row.order: row for row in held}
    for row in given:
        no_files(row.attachments)
        no_defects(row.defects)
        found = rows.get(row.order) if row.order is not None else None
        if found is None or row.test_step_id not in (None, found.step):
            raise Refusal(400, f"No result of this test log stands at order {row.order}.")
        if row.status is not None:
            found.status = known(state, row.status)
        if row.actual_result is not None:
            found.actual = echo(state.dialect.echo, row.actual_result)
    return held
