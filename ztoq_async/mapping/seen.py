"""The values seen in a project's records: Zephyr defines no custom fields (facts.md 1.10), so values decide.

Bounded: of a field's different values no more are kept than a multi-select field may take.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ztoq_async.mapping.text import is_html, without_control
from ztoq_async.zephyr.records import TestCase, TestCycle, TestExecution

MOST_CHOICES = 300
LONGEST_TEXT = 255
_SINGLE = (str, int, float)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})")


class ValuesSeen(msgspec.Struct):
    """The values of one custom field: their kinds and, for choices, the labels."""

    kinds: set[str] = msgspec.field(default_factory=set)
    choices: set[str] = msgspec.field(default_factory=set)
    overflow: bool = False

    def add(self, value: Any) -> None:
        """Notes one value that is set; a single one is a choice too, for a field that the mapping makes a combo."""
        self.kinds.add(kind_of(value))
        for choice in value if isinstance(value, list) else [value]:
            self._add_choice(choice)

    def _add_choice(self, choice: Any) -> None:
        label = words(choice) if isinstance(choice, _SINGLE) else ""
        known = label in self.choices
        if not label.strip() or len(label) > LONGEST_TEXT or (not known and len(self.choices) >= MOST_CHOICES):
            self.overflow = True
        else:
            self.choices.add(label)


class Seen(msgspec.Struct):
    """What all test cases of the project hold."""

    custom: dict[str, ValuesSeen] = msgspec.field(default_factory=dict)
    labels: ValuesSeen = msgspec.field(default_factory=ValuesSeen)
    statuses: set[int] = msgspec.field(default_factory=set)
    priorities: set[int] = msgspec.field(default_factory=set)
    owners: set[str] = msgspec.field(default_factory=set)
    components: set[int] = msgspec.field(default_factory=set)
    attributes: set[str] = msgspec.field(default_factory=set)
    unfiled: bool = False

    def add(self, case: TestCase) -> None:
        """Notes the values of one test case."""
        self.statuses.add(case.status.id)
        self.priorities.add(case.priority.id)
        if case.owner and case.owner.account_id:
            self.owners.add(case.owner.account_id)
        if case.component:
            self.components.add(case.component.id)
        if case.labels:
            self.labels.add(case.labels)
        self._add_attributes(case)
        add_custom(self.custom, case.custom_fields)

    def _add_attributes(self, case: TestCase) -> None:
        if case.created_on:
            self.attributes.add("createdOn")
        if case.estimated_time is not None:
            self.attributes.add("estimatedTime")
        if case.links.issues or case.links.web_links:
            self.attributes.add("links")


class SeenCycles(msgspec.Struct):
    """What all test cycles of the project hold."""

    number: int = 0
    custom: dict[str, ValuesSeen] = msgspec.field(default_factory=dict)
    owners: set[str] = msgspec.field(default_factory=set)
    versions: set[int] = msgspec.field(default_factory=set)
    attributes: set[str] = msgspec.field(default_factory=set)
    plans: int = 0

    def add(self, cycle: TestCycle) -> None:
        """Notes the values of one test cycle; `plans` counts links to test plans."""
        self.number += 1
        self.plans += len(cycle.links.test_plans)
        if cycle.owner and cycle.owner.account_id:
            self.owners.add(cycle.owner.account_id)
        if cycle.jira_project_version:
            self.versions.add(cycle.jira_project_version.id)
        add_custom(self.custom, cycle.custom_fields)
        links = cycle.links.issues or cycle.links.web_links or cycle.links.test_plans
        values = {
            "description": cycle.description,
            "plannedStartDate": cycle.planned_start_date,
            "plannedEndDate": cycle.planned_end_date,
            "links": links,
        }
        self.attributes.update(name for name, value in values.items() if value)


class SeenExecutions(msgspec.Struct):
    """What all executions of the project hold; `outside` is true if one belongs to no test cycle."""

    number: int = 0
    statuses: set[int] = msgspec.field(default_factory=set)
    environments: bool = False
    people: set[str] = msgspec.field(default_factory=set)
    versions: set[int] = msgspec.field(default_factory=set)
    outside: bool = False

    def add(self, execution: TestExecution) -> None:
        """Notes the values of one execution."""
        self.number += 1
        self.statuses.add(execution.test_execution_status.id)
        self.environments = self.environments or execution.environment is not None
        self.people.update(person for person in (execution.executed_by_id, execution.assigned_to_id) if person)
        if execution.jira_project_version:
            self.versions.add(execution.jira_project_version.id)
        self.outside = self.outside or execution.test_cycle is None


def add_custom(custom: dict[str, ValuesSeen], fields: Mapping[str, Any]) -> None:
    """Notes the custom fields of one record."""
    for name, value in fields.items():
        if value is not None and value != "" and value != []:
            custom.setdefault(name, ValuesSeen()).add(value)


def words(value: str | float) -> str:
    """A single value as qTest shows it: its label where the field has choices."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, str):
        return without_control(value)
    return msgspec.json.encode(value).decode()


def kind_of(value: Any) -> str:
    """The kind of a value: list, boolean, number, date, date-time, html, long, text; else the name of its type."""
    if isinstance(value, str):
        return _kind_of_text(value)
    if isinstance(value, list):
        return "list"
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _kind_of_text(value: str) -> str:
    if value[:1].isdecimal():
        if _DATE.fullmatch(value) and _exists(value):
            return "date"
        if _DATE_TIME.fullmatch(value) and _exists(value):
            return "date" if value[10:] in ("T00:00:00Z", "T00:00:00.000Z") else "date-time"
    if is_html(value):
        return "html"
    return "long" if len(value) > LONGEST_TEXT or "\n" in value else "text"


def _exists(date: str) -> bool:
    """False for the 30th of February, and for what no clock in UTC can show."""
    try:
        datetime.fromisoformat(date).astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return True
