"""The Zephyr project as it is now: the source's rows under what clients have written since."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.profile import ProfileHolder
from ztoq_async.sandbox.source import CLOUD, Catalogue, Row, Source
from ztoq_async.sandbox.zephyr.answers import ApiError, stamp
from ztoq_async.sandbox.zephyr.cycle_store import CycleStore
from ztoq_async.sandbox.zephyr.execution_store import ExecutionStore

_decode = msgspec.json.Decoder(dict[str, Any]).decode
encode = msgspec.json.encode


def reference(path: str, identity: int) -> dict[str, Any]:
    """The API's `{id, self}`."""
    return {"id": identity, "self": f"{CLOUD}/{path}/{identity}"}


def now() -> str:
    """The service's own clock in its own form (facts.md 1.4)."""
    return stamp(datetime.now(UTC))


class ZephyrState:
    """One project. Positions beyond the source's are cases that clients created."""

    def __init__(self, source: Source, profile: ProfileHolder, token: str) -> None:
        self.source = source
        self.profile = profile
        self.token = token
        self.folders = {row.id: row for row in source.catalogue.folders}
        self._base = len(source.case_ids)
        self._last_id = source.case_ids[-1] if self._base else 0
        self._cases: dict[int, bytes] = {}
        self._new_keys: dict[str, int] = {}
        self._updated: dict[int, str] = {}
        self._steps: dict[int, bytes] = {}
        self._scripts: dict[int, bytes | None] = {}
        history = source.history
        self.cycles = CycleStore(history.cycles, source.catalogue.project_key)
        self.executions = ExecutionStore(history.executions, source.catalogue.project_key)
        self.neighbour = ZephyrState(history.neighbour, profile, token) if history.neighbour else None

    @property
    def catalogues(self) -> list[Catalogue]:
        """The short lists of this project, then those of the neighbour."""
        return [self.source.catalogue, *(self.neighbour.catalogues if self.neighbour else ())]

    @property
    def page_cap(self) -> int:
        return self.profile.current.zephyr.page_cap

    @property
    def case_count(self) -> int:
        return self._base + len(self._new_keys)

    def case_id(self, position: int) -> int:
        return self.source.case_ids[position] if position < self._base else self._last_id + 1 + position - self._base

    def from_id(self, identity: int) -> int:
        """Position of the first case whose id is not below `identity`."""
        if identity > self._last_id:
            return min(self._base + identity - self._last_id - 1, self.case_count)
        return bisect_left(self.source.case_ids, identity)

    def position(self, key: str) -> int:
        """Position of a case; 400 for what is no key, 404 for an unknown one."""
        if not re.fullmatch(r".+-T[0-9]+", key):
            raise ApiError(400, f"testCaseKey: {key!r} does not match .+-T[0-9]+")
        found = self._new_keys.get(key)
        if found is None:
            found = self.source.position(key)
        if found is None:
            raise ApiError(404, f"Test case {key} not found")
        return found

    def case(self, position: int) -> bytes:
        written = self._cases.get(position)
        return self.source.case(position) if written is None else written

    def case_row(self, position: int) -> dict[str, Any]:
        return _decode(self.case(position))

    def updated(self, position: int) -> str:
        return self._updated.get(position) or self.source.created(position)

    def in_folder(self, folder: int) -> list[int]:
        """Ascending positions of the cases directly in a folder."""
        kept = [position for position in self.source.in_folder(folder) if position not in self._cases]
        written = [p for p in self._cases if (self.case_row(p)["folder"] or {}).get("id") == folder]
        return sorted(kept + written)

    def add_case(self, row: dict[str, Any]) -> tuple[int, str]:
        """Id and key of a new case, which silently has one empty step (facts.md 1.5)."""
        position = self.case_count
        identity = self.case_id(position)
        key = f"{self.source.catalogue.project_key}-T{self.source.last_number + len(self._new_keys) + 1}"
        self._new_keys[key] = position
        links = {"self": f"{CLOUD}/testcases/{key}/links", "issues": [], "webLinks": []}
        script = {"self": f"{CLOUD}/testcases/{key}/teststeps"}
        self._write(position, {"id": identity, "key": key, **row, "testScript": script, "links": links})
        self._scripts[position] = None
        self._steps[position] = encode(
            [{"id": None, "inline": {"description": "", "testData": "", "expectedResult": ""}}]
        )
        return identity, key

    def replace_case(self, position: int, row: dict[str, Any]) -> None:
        """Write what PUT may write; creation date, script and links stay."""
        self._write(position, self.case_row(position) | row)

    def steps(self, position: int) -> bytes:
        """JSON array of the steps; 422 for a case with a script."""
        if self.script(position) is not None:
            raise ApiError(422, "The test script of this test case is not of the type step-by-step")
        written = self._steps.get(position)
        return self.source.steps(position) if written is None else written

    def script(self, position: int) -> bytes | None:
        return self._scripts[position] if position in self._scripts else self.source.script(position)

    def write_steps(self, position: int, steps: bytes) -> None:
        """Replace the steps; a script the case had is gone."""
        self._point(position, "teststeps")
        self._steps[position] = steps
        self._scripts[position] = None

    def write_script(self, position: int, kind: str, text: str) -> None:
        """Replace the script; steps the case had are gone."""
        self._point(position, "testscript")
        self._steps[position] = b"[]"
        self._scripts[position] = encode({"id": self.case_id(position), "type": kind, "text": text})

    def versions(self, position: int) -> Mapping[int, bytes]:
        return self.source.versions(position) if position < self._base else {}

    def add_folder(self, name: str, kind: str, parent: int | None) -> int:
        """Id of a new folder, placed after its siblings."""
        identity = max(self.folders, default=0) + 1
        siblings = (_decode(row.body) for row in self.folders.values() if row.kind == kind)
        index = 1 + max((row["index"] for row in siblings if row["parentId"] == parent), default=-1)
        project = reference("projects", self.source.catalogue.project_id)
        row = {"id": identity, "parentId": parent, "name": name, "index": index, "folderType": kind, "project": project}
        self.folders[identity] = Row(identity, kind, encode(row))
        return identity

    def objects(self) -> dict[str, int]:
        """What the source project holds, by the kinds of the target."""
        return {"module": len(self._case_folders()), "test-case": self.case_count}

    def lines(self, kind: str) -> Iterator[bytes]:
        """Each object by ascending id, with addresses as stored."""
        if kind == "module":
            yield from (row.body for row in self._case_folders())
        elif kind == "test-case":
            yield from map(self.case, range(self.case_count))

    def duplicates(self) -> list[dict[str, Any]]:
        """A source project has no copies of migrated records."""
        return []

    def _case_folders(self) -> list[Row]:
        return sorted(row for row in self.folders.values() if row.kind == "TEST_CASE")

    def _point(self, position: int, script: str) -> None:
        row = self.case_row(position)
        self._write(position, row | {"testScript": {"self": f"{CLOUD}/testcases/{row['key']}/{script}"}})

    def _write(self, position: int, row: dict[str, Any]) -> None:
        self._cases[position] = encode(row)
        self._updated[position] = now()


STATE = web.AppKey("zephyr_state", ZephyrState)


def case_of(request: web.Request) -> tuple[ZephyrState, int]:
    """The project that holds the test case of the path, this one or the neighbour, and the case's position there."""
    state, key = request.app[STATE], request.match_info["testCaseKey"]
    if state.neighbour and state.neighbour.source.position(key) is not None:
        state = state.neighbour
    return state, state.position(key)
