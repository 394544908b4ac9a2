"""A made-up project of any size: each test case is a pure function of (seed, number), so nothing is stored.

Every twenty cases show all that real projects hold: names of 255 characters, with outer blanks, twice the same; emoji;
empty steps and no steps; plain-text and BDD scripts; calls three deep with parameters; old versions; links; 50 steps;
owners who no longer exist; an archived status. HTML's named characters are spread over all cases. From twenty cases on
there is exactly one cycle of calls: SBX-T15 → SBX-T16 → SBX-T15.

`faulty` adds records that no migration can carry, as the last ones, in turn: a blank name; steps that answer 500 for
ever; a status that no list knows; a script of an unknown type; a step-by-step case whose steps answer 422.

What `executions` adds is told in `generated_layout` (where each stands) and `generated_executions` (what it shows).
"""

import random
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isqrt
from typing import Any, Literal

import msgspec

from ztoq_async.sandbox import generated_lists as lists
from ztoq_async.sandbox import generated_texts as texts
from ztoq_async.sandbox.generated_cycles import completed
from ztoq_async.sandbox.generated_executions import ARCHIVED, history
from ztoq_async.sandbox.source import CLOUD, UnreadableError
from ztoq_async.sandbox.stored_executions import NO_HISTORY

_FIRST_ID, _ID_STEP = 5_000_000, 7
_BEGAN = datetime(2020, 1, 31, 23, 59, 7, tzinfo=UTC)
Fault = Literal["blank name", "steps 500", "unknown status", "unknown script", "steps 422"]
_FAULTS: tuple[Fault, ...] = ("blank name", "steps 500", "unknown status", "unknown script", "steps 422")
encode = msgspec.json.encode


