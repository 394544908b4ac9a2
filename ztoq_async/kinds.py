"""The table of kinds, in the order in which they are made. A new kind is one module in `mapping/` and one row here."""

from __future__ import annotations

import msgspec

from ztoq_async.mapping.context import Context
from ztoq_async.mapping.field import field_plans
from ztoq_async.mapping.field_kind import FIELD, FIELD_ACTIVATION, FIELD_VALUES
from ztoq_async.mapping.kind import Kind
from ztoq_async.mapping.module import siblings
from ztoq_async.mapping.module_kind import MODULE
from ztoq_async.mapping.test_case_kind import TEST_CASE

KINDS: tuple[Kind, ...] = (FIELD, FIELD_VALUES, FIELD_ACTIVATION, MODULE, TEST_CASE)

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
RIGHTS = (("module", "create"), ("test_case", "create"), ("test_case", "view"), ("project_setting", "manage"))


def prepare(context: Context) -> Context:
    """The context with the plan of its fields and the order of its folders, which no rule should compute twice."""
    places = {folder.id: place for _, below in siblings(context) for place, folder in enumerate(below, start=1)}
    return msgspec.structs.replace(context, plans=field_plans(context), places=places)
