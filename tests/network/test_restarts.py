"""PostgreSQL ends in mid-run, in good order or by a crash: the run waits for it, or says so and is gone on with."""

import asyncio
import contextlib
import os
import signal

import history
import pytest
from moving import a_move, assert_approved_once, assert_everything_once
from through import new_database

from ztoq_async.engine import Engine
from ztoq_async.errors import StoreError
from ztoq_async.resources import reaching
from ztoq_async.store import tenure

CASES, EXECUTIONS = 12, 20
STOPS = {"fast": signal.SIGINT, "crash": signal.SIGQUIT}
MOMENTS = {"reading": ("GET", 12), "writing": ("POST", 30), "logging": ("POST", 90)}
AWAY_S = 0.3


@contextlib.asynccontextmanager
async def moving(store, folder):
    """A move with a bit of latency, so that calls are spread over the run."""
    async with a_move(store, folder, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 2})
        yield move, past


async def begun(settings, moment):
    """A run that has made so many calls of a kind, going on."""
    method, number = MOMENTS[moment]
    reached, sent = asyncio.Event(), 0

    def count(attempt):
        nonlocal sent
        sent += attempt.call.method == method
        if sent >= number:
            reached.set()

    async def run():
        async with Engine(settings, on_attempt=count) as engine:
            return await engine.run()

    running = asyncio.create_task(run())
    await asyncio.wait({running, asyncio.ensure_future(reached.wait())}, return_when=asyncio.FIRST_COMPLETED)
    assert not running.done(), running.result()
    return running


async def ended(data, number):
    """Stops the server of a data folder, and waits until it has gone: a disk that others use takes its time."""
    pid = int((data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, number)
    async with asyncio.timeout(60):
        while (data / "postmaster.pid").exists():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


def own(postgres, name):
    """The address and the data folder of the server of one's own."""
    return postgres.dsn.replace("/postgres?", f"/{name}?"), postgres._path / "postgres" / "data"


@pytest.mark.parametrize(
    ("stop", "moment"),
    [
        ("fast", "writing"),
        ("crash", "logging"),
        *(pytest.param(s, m, marks=pytest.mark.slow) for s in STOPS for m in MOMENTS),
    ],
)
async def test_a_run_outlasts_a_restart_of_ones_own_postgresql(stop, moment, postgres, tmp_path, monkeypatch):
    """The server named by store.url is stopped and started again in mid-run: the run goes on by itself."""
    monkeypatch.setattr(reaching, "RETRY_S", 60.0)  # here it counts that the run goes on, not how fast this disk is
    url, data = own(postgres, await new_database(postgres.dsn))
    async with moving(url, tmp_path) as (move, past):
        running = await begun(move.settings(), moment)
        try:
            await ended(data, STOPS[stop])
            await asyncio.sleep(AWAY_S)
            assert not running.done()
        finally:
            await postgres.revive()
        await assert_everything_once(move, await running, cases=CASES, past=past)
        await assert_approved_once(move, past)


@pytest.mark.parametrize("stop", ["crash", pytest.param("fast", marks=pytest.mark.slow)])
@pytest.mark.slow
async def test_a_run_starts_its_embedded_postgresql_again(stop, postgres, tmp_path):
    """The embedded server is killed or stopped in mid-run: the engine starts it, and the run goes on."""
    store, (url, _) = tmp_path / "store", own(postgres, await new_database(postgres.dsn))
    async with moving(url, tmp_path) as (move, past):
        running = await begun(move.settings(store={"path": store}), "writing")
        await ended(store / "postgres" / "data", STOPS[stop])
        await assert_everything_once(move, await running, cases=CASES, past=past)
        await assert_approved_once(move, past)


async def test_a_store_that_stays_away_ends_the_run_by_name_and_the_run_is_gone_on_with(
    postgres, tmp_path, monkeypatch
):
    """Beyond the time that the engine waits for PostgreSQL: StoreError; the next run makes the rest, nothing twice."""
    monkeypatch.setattr(reaching, "RETRY_S", 0.5)
    monkeypatch.setattr(tenure, "LEASE_S", 3.0)  # which the second run, of the same process, waits for
    monkeypatch.setattr(tenure, "MARGIN_S", 0.5)
    monkeypatch.setattr(tenure, "BEAT_S", 0.5)
    url, data = own(postgres, await new_database(postgres.dsn))
    async with moving(url, tmp_path) as (move, past):
        running = await begun(move.settings(), "writing")
        await ended(data, STOPS["crash"])
        try:
            with pytest.raises(StoreError, match=r"PostgreSQL at .* cannot be used .*store\.url"):
                async with asyncio.timeout(30):
                    await running
        finally:
            await postgres.revive()
        report = await move.run()
        await assert_everything_once(move, report, cases=CASES, past=past)
        await assert_approved_once(move, past)
