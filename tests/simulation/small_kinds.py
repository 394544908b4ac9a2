"""Three small kinds for the real lanes: places in a tree, things in them, and notes on each thing in their order."""

from __future__ import annotations

import msgspec
from msgspec import structs

from ztoq_async.errors import SourceError
from ztoq_async.mapping.kind import Kind, Made, made_of
from ztoq_async.plan import Row
from ztoq_async.qtest.listing import Listing
from ztoq_async.resources.calls import Call

PAGE = 3
SPOILT = b"spoilt"


class _Made(msgspec.Struct):
    id: int


class _Shown(msgspec.Struct):
    id: int
    key: str


def _build(item, context):
    if item.record == SPOILT or item.detail == SPOILT:
        raise SourceError(f"{item.key}: it cannot be moved")
    return item, []


def _parent(item, refs):
    return made_of(refs, item.parents[0]).id if item.parents else 0


def _made(body, target, context):
    return Made(msgspec.json.decode(body, type=_Made).id), None


def _recognise(rows, context):
    for row in rows:
        shown = msgspec.json.decode(row, type=_Shown)
        yield shown.key, Made(shown.id), None


def _kind(name, parents, *, scope, waits=False):
    def create(target, context, refs):
        body = {"kind": name, "key": target.key, "parent": _parent(target, refs)}
        return Call("POST", f"/make/{name}", body=msgspec.json.encode(body))

    def find(target, context, refs):
        path = f"/list/{name}/{_parent(target, refs)}"
        return Listing(path, path, paging="size", most=PAGE)

    everywhere = Listing(f"/{scope}/{name}", f"/{scope}/{name}", paging="size", most=PAGE)
    return Kind(
        name=name,
        parents=parents,
        plan=lambda context: None,
        build=_build,
        create=create,
        made=_made,
        recognise=_recognise,
        find=find,
        read_back=lambda context: everywhere,
        differences=lambda target, actual, context, refs: [],
        source=name,
        waits=waits,
    )


PLACE = _kind("place", ("place",), scope="list")
THING = _kind("thing", ("place",), scope="list")
NOTE = _kind("note", ("thing",), scope="search", waits=True)
SMALL_KINDS = (PLACE, THING, NOTE)


class Plan(msgspec.Struct):
    """What is to be moved: rows of each kind in their order, and the records and details that are spoilt (names)."""

    rows: dict[str, list[Row]]
    spoilt: set[str]
    spoilt_details: set[str]

    def refused(self):
        """The names of rows that the plan, a record or its details refuse."""
        return {name for name, row in self.all().items() if row.refusal} | self.spoilt | self.spoilt_details

    def mend(self):
        """People have mended the rules and the source: nothing is refused from the start any more."""
        for kind, rows in self.rows.items():
            self.rows[kind] = [structs.replace(row, refusal="") for row in rows]
        self.spoilt.clear()
        self.spoilt_details.clear()

    def all(self):
        """Every row by its name."""
        return {f"{row.kind}:{row.key}": row for rows in self.rows.values() for row in rows}


def draw_plan(chance):
    """Some five to forty rows."""
    rows = {kind.name: [] for kind in SMALL_KINDS}
    for number in range(chance.randrange(1, 5)):
        _place(chance, rows["place"], number)
    for number in range(chance.randrange(2, 9)):
        parent = f"place:{chance.choice(rows['place']).key}"
        rows["thing"].append(Row("thing", f"t{number}", (parent,), refusal=_refusal(chance)))
    for thing in rows["thing"][: chance.randrange(1, 5)]:
        last = ()
        for number in range(chance.randrange(1, 6)):
            key = f"{thing.key}-n{number}"
            rows["note"].append(Row("note", key, (f"thing:{thing.key}",), last, refusal=_refusal(chance)))
            last = (f"note:{key}",)
    names = [f"{row.kind}:{row.key}" for some in rows.values() for row in some]
    notes = [f"note:{row.key}" for row in rows["note"]]
    return Plan(rows, _some(chance, names, 0.03), _some(chance, notes, 0.05))


def _place(chance, places, number):
    parent = chance.choice([None, *places]) if places else None
    siblings = [row for row in places if row.parents == ((f"place:{parent.key}",) if parent else ())]
    after = (f"place:{siblings[-1].key}",) if siblings else ()
    places.append(Row("place", f"p{number}", (f"place:{parent.key}",) if parent else (), after))


def _refusal(chance):
    return "it is refused from the start" if chance.random() < 0.03 else ""


def _some(chance, names, share):
    return {name for name in names if chance.random() < share}
