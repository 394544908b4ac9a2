"""An `undo` that ends in the middle, or meets faults: the next one goes on, and nothing is left."""

import asyncio

import history
import pytest
from interrupting import ended
from lateness import SETTLE_S, apply_late
from moving import a_move, assert_everything_once
from taking_back import STATES, counts, numbers, sql, there
from test_interrupted_history import interrupted as torn_down

from ztoq_async.engine import Engine

CASES, EXECUTIONS, LAG_S = 8, 30, 0.5
MOMENTS = {"the first run": 1, "runs": 20, "suites and cycles": 28, "test cases": 40, "modules": 46}
FAULTS = {
    "lost replies": {"lost_reply_rate": 0.15},
    "errors after": {"error_after_rate": 0.15},
    "drops": {"drop_rate": 0.15},
    "html": {"html_error_rate": 0.15},
    "lagging lists": {"list_lag_s": LAG_S, "search_lag_s": LAG_S},
    "everything": {
        "lost_reply_rate": 0.04,
        "error_after_rate": 0.04,
        "error_rate": 0.04,
        "drop_rate": 0.04,
        "truncate_rate": 0.04,
        "html_error_rate": 0.04,
    },
}
SLOW = ("lost replies", "errors after", "drops", "html", "lagging lists")  # "everything" has a little of each


async def interrupted(move, number, *, stopped):
    """An undo that ends when so many calls to delete were answered: by a wish, or torn down as it stands."""
    reached, answered = asyncio.Event(), 0

    def count(attempt):
        nonlocal answered
        answered += attempt.call.method == "DELETE"
        if answered >= number:
            reached.set()

    async with Engine(move.settings(), on_attempt=count) as engine:
        report = await ended(engine, engine.undo(), reached, stopped=stopped)
        if report is not None:
            assert report["outcome"] == "interrupted"
            assert sum(counts(report, "deleted").values()) > 0


@pytest.mark.parametrize(
    ("moment", "stopped"),
    [
        ("runs", False),
        *(pytest.param(moment, False, marks=pytest.mark.slow) for moment in MOMENTS if moment != "runs"),
        *(pytest.param(moment, True, marks=pytest.mark.slow) for moment in MOMENTS),
    ],
)
async def test_an_undo_that_ends_in_the_middle_is_gone_on_with(moment, stopped, store_url, tmp_path):
    """What is deleted is known, what may be is looked for, the rest goes; a run then makes everything anew."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        made = numbers(await there(move))
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, MOMENTS[moment], stopped=stopped)
        await move.use()
        await asyncio.sleep(0.1)  # what was on its way when it was torn down arrives
        left = numbers(await there(move))
        assert 0 < sum(left.values()) < sum(made.values())
        report = await move.undo()
        assert (report["outcome"], report["spared"]) == ("complete", [])
        assert {
            kind: counts(report, "deleted").get(kind, 0) + counts(report, "gone").get(kind, 0) for kind in made
        } == made
        assert numbers(await there(move)) == {}
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)


async def test_a_run_after_half_an_undo_makes_what_is_gone(store_url, tmp_path):
    """It looks for what may be deleted, makes what is, and leaves what is there."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, MOMENTS["test cases"], stopped=False)
        await move.use()
        assert any(row["state"] in ("undoing", "gone") for row in await sql(store_url, STATES))
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in FAULTS])
@pytest.mark.slow
async def test_everything_goes_under(name, store_url, tmp_path):
    """Whatever is lost on the way: all that was made is gone, and a run makes everything once."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, settle_s=2 * LAG_S) as move:
        past = await history.due(move)
        await move.run()
        made = numbers(await there(move))
        await move.use(qtest=FAULTS[name])
        report = await move.undo()
        assert report["outcome"] == "complete", report["spared"]
        await move.use()
        assert numbers(await there(move)) == {}
        assert {
            kind: counts(report, "deleted").get(kind, 0) + counts(report, "gone").get(kind, 0) for kind in made
        } == made
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)


@pytest.mark.parametrize("seconds", [SETTLE_S / 2, pytest.param(2.0, marks=pytest.mark.slow)])
@pytest.mark.slow
async def test_a_delete_that_is_applied_late_does_no_harm(seconds, store_url, tmp_path, monkeypatch):
    """What is still there when looked at is deleted again; the late call finds nothing any more."""
    async with a_move(store_url, tmp_path, cases=CASES, settle_s=SETTLE_S) as move:
        await move.run()
        late = apply_late(monkeypatch, "DELETE", "", seconds, nth=3, times=4)
        report = await move.undo()
        assert len(late) == 4
        assert (report["outcome"], numbers(await there(move))) == ("complete", {})
        await asyncio.sleep(seconds)
        await assert_everything_once(move, await move.run(), cases=CASES)


@pytest.mark.slow
async def test_an_undo_of_half_a_run_looks_for_what_has_no_answer(store_url, tmp_path):
    """What was sent when the run was torn down may be there: it goes too. The next run begins with nothing."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 10})
        await torn_down(move, "logging")
        await move.use()
        await asyncio.sleep(0.2)
        doubts = await move.undo(dry_run=True)
        assert any("without an answer" in note for note in doubts["notes"]), doubts["notes"]
        report = await move.undo()
        assert (report["outcome"], numbers(await there(move))) == ("complete", {}), report["spared"]
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)
