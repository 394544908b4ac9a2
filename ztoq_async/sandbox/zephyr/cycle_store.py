"""Test cycles as they are now: those of the source, changed and added to by clients."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from ztoq_async.sandbox.source import CLOUD
from ztoq_async.sandbox.zephyr.answers import ApiError

encode = msgspec.json.encode


class _Reference(msgspec.Struct):
    id: int = 0


class _Cycle(msgspec.Struct, rename="camel"):
    id: int
    key: str
    folder: _Reference | None = None
    jira_project_version: _Reference | None = None
    planned_start_date: str | None = None


class Listed(NamedTuple):
    """A cycle and what lists filter by; 0 and "" stand for nothing."""

    key: str
    folder: int
    version: int
    updated: str
    row: bytes


_CYCLE = msgspec.json.Decoder(_Cycle)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class CycleStore:
    """The cycles of one project by ascending id."""

    def __init__(self, rows: Sequence[bytes], project_key: str) -> None:
        self._cycles: dict[int, Listed] = {}
        self._ids: dict[str, int] = {}
        self._project_key = project_key
        for row in rows:
            self._put(row)

    def __getitem__(self, identity: int) -> Listed:
        return self._cycles[identity]

    def ids(self, folder: int = 0, version: int = 0, since: str = "") -> list[int]:
        """Ascending ids of the cycles in a folder, of a Jira version, changed after an instant; 0 and "" are any."""
        return [
            identity
            for identity, cycle in self._cycles.items()
            if folder in (0, cycle.folder) and version in (0, cycle.version) and (not since or cycle.updated > since)
        ]

    def by_key(self, key: str) -> int | None:
        """Id of the cycle with this key."""
        return self._ids.get(key)

    def find(self, text: str) -> int:
        """Id of the cycle with this id or key; 400 for what is neither, 404 for an unknown one."""
        if not re.fullmatch(r"[0-9]+|[A-Z][A-Z_0-9]+-R[0-9]+", text):
            raise ApiError(400, f"testCycleIdOrKey: {text!r} is neither an id nor a key")
        identity = int(text) if text.isdecimal() and len(text) < 20 else self._ids.get(text)
        if identity not in self._cycles:
            raise ApiError(404, f"Test cycle {text} not found")
        return identity

    def row(self, identity: int) -> dict[str, Any]:
        return _decode(self._cycles[identity].row)

    def add(self, row: dict[str, Any], updated: str) -> tuple[int, str]:
        """Id and key of a new cycle."""
        identity = max(self._cycles, default=0) + 1
        number = max((int(key.rpartition("-R")[2]) for key in self._ids), default=0) + 1
        key = f"{self._project_key}-R{number}"
        links = {"self": f"{CLOUD}/testcycles/{key}/links", "issues": [], "webLinks": [], "testPlans": []}
        self._put(encode({"id": identity, "key": key, **row, "links": links}), updated)
        return identity, key

    def replace(self, identity: int, row: dict[str, Any], updated: str) -> None:
        """Write what is given; the rest of the row stays."""
        self._put(encode(self.row(identity) | row), updated)

    def _put(self, row: bytes, updated: str = "") -> None:
        cycle = _CYCLE.decode(row)
        self._ids[cycle.key] = cycle.id
        self._cycles[cycle.id] = Listed(
            cycle.key,
            cycle.folder.id if cycle.folder else 0,
            cycle.jira_project_version.id if cycle.jira_project_version else 0,
            updated or cycle.planned_start_date or "",
            row,
        )
