"""What the pool of processes promises: what burns CPU is apart, late work dies, and nothing remains."""

import asyncio
import os
import signal
import threading
import time

import psutil
import pytest

from ztoq_async import ProcessDied, ProcessPool, ResourceError


def burn(seconds):
    """Keeps a processor busy, deaf to what asks it politely to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return os.getpid()


def same(value):
    """Gives it back, from another process."""
    return value


def fail(error):
    """Raises it there."""
    raise error


def die(number):
    """Ends its process in the middle of a call."""
    os.kill(os.getpid(), number)


def lock():
    """Gives what cannot be pickled."""
    return threading.Lock()


def chatter():
    """Writes where a careless pool might expect its own words."""
    print("x" * 100_000, flush=True)
    return 5


def children():
    """Living processes that this one began, without a server that other tests use."""
    every = psutil.Process().children()
    return [one for one in every if one.status() != psutil.STATUS_ZOMBIE and one.name() != "postgres"]


async def test_values_and_errors_come_back_as_they_are():
    """Arguments, results and errors are pickled; the work is done in another process, beside the loop."""
    async with asyncio.timeout(30), ProcessPool(2) as pool:
        assert await pool.run(same, {"a": [1, (2, b"\0" * 1_000_000)]}) == {"a": [1, (2, b"\0" * 1_000_000)]}
        for error in (ValueError("x", 1), KeyError("y"), TimeoutError("its own")):
            with pytest.raises(type(error)) as caught:
                await pool.run(fail, error)
            assert caught.value.args == error.args
        assert await pool.run(os.getpid) != os.getpid()
        assert await pool.run(chatter) == 5


async def test_the_loop_goes_on_while_processes_burn():
    """Two burning processes leave the loop its pace: it wakes in time."""
    async with asyncio.timeout(30), ProcessPool(1) as pool:
        await pool.run(same, 1)
        burning = asyncio.create_task(pool.run(burn, 0.4))
        wakes = 0
        while not burning.done():
            await asyncio.sleep(0.01)
            wakes += 1
        assert await burning != os.getpid()
        assert wakes > 10


@pytest.mark.parametrize("way", ["late", "cancelled"])
async def test_who_is_late_or_cancelled_burns_no_longer(way):
    """Its process is gone, also one that ignores signals; the next call is served by another."""
    async with asyncio.timeout(30), ProcessPool(1) as pool:
        first = await pool.run(os.getpid)
        call = asyncio.create_task(pool.run(burn, 60, timeout=0.2 if way == "late" else 60))
        await asyncio.sleep(0.1)
        if way == "cancelled":
            call.cancel()
        with pytest.raises((TimeoutError, asyncio.CancelledError)):
            await call
        second = await pool.run(os.getpid)
        assert second != first
        assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
async def test_a_process_that_dies_is_a_named_error_and_the_pool_goes_on(number):
    """The call that it took with it is told; the others, beside it and behind it, are not harmed."""
    async with asyncio.timeout(30), ProcessPool(2) as pool:
        beside = asyncio.create_task(pool.run(burn, 0.3))
        dying = asyncio.create_task(pool.run(die, int(number)))
        behind = asyncio.create_task(pool.run(same, "behind"))
        with pytest.raises(ProcessDied):
            await dying
        assert await behind == "behind"
        assert await beside


async def test_a_process_that_is_killed_between_calls_costs_none():
    """The system may take an idle process away; the next call gets another."""
    async with asyncio.timeout(30), ProcessPool(1) as pool:
        pid = await pool.run(os.getpid)
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert await pool.run(same, 1) == 1


async def test_what_cannot_be_pickled_is_an_error_of_that_call_alone():
    """Neither arguments nor results nor a lambda hang the pool or lose a process."""
    async with asyncio.timeout(30), ProcessPool(1) as pool:
        for func, arguments in ((same, (threading.Lock(),)), (lambda: 1, ()), (lock, ())):
            with pytest.raises(Exception) as caught:
                await pool.run(func, *arguments)
            assert not isinstance(caught.value, (TimeoutError, ProcessDied))
        assert await pool.run(same, 1) == 1


async def test_no_result_goes_to_another_call():
    """Calls cancelled at many moments: whoever stayed has his own value."""
    async with asyncio.timeout(60), ProcessPool(2) as pool:
        calls = [asyncio.create_task(pool.run(same, number)) for number in range(60)]
        for number in range(1, 60, 12):
            await asyncio.sleep(0.02)
            calls[number].cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(one == number for number, one in enumerate(outcomes) if not isinstance(one, asyncio.CancelledError))
    assert sum(isinstance(one, int) for one in outcomes) >= 55


@pytest.mark.parametrize("end", ["plain", "error", "cancelled"])
async def test_leaving_leaves_no_process_thread_or_descriptor(end):
    """Also with a deaf one at work, where it is left by an error or a cancellation."""

    async def use():
        async with ProcessPool(2) as pool:
            await asyncio.gather(*(pool.run(same, number) for number in range(4)))
            if end != "plain":
                work.append(asyncio.create_task(pool.run(burn, 60)))
                await asyncio.sleep(0.3)
            if end == "error":
                raise ZeroDivisionError
            if end == "cancelled":
                asyncio.current_task().cancel()
                await asyncio.sleep(1)

    work = []
    async with ProcessPool(1) as pool:
        await pool.run(same, 1)  # what the interpreter begins once and keeps
    while threading.active_count() > 1:  # noqa: ASYNC110 - the interpreter's own, which waits for a child's end
        await asyncio.sleep(0.01)
    before = (len(children()), threading.active_count(), psutil.Process().num_fds())
    async with asyncio.timeout(8):
        await asyncio.gather(asyncio.create_task(use()), return_exceptions=True)
        outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert all(isinstance(one, BaseException) for one in outcomes)
    while threading.active_count() > 1:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert (len(children()), threading.active_count(), psutil.Process().num_fds()) == before


async def test_it_is_bounded_and_says_what_it_does():
    """Never more processes than it says; before and after its block a call is a named error."""
    pool = ProcessPool(2)
    with pytest.raises(ResourceError):
        await pool.run(same, 1)
    before = len(children())
    async with asyncio.timeout(30), pool:
        calls = [asyncio.create_task(pool.run(burn, 0.1)) for _ in range(6)]
        while not all(call.done() for call in calls):
            assert len(children()) - before <= 2
            await asyncio.sleep(0.02)
        assert len({call.result() for call in calls}) <= 2
    with pytest.raises(ResourceError):
        await pool.run(same, 1)
    with pytest.raises((ValueError, ResourceError)):
        ProcessPool(0)
