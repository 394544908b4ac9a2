"""One run from beginning to report: read the lists, check, probe, read and write at once, read back, account."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

import msgspec

from ztoq_async.errors import QuotaExhausted
from ztoq_async.kinds import KINDS, prepare
from ztoq_async.lanes.account import account
from ztoq_async.lanes.extract import read_list
from ztoq_async.lanes.flow import read_and_write
from ztoq_async.lanes.late import settle_late
from ztoq_async.lanes.mend import make_missing, mend, name_conflicts
from ztoq_async.lanes.parts import parts
from ztoq_async.lanes.probe import probe
from ztoq_async.lanes.references import read_references
from ztoq_async.lanes.run import VERSION, Run, Stopped
from ztoq_async.lanes.source import check_mapped, gather, read_project, with_made
from ztoq_async.lanes.target import (
    Held,
    check_required,
    check_rights,
    find_keys,
    read_target,
    refuse_held_keys,
    refuse_hidden_keys,
    with_findings,
)
from ztoq_async.lanes.undoing import settle_undoing
from ztoq_async.lanes.verify import verify_kinds
from ztoq_async.mapping.context import Context, Findings, Source
from ztoq_async.mapping.kind import Kind
from ztoq_async.report import build
from ztoq_async.report.build import Report
from ztoq_async.resources.monitor import ResourceMonitor
from ztoq_async.store import passes
from ztoq_async.zephyr.records import Project
from ztoq_async.zephyr.sources import SOURCES


async def move(run: Run, monitor: ResourceMonitor, *, adopt: bool) -> Report:
    """The whole run; `interrupted` where it was asked to stop or the month's calls ran out."""
    start = time.monotonic()
    verified = False
    with _interrupted(run):
        await read(run)
        held = await _check(run, adopt=adopt)
        await settle_undoing(run, settle_s=run.settings.qtest.settle_s)
        closed = await read_and_write(run, held)
        if not closed:
            await run.overview.forget_seen()
        await _read_back(run, [kind for kind in KINDS if kind.name not in closed])
        verified = True
    report = await _report(run, monitor, start, verified=verified)
    if verified:
        await passes.close_pass(run.database, run.archive.number, msgspec.json.encode(report))
    return report


@contextlib.contextmanager
def _interrupted(run: Run) -> Iterator[None]:
    """What ends a run early and leaves it a report."""
    try:
        yield
    except Stopped:
        pass
    except QuotaExhausted as error:
        run.note(f"{error}: run the same command again when there are new ones")


async def read(run: Run) -> int:
    """The lists of the source and the tables of the target: what a proposal of the mapping needs.

    Answers how many records were asked for one by one.
    """
    settings = run.settings
    rules = settings.mapping.rules(settings.base)
    project = await read_project(run.zephyr, settings.zephyr.project)
    target = await read_target(run.qtest, settings.qtest.project, await find_findings(run) or Findings())
    for source in SOURCES:
        if source.pages is not None:
            run.check()
            await read_list(run, source, project.key)
    run.check()
    kept = await passes.read_source(run.database, run.archive.number)
    if kept is None:
        await run.archive.analyse()
    asked = await read_references(run)
    run.check()
    run.known = Context(await _gathered(run, project, kept), rules, target)
    return asked


async def _gathered(run: Run, project: Project, kept: bytes | None) -> Source:
    """The tables of the source, gathered once a pass by each version of this program: its lists stay as they are."""
    by, found = (None, b"") if kept is None else msgspec.json.decode(kept, type=tuple[str, msgspec.Raw])
    if by == VERSION:
        source = msgspec.json.decode(found, type=Source)
    else:
        source = await gather(run.archive, project)
        fresh = msgspec.json.encode((VERSION, source))
        await run.journal.write(lambda session: passes.write_source(session, run.archive.number, fresh))
    return await with_made(run.overview, source)


async def _check(run: Run, *, adopt: bool) -> Held:
    """Everything that can be known before the first write; the probe is the first."""
    check_mapped(run.context)
    run.known = prepare(run.context)
    check_required(run.context)
    await check_rights(run.qtest, run.context)
    held = await find_held(run, adopt=adopt)
    found = await find_findings(run)
    if found is None or (run.context.source.seen_executions.number and not found.runs_probed):
        run.lane("write").begin("probing the qTest project")
        found = await probe(run)
        await passes.write_findings(run.database, msgspec.json.encode(found))
        run.known = with_findings(run.context, found)
        if any(rows for _, rows in held):
            held = await find_keys(run, adopt=True)  # only now is it known how this project shows them
    return held


