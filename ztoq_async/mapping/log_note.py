"""The note of a test log: the comment, then what has no place of its own as labelled blocks (decision 11).

The blocks stand in the order that docs/what-goes-where.md promises; the last line finds the log again.
"""

from __future__ import annotations

from collections.abc import Iterator

from ztoq_async.errors import SourceError
from ztoq_async.mapping import attributes, values
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.keys import marker
from ztoq_async.mapping.steps import carried_html, labelled
from ztoq_async.mapping.text import as_html, closed, without_control
from ztoq_async.qtest.records import DataType
from ztoq_async.zephyr.places import case_version
from ztoq_async.zephyr.records import TestExecution


def note_of(execution: TestExecution, status: str, table: str, context: Context, notes: list[Note]) -> str:
    """The note as HTML. `status` is Zephyr's name where qTest's is another; `table` has the steps that do not align."""
    note = closed(carried_html(execution.comment, "comment", notes)) if execution.comment else ""
    blocks = [
        *_people(execution, context, notes),
        ("status", as_html(without_control(status))),
        *_facts(execution, context, notes),
        *_custom(execution, notes),
        ("links", "<br>".join(map(as_html, attributes.link_lines(execution.links, notes, "note-block")))),
        ("steps", table),
    ]
    for label, text in blocks:
        if text:
            note += labelled(label, text, note + text)
    return f"{note}<p>{marker('test-log', str(execution.id))}</p>"


def _people(execution: TestExecution, context: Context, notes: list[Note]) -> Iterator[tuple[str, str]]:
    if execution.key:
        yield "key", _block("key", execution.key, notes)
    if execution.executed_by_id:
        yield "executed by", _block("executedById", _person(execution.executed_by_id, context), notes)
    if execution.assigned_to_id:
        yield "assigned to", _block("assignedToId", _person(execution.assigned_to_id, context), notes)


def _facts(execution: TestExecution, context: Context, notes: list[Note]) -> Iterator[tuple[str, str]]:
    if execution.jira_project_version is not None:
        identifier = str(execution.jira_project_version.id)
        name = context.rules.versions.get(identifier) or identifier
        yield "version", _block("jiraProjectVersion.id", name, notes)
    yield "test case version", case_version(execution)
    if execution.execution_time is not None:
        yield "execution time (ms)", str(execution.execution_time)
    if execution.estimated_time is not None:
        yield "estimated time (ms)", _block("estimatedTime", str(execution.estimated_time), notes)
    if execution.automated is not None:
        yield "automated", _block("automated", "Yes" if execution.automated else "No", notes)


def _block(attribute: str, text: str, notes: list[Note]) -> str:
    clean = without_control(text)
    notes.append(
        Note(attribute, "note-block") if clean == text else Note(attribute, attributes.CONTROL, attributes.DROPPED)
    )
    return as_html(clean)


def _person(account: str, context: Context) -> str:
    user = context.rules.users.get(account, "")
    return f"{user} ({account})" if user else account


def _custom(execution: TestExecution, notes: list[Note]) -> Iterator[tuple[str, str]]:
    for name, value in execution.custom_fields.items():
        if value is None or value == "" or value == []:
            continue
        attribute = f"customFields.{name}"
        try:
            text = str(values.from_zephyr(value, DataType.TEXT_AREA))
        except SourceError as error:
            raise SourceError(f"{attribute}: {error}") from None
        own: list[Note] = []
        carried = carried_html(text, attribute, own)
        lost = values.loss(value, DataType.TEXT_AREA) or (own[0].rule if own[0].loss else "note-block", own[0].loss)
        notes.append(Note(attribute, *lost))
        yield name, closed(carried)
