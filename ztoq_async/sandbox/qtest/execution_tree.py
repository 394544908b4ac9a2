"""The tree of test execution: root > release | cycle > cycle > suite > run (facts.md 3.9)."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

import msgspec

from ztoq_async.sandbox.qtest.answers import Refusal
from ztoq_async.sandbox.qtest.log_store import LogStore
from ztoq_async.sandbox.qtest.shelf import ROOT, Item, Place, Shelf

DEEPEST = 99


class Release(Item, kw_only=True):
    """A release; `start` and `end` are as read back, None where unset."""

    description: str
    note: str
    start: str | None
    end: str | None
    values: dict[int, str]


class Cycle(Item, kw_only=True):
    """A test cycle: no properties, no dates (facts.md 8)."""

    description: str


class Suite(Item, kw_only=True):
    """A test suite: no description (facts.md 8)."""

    values: dict[int, str]


class Run(Item, kw_only=True):
    """A test run of a version of a test case; `packed` is the encoded map of its set properties."""

    case_id: int
    version_id: int
    creator_id: int
    packed: bytes

    @property
    def values(self) -> dict[int, str]:
        return _decode(self.packed)


pack = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[int, str]).decode


class ExecutionTree:
    """Releases, cycles, suites and runs, and the logs of runs."""

    def __init__(
        self, release_id: int, cycle_id: int, suite_id: int, run_id: int, log_id: int, step_log_id: int
    ) -> None:
        self.releases = Shelf[Release]("Release", release_id)
        self.cycles = Shelf[Cycle]("Test cycle", cycle_id)
        self.suites = Shelf[Suite]("Test suite", suite_id)
        self.runs = Shelf[Run]("Test run", run_id)
        self.logs = LogStore(log_id, step_log_id)

    def container(self, place: Place) -> Release | Cycle | Suite | None:
        """What stands at the place; None for the root, 404 where there is nothing."""
        kind, identity = place
        if kind == "release":
            return self.releases.get(identity)
        if kind == "test-cycle":
            return self.cycles.get(identity)
        return self.suites.get(identity) if kind == "test-suite" else None

    def path(self, place: Place) -> Iterator[Place]:
        """The place and those above it, up to the root, which is left out."""
        while found := self.container(place):
            yield place
            place = found.place

    def release_of(self, place: Place) -> int | None:
        """The id of the release above the place."""
        return next((identity for kind, identity in self.path(place) if kind == "release"), None)

    def below(self, place: Place) -> list[Place]:
        """The place and all containers below it, parents first."""
        found = [place]
        for parent in found:
            if parent == ROOT:
                found.extend(("release", identity) for identity in self.releases.ids())
            found.extend(("test-cycle", identity) for identity in self.cycles.ids(parent))
            found.extend(("test-suite", identity) for identity in self.suites.ids(parent))
        return found

    def runs_below(self, place: Place) -> list[int]:
        """Ids of all runs at the place and below it, in rising order."""
        if place == ROOT:
            return self.runs.ids()
        return list(merge(*(self.runs.ids(parent) for parent in self.below(place))))

    def is_empty(self, place: Place) -> bool:
        return len(self.below(place)) == 1 and not self.runs.ids(place)

    def may_hold(self, place: Place, cycle: Cycle | None = None) -> None:
        """Refuse a place for a cycle that is too deep or, in a move, below the cycle itself."""
        path = list(self.path(place))
        if cycle and ("test-cycle", cycle.id) in path:
            raise Refusal(400, "A test cycle cannot be moved below itself.")
        if len(path) + (self._height(("test-cycle", cycle.id)) if cycle else 1) > DEEPEST:
            raise Refusal(400, f"Test cycles cannot be nested deeper than {DEEPEST} levels.")

    def _height(self, place: Place) -> int:
        levels, level = 0, [place]
        while level:
            levels += 1
            level = [("test-cycle", identity) for parent in level for identity in self.cycles.ids(parent)]
        return levels

    def remove(self, place: Place) -> None:
        """Remove a container with all that is below it."""
        for parent in reversed(self.below(place)):
            for identity in list(self.runs.ids(parent)):
                self.remove_run(self.runs.get(identity))
            kind, identity = parent
            if kind == "release":
                self.releases.remove(self.releases.get(identity))
            elif kind == "test-cycle":
                self.cycles.remove(self.cycles.get(identity))
            else:
                self.suites.remove(self.suites.get(identity))

    def remove_run(self, run: Run) -> None:
        self.logs.remove_of(run.id)
        self.runs.remove(run)
