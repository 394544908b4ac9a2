"""Harm on the way to the services and to the store: whatever happens to a connection, everything is moved once."""

import asyncio

import history
import pytest
from moving import assert_approved_once, assert_everything_once
from proxy import HARMS, Harm, at_calls, weather
from through import CASES, a_move_through

PLACES = ("zephyr", "qtest", "store")
CALLS = {"zephyr": rb"^GET ", "qtest": rb"^(POST|PUT) ", "store": rb"."}
EVERY = {"zephyr": 5, "qtest": 9, "store": 40}
AFTER = {"zephyr": b"", "qtest": b"", "store": b"INSERT INTO archive"}  # the store is open and taken
SHARE = {"zephyr": 0.2, "qtest": 0.1, "store": 0.02}
TIMES = 4
OUTAGE_S = 0.2


async def moved_once(move, past):
    """The whole run, and what both services hold of it."""
    report = await move.run()
    move.fair()
    await assert_everything_once(move, report, cases=CASES, past=past)
    await assert_approved_once(move, past)
    return report


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 20, 300])
@pytest.mark.parametrize("kind", HARMS)
@pytest.mark.parametrize("place", PLACES)
async def test_every_record_is_moved_once_whatever_happens_to_a_connection(place, kind, at, postgres, tmp_path):
    """Answers that stall, end or are reset before, within and behind their headers, at calls spread over the run."""
    async with a_move_through(postgres.dsn, tmp_path) as move:
        past = await history.due(move)
        proxy = getattr(move, place)
        proxy.plan = at_calls(CALLS[place], Harm(kind, at), every=EVERY[place], times=TIMES, after=AFTER[place])
        await moved_once(move, past)
        assert proxy.harmed[kind] >= 2


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
@pytest.mark.parametrize("place", PLACES)
async def test_every_record_is_moved_once_over_a_bad_line(place, seed, postgres, tmp_path):
    """All harms in turn, of requests and answers, drawn by a seed: a change without an answer is settled by looking."""
    async with a_move_through(postgres.dsn, tmp_path) as move:
        past = await history.due(move)
        proxy = getattr(move, place)
        proxy.plan = weather(seed, SHARE[place], most=12, after=AFTER[place])
        await moved_once(move, past)
        assert len(proxy.harmed) >= 3, proxy.harmed


@pytest.mark.parametrize(
    "lost", [PLACES, *(pytest.param((place,), marks=pytest.mark.slow) for place in PLACES)], ids="-".join
)
async def test_a_line_that_is_cut_and_refused_for_a_while_ends_no_run(lost, postgres, tmp_path):
    """Every connection is reset at once and none is taken, twice in a run: it goes on when they are taken again."""
    async with a_move_through(postgres.dsn, tmp_path) as move:
        past = await history.due(move)
        proxies = [getattr(move, place) for place in lost]
        outages = []

        async def outage():
            for proxy in proxies:
                proxy.refuse()
                proxy.cut()
            await asyncio.sleep(OUTAGE_S)
            for proxy in proxies:
                await proxy.accept()

        def begin(_):
            outages.append(asyncio.create_task(outage()))

        last = lost[-1]
        proxies[-1].plan = at_calls(CALLS[last], begin, every=3 * EVERY[last], times=2, after=AFTER[last])
        await moved_once(move, past)
        await asyncio.gather(*outages)
        assert len(outages) == 2
        assert all(proxy.harmed["cut"] for proxy in proxies)


async def test_a_change_without_an_answer_is_recovered_and_not_sent_again(postgres, tmp_path):
    """The connection is reset behind the request for a test case: it is found by looking, and counts as recovered."""
    async with a_move_through(postgres.dsn, tmp_path) as move:
        past = await history.due(move)
        move.qtest.plan = at_calls(rb"^POST \S+/test-cases[? ]", Harm("reset"), after=b'"Zephyr Key"', every=4, times=3)
        report = await moved_once(move, past)
        assert move.qtest.harmed["reset"] == 3
        assert report["kinds"]["test-case"]["recovered"] >= 1
