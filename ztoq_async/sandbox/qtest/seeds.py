"""What a new site holds before any migration: system fields and people."""

from __future__ import annotations

import random
from typing import Any

from ztoq_async.sandbox.qtest import field_store as types
from ztoq_async.sandbox.qtest.field_store import Field, FieldStore

_Row = tuple[str, int, tuple[str, ...], str]

TEST_CASES: tuple[_Row, ...] = (
    ("Status", types.COMBO, ("New", "In Progress", "Ready For Baseline", "Baselined"), "required"),
    ("Type", types.COMBO, ("Manual", "Automation", "Performance", "Scenario"), "required"),
    ("Assigned To", types.USERS, (), ""),
    ("Priority", types.COMBO, ("Undecided", "Low", "Medium", "High", "Urgent"), ""),
    ("Automation", types.COMBO, ("No", "Yes"), ""),
    ("Automation Content", types.TEXT, (), ""),
    ("Description", types.RICH, (), ""),
    ("Precondition", types.RICH, (), ""),
    ("Review Status", types.COMBO, ("Not Submitted", "In Review", "Approved", "Rejected"), ""),
)
STATUSES = (
    ("Unexecuted", "#ffffff", True), ("Passed", "#0cdda8", True), ("Failed", "#f5a3a3", True),
    ("Incomplete", "#ffd700", True), ("Blocked", "#b0b0b0", True), ("Passed with remarks", "#9acd32", True),
    ("Deferred", "#dda0dd", False),
)  # fmt: skip
"""Execution statuses: name, colour, whether active; the first is that of runs without a log."""
_OTHERS: dict[str, tuple[_Row, ...]] = {
    "releases": (("Status", types.COMBO, ("Planned", "In Progress", "Completed", "Closed"), "required"),),
    "builds": (("Status", types.COMBO, ("Not Started", "In Progress", "Completed"), ""),),
    "requirements": (
        ("Status", types.COMBO, ("New", "In Progress", "Completed"), ""),
        ("Priority", types.COMBO, ("Undecided", "Nice to have", "Should have", "Must have"), ""),
        ("Assigned To", types.USERS, (), ""),
        ("Description", types.RICH, (), ""),
    ),
    "test-suites": (
        ("Assigned To", types.USERS, (), ""),
        ("Execution Type", types.COMBO, ("Functionality", "Performance", "Scenario", "Manual"), ""),
        ("Planned Start Date", types.DATE, (), ""),
        ("Planned End Date", types.DATE, (), ""),
    ),
    "test-runs": (
        ("Assigned To", types.USERS, (), ""),
        ("Status", types.COMBO, tuple(name for name, *_ in STATUSES), ""),
        ("Priority", types.COMBO, ("Undecided", "Low", "Medium", "High", "Urgent"), ""),
        ("Planned Start Date", types.DATE, (), ""),
        ("Planned End Date", types.DATE, (), ""),
    ),
    "defects": (("Status", types.COMBO, ("New", "Fixed", "Closed"), "required"),),
    "test-steps": (),
}
_PEOPLE = (
    ("migration", "Migration", "Account", 1),
    ("ada.lovelace", "Ada", "Lovelace", 1),
    ("grace.hopper", "Grace", "Hopper", 1),
    ("margaret.hamilton", "Margaret", "Hamilton", 1),
    ("left.company", "Left", "Company", 2),
)


def seed_fields(store: FieldStore) -> None:
    """Add the system fields of every object type."""
    for kind, rows in {"test-cases": TEST_CASES, **_OTHERS}.items():
        for order, (label, data_type, values, note) in enumerate(rows, 1):
            field = store.add(
                kind, label, data_type, order=order, required=note == "required", multiple=data_type == types.USERS,
                system_field=True, is_active=True, seeded=True,
            )  # fmt: skip
            _seed_values(store, field, values)


def _seed_values(store: FieldStore, field: Field, labels: tuple[str, ...]) -> None:
    for place, label in enumerate(labels):
        store.add_value(field, label, is_default=place == 0)
    if labels:
        field.default_value = str(min(field.values))


def seed_users(rng: random.Random) -> list[dict[str, Any]]:
    """The people of the project, the first being the caller; status 1 is active, 2 inactive."""
    identity, people = rng.randrange(10_000, 900_000), []
    for login, first, last, status in _PEOPLE:
        identity += rng.randrange(1, 400)
        mail = f"{login}@example.com"
        people.append(
            {"links": [], "id": identity, "username": mail, "email": mail, "first_name": first, "last_name": last,
             "status": status, "avatar": "", "ldap_username": None, "external_user_name": None,
             "user_group_ids": []}
        )  # fmt: skip
    return people


def seed_statuses(rng: random.Random) -> dict[int, dict[str, Any]]:
    """The execution statuses by id, in the site's order; ids say nothing of names (facts.md 3.10)."""
    ids = rng.sample(range(700, 9_000), len(STATUSES))
    return {
        identity: {"links": [], "id": identity, "name": name, "is_default": place == 0, "color": color,
                   "active": active}
        for place, (identity, (name, color, active)) in enumerate(zip(ids, STATUSES, strict=True))
    }  # fmt: skip
