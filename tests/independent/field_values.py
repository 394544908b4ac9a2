"""Values of qTest fields against Zephyr's: numbers, instants, sets of labels, words."""

import contextlib
import itertools
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from both_sides import Row
from plain_text import collapsed, plain

DATES, RICH_TEXT = (4, 9), 6
UNSET: tuple[Any, ...] = (None, "", [])


BUILT_IN = (
    *["Key", "Status", "Priority", "Component", "Owner", "Labels", "Links"],
    "Created On",
    "Estimated Time (ms)",
)
LONGEST_LABEL = 100


class Fields:
    """The fields of test cases of one qTest project, found by label; `names` are the custom fields that Zephyr uses.

    A custom field has its own name as label, or `Zephyr` before it where that is taken, or a number after that.
    """

    def __init__(self, fields: Iterable[Row], names: Iterable[str] = ()) -> None:
        rows = list(fields)
        self._own = {row["label"]: row for row in rows if not row["system_field"]}
        self._system = {row["original_name"]: row for row in rows if row["system_field"]}
        taken = {row["label"].casefold() for row in self._system.values()}
        taken |= {f"zephyr {name}".casefold() for name in BUILT_IN}
        self._labels: dict[str, str] = {}
        for name in sorted(names):
            label = next(label for label in _candidates(name.strip()) if label.casefold() not in taken)
            taken.add(label.casefold())
            self._labels[name] = label

    def own(self, label: str) -> Row | None:
        """A field that was made for Zephyr's values."""
        return self._own.get(label)

    def system(self, original_name: str) -> Row:
        """A field that every qTest project has."""
        return self._system[original_name]

    def system_if_any(self, original_name: str) -> Row | None:
        """A field that some qTest projects have."""
        return self._system.get(original_name)

    def custom(self, name: str) -> Row | None:
        """The field of a Zephyr custom field."""
        return self._own.get(self._labels.get(name, ""))


def _candidates(name: str) -> Iterator[str]:
    prefixed = f"Zephyr {name}"
    yield name[:LONGEST_LABEL]
    yield prefixed[:LONGEST_LABEL]
    for number in itertools.count(2):
        yield f"{prefixed[: LONGEST_LABEL - 2]} {number}"


def shown(case: Row, field: Row) -> str | set[str]:
    """A test case's value of a field: a string, or the labels of what was chosen."""
    found = [row["field_value"] for row in case["properties"] if row["field_id"] == field["id"]]
    text = "" if not found or found[0] is None else str(found[0])
    if "allowed_values" not in field:
        return text
    labels = {row["value"]: row["label"] for row in field["allowed_values"]}
    ids = json.loads(text) if text.startswith("[") else [int(text)] if text else []
    return {labels[int(identifier)] for identifier in ids}


def says_the_same(value: Any, field: Row, actual: str | set[str]) -> bool:
    """True if a qTest value says what Zephyr's says, in whatever form that field has."""
    if value in UNSET:
        return not actual
    if isinstance(value, list):
        return same_list(value, actual)
    if isinstance(actual, set):
        return actual == {word(value)}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return same_number(value, actual)
    if field["data_type"] in DATES:
        return same_instant(str(value), actual)
    if field["data_type"] == RICH_TEXT:
        return plain(word(value)) == plain(actual)
    return collapsed(word(value)) == collapsed(actual)


def word(value: Any) -> str:
    """A single value as people see it in qTest."""
    return ("No", "Yes")[value] if isinstance(value, bool) else str(value)


def same_list(value: list[Any], actual: str | set[str]) -> bool:
    """True if the labels are the same set; in a text field they stand as JSON or with commas between them."""
    return any({str(item) for item in value} == form for form in _lists(actual))


def _lists(actual: str | set[str]) -> list[set[str]]:
    if isinstance(actual, set):
        return [actual]
    with contextlib.suppress(ValueError):
        return [set(actual.split(", ")), {str(item) for item in json.loads(actual)}]
    return [set(actual.split(", "))]


def same_number(value: Any, actual: str | set[str]) -> bool:
    """True if both are the same number; a number that was read as a float counts by its shortest digits."""
    try:
        return Decimal(str(value)) == Decimal(str(actual))
    except InvalidOperation:
        return False


def same_instant(value: str, actual: str | set[str]) -> bool:
    """True if both name one instant; a date without a zone is UTC."""
    try:
        return _instant(value) == _instant(str(actual))
    except ValueError:
        return False


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
