"""Attributes that test cases, suites and runs have in common: names, links, custom fields, required values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ztoq_async.errors import SourceError
from ztoq_async.mapping import values
from ztoq_async.mapping.account import AS_IS, Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.text import without_control
from ztoq_async.mapping.values import Value
from ztoq_async.qtest.records import DataType
from ztoq_async.zephyr.records import Account, Links, Named

CONTROL = "control-characters"
DROPPED = "control characters were dropped"
_RULES = {of: f"to-{of.name.lower().replace('_', '-')}" for of in DataType}


def name_of(text: str, notes: list[Note]) -> str:
    """A name that qTest can hold; raises `SourceError` for a blank one."""
    name = without_control(text)
    if not name.strip():
        raise SourceError("name: it is blank")
    notes.append(Note("name", AS_IS) if name == text else Note("name", CONTROL, DROPPED))
    return name


def named(identifier: int, attribute: str, names: Mapping[int, Named]) -> str:
    """The name behind an id-only reference; raises `SourceError` for one that no list knows."""
    found = names.get(identifier)
    if found is None:
        raise SourceError(f"{attribute}: no list of the project knows the id {identifier}")
    return found.name


def owner(account: Account | None, label: str, notes: list[Note]) -> Iterator[tuple[str, Value]]:
    """The account id as text."""
    if account is not None and account.account_id:
        notes.append(Note("owner.accountId", "owner-as-text"))
        yield label, account.account_id


def by_mapping(identifier: int, attribute: str, rules: Mapping[str, str], notes: list[Note]) -> str:
    """The name that the mapping file gives to an id which only Jira knows, else the id."""
    name = rules.get(str(identifier), "")
    notes.append(Note(f"{attribute}.id", f"{_WORDS[attribute]}-by-mapping" if name else "id-as-text"))
    return name or str(identifier)


_WORDS = {"component": "component", "jiraProjectVersion": "version"}


def custom(fields: Mapping[str, Any], context: Context, object_type: str, notes: list[Note]) -> Iterator[Any]:
    """The custom fields that are set, by the labels of their qTest fields."""
    for name, value in fields.items():
        if value is not None and value != "" and value != []:
            yield carried(f"customFields.{name}", value, context, object_type, notes)


def carried(attribute: str, value: Any, context: Context, object_type: str, notes: list[Note]) -> tuple[str, Value]:
    """The value of one attribute in its field, with the note that says by which rule."""
    plan = context.planned(object_type).get(attribute)
    if plan is None:
        raise SourceError(f"{attribute}: it was not there when the fields were planned")
    return plan.label, in_field(attribute, value, plan.data_type, notes)


def in_field(attribute: str, value: Any, data_type: DataType, notes: list[Note]) -> Value:
    """A value as a field of that type holds it, with its note; raises `SourceError` where it cannot."""
    try:
        found = values.from_zephyr(value, data_type)
    except SourceError as error:
        raise SourceError(f"{attribute}: {error}") from None
    rule, words = values.loss(value, data_type) or (_RULES[data_type], "")
    notes.append(Note(attribute, rule, words))
    return found


def link_lines(links: Links, notes: list[Note], rule: str = "links-as-text") -> list[str]:
    """A line for each link: only the ids of Jira issues and test plans are known."""
    rows = (("issues", links.issues), ("webLinks", links.web_links), ("testPlans", links.test_plans))
    notes += [Note(f"links.{name}", rule) for name, found in rows if found]
    lines = [f"{link.type} issue {link.issue_id} {link.target or ''}" for link in links.issues]
    lines += [f"{link.type} page {link.url} {link.description or ''}" for link in links.web_links]
    lines += [f"{link.type} plan {link.test_plan_id or ''} {link.target or ''}" for link in links.test_plans]
    return [without_control(" ".join(line.split())) for line in lines]


def required_values(context: Context, object_type: str) -> dict[str, Value]:
    """The values that the mapping file gives to every object; `SourceError` for a user that the project lacks."""
    rules = context.rules.required_of(object_type)
    return {label: _required(label, value, context, object_type) for label, value in rules.items()}


def _required(label: str, value: str, context: Context, object_type: str) -> Value:
    field = context.target.of(object_type).get(label)
    if field is None or field.data_type not in values.CHOICES:
        return value
    if field.data_type != DataType.USER_LIST:
        return (value,)
    if value not in context.target.users:
        raise SourceError(f"[required] \"{label}\": the project has no user '{value}'")
    return f"[{context.target.users[value].id}]"
