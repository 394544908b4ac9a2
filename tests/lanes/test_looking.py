"""Doubts are settled by two looks (protocol rule 6): an error of the second is no proof that nothing is there."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest
from interrupting import ended
from moving import a_move, assert_everything_once

from ztoq_async.engine import Engine
from ztoq_async.errors import NotFound, SourceError
from ztoq_async.lanes import flow as lane
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
    connection = await asyncpg.connect(store_url)
    try:
        states = "count(*) FILTER (WHERE state = 'doubt') AS doubts, count(*) FILTER (WHERE resent) AS resent"
        found = await connection.fetchrow(f"SELECT {states} FROM journal WHERE kind = 'test-log'")
    finally:
        await connection.close()
    assert found["doubts"]
    assert not found["resent"]


async def test_what_cannot_be_built_any_more_is_looked_for_too(store_url, tmp_path, monkeypatch):
    """A rule may be taken away while a row is in doubt: what was made is found, and only what is not is refused."""

    def refuse(item, context):
        raise SourceError(f"no rule for {item.key}")

    def without_rule(kind):
        return replace(kind, build=refuse) if kind.name == "test-case" else kind

    async with a_move(store_url, tmp_path, cases=12) as move:
        await move.use(qtest={"latency_ms": 20})
        await _end_while_cases_are_sent(move)
        await move.use()
        held = len(await move.objects("test-case"))
        assert 0 < held < 12
        with monkeypatch.context() as patch:
            patch.setattr(lane, "KINDS", tuple(map(without_rule, lane.KINDS)))
            row = (await move.run())["kinds"]["test-case"]
        assert row["recovered"]
        assert (row["recovered"] + row["created"], row["refused"]) == (held, 12 - held)
        await assert_everything_once(move, await move.run(), cases=12)


async def _end_while_cases_are_sent(move):
    sent, some = 0, asyncio.Event()

    def count(attempt):
        nonlocal sent
        sent += attempt.call.method == "POST" and attempt.call.label.endswith("/test-cases")
        if sent == 8:  # the first are the probe's
            some.set()

    limits = {"zephyr_per_minute": 600_000, "qtest_per_minute": 600_000, "in_flight": 3}
    async with Engine(move.settings(limits=limits), on_attempt=count) as engine:
        await ended(engine, engine.run(), some)
    await asyncio.sleep(0.2)  # what was on its way arrives
