"""Values of fields: from Zephyr's JSON to qTest's strings, back, and when two are the same (facts.md 3.7).

Between the two services a value is a string, or a tuple of labels for a field with choices: ids belong to a project.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping.seen import kind_of, words
from ztoq_async.mapping.text import cleaned, holds_forbidden, same_html, same_line, without_control
from ztoq_async.qtest.records import DataType, Field, Property

Value = str | tuple[str, ...]
_CARRIED, _SINGLE = (str, int, float, list), (str, int, float)
CHOICES = (DataType.COMBO, DataType.MULTI_SELECT, DataType.CHECK_BOX, DataType.USER_LIST)


def from_zephyr(value: Any, data_type: int) -> Value:
    """A Zephyr value as a field of that type holds it; raises `SourceError` for a value that the type cannot hold."""
    if not isinstance(value, _CARRIED):
        raise SourceError(f"a value of the kind '{kind_of(value)}' has no rule")
    if data_type in (DataType.MULTI_SELECT, DataType.COMBO):
        return tuple([_words(item) for item in value]) if isinstance(value, list) else (_words(value),)
    if data_type in (DataType.DATE, DataType.DATE_TIME):
        return _instant(value).isoformat()
    text = _joined(value) if isinstance(value, list) else _words(value)
    return cleaned(text) if data_type == DataType.RICH_TEXT and holds_forbidden(text) else text


def loss(value: Any, data_type: int) -> tuple[str, str] | None:
    """The rule by which a value loses something on its way, and what; None for one that arrives whole."""
    found = None
    for text in value if isinstance(value, list) else (value,):
        if isinstance(text, str):
            kept = without_control(text)
            if data_type == DataType.RICH_TEXT and holds_forbidden(kept):
                return "html-cleaned", "scripts, event handlers or embedded objects were dropped"
            if kept != text:
                found = "control-characters", "control characters were dropped"
    return found


def _words(value: Any) -> str:
    if isinstance(value, _SINGLE):
        return words(value)
    raise SourceError(f"a value of the kind '{type(value).__name__}' in a list has no rule")


def _joined(values: list[Any]) -> str:
    items = [_words(value) for value in values]
    if any(", " in item for item in items):
        return msgspec.json.encode(items).decode()
    return ", ".join(items)


def _instant(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise SourceError(f"'{text}' is not a date") from None


def to_property(value: Value, field: Field) -> dict[str, Any]:
    """The property as a create call sends it; raises `SourceError` if the field lacks one of the labels."""
    return {"field_id": field.id, "field_value": _encoded(value, field)}


def _encoded(value: Value, field: Field) -> str:
    if isinstance(value, str):
        return value
    ids = field.value_ids
    unknown = [label for label in value if label not in ids]
    if unknown:
        raise SourceError(f"the qTest field '{field.label}' has no value '{unknown[0]}'")
    if field.data_type == DataType.COMBO and len(value) > 1:
        raise SourceError(f"the qTest field '{field.label}' takes one value, not {len(value)}")
    if field.data_type == DataType.COMBO:
        return str(ids[value[0]])
    return "[" + ",".join(str(ids[label]) for label in value) + "]"


def from_property(item: Property, field: Field) -> Value:
    """The value of a property as qTest gives it, ids turned into labels; "" and () are unset."""
    text = "" if item.field_value is None else str(item.field_value)
    if field.data_type not in CHOICES:
        return text
    found = msgspec.json.decode(text) if text.startswith("[") else [int(text)] if text else []
    return tuple(field.value_labels.get(int(identifier), f"#{identifier}") for identifier in found)


def same(expected: Value, actual: Value, data_type: int | None) -> bool:
    """True if qTest's value says what was sent: `choice-order`, `zone` and `digits` may differ, nothing else."""
    if expected == actual:
        return True
    if isinstance(expected, tuple) or isinstance(actual, tuple):
        return sorted(set(expected)) == sorted(set(actual))
    if data_type == DataType.NUMBER:
        return _number(expected) == _number(actual)
    if data_type in (DataType.DATE, DataType.DATE_TIME) and actual:
        return _same_instant(expected, actual)
    if data_type == DataType.RICH_TEXT:
        return same_html(expected, actual)
    return same_line(expected, actual)


def _number(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _same_instant(expected: str, actual: str) -> bool:
    try:
        return _instant(expected) == _instant(actual)
    except SourceError:
        return False
