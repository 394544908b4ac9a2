"""Pools for blocking work: bounded each for itself, and a cancelled call's result goes to nobody."""

import asyncio
import contextvars
import gc
import threading
import time

import anyio
import pytest

from ztoq_async.errors import ResourceError
from ztoq_async.resources.pools import WorkerPools


async def test_each_pool_has_its_own_bound() -> None:
    """A full pool does not keep another from working, and never uses more threads than its own."""
    lock, now, most = threading.Lock(), 0, 0

    def block(seconds: float) -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(seconds)
        with lock:
            now -= 1
        return threading.current_thread().name

    async with WorkerPools(html=2, files=1) as pools:
        blocked = asyncio.gather(*(pools.run("html", block, 0.05) for _ in range(6)))
        await asyncio.sleep(0.01)
        assert pools.statistics()["html"].busy == 2
        assert pools.statistics()["html"].waiting == 4
        assert await pools.run("files", lambda: "quick") == "quick"
        assert not blocked.done()
        await blocked
        assert pools.statistics()["html"].begun == 6
    assert most == 2


async def test_a_cancelled_call_gives_its_result_to_nobody_and_keeps_its_place() -> None:
    """Cancelled calls leave at once; their threads count until they end; every other caller gets its own result."""
    release = threading.Event()
    async with WorkerPools(files=2) as pools:
        doomed = [asyncio.create_task(pools.run("files", release.wait, 5)) for _ in range(2)]
        await asyncio.sleep(0.02)
        for task in doomed:
            task.cancel()
        await asyncio.wait(doomed, timeout=0.5)
        assert all(task.cancelled() for task in doomed)
        with pytest.raises(TimeoutError):
            await pools.run("files", lambda: "no room", timeout=0.05)
        release.set()
        results = await asyncio.gather(*(pools.run("files", lambda n=n: n) for n in range(50)))
        assert results == list(range(50))


async def test_a_late_call_is_a_timeout_and_an_error_is_the_callers() -> None:
    """TimeoutError after the given seconds; the function's own exception comes through."""

    def fail() -> None:
        raise KeyError("mine")

    async with WorkerPools(html=1) as pools:
        with pytest.raises(KeyError, match="mine"):
            await pools.run("html", fail)
        with pytest.raises(TimeoutError):
            await pools.run("html", time.sleep, 0.1, timeout=0.02)


async def test_leaving_waits_for_the_threads() -> None:
    """After the block no thread of the pool works any more, and the pool takes nothing."""
    ended = threading.Event()

    def work() -> None:
        time.sleep(0.1)
        ended.set()

    async with WorkerPools(files=1) as pools:
        task = asyncio.create_task(pools.run("files", work))
        await asyncio.sleep(0.02)
        task.cancel()
    assert ended.is_set()
    with pytest.raises(ResourceError, match="files"):
        await pools.run("files", time.sleep, 0)
    with pytest.raises(ResourceError, match="other"):
        async with WorkerPools(files=1) as again:
            await again.run("other", time.sleep, 0)


async def test_no_thread_is_left() -> None:
    """After a call no thread idles; after the block none is there, whatever became of the calls."""
    before = threading.enumerate()
    async with WorkerPools(html=3, files=2) as pools:
        assert await asyncio.gather(*(pools.run("html", pow, 2, n) for n in range(20))) == [2**n for n in range(20)]
        for number in range(300):
            assert await pools.run("html", abs, -number) == number
            assert threading.enumerate() == before
        with pytest.raises(TimeoutError):
            await pools.run("files", time.sleep, 0.1, timeout=0.01)
    assert threading.enumerate() == before


async def test_leaving_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that does not end is named in a ResourceWarning and left; what it gives later goes to nobody."""
    monkeypatch.setattr("ztoq_async.resources.pools.CLOSE_SECONDS", 0.05)
    release = threading.Event()
    with pytest.warns(ResourceWarning, match="ztoq files"):
        async with WorkerPools(files=1) as pools:
            with pytest.raises(TimeoutError):
                await pools.run("files", release.wait, 10, timeout=0.01)
    release.set()
    await asyncio.sleep(0.05)
    assert pools.statistics()["files"].busy == 0


async def test_a_call_that_waits_when_the_pool_is_left_is_told() -> None:
    """It does not begin afterwards."""
    begun = threading.Event()
    async with WorkerPools(files=1) as pools:
        first = asyncio.create_task(pools.run("files", time.sleep, 0.05))
        second = asyncio.create_task(pools.run("files", begun.set))
        await asyncio.sleep(0.01)
    await first
    with pytest.raises(ResourceError, match="closed"):
        await second
    assert not begun.is_set()


async def test_a_call_sees_the_context_of_its_caller() -> None:
    """Context variables are the caller's."""
    word = contextvars.ContextVar("word", default="none")
    word.set("mine")
    async with WorkerPools(files=1) as pools:
        assert await pools.run("files", word.get) == "mine"


async def test_odd_errors_are_the_callers_too() -> None:
    """What no future can carry does not hang the call."""

    def stop() -> None:
        raise StopIteration

    async with WorkerPools(files=1) as pools:
        with pytest.raises(RuntimeError):
            await pools.run("files", stop, timeout=1)


async def test_pools_belong_to_one_loop() -> None:
    """Before entering, twice, from another thread, or without a thread of its own: each is named."""
    pools = WorkerPools(files=1)
    with pytest.raises(ResourceError, match="not open"):
        await pools.run("files", time.sleep, 0)
    async with pools:
        with pytest.raises(ResourceError, match="another event loop or thread"):
            await asyncio.to_thread(asyncio.run, pools.run("files", time.sleep, 0))
        with pytest.raises(ResourceError, match="already entered"):
            await pools.__aenter__()
    with pytest.raises(ValueError, match="at least 1"):
        WorkerPools(files=0)


async def test_forgotten_pools_are_reported() -> None:
    """ResourceWarning for those that were entered and thrown away."""
    pools = await WorkerPools(files=1).__aenter__()
    with pytest.warns(ResourceWarning, match="WorkerPools was left open"):
        del pools
        gc.collect()


async def test_leaving_under_a_scope_that_cancels_again_and_again_waits_for_the_threads() -> None:
    """anyio cancels at every turn of the loop: the thread has still ended when the block has."""
    with anyio.move_on_after(0.05):
        async with WorkerPools(files=1) as pools:
            await pools.run("files", time.sleep, 0.3)
    assert [thread.name for thread in threading.enumerate() if thread.name == "ztoq files"] == []


async def test_a_thread_that_cannot_be_started_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller gets the system's error, the next call its turn, and leaving waits for nobody."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with asyncio.timeout(5), WorkerPools(files=1) as pools:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start"):
                await pools.run("files", int)
        assert await pools.run("files", int, timeout=1.0) == 0
