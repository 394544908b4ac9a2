"""A mapping file with a rule for every value seen, for a person to read and change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from ztoq_async.mapping.context import Context
from ztoq_async.mapping.field import type_of
from ztoq_async.mapping.rules import FIELD_TYPES
from ztoq_async.qtest.records import Field, Status
from ztoq_async.zephyr.records import Named

_LIKELY = {
    "draft": ("New", "In Progress"),
    "approved": ("Baselined", "Ready For Baseline"),
    "active": ("Baselined", "Ready For Baseline"),
    "deprecated": ("New",),
    "high": ("High",),
    "normal": ("Medium",),
    "low": ("Low",),
    "critical": ("Urgent",),
    "pass": ("Passed",),
    "fail": ("Failed",),
    "in progress": ("Incomplete",),
    "not executed": ("Unexecuted",),
}


def propose(context: Context) -> str:
    """The text of the file: equal names first, then likely ones, else the field's default; each guess says so."""
    source, rules, target = context.source, context.rules, context.target
    people = source.seen.owners | source.seen_cycles.owners | source.seen_executions.people
    versions = source.seen_cycles.versions | source.seen_executions.versions
    statuses, priorities = (
        _names(source.seen.statuses, source.statuses),
        _names(source.seen.priorities, source.priorities),
    )
    lines = [
        "# Proposed from the values seen. Read every line: what is marked `guess` is one.",
        f"root_module = {_quoted(context.root_module)}",
        f"root_cycle = {_quoted(context.root_cycle)}",
        "",
        "[status]  # Zephyr status = value of the qTest field Status; the Zephyr name is kept in `Zephyr Status`",
        *_table(statuses, rules.status, _Choices.of(target.system("status"))),
        "",
        "[priority]  # Zephyr priority = value of the qTest field Priority; kept in `Zephyr Priority`",
        *_table(priorities, rules.priority, _Choices.of(target.system("priority"))),
        "",
        "[execution_status]  # Zephyr execution status = status of qTest's runs; another name is kept in the note",
        *_table(_results(context), rules.execution_status, _Choices.of_statuses(target.statuses.values())),
        "",
        '[users]  # Atlassian account id = qTest user name; "" keeps the id as text only',
        *_ids(people, rules.users),
        "",
        '[components]  # Jira component id = its name, which only Jira knows; "" keeps the id as text',
        *_ids(map(str, source.seen.components), rules.components),
        "",
        "[versions]  # Jira version id = its name, likewise",
        *_ids(map(str, versions), rules.versions),
        "",
        f"[fields]  # Zephyr custom field = type, one of {', '.join(FIELD_TYPES)}",
        *_fields(context),
    ]
    return "\n".join(lines) + "\n"


class _Choices(msgspec.Struct, frozen=True):
    """The values that may be chosen, and the one that new records get."""

    labels: list[str] = []
    defaults: list[str] = []

    @classmethod
    def of(cls, field: Field | None) -> _Choices:
        labels = field.open_labels() if field else []
        chosen = [value.label for value in (field.allowed_values if field else None) or () if value.is_default]
        return cls(labels, [label for label in chosen if label in labels])

    @classmethod
    def of_statuses(cls, statuses: Iterable[Status]) -> _Choices:
        known = list(statuses)
        return cls([status.name for status in known], [status.name for status in known if status.is_default])


def _ids(identifiers: Iterable[str], rules: Mapping[str, str]) -> list[str]:
    return [f"{_quoted(text)} = {_quoted(rules.get(text, ''))}" for text in sorted(identifiers)]


def _results(context: Context) -> list[str]:
    """The statuses that executions or their steps may have."""
    source = context.source
    used = {
        identifier
        for identifier, status in source.execution_statuses.items()
        if identifier in source.seen_executions.statuses or not status.archived
    }
    return _names(used, source.execution_statuses) if source.seen_executions.number else []


def _names(used: set[int], names: Mapping[int, Named]) -> list[str]:
    return sorted({names[identifier].name for identifier in used if identifier in names})


def _table(names: Iterable[str], rules: Mapping[str, str], choices: _Choices) -> Iterator[str]:
    for name in names:
        value, guess = _value(name, rules, choices)
        yield f"{_quoted(name)} = {_quoted(value)}" + ("  # guess" if guess else "")


def _value(name: str, rules: Mapping[str, str], choices: _Choices) -> tuple[str, bool]:
    if rules.get(name) in choices.labels:
        return rules[name], False
    folded = {label.casefold(): label for label in choices.labels}
    if name.casefold() in folded:
        return folded[name.casefold()], False
    likely = [folded[word.casefold()] for word in _LIKELY.get(name.casefold(), ()) if word.casefold() in folded]
    return (likely + choices.defaults + choices.labels + [name])[0], True


def _fields(context: Context) -> Iterator[str]:
    words = {data_type: word for word, data_type in FIELD_TYPES.items()}
    custom = {**context.source.seen_cycles.custom, **context.source.seen.custom}
    for name, seen in sorted(custom.items()):
        yield f"{_quoted(name)} = {_quoted(context.rules.fields.get(name) or words[type_of(seen)[0]])}"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
