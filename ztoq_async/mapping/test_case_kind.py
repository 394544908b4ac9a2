"""The kind `test-case`: one row for each test case, called ones before their callers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import account, properties, steps, test_case
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import CASES, Context
from ztoq_async.mapping.field_kind import activation
from ztoq_async.mapping.kind import Creation, Differences, Found, Item, Kind, Made, Refs, Target, Use, made_of
from ztoq_async.mapping.module_kind import unfiled, unlisted
from ztoq_async.plan import Planner, Row, without_circles
from ztoq_async.qtest import changes, paths
from ztoq_async.qtest.records import TestCase as QTestCase
from ztoq_async.qtest.records import TestRun
from ztoq_async.resources.calls import Call
from ztoq_async.zephyr.records import Script, TestCase


class _TestCasePlanner:
    """Test cases without calls at once; the others when all calls are known, called ones first, circles broken."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._calls: dict[str, list[str]] = {}
        self._modules: dict[str, str] = {}

    def add(self, key: str, record: bytes, detail: bytes) -> Iterable[Row]:
        case = msgspec.json.decode(record, type=TestCase)
        try:
            module = self._module(case)
            called = steps.calls(msgspec.json.decode(detail, type=Script))
        except SourceError as error:
            return (Row("test-case", key, refusal=str(error)),)
        except msgspec.DecodeError as error:
            return (Row("test-case", key, refusal=f"its script is not what the contract says: {error}"),)
        if not called or self._context.target.findings.called_steps == "ignored":
            return (self._row(key, module, ()),)
        self._calls[key] = called
        self._modules[key] = module
        return ()

    def _module(self, case: TestCase) -> str:
        if case.key in self._context.source.foreign:
            return f"module:{unlisted(self._context)}"
        if case.folder is None:
            return f"module:{unfiled(self._context)}"
        if case.folder.id not in self._context.source.folders:
            raise SourceError(f"folder: no list of the project knows the id {case.folder.id}")
        return f"module:{case.folder.id}"

    def wanted(self) -> Collection[str]:
        return {called for calls in self._calls.values() for called in calls}

    def end(self, known: Collection[str]) -> Iterable[Row]:
        edges = {key: [called for called in calls if called in known] for key, calls in self._calls.items()}
        for key, called in without_circles(edges).items():
            yield self._row(key, self._modules[key], called)

    def _row(self, key: str, module: str, called: Iterable[str]) -> Row:
        links = [f"test-case:{other}" for other in called]
        return Row("test-case", key, (activation(CASES), module, *links))


def plan_test_cases(context: Context) -> Planner:
    """One row for each test case."""
    return _TestCasePlanner(context)


def _build_test_case(item: Item, context: Context) -> tuple[test_case.TestCaseTarget, list[Note]]:
    try:
        case = msgspec.json.decode(item.record, type=TestCase)
        script = msgspec.json.decode(item.detail, type=Script)
    except msgspec.DecodeError as error:
        raise SourceError(str(error)) from None
    parent = item.parent("module").partition(":")[2]
    return test_case.build(case, script, context, parent, linked(item))


def linked(item: Item) -> list[str]:
    """The keys of the test cases that the steps of this one call."""
    return [name.partition(":")[2] for name in item.parents if name.startswith("test-case:")]


def _called_ids(target: test_case.TestCaseTarget, refs: Refs) -> dict[str, int]:
    return {step.called: made_of(refs, f"test-case:{step.called}").id for step in target.steps if step.called}


def _create_test_case(target: test_case.TestCaseTarget, context: Context, refs: Refs) -> Call | Made:
    parent_id = made_of(refs, f"module:{target.parent}").id
    body = test_case.create_body(target, context, parent_id, _called_ids(target, refs))
    return paths.create_test_case(context.target.project_id, body)


def _made_test_case(answer: bytes, target: Target, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=QTestCase)
    return _kept(made) if target else _shown(made, context), made


def _kept(case: QTestCase) -> Made:
    own = test_case.own_steps(case.test_steps or [])
    return Made(case.id, case.test_case_version_id, tuple(step.id for step in own))


def _shown(case: QTestCase, context: Context) -> Made:
    """Without the version where it cannot be run: what people edit is a draft again, the whole one before it stays."""
    kept = _kept(case)
    runs = context.target.findings.drafts_run or test_case.is_whole(case.version)
    return kept if runs else msgspec.structs.replace(kept, version_id=None)


def _recognise_test_cases(items: list[bytes], context: Context) -> Iterator[Found]:
    for item in items:
        row = msgspec.json.decode(item, type=QTestCase)
        key = properties.key_of(row.properties, context, CASES)
        if key:
            yield key, _shown(row, context), row


def _test_case_differences(
    target: test_case.TestCaseTarget, actual: QTestCase, context: Context, refs: Refs
) -> Differences:
    if actual.test_steps is None:
        return None
    parent_id = made_of(refs, f"module:{target.parent}").id
    return test_case.differences(target, actual, context, parent_id, _called_ids(target, refs))


def _amend_test_case(
    target: test_case.TestCaseTarget, identifier: int, actual: QTestCase, names: list[str], context: Context, refs: Refs
) -> list[Call]:
    properties.check_changeable(names, target.values, context, CASES)
    parent_id = made_of(refs, f"module:{target.parent}").id
    body = test_case.change_body(target, actual, context, parent_id, _called_ids(target, refs))
    return [changes.change_test_case(context.target.project_id, identifier, body)]


def _test_case_attributes(item: Item) -> Iterator[str]:
    yield from account.leaves(msgspec.json.decode(item.record))
    for prefix, part in steps.raw_attributes(msgspec.json.decode(item.detail or b"{}")):
        yield from account.leaves(part, prefix)


def _is_ours(key: str, context: Context) -> bool:
    source = context.source
    return (key.startswith(f"{source.project.key}-") and key not in source.missing) or key in source.foreign


def _uses(context: Context) -> Sequence[Use]:
    """Runs of test cases, and test cases whose steps call others."""
    project = context.target.project_id
    return (
        Use("test-run", paths.all_test_runs(project), _run_case),
        Use("test-case", paths.test_cases(project, None), _called_cases),
    )


def _run_case(row: bytes) -> Iterator[int]:
    run = msgspec.json.decode(row, type=TestRun)
    yield from {run.test_case.id} if run.test_case else {run.test_case_id or 0}


def _called_cases(row: bytes) -> Iterator[int]:
    own = test_case.own_steps(msgspec.json.decode(row, type=QTestCase).test_steps or [])
    yield from {step.called_test_case_id for step in own if step.called_test_case_id}


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
    one=lambda identifier, context, refs: paths.test_case(context.target.project_id, identifier),
    delete=lambda identifier, context: paths.delete_test_case(context.target.project_id, identifier),
    amend=_amend_test_case,
    canonical=test_case.canonical,
    uses=_uses,
    added=lambda target, actual: ["attachments"] if actual.attachments else [],
    creation=lambda actual: Creation(actual.creator_id, actual.created_date),
    reported="test-case",
    source="test-case",
    keyed=lambda context: properties.is_keyed(context, CASES),
    is_ours=_is_ours,
    attributes=_test_case_attributes,
)
