"""A mapping file with a rule for every value seen, for a person to read and change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from ztoq_async.mapping.context import Context
from ztoq_async.mapping.field import type_of
from ztoq_async.mapping.rules import FIELD_TYPES
from ztoq_async.qtest.records import Field
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
}


def propose(context: Context) -> str:
    """The text of the file: equal names first, then likely ones, else the field's default; each guess says so."""
    source, rules = context.source, context.rules
    lines = [
        "# Proposed from the values seen. Read every line: what is marked `guess` is one.",
        f"root_module = {_quoted(context.root_module)}",
        "",
        "[status]  # Zephyr status = value of the qTest field Status; the Zephyr name is kept in `Zephyr Status`",
        *_table(_names(source.seen.statuses, source.statuses), rules.status, context.target.system("status")),
        "",
        "[priority]  # Zephyr priority = value of the qTest field Priority; kept in `Zephyr Priority`",
        *_table(_names(source.seen.priorities, source.priorities), rules.priority, context.target.system("priority")),
        "",
        '[users]  # Atlassian account id = qTest user name; "" keeps the id as text only',
        *(f"{_quoted(owner)} = {_quoted(rules.users.get(owner, ''))}" for owner in sorted(source.seen.owners)),
        "",
        '[components]  # Jira component id = its name, which only Jira knows; "" keeps the id as text',
        *(
            f'"{component}" = {_quoted(rules.components.get(str(component), ""))}'
            for component in sorted(source.seen.components)
        ),
        "",
        f"[fields]  # Zephyr custom field = type, one of {', '.join(FIELD_TYPES)}",
        *_fields(context),
    ]
    return "\n".join(lines) + "\n"


def _names(used: set[int], names: Mapping[int, Named]) -> list[str]:
    return sorted({names[identifier].name for identifier in used if identifier in names})


def _table(names: Iterable[str], rules: Mapping[str, str], field: Field | None) -> Iterator[str]:
    for name in names:
        value, guess = _value(name, rules, field)
        yield f"{_quoted(name)} = {_quoted(value)}" + ("  # guess" if guess else "")


def _value(name: str, rules: Mapping[str, str], field: Field | None) -> tuple[str, bool]:
    labels = field.open_labels() if field else []
    if rules.get(name) in labels:
        return rules[name], False
    folded = {label.casefold(): label for label in labels}
    if name.casefold() in folded:
        return folded[name.casefold()], False
    likely = [folded[word.casefold()] for word in _LIKELY.get(name.casefold(), ()) if word.casefold() in folded]
    chosen = [value.label for value in (field.allowed_values if field else None) or () if value.is_default]
    defaults = [label for label in chosen if label in labels]
    return (likely + defaults + labels + [name])[0], True


def _fields(context: Context) -> Iterator[str]:
    words = {data_type: word for word, data_type in FIELD_TYPES.items()}
    for name, seen in sorted(context.source.seen.custom.items()):
        yield f"{_quoted(name)} = {_quoted(context.rules.fields.get(name) or words[type_of(seen)[0]])}"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
