"""The table of kinds, in the order in which they are made. A new kind is one module in `mapping/` and one row here."""

from __future__ import annotations

import msgspec

from ztoq_async.mapping.approval_kind import APPROVAL
from ztoq_async.mapping.context import OBJECT_TYPES, Context
from ztoq_async.mapping.cycle_kind import TEST_CYCLE
from ztoq_async.mapping.field import field_plans
from ztoq_async.mapping.field_kind import field_kinds
from ztoq_async.mapping.folder_tree import siblings
from ztoq_async.mapping.kind import Kind
from ztoq_async.mapping.log_kind import PLANNED, TEST_LOG
from ztoq_async.mapping.module_kind import MODULE
from ztoq_async.mapping.run_kind import TEST_RUN
from ztoq_async.mapping.stub_kind import STUB_CASE
from ztoq_async.mapping.suite_kind import TEST_SUITE
from ztoq_async.mapping.test_case_kind import TEST_CASE

KINDS: tuple[Kind, ...] = (
    *(kind for object_type in OBJECT_TYPES for kind in field_kinds(object_type)),
    MODULE,
    TEST_CASE,
    STUB_CASE,
    APPROVAL,
    TEST_CYCLE,
    TEST_SUITE,
    TEST_RUN,
    TEST_LOG,  # made while details come in; what is planned waits for the last of them, and makes nothing in qTest
    PLANNED,
)

REPORTED = (
    "field",
    "module",
    "test-case",
    "test-cycle",
    "test-suite",
    "test-run",
    "test-log",
    "attachment",
    "link",
    "release",
)

# What the user's profile must allow: area and right, in qTest's words.
RIGHTS = (("project_setting", "manage"), ("module", "create"), ("test_case", "create"), ("test_case", "view"))
RIGHTS_FOR_RUNS = (
    ("test_cycle", "create"),
    ("test_suite", "create"),
    ("test_run", "create"),
    ("test_run", "execute"),
)


def rights(context: Context) -> tuple[tuple[str, str], ...]:
    """What this move needs: rights to runs only where there are executions."""
    return RIGHTS + RIGHTS_FOR_RUNS if context.source.seen_executions.number else RIGHTS


def prepare(context: Context) -> Context:
    """The context with the plan of its fields and the order of its folders, which no rule should compute twice."""
    trees = (context.source.folders, context.source.cycle_folders)
    rows = [below for folders in trees for _, below in siblings(folders, "")]
    places = {folder.id: place for below in rows for place, folder in enumerate(below, start=1)}
    return msgspec.structs.replace(context, plans=field_plans(context), places=places)
