"""Another project that the user may see: cases of the first one under keys, ids, statuses and priorities of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ztoq_async.sandbox.flattening import flattened
from ztoq_async.sandbox.source import CLOUD, CaseSource, Catalogue, Row
from ztoq_async.sandbox.stored_executions import NO_HISTORY

PROJECT_KEY = "NEXT"
_MOST, _ID, _PROJECT_ID = 24, 900_000_000, 99_001
_STATUS, _PRIORITY = 990_100, 990_200
_decode = msgspec.json.Decoder(dict[str, Any]).decode
encode = msgspec.json.encode


class Neighbour:
    """At most 24 cases, `NEXT-T1` being the first of the other project; no folders, cycles or executions."""

    custom_fields: frozenset[str] = frozenset()
    history = NO_HISTORY

    def __init__(self, cases: CaseSource, count: int) -> None:
        self._cases = cases
        self.last_number = min(_MOST, count)
        self.case_ids: Sequence[int] = [_ID + position * 10 for position in range(self.last_number)]
        self._positions = {self.key(position): position for position in range(self.last_number)}
        self.catalogue = _catalogue()

    def key(self, position: int) -> str:
        return f"{PROJECT_KEY}-T{position + 1}"

    def position(self, key: str) -> int | None:
        return self._positions.get(key)

    def case(self, position: int) -> bytes:
        return self._translated(position, self._cases.case(position), self.case_ids[position])

    def created(self, position: int) -> str:
        return self._cases.created(position)

    def folder_of(self, position: int) -> int | None:
        return None

    def in_folder(self, folder: int) -> Sequence[int]:
        return ()

    def steps(self, position: int) -> bytes:
        """No calls: what the first project's case calls stands in its place."""
        if self.script(position) is not None:
            return b"[]"
        rows = flattened(self._cases, position)
        rest: dict[str, Any] = {"customFields": {}, "reflectRef": None}
        first = self.case_ids[position] * 100
        return encode([{"id": first + n, "inline": row | rest, "testCase": None} for n, row in enumerate(rows)])

    def script(self, position: int) -> bytes | None:
        return self._cases.script(position)

    def versions(self, position: int) -> Mapping[int, bytes]:
        ids = self.older_ids(position)
        return {
            number: self._translated(position, row, ids[number])
            for number, row in self._cases.versions(position).items()
        }

    def older_ids(self, position: int) -> Mapping[int, int]:
        return {number: self.case_ids[position] + number for number in self._cases.older_ids(position)}

    def _translated(self, position: int, row: bytes, identity: int) -> bytes:
        key = self.key(position)
        script = "teststeps" if self.script(position) is None else "testscript"
        links = {"self": f"{CLOUD}/testcases/{key}/links", "issues": [], "webLinks": []}
        own = {
            "id": identity,
            "key": key,
            "project": _reference("projects", _PROJECT_ID),
            "priority": _reference("priorities", _PRIORITY),
            "status": _reference("statuses", _STATUS + position % 2),
            "testScript": {"self": f"{CLOUD}/testcases/{key}/{script}"},
        }
        return encode(_decode(row) | own | {"folder": None, "component": None, "customFields": {}, "links": links})


def _catalogue() -> Catalogue:
    project = _reference("projects", _PROJECT_ID)
    statuses = [
        {"id": _STATUS + n, "project": project, "name": name, "description": None, "index": n, "default": n == 0}
        for n, name in enumerate(("Draft next door", "Approved next door"))
    ]
    priority = {"id": _PRIORITY, "project": project, "name": "Next door's", "description": None, "index": 0}
    return Catalogue(
        project=encode({"id": _PROJECT_ID, "jiraProjectId": _PROJECT_ID + 1, "key": PROJECT_KEY, "enabled": True}),
        project_id=_PROJECT_ID,
        project_key=PROJECT_KEY,
        folders=(),
        priorities=(Row(_PRIORITY, "", encode(priority | {"default": True})),),
        statuses=tuple(
            Row(_STATUS + n, "TEST_CASE", encode(row | {"archived": False, "color": "#f0ad4e"}))
            for n, row in enumerate(statuses)
        ),
        environments=(),
    )


def _reference(path: str, identity: int) -> dict[str, Any]:
    return {"id": identity, "self": f"{CLOUD}/{path}/{identity}"}
