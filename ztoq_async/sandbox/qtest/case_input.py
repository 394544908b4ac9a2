"""Test cases and steps as callers send them, checked and turned into what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ztoq_async.sandbox.qtest import keys, values
from ztoq_async.sandbox.qtest.answers import Refusal
from ztoq_async.sandbox.qtest.case_store import Case, Content, Step
from ztoq_async.sandbox.qtest.echo import echo, with_parameters
from ztoq_async.sandbox.qtest.field_store import RICH
from ztoq_async.sandbox.qtest.values import PropertyInput

if TYPE_CHECKING:
    from ztoq_async.sandbox.qtest.state import QTestState

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Place = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]


class StepInput(msgspec.Struct, forbid_unknown_fields=True):
    """TestStepResource; what a site derives is taken, so that an answer can be sent back, and ignored."""

    description: str | None = None
    expected: str | None = None
    order: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] | None = None
    id: int | None = None
    called_test_case_id: int | None = None
    parent_test_step_id: int | None = None
    attachments: list[Any] | None = None
    links: Any = None
    group: Any = None
    called_test_case_name: Any = None
    root_called_test_case_id: Any = None
    called_test_case: Any = None
    information: Any = None
    plain_value_text: Any = None
    parameter_values: Any = None
    customFieldInfo: Any = None  # noqa: N815 - the vendor's spelling


class CaseInput(msgspec.Struct, forbid_unknown_fields=True):
    """TestCaseWithCustomFieldResource; what a site derives is taken and ignored."""

    name: Name | None = None
    properties: list[PropertyInput] | None = None
    parent_id: int | None = None
    description: str | None = None
    precondition: str | None = None
    order: Place | None = None
    test_steps: list[StepInput] | None = None
    attachments: list[Any] | None = None
    id: Any = None
    links: Any = None
    pid: Any = None
    created_date: Any = None
    last_modified_date: Any = None
    last_modified_date_utc: Any = None
    web_url: Any = None
    test_case_version_id: Any = None
    version: Any = None
    creator_id: Any = None
    agent_ids: Any = None
    tosca_guid: Any = None
    tosca_node_path: Any = None
    tosca_url: Any = None
    tosca_test_case_unique_id: Any = None
    tosca_state: Any = None
    tosca_workspace_url: Any = None


def checked_name(state: QTestState, name: str | None) -> str:
    """A name of modules and test cases: 1 to 500 characters, not blank."""
    if name is None or not name.strip():
        raise Refusal(400, "Name is required and must not be blank.")
    return name.strip() if state.dialect.trim_names else name


def no_files(attachments: list[Any] | None) -> None:
    if attachments:
        raise Refusal(400, "Attachments are not part of this sandbox.")


def step_of(state: QTestState, given: StepInput, caller: Case | None) -> Step | None:
    """The step to keep, without an id; None where the dialect drops it."""
    no_files(given.attachments)
    called = given.called_test_case_id or 0
    if called:
        _callable(state, called, caller)
    if (given.description is None or given.expected is None) and not called:
        raise Refusal(400, "A test step needs description and expected.")
    description, expected = given.description or "", given.expected or ""
    if not called and not description.strip() and not expected.strip():
        if state.dialect.empty_steps == "refuse":
            raise Refusal(400, "Test step description must not be empty.")
        if state.dialect.empty_steps == "drop":
            return None
    if state.dialect.called_steps == "ignored":
        called = 0
    return Step(0, _step_text(state, description), _step_text(state, expected), called)


def _step_text(state: QTestState, text: str) -> str:
    if "[~" in text:
        text = with_parameters(text, state.parameter_name)
        with_parameters(text, state.parameter)
    return text if state.dialect.echo == "exact" else echo(state.dialect.echo, text)


def _callable(state: QTestState, called: int, caller: Case | None) -> None:
    """A called case must exist, and must not lead back to its caller (facts.md 3.8)."""
    if called not in state.cases:
        raise Refusal(400, f"Called test case {called} does not exist in this project.")
    seen, ahead = set[int](), [called] if caller else []
    while ahead:
        identity = ahead.pop()
        if caller and identity == caller.id:
            raise Refusal(400, f"Test case {called} calls this test case: a circle of calls is not allowed.")
        found = state.cases.find(identity)
        if found and identity not in seen:
            seen.add(identity)
            ahead.extend(step.called for step in found.newest.content.steps if step.called)


def steps_of(state: QTestState, given: list[StepInput], case: Case | None) -> list[Step]:
    """The list of steps in the order of `order`; rows of an expanded call belong to the called test and are skipped."""
    own = [row for row in given if not row.parent_test_step_id]
    placed = sorted(enumerate(own, 1), key=lambda row: row[1].order or row[0])
    known = {step.id for step in case.newest.content.steps} if case else set[int]()
    steps = []
    for _, row in placed:
        if case and row.id and row.id not in known:
            raise Refusal(400, f"Test step {row.id} does not belong to this version of the test case.")
        step = step_of(state, row, case)
        if step is not None:
            step.id = row.id if case and row.id else state.cases.step_id()
            steps.append(step)
    return steps


def fill(state: QTestState, content: Content, given: CaseInput, case: Case | None) -> str:
    """Put what was given into the content and return the case's key, read before the site changes any HTML."""
    no_files(given.attachments)
    mode = state.dialect.echo
    texts = _take_values(state, content, given.properties or [])
    if case is None:
        content.values = values.complete(state.fields, content.values)
    description = given.description if given.description is not None else texts.get(state.description_field)
    precondition = given.precondition if given.precondition is not None else texts.get(state.precondition_field)
    if description is not None:
        content.description = echo(mode, description)
    if precondition is not None:
        content.precondition = echo(mode, precondition)
    if given.test_steps is not None:
        content.steps = steps_of(state, given.test_steps, case)
    own = content.values.get(state.key_field())
    return own or keys.marker(content.description if description is None else description)


def _take_values(state: QTestState, content: Content, given: list[PropertyInput]) -> dict[int, str]:
    """Put the properties into the content; those that mirror own fields are returned instead."""
    texts = {}
    checked = values.check(state.fields, given, state.members, text_limit=state.dialect.text_limit)
    for identity, value in checked.items():
        if identity in (state.description_field, state.precondition_field):
            texts[identity] = value
        elif state.fields.get("test-cases", identity).data_type == RICH:
            content.values[identity] = echo(state.dialect.echo, value)
        else:
            content.values[identity] = value
    return texts
