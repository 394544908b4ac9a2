"""Who may write: one engine at a time, and a dead one's store is free again."""

import asyncio
import sys
import time

import msgspec
import pytest

from ztoq_async.errors import FenceError, SettingsError, StoreBusy, StoreError
from ztoq_async.resources.database import Database
from ztoq_async.store import tenure as tenures
from ztoq_async.store.schema import upgrade
from ztoq_async.store.tenure import Holder, Tenure, tenure

NAMES = ("zephyr MM", "qtest 1")
OUTLIVE = tenures._outlive


@pytest.fixture
def short(monkeypatch):
    """A lease of a second, so that a test can see its end."""
    monkeypatch.setattr(tenures, "LEASE_S", 1.0)
    monkeypatch.setattr(tenures, "BEAT_S", 0.2)
    monkeypatch.setattr(tenures, "MARGIN_S", 0.2)


async def leave(store, holder):
    """The store as an engine leaves it that vanished without a word."""
    async with tenure(store, *NAMES, 0.0):
        pass
    async with store.session() as session:
        text = msgspec.json.encode(holder).decode()
        await session.execute("UPDATE migration SET holder = $1, beat_at = now()", text)


async def test_a_second_engine_is_refused_by_the_name_of_the_first(store, postgres):
    """StoreBusy says which process works; it neither waits nor writes; opening the store does not wait either."""
    async with tenure(store, *NAMES, 0.0) as first, Database(postgres.dsn) as other:
        start = time.monotonic()
        await upgrade(other)
        with pytest.raises(StoreBusy, match=rf"process {Holder.here().pid} on {Holder.here().host}"):
            async with tenure(other, *NAMES, 0.0):
                pytest.fail("two engines on one store")
        assert time.monotonic() - start < 2
        async with store.session() as session:
            assert await session.fetchval("SELECT epoch FROM migration") == first.epoch


async def test_each_start_has_an_epoch_of_its_own(store):
    """One more each time, also after an error."""
    epochs = []
    for _ in range(3):
        with pytest.raises(RuntimeError):
            async with tenure(store, *NAMES, 0.0) as held:
                epochs.append(held.epoch)
                raise RuntimeError
    assert epochs == [1, 2, 3]


async def test_a_store_holds_one_move(store):
    """SettingsError names both moves and the setting."""
    async with tenure(store, *NAMES, 0.0):
        pass
    with pytest.raises(SettingsError, match=r"zephyr MM.*qtest 2.*\[store\] path"):
        async with tenure(store, "zephyr MM", "qtest 2", 0.0):
            pass


async def test_a_crashed_engine_of_this_machine_is_followed_at_once(store):
    """A process that is surely gone sends nothing any more."""
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await gone.wait()
    here = Holder.here()
    await leave(store, Holder(here.host, here.boot, gone.pid, time.time()))
    start = time.monotonic()
    async with tenure(store, *NAMES, 60.0):
        assert time.monotonic() - start < 1


async def test_another_process_under_a_dead_ones_number_is_not_taken_for_it(store):
    """Start times tell two processes with one number apart."""
    here = Holder.here()
    assert not here.is_dead()
    assert Holder(here.host, here.boot, here.pid, here.started - 100).is_dead()
    assert not Holder("elsewhere", here.boot, 1, 0.0).is_dead()
    assert not Holder(here.host, "another boot", 1, 0.0).is_dead()


@pytest.mark.usefixtures("short")
async def test_a_silent_engine_elsewhere_is_followed_after_lease_and_settling(store):
    """Not before its last request must have had its effect."""
    await leave(store, Holder("elsewhere", "boot", 4711, 1.0))
    start = time.monotonic()
    async with tenure(store, *NAMES, 0.5):
        assert 1.3 < time.monotonic() - start < 3


@pytest.mark.usefixtures("short")
async def test_an_engine_elsewhere_that_still_beats_is_not_followed(store):
    """Its lock is lost, but not its lease: StoreBusy names it."""
    await leave(store, Holder("elsewhere", "boot", 4711, 1.0))

    async def beat():
        while True:
            await asyncio.sleep(0.2)
            async with store.session() as session:
                await session.execute("UPDATE migration SET beat_at = now()")

    beating = asyncio.create_task(beat())
    try:
        with pytest.raises(StoreBusy, match="process 4711 on elsewhere"):
            async with tenure(store, *NAMES, 0.2):
                pass
    finally:
        beating.cancel()
        await asyncio.wait([beating])


