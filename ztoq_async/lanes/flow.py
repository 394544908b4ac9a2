"""Both lanes at once: details are read and planned while what is planned already is written."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Set
from hashlib import blake2b
from typing import Any

import msgspec

from ztoq_async.kinds import KINDS
from ztoq_async.lanes.load import Load
from ztoq_async.lanes.mend import mend
from ztoq_async.lanes.planning import Planning, read_details, tell_of_details
from ztoq_async.lanes.run import VERSION, Run, one_error
from ztoq_async.lanes.target import Held, find_below
from ztoq_async.lanes.verify import verify_before
from ztoq_async.mapping.kind import Kind, Made
from ztoq_async.store import passes
from ztoq_async.zephyr.sources import SOURCES, Source

Planned = list[tuple[Kind, Planning]]
_DETAILED = {source.name: source for source in SOURCES if source.detail}


async def read_and_write(run: Run, held: Held) -> set[str]:
    """Returns when everything is written, or the run is to stop; the kinds that were read back meanwhile."""
    basis = _basis(run)
    faulty = await run.overview.faulty()
    adopting = await passes.adopting(run.database)
    plans = {} if adopting else await _earlier_plans(run, basis, faulty)
    await run.journal.write(lambda session: passes.keep_plans(session, plans))
    planned = [(kind, Planning(run, kind, basis)) for kind in KINDS]
    for kind, planning in planned:
        if kind.name in plans:
            planning.already(plans[kind.name].late)
    adopted = {kind.name: rows for kind, rows in held} if adopting else None
    writing = _Writing(run, planned, adopted, plans, faulty)
    if not any(plan.read_back for plan in plans.values()):
        await run.overview.forget_seen()
    await run.accounting.begin()
    async with asyncio.TaskGroup() as group:
        group.create_task(_or_fail(run, _plan_lists(run, planned)))
        group.create_task(_or_fail(run, _read_details(run, planned)))
        group.create_task(_or_fail(run, writing.write()))
    run.check()
    return writing.closed


def _basis(run: Run) -> bytes:
    """A digest of what plans depend on beside the archive, which stays as it is for the rest of a pass."""
    context = run.context
    target = context.target.findings, context.target.statuses
    depends = VERSION, context.rules, target, sorted(context.source.missing)
    return blake2b(msgspec.json.encode(depends, order="deterministic"), digest_size=16).digest()


async def _earlier_plans(run: Run, basis: bytes, faulty: Set[str]) -> dict[str, passes.Plan]:
    """What earlier starts of this pass have planned for good.

    Where a row was refused, or could not be read again, it gets another chance, so its kind, and what may hang on it,
    are planned again.
    """
    known = await passes.plans(run.database, run.archive.number, basis)
    found: dict[str, passes.Plan] = {}
    for kind in KINDS:
        if kind.source or kind.reads:
            if kind.name not in known or kind.name in faulty:
                break
            found[kind.name] = known[kind.name]
    return found


def _from_details(kind: Kind) -> Source | None:
    """The source whose details the kind's planner needs, None where it plans from a list."""
    return None if kind.waits or kind.reads else _DETAILED.get(kind.source)


async def _plan_lists(run: Run, planned: Planned) -> None:
    for kind, planning in planned:
        if run.stop.is_set():
            return
        if _from_details(kind) is None and not planning.complete.is_set():
            await planning.from_list()


async def _read_details(run: Run, planned: Planned) -> None:
    """In the order of kinds; what waits for details is in the journal before they come."""
    read: set[str] = set()
    for kind, planning in planned:
        source = _DETAILED.get(kind.source)
        if source is None or source.name in read or run.stop.is_set():
            continue
        read.add(source.name)
        if not _from_details(kind):
            waiting = [(other, plan) for other, plan in planned if other.source == source.name]
            for other, plan in waiting:
                await run.wait_for(plan.complete)
                if plan.earlier:
                    await tell_of_details(run, other)
            await read_details(run, source, [other for other, _ in waiting])
            for _, plan in waiting:
                plan.have_details()
        elif not planning.complete.is_set():
            await planning.from_details(source)


async def _or_fail(run: Run, work: Coroutine[Any, Any, None]) -> None:
    """An error of one lane lets the other finish what is in flight; it is raised when both have ended."""
    try:
        with one_error():
            await work
    except Exception as error:  # noqa: BLE001 - raised again by run.check()
        run.fail(error)


class _Writing:
    """Makes one kind after another; `closed` are those that were verified before others began.

    `adopted` is what the project holds already, None where that is not taken over, `plans` what earlier starts have
    planned, `faulty` kinds of which they have refused rows.
    """

    def __init__(
        self,
        run: Run,
        planned: Planned,
        adopted: Mapping[str, list[tuple[str, Made]]] | None,
        plans: Mapping[str, passes.Plan],
        faulty: Set[str],
    ) -> None:
        self._run = run
        self._planned = planned
        self._adopted = adopted
        self._plans = plans
        self._faulty = faulty
        self.closed: set[str] = set()

    async def write(self) -> None:
        run = self._run
        for kind, planning in self._planned:
            if run.stop.is_set():
                return
            if self._adopted is not None:
                await self._adopt(kind, planning, self._adopted.get(kind.name, []))
            if kind.name in self._faulty and _from_details(kind) is None:
                await run.wait_for(planning.complete)  # what comes after a row with another chance waits for it again
            await Load(run, kind, planning.ready).make()
            if kind.closes and not run.stop.is_set():
                await self._close(kind)

    async def _adopt(self, kind: Kind, planning: Planning, rows: list[tuple[str, Made]]) -> None:
        run = self._run
        if rows or kind.within:
            await run.wait_for(planning.complete)
            await run.journal.adopt(kind.name, rows)
            if kind.within:
                await run.journal.adopt(kind.name, await find_below(run, kind))

    async def _close(self, kind: Kind) -> None:
        """Rule 16. Where an earlier start of this pass has done it, it is done at the end, with all other kinds."""
        run = self._run
        if kind.name in self._plans and self._plans[kind.name].read_back:
            return
        closed = [other for other in KINDS if other.name in kind.closes]
        with run.verifying():
            await verify_before(run, closed)
        await mend(run, closed)
        self.closed.update(kind.closes)
        await run.journal.write(lambda session: passes.note_read_back(session, run.archive.number, kind.name))
