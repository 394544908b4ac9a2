"""Details that come later than everything else is written."""

from moving import Move

from ztoq_async.sandbox import Generator, Profile, Sandbox

SLOW = {"zephyr_per_minute": 600_000, "qtest_per_minute": 600_000, "in_flight": 4}


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
