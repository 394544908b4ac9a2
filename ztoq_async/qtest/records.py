"""qTest Manager v3 records as the engine writes and reads them (its OpenAPI file; facts.md 3.5 to 3.10)."""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import Any

import msgspec


class DataType(IntEnum):
    """`data_type` of a field (facts.md 3.6); it cannot be changed later."""

    TEXT = 1
    TEXT_AREA = 2
    COMBO = 3
    DATE = 4
    USER_LIST = 5
    RICH_TEXT = 6
    NUMBER = 7
    CHECK_BOX = 8
    DATE_TIME = 9
    URL = 12
    MULTI_SELECT = 17


class AllowedValue(msgspec.Struct, frozen=True):
    """A value of a combo or multi-select field: `value` is its id."""

    value: int
    label: str
    is_active: bool | None = True
    is_default: bool | None = False


class Field(msgspec.Struct, frozen=True, dict=True):
    """A system or custom field of one object type, with its ids in this project (facts.md 3.6)."""

    id: int
    label: str
    data_type: int | None = None
    required: bool | None = False
    system_field: bool | None = False
    original_name: str | None = None
    is_active: bool | None = True
    default_value: str | None = None
    multiple: bool | None = False
    allowed_values: list[AllowedValue] | None = None

    @cached_property
    def value_ids(self) -> dict[str, int]:
        """Labels of the allowed values and their ids."""
        return {value.label: value.value for value in self.allowed_values or ()}

    @cached_property
    def value_labels(self) -> dict[int, str]:
        """Ids of the allowed values and their labels."""
        return {identifier: label for label, identifier in self.value_ids.items()}

    def open_labels(self) -> list[str]:
        """The labels that may be given: values that people switched off stay with those who have them."""
        return [value.label for value in self.allowed_values or () if value.is_active is not False]

    @property
    def is_custom(self) -> bool:
        """True for a field that people or tools have added."""
        return not self.system_field


class User(msgspec.Struct, frozen=True):
    """A member of the project; `status` 1 is active (facts.md 3.12)."""

    id: int
    username: str | None = None
    email: str | None = None
    status: int | None = None


class Property(msgspec.Struct, frozen=True):
    """The value of one field of one object, always as a string (facts.md 3.7)."""

    field_id: int
    field_value: str | int | None = None
    field_name: str | None = None
    field_value_name: str | None = None


class Step(msgspec.Struct, frozen=True):
    """A test step as answers give it; a called test may come expanded below it (facts.md 3.8)."""

    id: int = 0
    description: str | None = None
    expected: str | None = None
    order: int | None = None
    called_test_case_id: int | None = None
    parent_test_step_id: int | None = None


class TestCase(msgspec.Struct, frozen=True):
    """A test case as answers give it: `id` is stable, `test_case_version_id` is the version (facts.md 3.3)."""

    __test__ = False

    id: int
    name: str = ""
    parent_id: int | None = None
    description: str | None = None
    precondition: str | None = None
    properties: list[Property] | None = None
    test_steps: list[Step] | None = None
    test_case_version_id: int | None = None
    version: str | None = None
    created_date: str | None = None
    creator_id: int | None = None
    attachments: list[Any] | None = None


class Module(msgspec.Struct, frozen=True):
    """A module; `children` only when asked for with `expand=descendants` (facts.md 3.5)."""

    id: int
    name: str = ""
    pid: str | None = None
    parent_id: int | None = None
    description: str | None = None
    order: int | None = None
    children: list[Module] | None = None


class TestCycle(msgspec.Struct, frozen=True, rename={"cycles": "test-cycles", "suites": "test-suites"}):
    """A test cycle: no properties, no dates, and no word of its parent; nested with `expand=descendants`."""

    __test__ = False

    id: int
    name: str = ""
    pid: str | None = None
    description: str | None = None
    order: int | None = None
    cycles: list[TestCycle] | None = None


class TestSuite(msgspec.Struct, frozen=True, rename={"parent_id": "parentId"}):
    """A test suite: its texts, dates and owner are properties (facts.md 8)."""

    __test__ = False

    id: int
    name: str = ""
    parent_id: int | None = None
    properties: list[Property] | None = None


class CaseRef(msgspec.Struct, frozen=True):
    """The test case in a run; a site may leave it out."""

    id: int


class TestRun(msgspec.Struct, frozen=True, rename={"parent_id": "parentId", "test_case_id": "testCaseId"}):
    """A test run of a version of a test case (facts.md 3.9)."""

    __test__ = False

    id: int
    name: str | None = None
    parent_id: int | None = None
    test_case: CaseRef | None = None
    test_case_id: int | None = None
    test_case_version_id: int | None = None
    properties: list[Property] | None = None
    created_date: str | None = None
    creator_id: int | None = None


class Status(msgspec.Struct, frozen=True):
    """A status of test runs and logs: the ids are the site's own (facts.md 3.10)."""

    id: int
    name: str = ""
    active: bool | None = True
    is_default: bool | None = False


class StepLog(msgspec.Struct, frozen=True):
    """The result of one step; `test_step_id` belongs to a version of a test case."""

    test_step_id: int | None = None
    status: Status | None = None
    actual_result: str | None = None
    order: int | None = None


class TestLog(msgspec.Struct, frozen=True):
    """The result of one execution of a run; lists may leave out `test_step_logs`."""

    __test__ = False

    id: int
    exe_start_date: str | None = None
    exe_end_date: str | None = None
    status: Status | None = None
    note: str | None = None
    test_run_id: int | None = None
    test_case_version_id: int | None = None
    test_step_logs: list[StepLog] | None = None
    attachments: list[Any] | None = None
    defects: list[Any] | None = None
