"""What a kind is: the functions by which the lanes plan, make, find, read back and compare records of one kind (pure).

The functions return calls and listings as values; the lanes carry them out and know no kind by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import Context
from ztoq_async.plan import Planner
from ztoq_async.qtest.paths import Listing
from ztoq_async.resources.calls import Call


class Made(msgspec.Struct, frozen=True):
    """What a done row keeps for its children: the object's id, its version id and the ids of its steps."""

    id: int
    version_id: int | None = None
    step_ids: tuple[int, ...] = ()


Refs = Mapping[str, Made]


def made_of(refs: Refs, name: str) -> Made:
    """What a parent keeps for its children; `SourceError` where it is not made."""
    if name not in refs:
        raise SourceError(f"{name.replace(':', ' ', 1)} is not in qTest")
    return refs[name]


class Item(msgspec.Struct, frozen=True):
    """A journal row with the archived record behind it, as `build` needs it."""

    key: str
    parents: tuple[str, ...] = ()
    record: bytes = b""
    detail: bytes = b""


Target = Any
Found = tuple[str, Made, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table: `reported` is its name in reports ("" for helpers), `source` its kind in the archive.

    `made` and `recognise` give what children need and the object as qTest shows it (None: not to be compared). `keyed`
    says whether the target may hold our keys, `is_ours` whether a key is of this move, `changes_target` that the
    target's tables must be read again when rows of the kind are done.
    """

    name: str
    parents: tuple[str, ...]
    plan: Callable[[Context], Planner]
    build: Callable[[Item, Context], tuple[Target, list[Note]]]
    create: Callable[[Target, Context, Refs], Call | Made]
    made: Callable[[bytes, Target, Context], tuple[Made, Any]]
    recognise: Callable[[list[bytes], Context], Iterator[Found]]
    find: Callable[[Target, Context, Refs], Listing]
    read_back: Callable[[Context], Listing]
    differences: Callable[[Target, Any, Context, Refs], list[str]]
    one: Callable[[int, Context], Call] | None = None
    delete: Callable[[int, Context], Call] | None = None
    reported: str = ""
    source: str = ""
    attributes: Callable[[Item], Iterator[str]] = lambda item: iter(())
    keyed: Callable[[Context], bool] = lambda context: False
    is_ours: Callable[[str, Context], bool] = lambda key, context: True
    changes_target: bool = False
