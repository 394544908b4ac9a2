"""`run --plan`: reads Zephyr's lists and qTest's settings, and says what a run would make and ask. Writes nothing.

Planners are driven over the archive as a run does it, without the journal. A record whose details are unknown counts
as one row without them: calls between test cases change the order of writing, not the number of calls.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Iterator
from typing import Any

from msgspec import structs

from ztoq_async.errors import AlreadyMoved, SettingsError
from ztoq_async.kinds import KINDS, prepare
from ztoq_async.lanes.items import beside_of
from ztoq_async.lanes.move import find_findings, find_held, read
from ztoq_async.lanes.probe import CALLS, CALLS_FOR_RUNS
from ztoq_async.lanes.run import Run, plural
from ztoq_async.lanes.source import check_mapped
from ztoq_async.lanes.tally import SETTINGS, Tally, hours
from ztoq_async.lanes.target import check_required, check_rights
from ztoq_async.mapping.kind import Item, Kind
from ztoq_async.plan import Row
from ztoq_async.resources.gateway import Gateway
from ztoq_async.zephyr.sources import SOURCES

GROUP = 500
ASSUMED = (60, 600)
"""Calls a minute: a slow site, and the pace at which an engine that knows no limit begins."""
_BLANK = {source.name: source.blank for source in SOURCES}

Planned = tuple[Row, bytes]


async def estimate(run: Run) -> dict[str, Any]:
    """The forecast: `complete` where a run could begin and nothing would be refused, else `degraded`."""
    singles = await read(run)
    run.known = prepare(run.context)
    stops = await _stops(run)
    asked = {"zephyr": answered(run.zephyr.gateway), "qtest": answered(run.qtest.gateway)}
    tally = Tally(run.context, logs=run.settings.verify.logs, build=not stops)
    for kind in KINDS:
        await _count(run, kind, tally)
    zephyr = {"lists": asked["zephyr"] - singles, "single records": singles, "details": await _details(run)}
    qtest = {SETTINGS: asked["qtest"] + tally.read_again(), "probe": await _probe(run)}
    for name, number in tally.writing().items():
        qtest[name] = qtest.get(name, 0) + number
    refused = sum(row["refused"] for row in tally.rows.values())
    return {
        "outcome": "degraded" if stops or refused else "complete",
        "project": {"zephyr": run.settings.zephyr.project, "qtest": run.settings.qtest.project},
        "kinds": {name: dict(row) for name, row in tally.rows.items()},
        **_calls(run, zephyr, qtest, dict(tally.verifying())),
        "stops": stops,
        "lost": {rule: structs.asdict(lost) for rule, lost in sorted(tally.lost.items())},
        "assumed": _assumed(run, tally),
    }


async def _stops(run: Run) -> list[str]:
    """What would end a run before its first write."""
    stops: list[str] = []
    with _noted(stops):
        check_mapped(run.context)
    with _noted(stops):
        check_required(run.context)
    with _noted(stops):
        await check_rights(run.qtest, run.context)
    with _noted(stops):
        await find_held(run, adopt=False)
    return stops


@contextlib.contextmanager
def _noted(stops: list[str]) -> Iterator[None]:
    try:
        yield
    except (SettingsError, AlreadyMoved) as error:
        stops.append(str(error))


def answered(gateway: Gateway) -> int:
    """The calls that a service answered, without those that were sent again."""
    calls = gateway.statistics().calls
    return sum(number for (_, status), number in calls.items() if 200 <= status < 300 or status == 404)


async def _count(run: Run, kind: Kind, tally: Tally) -> None:
    group: list[Planned] = []
    run.lane("plan").begin(f"planning {plural(kind.name)}", await run.archive.count(kind.reads or kind.source))
    async for planned in _planned(run, kind):
        group.append(planned)
        run.lane("plan").done += 1
        if len(group) == GROUP:
            await _add(run, kind, group, tally)
            group = []
            run.check()
    await _add(run, kind, group, tally)


async def _planned(run: Run, kind: Kind) -> AsyncIterator[Planned]:
    """The kind's rows, each with the record behind it."""
    planner, source = kind.plan(run.context), kind.reads or kind.source
    if source:
        async for record in run.archive.records(source):
            if record.fault and not kind.reads:
                yield Row(kind.name, record.key, refusal=record.fault), b""
            elif not record.fault:
                for row in planner.add(record.key, record.record, _BLANK[source]):
                    yield row, b"" if kind.reads else record.record
    wanted = planner.wanted()
    for row in planner.end(await run.archive.known(kind.source, wanted) if wanted else set()):
        yield row, b""


async def _add(run: Run, kind: Kind, group: Collection[Planned], tally: Tally) -> None:
    done = await run.overview.done(kind.name, [row.key for row, _ in group])
    beside = await _beside(run, kind, [row for row, _ in group])
    for row, record in group:
        item = Item(row.key, row.parents, record, _BLANK.get(kind.source, b""), beside)
        tally.add(kind, row, item, done=row.key in done)


async def _beside(run: Run, kind: Kind, rows: Collection[Row]) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for source, names in beside_of(kind, [row.parents for row in rows]).items():
        records = await run.archive.by_keys(source, [name.partition(":")[2] for name in names])
        for name in names:
            key = name.partition(":")[2]
            if key in records:
                found[name] = Item(key, (), records[key], _BLANK[source])
    return found


async def _details(run: Run) -> int:
    return sum([await run.archive.count(source.name, without_detail=True) for source in SOURCES if source.detail])


async def _probe(run: Run) -> int:
    """The calls of a probe that is still to be made."""
    found, runs = await find_findings(run), run.context.source.seen_executions.number
    if found is not None and (found.runs_probed or not runs):
        return 0
    return CALLS + (CALLS_FOR_RUNS if runs else 0)


def _calls(run: Run, zephyr: dict[str, int], qtest: dict[str, int], verify: dict[str, int]) -> dict[str, Any]:
    """Calls in all, what they are for, and how long they take: the two services are asked at the same time."""
    limits = run.settings.limits
    parts = {"zephyr": zephyr, "qtest": qtest, "verify": verify}
    calls = {name: sum(part.values()) for name, part in parts.items()}
    return {
        "calls": calls,
        "calls_for": {name: {word: number for word, number in part.items() if number} for name, part in parts.items()},
        "hours": {
            "zephyr": hours(calls["zephyr"], limits.zephyr_per_minute, limits.share, ASSUMED),
            "qtest": hours(calls["qtest"] + calls["verify"], limits.qtest_per_minute, limits.share, ASSUMED),
        },
    }


def _assumed(run: Run, tally: Tally) -> list[str]:
    """What the figures rest on and only a run finds out."""
    source, found = run.context.source, run.context.target.findings
    words = ["the qTest project holds nothing else that verification reads along with ours; no call is tried again"]
    approvals = sum(number for name, number in tally.writing().items() if name not in tally.rows and name != SETTINGS)
    if source.seen_executions.number and not found.runs_probed and approvals:
        words.append(f"drafts cannot be run: if the probe finds that they can, {approvals} approvals are left out")
    return words
