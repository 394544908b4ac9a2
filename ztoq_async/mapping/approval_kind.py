"""The kind `approval`: a test case that has runs gets a whole version, where this project runs no drafts.

Not idempotent (facts.md 8): an unknown outcome is settled by reading the version (protocol rule 13).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from ztoq_async.mapping.context import Context
from ztoq_async.mapping.kind import Found, Made, Refs, Target, made_of
from ztoq_async.mapping.test_case import is_whole
from ztoq_async.mapping.test_case_kind import TEST_CASE
from ztoq_async.plan import AtOnce, OneByOne, Planner, Row
from ztoq_async.qtest import paths
from ztoq_async.qtest.records import TestCase
from ztoq_async.resources.calls import Call
from ztoq_async.zephyr.places import case_key
from ztoq_async.zephyr.records import TestExecution


def _plan(context: Context) -> Planner:
    planned: set[str] = set()

    def rows(key: str, record: bytes) -> Iterable[Row]:
        try:
            case = case_key(msgspec.json.decode(record, type=TestExecution))
        except msgspec.DecodeError:
            return  # the execution is refused by itself
        if case and case not in planned:
            planned.add(case)
            yield Row("approval", case, (context.case(case),), counted=False)

    return AtOnce(()) if context.target.findings.drafts_run else OneByOne(rows)


def _recognise(items: list[bytes], context: Context) -> Iterator[Found]:
    """Only those that are approved: a doubt is settled by the version."""
    whole = [item for item in items if is_whole(msgspec.json.decode(item, type=TestCase).version)]
    yield from ((key, made, None) for key, made, _ in TEST_CASE.recognise(whole, context))


def _create(target: Target, context: Context, refs: Refs) -> Call | Made:
    return paths.approve(context.target.project_id, made_of(refs, target).id)


def _repeated(answer: bytes) -> str:
    """Approved twice, a test case is version 2.0: also where people have edited and approved it."""
    version = msgspec.json.decode(answer, type=TestCase).version or ""
    number = version.partition(".")[0]
    return f"is version {version}: it was approved more than once" if number.isdecimal() and int(number) > 1 else ""


APPROVAL = replace(
    TEST_CASE,
    name="approval",
    parents=("test-case", "stub-case"),
    plan=_plan,
    build=lambda item, context: (item.parent("test-case", "stub-case"), []),
    create=_create,
    made=lambda answer, target, context: (Made(msgspec.json.decode(answer, type=TestCase).id), None),
    recognise=_recognise,
    find=lambda target, context, refs: paths.test_cases(context.target.project_id, None),
    differences=lambda target, actual, context, refs: [],
    delete=None,
    goes_with=("test-case", "stub-case"),
    creation=None,
    repeated=_repeated,
    reported="",
    source="",
    reads="test-execution",
    closes=("test-case", "stub-case"),
    amend=None,
    follows=lambda made: made is None or made.version_id is None,
)
