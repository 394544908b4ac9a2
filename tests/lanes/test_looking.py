"""Doubts are settled by two looks (protocol rule 6): an error of the second is no proof that nothing is there."""

import asyncio
from dataclasses import replace

import asyncpg
import history
import pytest
from interrupting import ended
from moving import a_move, assert_everything_once

from ztoq_async.engine import Engine
from ztoq_async.errors import NotFound, SourceError
from ztoq_async.lanes import flow as lane
from ztoq_async.lanes import move as late_lane
from ztoq_async.qtest.listing import Listing

NOWHERE = Listing("/api/v3/projects/1/nowhere", "/nowhere")


@pytest.mark.slow
async def test_what_the_project_wide_look_cannot_read_is_not_sent_again(store_url, tmp_path, monkeypatch):
    """Where it answers 404, rows in doubt stay so: the run ends with the error and sends none of them once more."""

    def nowhere(kind):
        return replace(kind, read_back=lambda context: NOWHERE) if kind.name == "test-log" else kind

    async with a_move(store_url, tmp_path, cases=6, executions=12) as move:
        monkeypatch.setattr(lane, "KINDS", tuple(map(nowhere, lane.KINDS)))
        await move.use(qtest={"error_rate": 0.2})
        with pytest.raises(NotFound):
            await move.run(verify={"logs": "list"})
    states = "count(*) FILTER (WHERE state = 'doubt') AS doubts, count(*) FILTER (WHERE resent) AS resent"
    found = await _row(store_url, f"SELECT {states} FROM journal WHERE kind = 'test-log'")
    assert found["doubts"]
    assert not found["resent"]


@pytest.mark.parametrize(("kind", "path", "number"), [("test-case", "/test-cases", 8), ("test-log", "/test-logs", 12)])
async def test_what_cannot_be_built_any_more_is_looked_for_too(kind, path, number, store_url, tmp_path, monkeypatch):
    """A rule may be taken away while a row is in doubt: what was made is found, and only what is not is refused.

    Test logs by the list of their run: the search, which is the project's list, lags behind. A look that could not be
    had is still asked for.
    """

    def refuse(item, context):
        raise SourceError(f"no rule for {item.key}")

    def without_rule(other):
        return replace(other, build=refuse) if other.name == kind else other

    async with a_move(store_url, tmp_path, cases=12, executions=24) as move:
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 20})
        await _end_at(move, path, number)
        await move.use(qtest={"search_lag_s": 3600.0} if kind == "test-log" else {})
        held = len(await move.objects(kind))
        with monkeypatch.context() as patch:
            for part in (lane, late_lane):  # the one that writes, and the one that looks at the end
                patch.setattr(part, "KINDS", tuple(map(without_rule, part.KINDS)))
            row = (await move.run(verify={"pause_above": 1.0}))["kinds"][kind]
        assert row["recovered"]
        assert (row["recovered"] + row["created"], row["refused"]) == (held, row["read"] - held)
        asked = "SELECT count(*) AS rows, count(*) FILTER (WHERE relist) AS asked FROM journal"
        found = await _row(store_url, f"{asked} WHERE kind = '{kind}' AND state = 'refused' AND resent")
        assert found["asked"] == (found["rows"] if kind == "test-case" else 0)
        await move.use()
        await assert_everything_once(move, await move.run(), cases=12, past=past)


async def _end_at(move, path, number):
    """The run is torn down at the n-th of these calls; test cases are made by the probe first."""
    sent, some = 0, asyncio.Event()

    def count(attempt):
        nonlocal sent
        sent += attempt.call.method == "POST" and attempt.call.label.endswith(path)
        if sent == number:
            some.set()

    limits = {"zephyr_per_minute": 600_000, "qtest_per_minute": 600_000, "in_flight": 3}
    async with Engine(move.settings(limits=limits), on_attempt=count) as engine:
        await ended(engine, engine.run(), some)
    await asyncio.sleep(0.2)  # what was on its way arrives


async def _row(store_url, query):
    connection = await asyncpg.connect(store_url)
    try:
        return await connection.fetchrow(query)
    finally:
        await connection.close()