@pytest.mark.usefixtures("short")
async def test_an_engine_that_stands_still_is_overtaken_after_lease_and_settling(store, postgres, monkeypatch):
    """Its session, which keeps the lock, is ended; before that time it is named, and after it, it may not send."""
    monkeypatch.setattr(tenures, "BEAT_S", 60.0)
    async with tenure(store, *NAMES, 0.0) as first, Database(postgres.dsn) as other:
        start = time.monotonic()
        with pytest.raises(StoreBusy, match=f"process {Holder.here().pid}"):
            async with tenure(other, *NAMES, 0.5):
                pytest.fail("its lease goes on")
        await asyncio.sleep(start + 1.6 - time.monotonic())
        async with tenure(other, *NAMES, 0.5) as second:
            assert second.epoch == first.epoch + 1
            with pytest.raises(FenceError):
                first.fence()
            with pytest.raises(FenceError, match="another engine has taken over"):
                await first.write(store, lambda session: session.execute("SELECT 1"))


@pytest.mark.usefixtures("short")
async def test_a_successor_whose_clock_is_faster_than_the_stores_waits_for_the_rest(store, monkeypatch):
    """It comes back a trifle too early and finds the same heartbeat: that is no sign of life."""
    await leave(store, Holder("elsewhere", "boot", 4711, 1.0))
    sleep = asyncio.sleep
    monkeypatch.setattr(tenures.asyncio, "sleep", lambda seconds: sleep(0.9 * seconds))
    start = time.monotonic()
    async with tenure(store, *NAMES, 0.2):
        assert time.monotonic() - start >= tenures.LEASE_S


@pytest.mark.usefixtures("short")
async def test_an_engine_that_goes_on_while_it_is_looked_at_keeps_its_lease(store, monkeypatch):
    """It was silent for long, and renews its lease between the look and the next epoch: that lease is waited for."""
    await leave(store, Holder("elsewhere", "boot", 4711, 1.0))
    async with store.session() as session:
        await session.execute("UPDATE migration SET beat_at = now() - interval '1 hour'")
    looked = []

    async def goes_on(session, settle_s):
        seen = await OUTLIVE(session, settle_s)
        if not looked:
            await session.execute("UPDATE migration SET beat_at = now()")
        looked.append(seen)
        return seen

    monkeypatch.setattr(tenures, "_outlive", goes_on)
    start = time.monotonic()
    async with tenure(store, *NAMES, 0.2):
        assert time.monotonic() - start >= tenures.LEASE_S
        assert len(looked) == 2


@pytest.mark.usefixtures("short")
async def test_an_engine_that_is_starting_after_a_silent_one_is_not_overtaken(store, postgres):
    """The old heartbeat is another's: the lock's session is younger than it."""
    await leave(store, Holder("elsewhere", "boot", 4711, 1.0))
    async with store.session() as session:
        await session.execute("UPDATE migration SET beat_at = now() - interval '1 hour'")
    async with Database(postgres.dsn) as starting, starting.dedicated() as session:
        assert await session.fetchval("SELECT pg_try_advisory_lock($1)", tenures._LOCK)
        with pytest.raises(StoreBusy):
            async with tenure(store, *NAMES, 0.0):
                pass
        assert await session.fetchval("SELECT 1") == 1


@pytest.mark.usefixtures("short")
async def test_what_a_vanished_engine_left_in_a_transaction_blocks_nobody(store, postgres):
    """It stood still in the middle of a write, and holds a lock on the very row that says who works."""
    await leave(store, Holder("elsewhere", "boot", 4711, 1.0))
    async with Database(postgres.dsn) as still:
        with pytest.raises(StoreError, match="nothing of the session was kept"):
            async with still.session() as session:
                await session.execute("UPDATE migration SET beat_at = beat_at")
                start = time.monotonic()
                async with tenure(store, *NAMES, 0.1):
                    assert time.monotonic() - start < 3
                await session.execute("SELECT 1")


@pytest.mark.usefixtures("short")
async def test_the_heartbeat_keeps_the_lease_and_its_loss_is_noticed(store):
    """While it beats the fence lets through; without beats it raises before the lease ends."""
    async with tenure(store, *NAMES, 0.0) as held:
        await asyncio.sleep(1.5)
        held.fence()
        async with store.session() as session:
            await session.execute("LOCK TABLE migration")
            await asyncio.sleep(1.2)
            with pytest.raises(FenceError, match="could not renew its lease"):
                held.fence()


@pytest.mark.usefixtures("short")
async def test_an_engine_that_was_overtaken_is_fenced_at_its_next_beat(store):
    """The remaining lease is worth nothing once another epoch is current."""
    async with tenure(store, *NAMES, 0.0) as held:
        async with store.session() as session:
            await session.execute("UPDATE migration SET epoch = epoch + 1")
        await asyncio.sleep(0.5)
        with pytest.raises(FenceError):
            held.fence()


def test_no_tenure_may_not_send():
    """Reading alone gives no right to write."""
    with pytest.raises(FenceError):
        Tenure.none().fence()
