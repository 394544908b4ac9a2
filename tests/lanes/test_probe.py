"""The probe bears what the rest of a run bears."""

from moving import FAST, a_move, assert_everything_once

from ztoq_async.lanes.move import read
from ztoq_async.lanes.probe_runs import delete_runs
from ztoq_async.lanes.probing import required
from ztoq_async.mapping.context import CASES, Context, Source, Target
from ztoq_async.mapping.rules import Rules
from ztoq_async.qtest.records import AllowedValue, DataType, Field
from ztoq_async.zephyr.records import Project


async def test_a_probe_whose_delete_was_not_answered_goes_on(store_url, tmp_path):
    """What is gone already was deleted: the run does not end over it."""
    async with a_move(store_url, tmp_path, cases=3, settle_s=0.2, seed=3) as move:
        await move.use(seed=3, qtest={"lost_reply_rate": 0.3})
        await assert_everything_once(move, await move.run(limits={**FAST, "tries": 30}), cases=3)


async def test_a_test_cycle_whose_delete_was_not_answered_is_gone(store_url, tmp_path):
    """What stood below it cannot be listed any more: the probe goes on, and has nothing to report."""
    async with (
        a_move(store_url, tmp_path, cases=1, executions=1) as move,
        move.engine() as engine,
        engine._opened_run() as run,
    ):
        await read(run)
        await delete_runs(run, [77])
        assert run.notes == []


def test_the_probe_fills_whatever_the_project_requires():
    """A required Status has a rule for each case of the move; the probe's cases have any value that is switched on."""
    values = [AllowedValue(7, "Old", is_active=False), AllowedValue(8, "New")]
    field = Field(3, "Status", DataType.COMBO, required=True, system_field=True, allowed_values=values)
    context = Context(Source(Project(1, "A")), Rules(), Target(1, {CASES: {"Status": field}}))
    assert required(context, CASES) == [{"field_id": 3, "field_value": "8"}]
