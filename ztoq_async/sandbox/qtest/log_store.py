"""Test logs, each one encoded, so that a million fit."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import count

import msgspec

from ztoq_async.sandbox.qtest import keys


class StepLog(msgspec.Struct, array_like=True, gc=False):
    """The result of a step; of a called case's step, `parent` is the step that calls and `called` the case; else 0."""

    id: int
    step: int
    status: int
    order: int
    actual: str
    parent: int = 0
    called: int = 0


class Log(msgspec.Struct, array_like=True):
    """A test log. `number` counts the run's logs from 1; `start` and `end` are whole seconds since 1970."""

    id: int
    run_id: int
    number: int
    version_id: int
    status: int
    start: int
    end: int
    created: float
    user_id: int
    key: str
    note: str
    build_number: str | None
    build_url: str | None
    planned: int | None
    actual: int | None
    values: dict[int, str]
    steps: list[StepLog]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Log).decode


class LogStore:
    """Logs by id and by run, each run's in the order of submission. Ids and times rise together."""

    def __init__(self, first_id: int, first_step_id: int) -> None:
        self._ids = count(first_id)
        self._step_ids = count(first_step_id)
        self._order = array("q")
        self._packed: dict[int, bytes] = {}
        self._of: dict[int, array[int]] = {}
        self.keys = keys.KeyIndex()

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Log]:
        return (_decode(self._packed[identity]) for identity in self._order[:] if identity in self._packed)

    def next_id(self) -> int:
        return next(self._ids)

    def next_step_id(self) -> int:
        return next(self._step_ids)

    def find(self, identity: int) -> Log | None:
        packed = self._packed.get(identity)
        return _decode(packed) if packed is not None else None

    numbered = find
    """A log has no pid: people see its id."""

    def get(self, identity: int) -> Log:
        return _decode(self._packed[identity])

    def ids(self, run_id: int | None = None) -> array[int]:
        """Ids in rising order: of the project, or of one run. Not to be changed."""
        return self._order if run_id is None else self._of.get(run_id, array("q"))

    def visible(self, ids: Sequence[int], until: float) -> Sequence[int]:
        """Those of the rising ids that were submitted by then."""
        return ids[: bisect_right(ids, until, key=lambda identity: self.get(identity).created)]

    def latest(self, run_id: int) -> Log | None:
        """The run's log that was submitted last."""
        ids = self._of.get(run_id)
        return self.get(ids[-1]) if ids else None

    def add(self, log: Log) -> None:
        self._packed[log.id] = _encode(log)
        self._order.append(log.id)
        self._of.setdefault(log.run_id, array("q")).append(log.id)
        self.keys.move(log.id, "", log.key)

    def change(self, log: Log, key: str) -> None:
        """Keep the changed log; its key is now `key`."""
        self.keys.move(log.id, log.key, key)
        log.key = key
        self._packed[log.id] = _encode(log)

    def remove_of(self, run_id: int) -> None:
        """Remove the logs of a run, the only way in which a log goes (facts.md 8)."""
        for identity in self._of.pop(run_id, array("q")):
            self.keys.move(identity, self.get(identity).key, "")
            del self._packed[identity]
            del self._order[bisect_left(self._order, identity)]
