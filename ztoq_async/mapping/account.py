"""Accounting of attributes: what was read, and what became of each of it.

An attribute is a leaf of the source record; a list counts once; null, absent, "" and [] are unset. The count of what
was read comes from the record's own bytes, the explanation from the mapping: what only one knows is unexplained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

AS_IS = "as it is"
IDENTITY = "identity"
REFUSED = "refused"
WHOLE = "*"
_IDENTITIES = frozenset({"id", "self", "steps.id", "script.id"})


class Note(msgspec.Struct, frozen=True):
    """What became of one attribute: carried `as it is`, by a named rule, or refused; `loss` says what is gone.

    The attribute `*` is the whole record: such a note is only a row of the ledger.
    """

    attribute: str
    rule: str = AS_IS
    loss: str = ""


def leaves(record: Any, prefix: str = "") -> list[str]:
    """The names of the attributes that are set, `customFields.Team` for one inside another."""
    found: list[str] = []
    _add_leaves(record, prefix, found)
    return found


def _add_leaves(record: Any, name: str, found: list[str]) -> None:
    if isinstance(record, dict):
        before = f"{name}." if name else ""
        for inner, value in record.items():
            _add_leaves(value, before + inner, found)
    elif record is not None and record != "" and record != []:
        found.append(name)


def is_identity(attribute: str) -> bool:
    """`id`, `self` and `project` say where a record lives, not what it says."""
    return attribute in _IDENTITIES or attribute.endswith(".self") or attribute.startswith("project.")


def settle(read: Iterable[str], notes: Iterable[Note]) -> tuple[Counter[tuple[str, str]], list[str]]:
    """How often each (attribute, rule) occurred, and the attributes that were read and that no note explains.

    A note about an attribute that was not read is unexplained too: the mapping claims more than the record holds.
    """
    open_reads = Counter(read)
    surplus: list[str] = []
    explained: list[tuple[str, str]] = []
    for note in notes:
        attribute = note.attribute
        if open_reads.get(attribute):
            open_reads[attribute] -= 1
            explained.append((attribute, note.rule))
        elif attribute != WHOLE:
            surplus.append(attribute)
    for attribute, number in open_reads.items():
        if number and is_identity(attribute):
            explained += [(attribute, IDENTITY)] * number
        else:
            surplus += [attribute] * number
    return Counter(explained), surplus
