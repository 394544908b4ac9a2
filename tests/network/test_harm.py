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
TIMES = 6


async def moved_once(move, past):
    """The whole run, and what both services hold of it."""
    report = await move.run()
    move.fair()
    await assert_everything_once(move, report, cases=CASES, past=past)
    await assert_approved_once(move, past)
    return report


@pytest.mark.parametrize("at", [0, 20, 300])
@pytest.mark.parametrize("kind", HARMS)
@pytest.mark.parametrize("place", PLACES)
async def test_every_record_is_moved_once_whatever_happens_to_a_connection(place, kind, at, postgres, tmp_path):
    """Answers that stall, end or are reset before, within and behind their headers, at calls spread over the run."""
    async with a_move_through(postgres.dsn, tmp_path) as move:
        past = await history.due(move)
        proxy = getattr(move, place)
        proxy.plan = at_calls(CALLS[place], Harm(kind, at), every=EVERY[place], times=TIMES)
        await moved_once(move, past)
        assert proxy.harmed[kind] >= 2
