"""Test executions of any number over the cases of a project: each is a pure function of seed and position.

`faulty` adds executions that no migration can carry, as the last ones, in turn: a status that no list knows; steps that
answer 500 for ever; an actualEndDate that is no date; a reference to a case that names no key.
"""

import random
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from ztoq_async.sandbox import generated_cycles as cycles
from ztoq_async.sandbox import generated_layout as layout
from ztoq_async.sandbox import generated_lists as lists
from ztoq_async.sandbox import generated_neighbour as neighbour
from ztoq_async.sandbox import generated_remarks as remarks
from ztoq_async.sandbox.flattening import flattened
from ztoq_async.sandbox.generated_layout import Slot
from ztoq_async.sandbox.generated_results import as_it_was, doubled, results
from ztoq_async.sandbox.source import CLOUD, CaseSource, Facts, History, UnreadableError

INVISIBLE_KEY, ARCHIVED = "GONE", 9
"""The project of cases that answer 404, and how many archived cases follow the last case of this project."""
_FIRST_ID, _ID_STEP, _FAULTY_SLOT = 70_000_000, 3, 33
Fault = Literal["unknown status", "steps 500", "no date", "no key"]
_FAULTS: tuple[Fault, ...] = ("unknown status", "steps 500", "no date", "no key")
encode = msgspec.json.encode


class _Case(NamedTuple):
    """The executed case: its key, version and that version's id, and the case of this project that gives the texts."""

    key: str
    id: int
    version: int
    texts: int


class _Identified(msgspec.Struct):
    id: int


class _Listed(msgspec.Struct):
    id: int
    name: str
    archived: bool = False
    default: bool = False


def history(cases: CaseSource, usable: int, count: int, seed: int, *, faulty: int = 0, own: History) -> History:
    """`count` executions of the first `usable` cases, in the project's own cycles or, if it has none, generated ones.

    The catalogue must be `completed` before, and `cases.last_number` count the `ARCHIVED` cases.
    """
    rows = own.cycles or cycles.cycles(cases.catalogue, seed, count)
    fields = own.cycle_fields if own.cycles else cycles.CYCLE_FIELDS
    identities = [msgspec.json.decode(row, type=_Identified).id for row in rows]
    executions = GeneratedExecutions(cases, usable, identities, count, seed, faulty)
    return History(executions, rows, fields, executions.neighbour)


