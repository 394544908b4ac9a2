"""Changes that are cut off or not answered: the same command goes on; no conflict, and nothing is approved twice."""

import asyncio
import contextlib

import history
import pytest
from moving import a_move, assert_everything_once
from test_delta import CASES, EXECUTIONS, assert_settled, delta, executed
from zephyr_user import ZephyrUser

from ztoq_async.engine import Engine

FAULTS = {
    "lost replies": {"lost_reply_rate": 0.3},
    "errors after": {"error_after_rate": 0.3},
    "drops": {"drop_rate": 0.2, "error_rate": 0.2},
    "applied late": {"late_apply_rate": 0.3, "late_apply_s": 0.1},
}


async def edited(move):
    """Three executed test cases are edited, their steps too, and a name."""
    user = ZephyrUser(move)
    keys = (await executed(move, user))[:3]
    for key in keys:
        await user.write_steps(key, "one", "two")
        await user.edit_case(key, objective="<p>other words</p>")
    await user.edit_case(keys[0], name="another name")
    return keys


async def assert_approved_for_each_change_once(move, keys):
    """Version 2.0 of what was changed and 1.0 of the others that have runs."""
    runs = history.run_cases(await history.due(move))
    found = {key: version for key, version in (await history.versions(move)).items() if key in runs}
    assert {key for key, version in found.items() if version == "2.0"} == set(keys), found
    assert set(found.values()) == {"1.0", "2.0"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) for n in FAULTS])
async def test_changes_arrive_once_under(name, store_url, tmp_path):
    """Whatever is lost on the way: the changes are there, each approved once, and the next run has nothing to do."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        keys = await edited(move)
        await move.use(qtest=FAULTS[name])
        await move.run()
        await move.use()
        report = await move.run()
        await assert_everything_once(move, report, cases=CASES, past=await history.due(move))
        await assert_approved_for_each_change_once(move, keys)
        assert (await delta(move))[1] == {}


@pytest.mark.parametrize("number", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 8))])
async def test_changes_that_are_cut_off_are_gone_on_with(number, store_url, tmp_path):
    """The run is torn down at the n-th call that changes something: the same command completes them."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        keys = await edited(move)
        reached = asyncio.Event()
        sent = 0

        def count(attempt):
            nonlocal sent
            sent += attempt.call.method == "PUT"
            if sent >= number:
                reached.set()

        await move.use(qtest={"latency_ms": 5})
        async with Engine(move.settings(), on_attempt=count) as engine:
            running = asyncio.create_task(engine.run())
            await asyncio.wait([running, asyncio.ensure_future(reached.wait())], return_when=asyncio.FIRST_COMPLETED)
            assert not running.done()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        await move.use()
        await assert_settled(move, await move.run())
        await assert_approved_for_each_change_once(move, keys)
