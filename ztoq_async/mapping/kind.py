"""What a kind is: the functions by which the lanes plan, make, find, read back and compare records of one kind (pure).

The functions return calls and listings as values; the lanes carry them out and know no kind by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import Context
from ztoq_async.plan import Planner
from ztoq_async.qtest.listing import Listing
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


def ref_of(refs: Refs, kind: str) -> Made:
    """What the parent of that kind keeps for its children; `SourceError` where it is not made."""
    for name, made in refs.items():
        if name.startswith(f"{kind}:"):
            return made
    raise SourceError(f"its {kind} is not in qTest")


class Item(msgspec.Struct, frozen=True):
    """A journal row with the archived record behind it, as `build` needs it.

    `beside` has the items of its parents that the kind wants to see, and their own parents of the same kinds. `past` is
    what some of them kept for their children when this row was made, where they have been changed since.
    """

    key: str
    parents: tuple[str, ...] = ()
    record: bytes = b""
    detail: bytes = b""
    beside: Mapping[str, Item] = {}
    past: Refs = {}

    def parent(self, *kinds: str) -> str:
        """The name of the first parent of one of these kinds."""
        for name in self.parents:
            if name.partition(":")[0] in kinds:
                return name
        raise SourceError(f"it has no {' or '.join(kinds)}")


class Creation(msgspec.Struct, frozen=True):
    """Who made an object, and when by the service's clock, as the service shows it."""

    user_id: int | None
    date: str | None


class Use(msgspec.Struct, frozen=True):
    """A list of objects, called `label` in reports, and which objects of a kind each of its rows uses, by id."""

    label: str
    listing: Listing
    used: Callable[[bytes], Iterator[int]]


Target = Any
Found = tuple[str, Made, Any]
Differences = list[str] | None
"""Names of what differs; None where the list shows too little to say: the object must be asked for by its id."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table.

    `reported`: its name in reports ("" for helpers). `source`: the kind of its records in the archive; `reads`: those
    that its planner goes through, if others; `waits`: its rows can be made when their records' details are there, all
    others are planned when those have come or need none.

    `made` and `recognise` give what children need and the object as qTest shows it (None: not to be compared).
    `read_back` lists all objects of the project, `find` those below one object, `within` the same for verification,
    which needs it where `read_back` cannot show an object whole or at all; `index` says that it is such a one.

    `amend` gives the calls that make an object equal to its target, from the object as `one` shows it and the names of
    what differs; it raises `SourceError` for what the API cannot change. Where `one` shows less than a list does, as of
    places among siblings, `partly` is true, and `amend` gets no object. `canonical` is what `differences` looks at, as
    the object shows it: it changes when people change that. `follows`: whether the row's call must be made anew after
    its parent was, by what the parent shows now; None stands for a parent that was not there any more.

    `keyed`: whether the target may hold our keys; `is_ours`: whether a key is of this move; `changes`: the object type
    whose fields must be read again when rows of the kind are done; `beside`: the kinds of parents whose records
    `build` must see; `part_of`: the kind of the parent under which reports sum up; `closes`: kinds that are read back
    when this one is made, before the next begins.

    What deleting must know: `holds` lists what stands below an object, by its name in reports, and `uses` what may use
    it from elsewhere in the project; `added` names what people may have added to it that is no difference; rows of
    kinds that name this one in `goes_with` are gone with it. `creation` is None where the service does not show who
    made an object. `repeated` says how an object shows that the call for it took effect more than once.
    """

    name: str
    parents: tuple[str, ...]
    plan: Callable[[Context], Planner]
    build: Callable[[Item, Context], tuple[Target, list[Note]]]
    create: Callable[[Target, Context, Refs], Call | Made]
    made: Callable[[bytes, Target, Context], tuple[Made, Any]]
    recognise: Callable[[list[bytes], Context], Iterator[Found]]
    find: Callable[[Target, Context, Refs], Listing]
    read_back: Callable[[Context], Listing] | None
    differences: Callable[[Target, Any, Context, Refs], Differences]
    one: Callable[[int, Context, Refs], Call] | None = None
    delete: Callable[[int, Context], Call] | None = None
    holds: Callable[[int, Context], Sequence[tuple[str, Listing]]] = lambda identifier, context: ()
    uses: Callable[[Context], Sequence[Use]] = lambda context: ()
    added: Callable[[Target, Any], list[str]] = lambda target, actual: []
    goes_with: tuple[str, ...] = ()
    creation: Callable[[Any], Creation] | None = None
    repeated: Callable[[bytes], str] | None = None
    within: Callable[[Context, Refs], Listing] | None = None
    amend: Callable[[Target, int, Any, list[str], Context, Refs], list[Call]] | None = None
    partly: bool = False
    canonical: Callable[[Any, Context], Any] = lambda actual, context: None
    follows: Callable[[Made | None], bool] | None = None
    index: bool = False
    reported: str = ""
    source: str = ""
    reads: str = ""
    waits: bool = False
    beside: tuple[str, ...] = ()
    part_of: str = ""
    closes: tuple[str, ...] = ()
    attributes: Callable[[Item], Iterable[str]] = lambda item: ()
    keyed: Callable[[Context], bool] = lambda context: False
    is_ours: Callable[[str, Context], bool] = lambda key, context: True
    changes: str = ""
