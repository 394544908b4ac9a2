"""Details that come later than everything else is written."""

import asyncio

import pytest
from moving import FAST, Move, a_move, made

from ztoq_async.errors import Unreachable
from ztoq_async.lanes import extract
from ztoq_async.sandbox import Generator, Profile, Sandbox
from ztoq_async.zephyr.client import ZephyrClient

SLOW = {"zephyr_per_minute": 600_000, "qtest_per_minute": 600_000, "in_flight": 4}


@pytest.mark.slow
async def test_logs_wait_for_their_steps_where_zephyr_is_slower_than_qtest(store_url, tmp_path):
    """All runs are there long before the steps of executions have come: their logs are made as those come."""
    async with Sandbox(Generator(4, executions=60, seed=1), profile=Profile(), seed=1) as sandbox:
        move = Move(sandbox, store_url, 0.3)
        await move.propose(tmp_path)
        await move.use(zephyr={"latency_ms": 200})
        report = await move.run(limits=SLOW)
        logs = report["kinds"]["test-log"]
        assert report["outcome"] == "complete"
        assert logs["read"] == logs["created"] == logs["verified"] == (await move.stats())["objects"]["test-log"]


@pytest.mark.slow
async def test_records_that_are_never_given_do_not_end_the_run(store_url, tmp_path):
    """At the end of a list only those are left, and open the circuit: they are refused by name, the rest is moved."""
    async with a_move(store_url, tmp_path, cases=20, executions=30, faulty=40) as move:
        report = await move.run(limits={**FAST, "tries": 3})
    kinds = report["kinds"]
    assert report["outcome"] == "degraded"
    assert kinds["test-case"]["refused"] == kinds["test-log"]["refused"] == 40
    assert made(kinds["test-log"]) > 30
    assert report["ledger"]["unexplained"] == 0


async def test_a_record_whose_details_never_come_ends_the_run_by_name(store_url, tmp_path, monkeypatch):
    """A time-out is an error of the run, which can go on later; it does not wait for ever for what will not come."""
    read, stuck = ZephyrClient.get_script, []

    async def stalls_once(client, key, script_self):
        if not stuck:
            stuck.append(key)
            await asyncio.sleep(60)
        return await read(client, key, script_self)

    async with a_move(store_url, tmp_path, cases=4) as move:
        monkeypatch.setattr(extract, "TASK_S", 0.5)
        monkeypatch.setattr(ZephyrClient, "get_script", stalls_once)
        with pytest.raises(Unreachable) as caught:
            await asyncio.wait_for(move.run(), 20)
        assert stuck[0] in str(caught.value)
        assert (await move.run())["outcome"] == "complete"
