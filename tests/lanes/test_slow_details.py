"""Details that come later than everything else is written."""

from moving import FAST, Move, a_move, made

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


async def test_records_that_are_never_given_do_not_end_the_run(store_url, tmp_path):
    """At the end of a list only those are left, and open the circuit: they are refused by name, the rest is moved."""
    async with a_move(store_url, tmp_path, cases=20, executions=30, faulty=40) as move:
        report = await move.run(limits={**FAST, "tries": 3})
    kinds = report["kinds"]
    assert report["outcome"] == "degraded"
    assert kinds["test-case"]["refused"] == kinds["test-log"]["refused"] == 40
    assert made(kinds["test-log"]) > 30
    assert report["ledger"]["unexplained"] == 0
