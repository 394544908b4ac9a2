"""The store shows what a working engine uses: one row a pass, old at worst, and no harm where it cannot be written."""

import asyncio
import contextlib
import logging

import pytest
from looking import looked

from ztoq_async.resources.monitor import ResourceMonitor
from ztoq_async.resources.thresholds import Thresholds
from ztoq_async.store import passes, samples
from ztoq_async.store.samples import kept, last_sample


@pytest.fixture
async def number(store):
    """A pass that is worked on."""
    return await passes.open_pass(store, "all")


@pytest.fixture
async def monitor():
    """One that looks often, and warns of memory."""
    async with ResourceMonitor(interval=0.01, thresholds=Thresholds(rss_mb=1)) as opened:
        opened.register("queue", lambda: {"read.waiting": 3})
        yield opened


async def appeared(store, number):
    """The sample of the pass, once there is one."""
    async with asyncio.timeout(20):
        while (found := await last_sample(store, number)) is None:  # noqa: ASYNC110 - another connection writes it
            await asyncio.sleep(0.01)
    return found


async def rows(store):
    async with store.session() as session:
        return await session.fetchval("SELECT count(*) FROM resource_sample")


async def test_the_newest_sample_is_there_while_the_engine_works(store, number, monitor):
    """Figures, connections, peaks and warnings, young and not the last; after the end the last one, said to be so."""
    assert await last_sample(store, number) is None
    await looked(monitor)
    async with kept(monitor, store, number):
        found = await appeared(store, number)
    assert (found["ended"], found["newest"]["queue.read.waiting"]) == (False, 3)
    assert found["newest"]["rss_bytes"] <= found["peaks"]["rss_bytes"]
    assert 0 <= found["age_s"] < 5
    assert found["warnings"][0].startswith("memory reached ")
    last = await last_sample(store, number)
    assert last["ended"] is True
    assert last["seconds"] >= found["seconds"]


async def test_a_long_run_has_one_row(store, number, monitor, monkeypatch):
    """However often the sample is written, and in however many runs, a pass has one row."""
    monkeypatch.setattr(samples, "KEEP_S", 0.01)
    for _ in range(2):
        async with kept(monitor, store, number):
            first = await appeared(store, number)
            async with asyncio.timeout(20):
                while (await last_sample(store, number))["seconds"] <= first["seconds"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
    assert await rows(store) == 1


async def test_a_sample_that_cannot_be_written_ends_nothing(store, number, monitor, monkeypatch, caplog):
    """The table is gone, or somebody holds it: the block goes on and ends, within its time, and the log says why."""
    monkeypatch.setattr(samples, "KEEP_S", 0.01)
    monkeypatch.setattr(samples, "WRITE_S", 0.2)
    with caplog.at_level(logging.INFO, "ztoq_async"):
        async with store.session() as session:
            await session.execute("LOCK TABLE resource_sample IN ACCESS EXCLUSIVE MODE")
            async with asyncio.timeout(20):
                await in_another_task(kept(monitor, store, number))
        async with store.session() as session:
            await session.execute("DROP TABLE resource_sample")
        async with kept(monitor, store, number):
            await asyncio.sleep(0.05)
    assert "was not stored" in caplog.text


async def in_another_task(context):
    """Enters and leaves it, beside the session of this task."""

    async def use():
        async with context:
            await asyncio.sleep(0.05)

    await asyncio.create_task(use())


async def test_an_error_in_the_block_is_not_hidden(store, number, monitor):
    """What ends the run is what the caller sees; the last sample is written all the same."""
    with contextlib.suppress(ZeroDivisionError):
        async with kept(monitor, store, number):
            raise ZeroDivisionError
    assert (await last_sample(store, number))["ended"] is True
    with pytest.raises(ZeroDivisionError):
        async with kept(monitor, store, number):
            raise ZeroDivisionError
