"""Zephyr Scale Cloud v2 records as the mapping needs them (zephyr-scale-cloud-v2.openapi.yaml; facts.md 1.5 to 1.10).

A record is decoded from the bytes that the archive keeps. Properties that no struct names stay in those bytes: the
ledger counts them (`mapping.account`), so that a property the API gains tomorrow is reported and not lost.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Ref(msgspec.Struct, frozen=True):
    """A reference by id: status, priority, folder, component (facts.md 5: references carry no names)."""

    id: int


class Account(msgspec.Struct, frozen=True, rename="camel"):
    """An Atlassian account: only its id is known here (facts.md 1.10), and that may be null."""

    account_id: str | None


class Project(msgspec.Struct, frozen=True, rename="camel"):
    """A Jira project with Zephyr Scale switched on (`enabled`)."""

    id: int
    key: str
    enabled: bool = True


class Folder(msgspec.Struct, frozen=True, rename="camel"):
    """A folder of a flat list; roots have `parent_id` None, siblings are ordered by `index` (facts.md 1.8)."""

    id: int
    name: str
    parent_id: int | None = None
    index: int = 0
    folder_type: str = "TEST_CASE"


class Named(msgspec.Struct, frozen=True):
    """A status, priority or environment: what an id-only reference points to; new records get the `default` status."""

    id: int
    name: str
    archived: bool = False
    default: bool = False


class IssueLink(msgspec.Struct, frozen=True, rename="camel"):
    """A link to a Jira issue: numeric id only, its key needs Jira (facts.md 1.10)."""

    issue_id: int
    type: str = "COVERAGE"
    target: str | None = None


class WebLink(msgspec.Struct, frozen=True):
    """A link to a page."""

    url: str
    type: str = "COVERAGE"
    description: str | None = None


class PlanLink(msgspec.Struct, frozen=True, rename="camel"):
    """A link to a test plan, which this version does not move."""

    test_plan_id: int | None = None
    type: str = "COVERAGE"
    target: str | None = None


class Links(msgspec.Struct, frozen=True, rename="camel"):
    """The links of a test case, a test cycle (only these have plans) or an execution (only issues)."""

    issues: list[IssueLink] = []
    web_links: list[WebLink] = []
    test_plans: list[PlanLink] = []


class ScriptRef(msgspec.Struct, frozen=True):
    """`self` ends in `/teststeps` or `/testscript`: it tells the kind of script without a call (facts.md 1.5)."""

    self: str = ""


class TestCase(msgspec.Struct, frozen=True, rename="camel"):
    """A test case as lists give it: no steps, no version number (facts.md 1.5). `estimated_time` is in milliseconds."""

    __test__ = False

    id: int
    key: str
    name: str
    priority: Ref
    status: Ref
    folder: Ref | None = None
    created_on: str | None = None
    objective: str | None = None
    precondition: str | None = None
    estimated_time: int | None = None
    labels: list[str] = []
    component: Ref | None = None
    owner: Account | None = None
    test_script: ScriptRef | None = None
    custom_fields: dict[str, Any] = {}
    links: Links = Links()


class Parameter(msgspec.Struct, frozen=True):
    """A parameter handed to a called test case (facts.md 1.6)."""

    name: str
    type: str = "MANUAL_INPUT"
    value: str | None = None


class Inline(msgspec.Struct, frozen=True, rename="camel"):
    """A step with texts of its own; all of them HTML or null."""

    description: str | None = None
    test_data: str | None = None
    expected_result: str | None = None
    custom_fields: dict[str, Any] | None = None
    reflect_ref: str | None = None


class CallToTest(msgspec.Struct, frozen=True, rename="camel"):
    """A step that calls another test case; `self` may pin a version (facts.md 1.6)."""

    test_case_key: str
    self: str = ""
    parameters: list[Parameter] | None = None


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """One step: `inline` or `test_case`; its number is its place in the list (facts.md 1.6)."""

    inline: Inline | None = None
    test_case: CallToTest | None = None


class Script(msgspec.Struct, frozen=True):
    """What the archive keeps of a test case's script: `steps`, or `text` of `type` plain or bdd."""

    type: str
    steps: list[Step] = []
    text: str = ""


class TestCycle(msgspec.Struct, frozen=True, rename="camel"):
    """A test cycle; what it holds is known from its executions only (facts.md 1.9)."""

    __test__ = False

    id: int
    key: str
    name: str
    status: Ref
    description: str | None = None
    jira_project_version: Ref | None = None
    folder: Ref | None = None
    planned_start_date: str | None = None
    planned_end_date: str | None = None
    owner: Account | None = None
    custom_fields: dict[str, Any] = {}
    links: Links = Links()


class Reached(msgspec.Struct, frozen=True):
    """A reference without a key: key and version stand in `self`, `…/testcases/ABC-T1/versions/2` (facts.md 1.7)."""

    id: int | None = None
    self: str = ""


class TestExecution(msgspec.Struct, frozen=True, rename="camel"):
    """One execution of a test case; `execution_time` and `estimated_time` are in milliseconds (facts.md 1.9)."""

    __test__ = False

    id: int
    test_case: Reached
    test_execution_status: Ref
    key: str | None = None
    environment: Ref | None = None
    jira_project_version: Ref | None = None
    actual_end_date: str | None = None
    estimated_time: int | None = None
    execution_time: int | None = None
    executed_by_id: str | None = None
    assigned_to_id: str | None = None
    comment: str | None = None
    automated: bool | None = None
    test_cycle: Reached | None = None
    custom_fields: dict[str, Any] = {}
    links: Links = Links()


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """A step as it was when it was executed, called ones in their place, and what came of it (facts.md 1.9)."""

    description: str | None = None
    test_data: str | None = None
    expected_result: str | None = None
    actual_result: str | None = None
    test_data_row_number: int | None = None
    reflect_ref: str | None = None
    status: Ref | None = None


class ResultRow(msgspec.Struct, frozen=True):
    """One row of an execution's steps."""

    inline: Result = Result()


class Results(msgspec.Struct, frozen=True):
    """What the archive keeps of an execution's steps."""

    steps: list[ResultRow] = []