class Generator:
    """A source project of `cases` test cases, `faulty` ones on top, and about the root of `cases` folders.

    `executions` counts those with an end date; planned and undated ones, and `faulty` ones, come on top.
    """

    def __init__(self, cases: int, *, executions: int = 0, seed: int = 0, faulty: int = 0) -> None:
        if min(cases, executions, faulty) < 0:
            raise ValueError("cases, executions and faulty are counts: 0 or more")
        if executions and not cases:
            raise ValueError("executions need test cases to execute")
        self._seed = seed
        self._cases = cases
        self._total = cases + faulty
        self._folders = max(8, isqrt(cases)) if self._total else 0
        self.catalogue = lists.catalogue(seed, self._folders)
        self.case_ids: Sequence[int] = range(_FIRST_ID, _FIRST_ID + self._total * _ID_STEP, _ID_STEP)
        self.last_number = self._total
        self.custom_fields = lists.CUSTOM_FIELDS
        self.history = NO_HISTORY
        if executions:
            self.catalogue = completed(self.catalogue, seed, executions)
            self.last_number += ARCHIVED
            self.history = history(self, cases, executions, seed, faulty=faulty, own=NO_HISTORY)

    def key(self, position: int) -> str:
        return f"{lists.PROJECT_KEY}-T{position + 1}"

    def position(self, key: str) -> int | None:
        match = re.fullmatch(rf"{lists.PROJECT_KEY}-T([1-9][0-9]{{0,17}})", key)
        return int(match[1]) - 1 if match and int(match[1]) <= self._total else None

    def case(self, position: int) -> bytes:
        return encode(self._row(position))

    def created(self, position: int) -> str:
        return (_BEGAN + timedelta(seconds=61 * position)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def folder_of(self, position: int) -> int | None:
        """Folders in turn; after each round one case stands outside any folder."""
        number = position % (self._folders + 1)
        return None if number == self._folders else lists.folder_id(number)

    def in_folder(self, folder: int) -> Sequence[int]:
        number = next((n for n in range(self._folders) if lists.folder_id(n) == folder), None)
        return () if number is None else range(number, self._total, self._folders + 1)

    def steps(self, position: int) -> bytes:
        fault = self._fault(position)
        if fault == "steps 500":
            raise UnreadableError(500, "The backend service failed")
        if fault == "steps 422":
            raise UnreadableError(422, "The test script of this test case is not of the type step-by-step")
        if self._script(position) is not None:
            return b"[]"
        return encode(
            texts.steps(position, self.case_ids[position], self._call(position), self._random(position, "steps"))
        )

    def script(self, position: int) -> bytes | None:
        found = self._script(position)
        return None if found is None else encode({"id": self.case_ids[position] + 3} | found)

    def versions(self, position: int) -> Mapping[int, bytes]:
        return {number: encode(self._old_row(position, number)) for number in self.older_ids(position)}

    def older_ids(self, position: int) -> Mapping[int, int]:
        if position % 20 != 16 or self._fault(position):
            return {}
        return {number: self.case_ids[position] + number for number in (1, 2)}

    def _row(self, position: int) -> dict[str, Any]:
        rng = self._random(position, "case")
        key = self.key(position)
        script = "testscript" if self._script(position) else "teststeps"
        fault = self._fault(position)
        name = texts.name(position, rng)
        return {
            "id": self.case_ids[position],
            "key": key,
            "name": "   " if fault == "blank name" else name,
            "project": _reference("projects", self.catalogue.project_id),
            "createdOn": self.created(position),
            "objective": f"{texts.markup(rng)}<p>{texts.entities(position, max(1, self._cases))}</p>",
            "precondition": rng.choice((None, texts.markup(rng))),
            "estimatedTime": rng.choice((None, 0, 90_000, 3_600_000)),
            "labels": rng.sample(("smoke", "regression", "größe", "a&b", "nightly"), rng.randrange(4)),
            "component": _component(rng),
            "priority": _reference("priorities", rng.choice(lists.PRIORITY_IDS)),
            "status": _reference("statuses", _status(position, fault, rng)),
            "folder": (folder := self.folder_of(position)) and _reference("folders", folder),
            "owner": _owner(position, rng),
            "testScript": {"self": f"{CLOUD}/testcases/{key}/{script}"},
            "customFields": texts.custom_fields(position, rng),
            "links": texts.links(position, key, rng),
        }

    def _old_row(self, position: int, number: int) -> dict[str, Any]:
        row = self._row(position)
        changed = {"id": row["id"] + number, "name": f"{row['name']}, as it was in version {number}", "labels": []}
        return row | changed

    def _script(self, position: int) -> dict[str, str] | None:
        fault = self._fault(position)
        if fault == "unknown script":
            return {"type": "cucumber", "text": "Feature: nobody reads this"}
        return None if fault else texts.script(position, self._random(position, "script"))

    def _call(self, position: int) -> int | None:
        """The case that this one calls: three deep from every tenth of twenty, and the one cycle."""
        if position // 20 * 20 + 20 > self._cases:
            return None
        if position == 15:
            return 14
        return position + 1 if position == 14 or position % 20 in {10, 11, 12} else None

    def _fault(self, position: int) -> Fault | None:
        return None if position < self._cases else _FAULTS[(position - self._cases) % len(_FAULTS)]

    def _random(self, position: int, what: str) -> random.Random:
        return random.Random(f"{self._seed} {what} {position}")  # noqa: S311 - repeatable, not secret


def _reference(path: str, identity: int) -> dict[str, Any]:
    return {"id": identity, "self": f"{CLOUD}/{path}/{identity}"}


def _status(position: int, fault: Fault | None, rng: random.Random) -> int:
    if fault == "unknown status":
        return lists.UNKNOWN_STATUS
    return lists.ARCHIVED_STATUS if position % 20 == 19 else rng.choice(lists.STATUS_IDS)


def _component(rng: random.Random) -> dict[str, Any] | None:
    identity = rng.choice((None, 10_001, 10_002))
    return (
        None
        if identity is None
        else {"id": identity, "self": f"https://example.atlassian.net/rest/api/2/component/{identity}"}
    )


def _owner(position: int, rng: random.Random) -> dict[str, str] | None:
    account = rng.choice(lists.DELETED_OWNERS if position % 20 == 19 else (None, *lists.OWNERS))
    site = "https://example.atlassian.net/rest/api/2/user?accountId="
    return None if account is None else {"accountId": account, "self": site + account}