async def find_held(run: Run, *, adopt: bool) -> Held:
    """Rule 12: what a project holds before a fresh journal is adopted if that is wished, else it stops the run."""
    if await passes.adopting(run.database):
        return await find_keys(run, adopt=True)
    if await run.overview.has_sent():
        return []
    held = await find_keys(run, adopt=adopt)
    if not adopt:
        refuse_held_keys(held)
    elif any(rows for _, rows in held):
        refuse_hidden_keys(run.context)
        await passes.begin_adopting(run.database)
    return held


async def find_findings(run: Run) -> Findings | None:
    """What an earlier probe found, None if this project was never probed."""
    found = await passes.read_findings(run.database)
    return None if found is None else msgspec.json.decode(found, type=Findings)


async def _read_back(run: Run, kinds: Sequence[Kind]) -> None:
    with run.verifying():
        await verify_kinds(run, kinds)
    await (mend if run.writes else name_conflicts)(run, kinds)
    await account(run, KINDS)
    with run.verifying():  # last, since what was sent again must have settled
        await settle_late(run, KINDS)
    if run.conflicts:
        run.note(
            f"{len(run.conflicts)} records were changed in qTest since they were last found equal, "
            "and left as they are; [verify] conflicts says who is right"
        )
    if vanished := await run.overview.vanished():
        gone = "were not asked for by this one, or are gone" if run.chosen else "are no longer in Zephyr"
        run.note(f"{vanished} records of earlier runs {gone}; what they became in qTest was left alone")
    if unread := await run.overview.unread():
        run.note(f"{unread} records that are in qTest cannot be moved as Zephyr shows them now; that was left alone")


async def recall(run: Run) -> None:
    """What the rules may know, from the archive of the last pass and the tables of the target."""
    settings = run.settings
    findings = await find_findings(run) or Findings()
    target = await read_target(run.qtest, settings.qtest.project, findings)
    found = await gather(run.archive, Project(0, settings.zephyr.project))
    source = await with_made(run.overview, found)
    run.known = prepare(Context(source, settings.mapping.rules(settings.base), target))


async def verify(run: Run, monitor: ResourceMonitor) -> Report:
    """Reads qTest back and compares it with the archive of the last pass."""
    start = time.monotonic()
    await recall(run)
    verified = False
    with _interrupted(run):
        await run.overview.forget_seen()
        await run.accounting.begin()
        await _read_back(run, KINDS)
        verified = True
    return await _report(run, monitor, start, verified=verified)


async def repair(run: Run, monitor: ResourceMonitor) -> Report:
    """Verifies, makes again what is gone, changes what differs, whoever changed it, and verifies all of it anew.

    Test cases are whole, and approved, before runs and logs are made of them.
    """
    start = time.monotonic()
    await recall(run)
    verified = False
    with contextlib.suppress(Stopped, QuotaExhausted):
        await run.overview.forget_seen()
        await run.accounting.begin()
        with run.verifying():
            await verify_kinds(run, KINDS)
        changed = False
        for kinds in _stages():
            made = await make_missing(run, kinds)
            if made or changed:
                with run.verifying():
                    await verify_kinds(run, kinds)
            changed = await mend(run, kinds, whoever=True) or made or changed
        if changed:
            await run.overview.forget_seen()
            with run.verifying():
                await verify_kinds(run, KINDS)
        await account(run, KINDS)
        with run.verifying():
            await settle_late(run, KINDS)
        verified = True
    return await _report(run, monitor, start, verified=verified)


def _stages() -> list[Sequence[Kind]]:
    """The kinds in two parts: what is read back before others begin, and those others."""
    last = max(place for place, kind in enumerate(KINDS, start=1) if kind.closes)
    return [KINDS[:last], KINDS[last:]]


async def _report(run: Run, monitor: ResourceMonitor, start: float, *, verified: bool) -> Report:
    if not verified:
        await run.accounting.begin()  # half an account explains nothing
    counts = await run.overview.counts()
    return build.report(
        run,
        kinds=build.kind_counts(counts, run.extra, run.removed, verified=verified),
        ledger=build.ledger(await run.ledger.counts(), await run.ledger.lost()),
        calls=build.calls(run.zephyr.gateway.statistics(), run.qtest.gateway.statistics(), run.verify_calls),
        rows=await run.ledger.rows(build.MOST_ROWS, build.FIRST_RULES),
        parts=await parts(run.database, run.archive.number, verified=verified),
        differences=await run.overview.different(build.MOST_ROWS) if verified else [],
        different=await run.overview.different_rows(),
        seconds=round(time.monotonic() - start, 3),
        monitor=monitor,
        verified=verified,
    )
