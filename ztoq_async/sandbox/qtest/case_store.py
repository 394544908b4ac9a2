"""Test cases of the simulated project, kept as encoded bytes so that a million fit."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import count

import msgspec

from ztoq_async.sandbox.qtest import keys
from ztoq_async.sandbox.qtest.answers import not_found


class Step(msgspec.Struct, array_like=True, gc=False):
    """A step; `called` is the id of the test case it calls, 0 for none."""

    id: int
    description: str
    expected: str
    called: int = 0


class Content(msgspec.Struct, array_like=True):
    """What a version of a test case says. `values` holds the set properties by field id."""

    name: str
    description: str
    precondition: str
    values: dict[int, str]
    steps: list[Step]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Content).decode


class Version(msgspec.Struct, gc=False):
    """A version; `minor` 0 is an approved one. `packed` is the encoded content."""

    id: int
    major: int
    minor: int
    modified: float
    packed: bytes

    @property
    def content(self) -> Content:
        return _decode(self.packed)

    @property
    def label(self) -> str:
        return f"{self.major}.{self.minor}"


class Case(msgspec.Struct, gc=False):
    """A test case: its place and its versions, approved ones and the newest draft, oldest first (facts.md 3.8)."""

    id: int
    number: int
    parent_id: int
    order: int
    creator_id: int
    created: float
    key: str
    versions: tuple[Version, ...]

    @property
    def newest(self) -> Version:
        return self.versions[-1]


class CaseStore:
    """Test cases by id and by module. Ids, numbers and times rise together."""

    def __init__(self, first_id: int, first_version_id: int, first_step_id: int) -> None:
        self._numbers = count(1)
        self._version_ids = count(first_version_id)
        self._step_ids = count(first_step_id)
        self._first_id = first_id
        self._cases: dict[int, Case] = {}
        self._order: list[int] = []
        self._places: dict[int, list[int]] = {}
        self.keys = keys.KeyIndex()

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Case]:
        return (self._cases[identity] for identity in list(self._order) if identity in self._cases)

    def __contains__(self, identity: int) -> bool:
        return identity in self._cases

    def numbered(self, number: int) -> Case | None:
        """The case with pid `TC-<number>`."""
        return self._cases.get(self._first_id + number)

    def get(self, identity: int) -> Case:
        case = self._cases.get(identity)
        if case is None:
            raise not_found("Test case", identity)
        return case

    def find(self, identity: int) -> Case | None:
        return self._cases.get(identity)

    def ids(self, parent_id: int | None = None) -> list[int]:
        """Ids in rising order: of the project, or of one module's direct children. Not to be changed."""
        return self._order if parent_id is None else self._places.get(parent_id, [])

    def visible(self, ids: Sequence[int], until: float) -> Sequence[int]:
        """Those of the rising ids that were made by then."""
        return ids[: bisect_right(ids, until, key=lambda identity: self.get(identity).created)]

    def step_id(self) -> int:
        return next(self._step_ids)

    def add(self, parent_id: int, order: int | None, creator_id: int, content: Content, key: str, now: float) -> Case:
        number = next(self._numbers)
        version = Version(next(self._version_ids), 0, 1, now, _encode(content))
        place = self._places.setdefault(parent_id, [])
        position = len(place) + 1 if order is None else order
        case = Case(self._first_id + number, number, parent_id, position, creator_id, now, "", (version,))
        self._cases[case.id] = case
        self._order.append(case.id)
        place.append(case.id)
        self.rekey(case, key)
        return case

    def rekey(self, case: Case, key: str) -> None:
        self.keys.move(case.id, case.key, key)
        case.key = key

    def edit(self, case: Case, content: Content, now: float) -> None:
        """Save a change: the draft after the newest version, 0.1 more."""
        newest = case.newest
        draft = Version(next(self._version_ids), newest.major, newest.minor + 1, now, _encode(content))
        self._put(case, draft)

    def approve(self, case: Case, content: Content, now: float) -> None:
        """The next whole version; approving 1.0 makes 2.0 (facts.md 8)."""
        self._put(case, Version(next(self._version_ids), case.newest.major + 1, 0, now, _encode(content)))

    def _put(self, case: Case, version: Version) -> None:
        kept = case.versions[:-1] if case.newest.minor else case.versions
        case.versions = (*kept, version)

    def move(self, case: Case, parent_id: int) -> None:
        self._leave(case)
        place = self._places.setdefault(parent_id, [])
        place.insert(bisect_left(place, case.id), case.id)
        case.parent_id = parent_id

    def remove(self, case: Case) -> None:
        self._leave(case)
        self.rekey(case, "")
        del self._cases[case.id]
        del self._order[bisect_left(self._order, case.id)]

    def _leave(self, case: Case) -> None:
        place = self._places[case.parent_id]
        del place[bisect_left(place, case.id)]
