"""What the pools of threads promise: named, bounded, timed, and nobody gets what another's thread brought."""

import asyncio
import threading
import time

import pytest

from ztoq_async import ResourceError, WorkerPools


def nap(seconds, value):
    """Blocks, as the work that belongs into a thread does."""
    time.sleep(seconds)
    return value


async def test_each_pool_has_its_own_bound():
    """Four slow calls of one name do not keep another name waiting, and no more run at once than it says."""
    running, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal running, most
        with lock:
            running, most = running + 1, max(most, running + 1)
        time.sleep(0.05)
        with lock:
            running -= 1

    async with WorkerPools(html=2, files=1) as pools:
        slow = [asyncio.create_task(pools.run("html", work)) for _ in range(10)]
        await asyncio.sleep(0.02)
        async with asyncio.timeout(0.2):
            assert await pools.run("files", nap, 0, "quick") == "quick"
        assert (pools.statistics()["html"].busy, pools.statistics()["html"].waiting) == (2, 8)
        await asyncio.gather(*slow)
        assert (most, pools.statistics()["html"].begun, pools.statistics()["html"].busy) == (2, 10, 0)


async def test_a_late_call_says_so_in_time_and_gives_nobody_its_value():
    """The time-out counts the wait for a thread too; a value that comes late is dropped."""
    async with WorkerPools(files=1) as pools:
        started = time.monotonic()
        late = asyncio.create_task(pools.run("files", nap, 0.3, "late", timeout=0.1))
        behind = asyncio.create_task(pools.run("files", nap, 0, "behind", timeout=0.15))
        for call in (late, behind):
            with pytest.raises(TimeoutError):
                await call
        assert time.monotonic() - started < 0.28
        assert await pools.run("files", nap, 0, "mine") == "mine"


async def test_cancelled_calls_never_hand_their_result_to_another():
    """Hundreds of calls, each second one cancelled at another moment: who stayed has his own value."""
    async with WorkerPools(work=3) as pools:
        calls = [asyncio.create_task(pools.run("work", nap, 0.002, number)) for number in range(300)]
        for number, call in enumerate(calls):
            if number % 2:
                if number % 20 == 1:
                    await asyncio.sleep(0.003)
                call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[::2] == list(range(0, 300, 2))
    assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes) > 100


async def test_an_error_comes_out_as_it_is_and_its_thread_works_on():
    """Also one that is no Exception; StopIteration must not break a coroutine in silence."""

    class Odd(BaseException):
        pass

    def fails(error):
        raise error

    async with WorkerPools(work=1) as pools:
        for error in (ValueError("x"), Odd("y"), KeyError(1), TimeoutError("its own")):
            with pytest.raises(type(error)) as caught:
                await pools.run("work", fails, error)
            assert caught.value is error
        async with asyncio.timeout(3):
            with pytest.raises((StopIteration, RuntimeError)):
                await pools.run("work", fails, StopIteration(1))
            assert await pools.run("work", nap, 0, "on") == "on"


async def test_leaving_leaves_no_thread():
    """After a plain end, an error and a cancellation, once the calls that run have come to their end."""
    before = set(threading.enumerate())

    async def use(end):
        async with WorkerPools(work=4) as pools:
            await asyncio.gather(*(pools.run("work", nap, 0.01, 1) for _ in range(8)))
            running = asyncio.create_task(pools.run("work", nap, 0.1, 1))
            await asyncio.sleep(0.02)
            if end == "error":
                running.cancel()
                raise ZeroDivisionError
            if end == "cancelled":
                asyncio.current_task().cancel()
            await asyncio.gather(running, return_exceptions=True)

    for end in ("plain", "error", "cancelled"):
        outcome = (await asyncio.gather(asyncio.create_task(use(end)), return_exceptions=True))[0]
        assert end == "plain" or isinstance(outcome, (ZeroDivisionError, asyncio.CancelledError))
        assert set(threading.enumerate()) - before == set(), end


async def test_a_cancelled_leave_is_still_over_in_time():
    """A thread that runs on for a second does not make leaving wait for more than it needs."""
    async with asyncio.timeout(4):
        async with WorkerPools(work=1) as pools:
            late = asyncio.create_task(pools.run("work", nap, 0.6, 1, timeout=0.05))
            with pytest.raises(TimeoutError):
                await late
    assert [thread for thread in threading.enumerate() if thread is not threading.main_thread()] == []


@pytest.mark.parametrize("name", ["other", "", None])
async def test_an_unknown_pool_is_a_named_error(name):
    """No pool is made by a slip of the pen."""
    async with WorkerPools(files=1) as pools:
        with pytest.raises((ResourceError, TypeError)):
            await pools.run(name, nap, 0, 1)


async def test_before_and_after_its_block_a_pool_says_that_it_is_not_open():
    """Nothing is begun, and nothing hangs."""
    pools = WorkerPools(files=1)
    with pytest.raises(ResourceError):
        await pools.run("files", nap, 0, 1)
    async with pools:
        await pools.run("files", nap, 0, 1)
    with pytest.raises(ResourceError):
        await pools.run("files", nap, 0, 1)


@pytest.mark.parametrize("threads", [0, -1])
def test_a_pool_without_threads_is_refused(threads):
    """It would wait for ever."""
    with pytest.raises((ValueError, ResourceError)):
        WorkerPools(files=threads)
