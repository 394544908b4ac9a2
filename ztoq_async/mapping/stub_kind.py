"""The kind `stub-case`: a test case that Zephyr does not give any more, from the frozen steps of an execution."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.attributes import required_values
from ztoq_async.mapping.context import CASES, Context
from ztoq_async.mapping.field_kind import activation
from ztoq_async.mapping.kind import Item
from ztoq_async.mapping.module_kind import unlisted
from ztoq_async.mapping.steps import build_steps
from ztoq_async.mapping.test_case import TestCaseTarget
from ztoq_async.mapping.test_case_kind import TEST_CASE
from ztoq_async.plan import OneByOne, Planner, Row
from ztoq_async.zephyr.records import Inline, Results, Script, Step, TestExecution


def frozen_script(detail: bytes) -> Script:
    """The steps of an execution as the script of a test case."""
    results = msgspec.json.decode(detail or b"{}", type=Results)
    rows = [row.inline for row in results.steps]
    texts = [Inline(row.description, row.test_data, row.expected_result, None, row.reflect_ref) for row in rows]
    return Script("steps", [Step(inline) for inline in texts])


def _plan(context: Context) -> Planner:
    def rows(key: str, record: bytes) -> Iterable[Row]:
        if key in context.source.missing:
            yield Row("stub-case", key, (activation(CASES), f"module:{unlisted(context)}"))

    return OneByOne(rows)


def _build(item: Item, context: Context) -> tuple[TestCaseTarget, list[Note]]:
    try:
        execution = msgspec.json.decode(item.record, type=TestExecution)
        script = frozen_script(item.detail)
    except msgspec.DecodeError as error:
        raise SourceError(str(error)) from None
    words = f"Zephyr does not give this test case any more: made from the steps of execution {execution.id}"
    target = TestCaseTarget(
        key=item.key,
        name=f"{item.key} (not in Zephyr any more)",
        parent=unlisted(context),
        values={**required_values(context, CASES), context.planned(CASES)["key"].label: item.key},
        steps=tuple(build_steps(script, (), context.target.findings)[0]),
    )
    return target, [Note("key", "stub", words)]


def _attributes(item: Item) -> Iterator[str]:
    """Only the key: what the execution holds is accounted for with its log."""
    yield "key"


STUB_CASE = replace(
    TEST_CASE,
    name="stub-case",
    plan=_plan,
    build=_build,
    source="missing-case",
    waits=True,
    is_ours=lambda key, context: key in context.source.missing,
    attributes=_attributes,
)
