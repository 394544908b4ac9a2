"""The kind `test-case`: one row for each test case, called ones before their callers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import account, steps, test_case
from ztoq_async.mapping import module as modules
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.field_kind import ACTIVATION_KEY
from ztoq_async.mapping.kind import Found, Item, Kind, Made, Refs, Target, made_of
from ztoq_async.plan import Planner, Row, without_circles
from ztoq_async.qtest import paths
from ztoq_async.qtest.records import TestCase as QTestCase
from ztoq_async.resources.calls import Call
from ztoq_async.zephyr.records import Script, TestCase


class _TestCasePlanner:
    """Test cases without calls at once; the others when all calls are known, called ones first, circles broken."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._calls: dict[str, list[str]] = {}
        self._modules: dict[str, str] = {}

    def add(self, record: bytes, detail: bytes) -> Iterable[Row]:
        case = msgspec.json.decode(record, type=TestCase)
        if case.folder and case.folder.id not in self._context.source.folders:
            return (
                Row("test-case", case.key, refusal=f"folder: no list of the project knows the id {case.folder.id}"),
            )
        module = f"module:{case.folder.id}" if case.folder else f"module:{modules.unfiled_key(self._context)}"
        try:
            called = steps.calls(msgspec.json.decode(detail, type=Script))
        except msgspec.DecodeError as error:
            return (Row("test-case", case.key, refusal=f"its script is not what the contract says: {error}"),)
        if not called or self._context.target.findings.called_steps == "ignored":
            return (self._row(case.key, module, ()),)
        self._calls[case.key] = called
        self._modules[case.key] = module
        return ()

    def wanted(self) -> Collection[str]:
        return {called for calls in self._calls.values() for called in calls}

    def end(self, known: Collection[str]) -> Iterable[Row]:
        edges = {key: [called for called in calls if called in known] for key, calls in self._calls.items()}
        for key, called in without_circles(edges).items():
            yield self._row(key, self._modules[key], called)

    def _row(self, key: str, module: str, called: Iterable[str]) -> Row:
        links = [f"test-case:{other}" for other in called]
        return Row("test-case", key, (f"field-activation:{ACTIVATION_KEY}", module, *links))


def plan_test_cases(context: Context) -> Planner:
    """One row for each test case."""
    return _TestCasePlanner(context)


def _build_test_case(item: Item, context: Context) -> tuple[test_case.TestCaseTarget, list[Note]]:
    try:
        case = msgspec.json.decode(item.record, type=TestCase)
        script = msgspec.json.decode(item.detail, type=Script)
    except msgspec.DecodeError as error:
        raise SourceError(str(error)) from None
    linked = [name.partition(":")[2] for name in item.parents if name.startswith("test-case:")]
    parent = next(name.partition(":")[2] for name in item.parents if name.startswith("module:"))
    return test_case.build(case, script, context, parent, linked)


def _called_ids(target: test_case.TestCaseTarget, refs: Refs) -> dict[str, int]:
    return {step.called: made_of(refs, f"test-case:{step.called}").id for step in target.steps if step.called}


def _create_test_case(target: test_case.TestCaseTarget, context: Context, refs: Refs) -> Call | Made:
    parent_id = made_of(refs, f"module:{target.parent}").id
    body = test_case.create_body(target, context, parent_id, _called_ids(target, refs))
    return paths.create_test_case(context.target.project_id, body)


def _made_test_case(answer: bytes, target: Target, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=QTestCase)
    return _kept(made), made if made.test_steps is not None else None


def _kept(case: QTestCase) -> Made:
    own = test_case.own_steps(case.test_steps or [])
    return Made(case.id, case.test_case_version_id, tuple(step.id for step in own))


def _recognise_test_cases(items: list[bytes], context: Context) -> Iterator[Found]:
    for item in items:
        row = msgspec.json.decode(item, type=QTestCase)
        key = test_case.key_of(row, context)
        if key:
            yield key, _kept(row), row


def _test_case_differences(
    target: test_case.TestCaseTarget, actual: QTestCase, context: Context, refs: Refs
) -> list[str]:
    parent_id = made_of(refs, f"module:{target.parent}").id
    return test_case.differences(target, actual, context, parent_id, _called_ids(target, refs))


def _test_case_attributes(item: Item) -> Iterator[str]:
    yield from account.leaves(msgspec.json.decode(item.record))
    for prefix, part in steps.raw_attributes(msgspec.json.decode(item.detail or b"{}")):
        yield from account.leaves(part, prefix)


TEST_CASE = Kind(
    name="test-case",
    parents=("field-activation", "module"),
    plan=plan_test_cases,
    build=_build_test_case,
    create=_create_test_case,
    made=_made_test_case,
    recognise=_recognise_test_cases,
    find=lambda target, context, refs: paths.test_cases(
        context.target.project_id, made_of(refs, f"module:{target.parent}").id
    ),
    read_back=lambda context: paths.test_cases(context.target.project_id, None),
    differences=_test_case_differences,
    one=lambda identifier, context: paths.test_case(context.target.project_id, identifier),
    delete=lambda identifier, context: paths.delete_test_case(context.target.project_id, identifier),
    reported="test-case",
    source="test-case",
    keyed=lambda context: context.plans["key"].label in context.target.fields,
    is_ours=lambda key, context: key.startswith(f"{context.source.project.key}-"),
    attributes=_test_case_attributes,
)
