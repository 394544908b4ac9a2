"""The kinds `test-log` and `planned`: what came of each execution (decisions 10 to 12; facts.md 1.9 and 3.10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import account, log
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.keys import key_in
from ztoq_async.mapping.kind import Found, Item, Kind, Made, Refs, made_of, ref_of
from ztoq_async.mapping.run_kind import run_of
from ztoq_async.plan import OneByOne, Planner, Row
from ztoq_async.qtest import changes, paths
from ztoq_async.qtest.records import TestLog
from ztoq_async.resources.calls import Call
from ztoq_async.zephyr.places import case_key
from ztoq_async.zephyr.records import TestExecution


def _planner(context: Context, kind: str, *, planned: bool) -> Planner:
    """A row for each execution that is planned, or that is not; those of one run one after another."""
    last_run, last = "", ""

    def rows(key: str, record: bytes) -> Iterable[Row]:
        nonlocal last_run, last
        try:
            execution = msgspec.json.decode(record, type=TestExecution)
            if log.is_planned(execution, context) != planned:
                return
            run = run_of(execution, context)
        except (SourceError, msgspec.DecodeError) as error:
            if not planned:
                yield Row(kind, key, refusal=str(error))
            return
        after = (f"{kind}:{last}",) if run == last_run and not planned else ()
        last_run, last = run, key
        yield Row(kind, key, (f"test-run:{run}", context.case(case_key(execution))), after, counted=not planned)

    return OneByOne(rows)


def _build_log(item: Item, context: Context) -> tuple[log.LogTarget, list[Note]]:
    execution, results = log.decoded(item)
    return log.build(execution, results, item, context)


def _create_log(target: log.LogTarget, context: Context, refs: Refs) -> Call | Made:
    body = log.create_body(target, context, refs)
    return paths.create_test_log(context.target.project_id, made_of(refs, target.run).id, body)


def _made_log(answer: bytes, target: Any, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=TestLog)
    return Made(made.id, made.test_case_version_id), made


def _amend(
    target: log.LogTarget, identifier: int, actual: TestLog, names: list[str], context: Context, refs: Refs
) -> list[Call]:
    body = log.change_body(target, actual, names, context, refs)
    return [changes.change_test_log(context.target.project_id, made_of(refs, target.run).id, identifier, body)]


def _recognise(items: list[bytes], context: Context) -> Iterator[Found]:
    for item in items:
        row = msgspec.json.decode(item, type=TestLog)
        key = key_in(row.note, "test-log")
        if key:
            yield key, Made(row.id, row.test_case_version_id), row


def _build_planned(item: Item, context: Context) -> tuple[None, list[Note]]:
    execution, results = log.decoded(item)
    case = item.beside.get(item.parent("test-case", "stub-case"))
    estimated = msgspec.json.decode(case.record, type=_Estimated).estimatedTime if case else None
    return None, log.planned_notes(execution, results, estimated)


class _Estimated(msgspec.Struct):
    """The estimated time of a test case, in milliseconds; null in a stub's execution is none."""

    estimatedTime: int | None = None  # noqa: N815 - the record's own name


def _run_id(refs: Refs) -> int:
    return ref_of(refs, "test-run").id


def _attributes(item: Item) -> Iterator[str]:
    yield from account.leaves(msgspec.json.decode(item.record))
    for step in msgspec.json.decode(item.detail or b"{}").get("steps", []):
        yield from account.leaves(step, "steps")


TEST_LOG = Kind(
    name="test-log",
    parents=("test-run", "test-case", "stub-case"),
    plan=lambda context: _planner(context, "test-log", planned=False),
    build=_build_log,
    create=_create_log,
    made=_made_log,
    recognise=_recognise,
    find=lambda target, context, refs: paths.test_logs(context.target.project_id, made_of(refs, target.run).id),
    read_back=lambda context: paths.search(context.target.project_id, "test-logs"),
    differences=log.differences,
    one=lambda identifier, context, refs: paths.test_log(context.target.project_id, _run_id(refs), identifier),
    within=lambda context, refs: paths.test_logs(context.target.project_id, _run_id(refs)),
    index=True,
    added=lambda target, actual: [name for name in ("attachments", "defects") if getattr(actual, name)],
    goes_with=("test-run",),
    reported="test-log",
    source="test-execution",
    waits=True,
    amend=_amend,
    canonical=lambda actual, context: log.canonical(actual),
    beside=("test-case", "stub-case"),
    part_of="test-run",
    keyed=lambda context: context.source.seen_executions.number > 0,
    is_ours=lambda key, context: False,
    attributes=_attributes,
)

PLANNED = replace(
    TEST_LOG,
    name="planned",
    parents=("test-run",),
    plan=lambda context: _planner(context, "planned", planned=True),
    build=_build_planned,
    create=lambda target, context, refs: Made(0),
    amend=None,
    read_back=None,
    keyed=lambda context: False,
    reported="test-run",
)