class GeneratedExecutions:
    """`count` executions with an end date, planned and undated ones among them, `faulty` ones behind them."""

    custom_fields = remarks.FIELDS

    def __init__(
        self, cases: CaseSource, usable: int, cycle_ids: Sequence[int], count: int, seed: int, faulty: int
    ) -> None:
        self._cases, self._usable, self._seed = cases, usable, seed
        self._cycle_ids = cycle_ids
        self._good = layout.length(count)
        self.last_number = self._good + faulty
        self.ids: Sequence[int] = range(_FIRST_ID, _FIRST_ID + self.last_number * _ID_STEP, _ID_STEP)
        self.neighbour = neighbour.Neighbour(cases, usable)
        statuses = _listed(row.body for row in cases.catalogue.statuses if row.kind == "TEST_EXECUTION")
        self._default = next((row.id for row in statuses if row.default), statuses[0].id)
        self._renamed = next((row.id for row in statuses if row.name == lists.RENAMED_STATUS), self._default)
        self._results = [row.id for row in statuses if row.id not in (self._default, self._renamed)]
        environments = _listed(row.body for row in cases.catalogue.environments)
        self._environments = [row.id for row in environments if not row.archived]
        self._archived = [row.id for row in environments if row.archived]

    def position(self, key: str) -> int | None:
        """None also for an execution whose row has no key: it is found by its id alone."""
        prefix, _, number = key.rpartition("-E")
        if prefix != self._cases.catalogue.project_key or not number.isdecimal() or number.startswith("0"):
            return None
        position = int(number) - 1
        return position if len(number) < 18 and position < self.last_number and not _keyless(position) else None

    def facts(self, position: int) -> Facts:
        slot = self._slot(position)
        case = self._case(position, slot)
        cycle = layout.half(position) % len(self._cycle_ids)
        ended = layout.ended(position, slot, cycle, self._seed) if slot.kind == "ended" else ""
        return Facts(
            case_key=case.key,
            case_id=case.id,
            cycle=0 if slot.case == layout.OUTSIDE else self._cycle_ids[cycle],
            environment=self._environment(position, slot),
            version=cycles.version(position)["id"] if position % 9 == 4 else 0,
            ended="yesterday" if self._fault(position) == "no date" else ended,
            updated=ended or layout.stamp(layout.began(cycle)),
        )

    def row(self, position: int, *, step_links: bool = False) -> bytes:
        slot, facts, rng = self._slot(position), self.facts(position), self._random(position, "execution")
        case = self._case(position, slot)
        address = f"{CLOUD}/testcases/{case.key}/versions/{case.version}"
        if self._fault(position) == "no key":
            address = f"{CLOUD}/testcases/{case.id}"
        row = {
            "id": self.ids[position],
            "key": self._key(position),
            "project": _reference("projects", self._cases.catalogue.project_id),
            "testCase": {"id": case.id, "self": address},
            "environment": _reference("environments", facts.environment) if facts.environment else None,
            "jiraProjectVersion": cycles.version(position) if facts.version else None,
            "testExecutionStatus": _reference("statuses", self._status(position, slot, rng)),
            "estimatedTime": rng.choice((None, 0, 90_000, 3_600_000)),
            "automated": position % 7 == 5,
            "testCycle": _reference("testcycles", facts.cycle) if facts.cycle else None,
            "customFields": remarks.custom_fields(position, rng),
            "links": self._links(position, step_links),
            **remarks.done(position, slot.kind == "planned", rng),
        }
        if facts.ended:
            row["actualEndDate"] = facts.ended
        if _keyless(position):
            del row["key"]
        return encode(row)

    def steps(self, position: int) -> bytes:
        if self._fault(position) == "steps 500":
            raise UnreadableError(500, "The backend service failed")
        if position % 53 == 33:
            return b"[]"
        slot = self._slot(position)
        rows = as_it_was(flattened(self._cases, self._case(position, slot).texts), position)
        statuses = [self._default] if slot.kind == "planned" else [self._default, *self._results, *self._results]
        rng = self._random(position, "results")
        return encode(results(position, self.ids[position], doubled(rows, position), statuses, rng))

    def _key(self, position: int) -> str:
        return f"{self._cases.catalogue.project_key}-E{position + 1}"

    def _slot(self, position: int) -> Slot:
        return layout.SLOTS[_FAULTY_SLOT if position >= self._good else position % layout.ROUND]

    def _fault(self, position: int) -> Fault | None:
        return None if position < self._good else _FAULTS[(position - self._good) % len(_FAULTS)]

    def _case(self, position: int, slot: Slot) -> _Case:
        number = position // layout.ROUND
        own = (number * layout.CASES_OF_ROUND + slot.case) % self._usable
        if slot.case == layout.ELSEWHERE:
            return self._case_elsewhere(number, own)
        return self._version(self._cases, own, number, own)

    def _case_elsewhere(self, number: int, own: int) -> _Case:
        """In turn a case of a project that may be seen, one of a project that may not, an archived one of this."""
        turn = number // 3
        if number % 3 == 0:
            position = turn % len(self.neighbour.case_ids)
            return self._version(self.neighbour, position, turn, position)
        if number % 3 == 1:
            return _Case(f"{INVISIBLE_KEY}-T{turn % 500 + 1}", 800_000_000 + turn % 500, 1, own)
        archived = turn % ARCHIVED
        last = self._cases.last_number - archived
        return _Case(f"{self._cases.catalogue.project_key}-T{last}", 810_000_000 + archived, 1, own)

    def _version(self, cases: CaseSource, position: int, number: int, own: int) -> _Case:
        """The versions of a case in turn."""
        ids = {**cases.older_ids(position)}
        ids[max(ids, default=0) + 1] = cases.case_ids[position]
        version = sorted(ids)[number % len(ids)]
        return _Case(cases.key(position), ids[version], version, own)

    def _environment(self, position: int, slot: Slot) -> int:
        known = self._archived if slot.environment == "archived" else self._environments
        if slot.environment == "none" or not known:
            return 0
        return known[(layout.half(position) + (slot.environment == "second")) % len(known)]

    def _status(self, position: int, slot: Slot, rng: random.Random) -> int:
        if self._fault(position) == "unknown status":
            return lists.UNKNOWN_STATUS
        if slot.kind == "planned":
            return self._renamed if position % 3 == 0 else self._default
        if position % 211 == 57:
            return self._default
        return rng.choice(self._results or [self._default])

    def _links(self, position: int, step_links: bool) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        if position % 19 in {6, 13}:
            rng, first = self._random(position, "links"), 600_000_000 + position * 4
            links = [cycles.issue_link(first + n, rng) for n in range(3)]
            own, of_steps = (links[:2] if position % 19 == 6 else []), (links[2:] if step_links else [])
            found = own + of_steps
        return {"self": f"{CLOUD}/testexecutions/{self._key(position)}/links", "issues": found}

    def _random(self, position: int, what: str) -> random.Random:
        return random.Random(f"{self._seed} {what} {position}")  # noqa: S311 - repeatable, not secret


def _listed(rows: Iterable[bytes]) -> list[_Listed]:
    return [msgspec.json.decode(row, type=_Listed) for row in rows]


def _keyless(position: int) -> bool:
    """Whether the row has no key: every 23rd."""
    return position % 23 == 11


def _reference(path: str, identity: int) -> dict[str, Any]:
    return {"id": identity, "self": f"{CLOUD}/{path}/{identity}"}
