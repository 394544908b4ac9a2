"""Process pools: CPU elsewhere, what is late or cancelled is killed, nothing is left."""

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import burning
import psutil
import pytest

from ztoq_async.errors import ProcessDied, ResourceError
from ztoq_async.resources.process_pool import ProcessPool

BEFORE = set()


@pytest.fixture(autouse=True)
def _children_of_others():
    """Servers that other tests keep are not counted."""
    BEFORE.clear()
    BEFORE.update(psutil.Process().children())


def children():
    """The processes that this one began since the test began; a server begins and ends its own as it likes."""
    return [child for child in psutil.Process().children() if child not in BEFORE]


async def said(mark):
    """The process id that a burning call says, as soon as it says it."""
    end = time.monotonic() + 10
    while not mark.exists():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)
    return int(mark.read_text())


async def test_calls_run_in_other_processes_and_give_their_results():
    """As many processes as allowed, used again; large values travel both ways."""
    async with ProcessPool(2) as pool:
        found = await asyncio.gather(*(pool.run(burning.pid_and, number) for number in range(20)))
        assert [value for _, value in found] == list(range(20))
        pids = {pid for pid, _ in found}
        assert 1 <= len(pids) <= 2
        assert os.getpid() not in pids
        assert len(await pool.run(burning.doubled, "x" * 5_000_000)) == 10_000_000
        use = pool.statistics()
        assert (use.limit, use.busy, use.alive, use.waiting, use.begun, use.killed) == (2, 0, len(pids), 0, 21, 0)
    assert children() == []


async def test_no_more_processes_than_allowed_work_at_once(tmp_path):
    """The third call waits for one of two processes."""
    async with ProcessPool(2) as pool:
        calls = [asyncio.create_task(pool.run(burning.burn, 0.3, tmp_path / str(n))) for n in range(3)]
        await said(tmp_path / "0")
        await said(tmp_path / "1")
        use = pool.statistics()
        assert (use.busy, use.waiting, len(children())) == (2, 1, 2)
        assert len(set(await asyncio.gather(*calls))) == 2


async def test_an_exception_arrives_as_itself():
    """Its class, words and attributes, and a note that says where it was raised; the pool goes on."""
    async with ProcessPool(1) as pool:
        with pytest.raises(burning.OwnError, match=r"^mine") as raised:
            await pool.run(burning.fail, "mine")
        assert raised.value.code == 7
        assert "burning.py" in raised.value.__notes__[0]
        with pytest.raises(ResourceError, match="shy words"):
            await pool.run(burning.fail_shyly)
        with pytest.raises((AttributeError, TypeError), match="pickle"):
            await pool.run(lambda: 1)
        assert (await pool.run(burning.pid_and, 5))[1] == 5
        assert pool.statistics().killed == 0


async def test_what_a_call_prints_or_reads_does_not_disturb_the_answers():
    """Standard output and input of a call are not the pool's."""
    async with ProcessPool(1) as pool:
        assert await pool.run(burning.chatter) == "quiet"
        assert (await pool.run(burning.pid_and, 1))[1] == 1


@pytest.mark.parametrize("end", ["late", "cancelled"])
async def test_a_late_or_cancelled_call_takes_its_process_with_it(end, tmp_path):
    """It is gone when the caller knows, deaf to SIGTERM or not; the next call gets another process."""
    async with ProcessPool(1) as pool:
        mark = tmp_path / "mark"
        call = asyncio.create_task(pool.run(burning.burn, 60, mark, timeout=1 if end == "late" else 60))
        pid = await said(mark)
        if end == "cancelled":
            call.cancel()
        with pytest.raises(TimeoutError if end == "late" else asyncio.CancelledError):
            await call
        assert not psutil.pid_exists(pid)
        assert (await pool.run(burning.pid_and))[0] != pid
        assert pool.statistics().killed == 1


@pytest.mark.parametrize("end", [burning.die, burning.leave])
async def test_a_process_that_dies_is_a_named_error_and_the_pool_goes_on(end):
    """Killed, or left by sys.exit."""
    async with ProcessPool(1) as pool:
        with pytest.raises(ProcessDied):
            await pool.run(end)
        assert (await pool.run(burning.pid_and, 2))[1] == 2


async def test_a_process_that_dies_idle_costs_no_call():
    """It is seen to be dead before it is asked."""
    async with ProcessPool(1) as pool:
        pid, _ = await pool.run(burning.pid_and)
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert (await pool.run(burning.pid_and))[0] != pid


