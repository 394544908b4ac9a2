"""Runs with executions that end in the middle, and stores that are lost then: nothing twice, nothing lost, in order."""

import asyncio

import asyncpg
import history
import pytest
from interrupting import CASES, EXECUTIONS, MOMENTS, interrupted
from moving import a_move, assert_approved_once, assert_everything_once, made, writes

from ztoq_async.errors import AlreadyMoved

SLOW = ("approving", "making cycles", "making suites", "the first log")  # tests/crashes ends runs everywhere


@pytest.mark.parametrize(
    ("moment", "stopped"),
    [
        *((moment, False) for moment in MOMENTS if moment not in SLOW),
        *(pytest.param(moment, False, marks=pytest.mark.slow) for moment in SLOW),
        *(pytest.param(moment, True, marks=pytest.mark.slow) for moment in MOMENTS if moment != "logging"),
        ("logging", True),
    ],
)
async def test_a_run_that_ends_in_the_middle_is_gone_on_with(moment, stopped, store_url, tmp_path):
    """Whatever was being made: the next run makes the rest, each log once and in order, no approval twice."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, moment, stopped=stopped)
        assert (await history.held(move)).runs != past.runs
        await move.use()
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)
        await assert_approved_once(move, past)


@pytest.mark.parametrize(
    "moment", ["logging", *(pytest.param(moment, marks=pytest.mark.slow) for moment in ("approving", "making runs"))]
)
async def test_what_a_lost_store_has_made_is_adopted(moment, store_url, new_store, tmp_path):
    """A fresh store stops before a project that holds our keys; adopting makes the rest, and approves nothing twice."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, moment)
        await move.use()
        await asyncio.sleep(0.2)  # what was on its way when the run was torn down arrives
        before, held = writes(await move.stats()), await history.held(move)
        move.store_url = await new_store()
        with pytest.raises(AlreadyMoved, match="--adopt"):
            await move.run()
        assert writes(await move.stats()) == before
        report = await move.run(adopt=True)
        await assert_everything_once(move, report, cases=CASES, past=past)
        await assert_approved_once(move, past)
        kinds = report["kinds"]
        assert (kinds["test-log"]["adopted"], kinds["test-run"]["adopted"]) == (held.logs, len(held.runs))
        assert made(kinds["test-log"]) == past.logs


async def test_runs_that_people_delete_while_their_logs_are_in_doubt(store_url, tmp_path):
    """What has no run any more is refused by name or missing; the next run comes to its end."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, "logging")
        await move.use()
        await asyncio.sleep(0.2)
        project = f"/api/v3/projects/{move.sandbox.qtest.project}"
        for row in await move.objects("test-run"):
            await move.call("DELETE", f"{project}/test-runs/{row['id']}")
        report = await move.run()
        kinds = report["kinds"]
        assert report["outcome"] == "degraded"
        assert (kinds["test-run"]["missing"], kinds["test-run"]["verified"]) == (kinds["test-run"]["read"], 0)
        assert kinds["test-log"]["missing"] + kinds["test-log"]["refused"] == kinds["test-log"]["read"]


async def test_what_makes_no_call_is_never_in_doubt_for_long(store_url, tmp_path):
    """An engine that ends in the middle of planned executions leaves doubts, with which the next one is done."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        connection = await asyncpg.connect(store_url)
        left = await connection.execute("UPDATE journal SET state = 'sent' WHERE kind = 'planned'")
        await connection.close()
        assert left != "UPDATE 0"
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)
