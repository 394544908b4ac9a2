"""A move under the faults of services and networks: every record once, and the report says so."""

import history
import pytest
from moving import FAST, a_move, assert_approved_once, assert_everything_once, made, writes

from ztoq_async.resources.gateway import Gateway

CASES, EXECUTIONS = 16, 42
FAULTS = {
    "lost replies": {"qtest": {"lost_reply_rate": 0.1}},
    "errors after": {"qtest": {"error_after_rate": 0.1}},
    "errors": {"qtest": {"error_rate": 0.1}, "zephyr": {"error_rate": 0.1}},
    "drops": {"qtest": {"drop_rate": 0.1}, "zephyr": {"drop_rate": 0.1}},
    "cut answers": {"qtest": {"truncate_rate": 0.1}, "zephyr": {"truncate_rate": 0.1}},
    "html": {"qtest": {"html_error_rate": 0.1}, "zephyr": {"html_error_rate": 0.05}},
    "applied late": {"qtest": {"late_apply_rate": 0.05, "late_apply_s": 0.1}},
    "lagging lists": {"qtest": {"list_lag_s": 0.2, "search_lag_s": 1.0, "lost_reply_rate": 0.05}},
    "normalised echo": {"qtest": {"echo": "normalised", "lost_reply_rate": 0.05, "truncate_rate": 0.05}},
    "slow answers": {
        "qtest": {"slow_rate": 0.05, "slow_s": 1.5},  # beyond the deadline: what it changed is in doubt
        "zephyr": {"slow_rate": 0.05, "slow_s": 1.5},
    },
    "rates": {
        "qtest": {"rate_per_minute": 12000, "rate_window_s": 0.5, "retry_after_s": 1},
        "zephyr": {"rate_per_minute": 12000, "rate_window_s": 0.5},
    },
    "rates without Retry-After": {
        "qtest": {"rate_per_minute": 12000, "rate_window_s": 0.5, "retry_after_s": "none"},
        "zephyr": {"rate_per_minute": 2400, "rate_window_s": 0.5, "retry_after_s": "none"},
    },
    "rates with Retry-After 0": {
        "qtest": {"rate_per_minute": 12000, "rate_window_s": 0.5, "retry_after_s": 0},
        "zephyr": {"rate_per_minute": 2400, "rate_window_s": 0.5, "retry_after_s": 0},
    },
    "small pages": {
        "zephyr": {"page_cap": 7, "error_rate": 0.05},
        "qtest": {"size_cap": 4, "page_cap": 4, "lost_reply_rate": 0.05},
    },
    "offset lists": {"zephyr": {"page_cap": 9, "cursor_lists": False}},
    "everything": {
        "qtest": {
            "lost_reply_rate": 0.03,
            "error_after_rate": 0.03,
            "error_rate": 0.03,
            "drop_rate": 0.03,
            "truncate_rate": 0.03,
            "html_error_rate": 0.03,
        },
        "zephyr": {"error_rate": 0.03, "drop_rate": 0.03, "truncate_rate": 0.03, "page_cap": 11},
    },
}


# "everything" has a little of each, and tests/network/test_profiles.py changes from one to the next in mid-run
NOT_SLOW = ("everything", "offset lists")
DEADLINE_S = 0.6


@pytest.mark.parametrize("name", [n if n in NOT_SLOW else pytest.param(n, marks=pytest.mark.slow) for n in FAULTS])
async def test_every_record_is_moved_once_under(name, store_url, tmp_path, monkeypatch):
    """Whatever is lost on the way: one object for each record, created or recovered, and the account adds up.

    Logs of a run stand oldest first, and no test case is approved a second time.
    """
    deadline = DEADLINE_S if name == "slow answers" else 60.0
    monkeypatch.setitem(Gateway.__init__.__kwdefaults__, "unsafe_timeout", deadline)
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.use(**FAULTS[name])
        report = await move.run(limits={**FAST, "attempt_timeout_s": deadline})
        await assert_everything_once(move, report, cases=CASES, past=past)
        await assert_approved_once(move, past)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
async def test_every_record_is_moved_once_under_any_seed(seed, store_url, tmp_path):
    """The same for other draws of the faults and another project."""
    async with a_move(store_url, tmp_path, cases=80, executions=160, seed=seed) as move:
        past = await history.due(move)
        await move.use(**FAULTS["everything"] | {"seed": seed})
        report = await move.run()
        await assert_everything_once(move, report, cases=80, past=past)
        await assert_approved_once(move, past)


async def test_what_was_applied_without_an_answer_is_called_recovered(store_url, tmp_path):
    """Origins tell what was seen to be made from what was found by looking."""
    async with a_move(store_url, tmp_path, cases=CASES, qtest={"lost_reply_rate": 0.2}) as move:
        row = (await move.run())["kinds"]["test-case"]
        assert row["recovered"] > 0
        assert row["created"] + row["recovered"] == made(row) == CASES


async def test_a_second_run_writes_nothing(store_url, tmp_path):
    """What is there is unchanged, and qTest gets no call that changes anything."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        before = writes(await move.stats())
        report = await move.run()
        assert writes(await move.stats()) == before
        await assert_everything_once(move, report, cases=CASES)
        assert report["kinds"]["test-case"]["unchanged"] == CASES