async def test_leaving_waits_for_calls():
    """A call of another task that is under way is finished, one that waits for its turn is told."""
    async with ProcessPool(1) as pool:
        await pool.run(burning.pid_and)
        first = asyncio.create_task(pool.run(burning.burn, 0.2))
        second = asyncio.create_task(pool.run(burning.pid_and))
        await asyncio.sleep(0.05)
    assert await first > 0
    with pytest.raises(ResourceError, match="closed"):
        await second
    with pytest.raises(ResourceError, match="closed"):
        await pool.run(burning.pid_and)
    assert children() == []


async def test_leaving_by_an_exception_waits_for_nothing(tmp_path):
    """Calls that burn are killed at once, deaf to SIGTERM or not, and their callers are told."""
    with pytest.raises(ZeroDivisionError):
        async with ProcessPool(2) as pool:
            calls = [asyncio.create_task(pool.run(burning.burn, 60, tmp_path / str(n))) for n in range(2)]
            await said(tmp_path / "0")
            await said(tmp_path / "1")
            began = time.monotonic()
            _ = 1 // 0
    assert time.monotonic() - began < 2
    for call in calls:
        with pytest.raises(ProcessDied):
            await call
    assert children() == []


def test_nothing_remains(tmp_path, monkeypatch):
    """Twenty pools, left in each way: no child, thread, descriptor or temporary file is left."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    async def use(number):
        with contextlib.suppress(ZeroDivisionError, TimeoutError):
            async with ProcessPool(2) as pool:
                await pool.run(burning.pid_and)
                if number % 3 == 0:
                    await pool.run(burning.burn, 60, timeout=0.01)
                if number % 3 == 1:
                    _ = 1 // 0

    def held():
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join(1)  # asyncio's own, that has seen a process end
        return psutil.Process().num_fds(), threading.enumerate(), children(), list(tmp_path.iterdir())

    asyncio.run(use(0))
    before = held()
    for number in range(20):
        asyncio.run(use(number))
    gc.collect()
    assert held() == before


async def test_misuse_is_named():
    """Before entering, twice, elsewhere, and with no process at all."""
    pool = ProcessPool(1)
    with pytest.raises(ResourceError, match="not open"):
        await pool.run(burning.pid_and)
    async with pool:
        with pytest.raises(ResourceError, match="another event loop or thread"):
            await asyncio.to_thread(asyncio.run, pool.run(burning.pid_and))
        with pytest.raises(ResourceError, match="already entered"):
            await pool.__aenter__()
    with pytest.raises(ValueError, match="at least 1"):
        ProcessPool(0)


async def test_a_forgotten_pool_is_reported():
    """ResourceWarning for one that was entered and thrown away."""
    pool = await ProcessPool(1).__aenter__()
    with pytest.warns(ResourceWarning, match="ProcessPool was left open"):
        del pool
        gc.collect()


SCRIPT = """
import asyncio, os, sys, time
from ztoq_async.resources.process_pool import ProcessPool

def own(number):
    return os.getpid(), 2 * number

def burn(seconds):
    print(os.getpid(), flush=True, file=sys.stderr)
    time.sleep(seconds)

async def main():
    async with ProcessPool(1) as pool:
        pid, value = await pool.run(own, 21)
        print(pid != os.getpid(), value, flush=True)
        await pool.run(burn, float(sys.argv[1]))

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_script_may_use_its_own_functions(tmp_path):
    """A function of the main module is found in the other process."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script, "0"], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "True 42\n"


def test_processes_end_with_a_killed_parent(tmp_path):
    """The parent is killed in the middle of a call: when the call ends, its process does."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, script, "0.5"], stderr=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stderr.readline()))
        parent.kill()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


async def test_a_process_that_is_begun_while_the_pool_is_left_is_killed_too():
    """Left by an error at each turn of the loop while a call begins: no child stays, nobody waits for its work."""
    for turns in range(14):
        began, call = time.monotonic(), None
        with contextlib.suppress(LookupError):
            async with ProcessPool(1) as pool:
                call = asyncio.create_task(pool.run(time.sleep, 30))
                for _ in range(turns):
                    await asyncio.sleep(0)
                raise LookupError
        assert (time.monotonic() - began < 3, children()) == (True, []), turns
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
