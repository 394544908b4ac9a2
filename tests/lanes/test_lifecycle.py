"""Entering and leaving the engine, harmed at every step: nothing remains, whatever happens."""

import asyncio
import contextlib
import gc
import re
import subprocess
import sys
import tempfile

import asyncpg
import pytest
from moving import a_move
from what_remains import held, remains

from ztoq_async.engine import Engine

TIMES = 200


class InjectedFaultError(OSError):
    """A failure that no code expects by name."""


class Stepped:
    """Awaits like the work, and cancels its task at the n-th suspension."""

    def __init__(self, work, n):
        self.work, self.n, self.reached = work, n, False

    def __await__(self):
        inner, step, error = self.work.__await__(), 0, None
        while True:
            try:
                waits = inner.throw(error) if error is not None else inner.send(None)
            except StopIteration as end:
                return end.value
            step, error = step + 1, None
            if step == self.n:
                self.reached = True
                asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
            try:
                yield waits
            except BaseException as thrown:  # noqa: BLE001 - handed on, whatever it is
                error = thrown


@pytest.fixture
async def place(new_store, tmp_path, monkeypatch):
    """Settings for engines with a store of their own, a folder for temporary files, a look at the server's sessions."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    url = await new_store()
    async with a_move(url, tmp_path, cases=3) as move:
        watcher = await asyncpg.connect(url)
        try:
            yield move, folder, watcher
        finally:
            await watcher.close()


async def sessions(watcher):
    """Sessions of others on the store; a backend takes a moment to end after its client has gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(200):
        if not (count := await watcher.fetchval(query)):
            return 0
        await asyncio.sleep(0.01)
    return count


async def used(settings, *, run=False):
    """An engine's whole life; `status` speaks with the store, a run with everything."""
    async with Engine(settings) as engine:
        await (engine.run() if run else engine.status())


@contextlib.contextmanager
def failing(monkeypatch, *, entering=0, leaving=0):
    """The n-th thing that an exit stack enters cannot be entered, or fails when it has been left."""
    count = {"entered": 0, "left": 0}

    class Failing:
        def __init__(self, inner):
            self.inner = inner

        async def __aenter__(self):
            count["entered"] += 1
            if count["entered"] == entering:
                raise InjectedFaultError("entering")
            return await self.inner.__aenter__()

        async def __aexit__(self, *error):
            await self.inner.__aexit__(*error)
            count["left"] += 1
            if count["left"] == leaving:
                raise InjectedFaultError("leaving")

    enter = contextlib.AsyncExitStack.enter_async_context
    with monkeypatch.context() as patched:
        patched.setattr(
            contextlib.AsyncExitStack, "enter_async_context", lambda stack, inner: enter(stack, Failing(inner))
        )
        yield


async def nothing_remains(before, folder, watcher):
    """Fails with what is still there."""
    gc.collect()
    assert await remains(before, folder) == {}
    assert await sessions(watcher) == 0


async def test_an_engine_may_be_entered_and_left_for_ever(place):
    """The two-hundredth engine of a process leaves as little behind as the first; two of them have moved."""
    move, folder, watcher = place
    settings = move.settings()
    await used(settings, run=True)
    before = held(folder)
    for number in range(TIMES):
        await used(settings, run=number == TIMES // 2)
    await nothing_remains(before, folder, watcher)


async def test_whatever_cannot_be_entered_or_fails_on_leaving_takes_nothing_with_it(place, monkeypatch):
    """A failure of each thing that the engine opens, in turn, and of each that it closes: the others are closed."""
    move, folder, watcher = place
    settings = move.settings()
    await used(settings)
    before = held(folder)
    for harm in ("entering", "leaving"):
        for n in range(1, 100):
            try:
                with failing(monkeypatch, **{harm: n}):
                    await used(settings)
            except InjectedFaultError as error:
                assert str(error) == harm
                await nothing_remains(before, folder, watcher)
            else:
                assert n > 4, f"only {n - 1} things are there to be harmed on {harm}"
                break
        else:
            pytest.fail("there is no end of things to harm")


async def swept(work, *, every=1):
    """Cancels the work at its first, second, … suspension until it comes to its end; yields after each."""
    for n in range(1, 2000, every):
        stepped = Stepped(work(), n)
        task = asyncio.create_task(_awaited(stepped))
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
        yield n
        if not stepped.reached:
            return
    pytest.fail("there is no end of suspensions")


async def _awaited(stepped):
    await stepped


@pytest.mark.slow
async def test_a_cancellation_at_every_await_of_its_life_leaves_nothing(place):
    """Entering, working and leaving, cancelled at each suspension in turn."""
    move, folder, watcher = place
    settings = move.settings()
    await used(settings)
    before = held(folder)
    reached = 0
    async for _ in swept(lambda: used(settings)):
        reached += 1
        await nothing_remains(before, folder, watcher)
    assert reached > 30


async def test_the_embedded_server_goes_with_its_engine(place, tmp_path):
    """The same with the embedded store: no server, no lock and no socket's folder stays, cancelled wherever."""
    move, folder, watcher = place
    settings = move.settings(store={"path": tmp_path / "store"})
    await used(settings)
    left = sorted(file.name for file in (tmp_path / "store").rglob("*") if file.is_socket() or ".pid" in file.name)
    assert left == []
    before = held(folder)
    async for _ in swept(lambda: used(settings), every=3):
        await nothing_remains(before, folder, watcher)
        assert not list((tmp_path / "store").rglob("postmaster.pid"))


async def test_a_run_cancelled_anywhere_leaves_nothing(place):
    """The lanes too: a run is cancelled at suspensions spread over all of it, and the next one goes on."""
    move, folder, watcher = place
    settings = move.settings()
    await used(settings)
    before = held(folder)
    async for _ in swept(lambda: used(settings, run=True), every=61):
        await nothing_remains(before, folder, watcher)
    assert (await move.run())["outcome"] == "complete"


LEFT_OPEN = """
import asyncio, sys
from pathlib import Path
from ztoq_async import Engine, load_settings

async def main():
    engine = Engine(load_settings(Path(sys.argv[1])))
    await engine.__aenter__()

asyncio.run(main())
"""
SETTINGS = """
[zephyr]
base_url = "http://127.0.0.1:9/v2"
token = "a"
project = "A"
[qtest]
base_url = "http://127.0.0.1:9"
token = "b"
project = 1
[store]
url = "{url}"
"""


async def test_what_is_left_open_says_so(new_store, tmp_path):
    """An engine that nobody left warns at the latest when its process ends, and so does what is in it."""
    (tmp_path / "ztoq.toml").write_text(SETTINGS.format(url=await new_store()))
    command = [sys.executable, "-W", "always", "-c", LEFT_OPEN, str(tmp_path / "ztoq.toml")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    warned = re.findall(r"ResourceWarning: this (\w+) was left open", done.stderr)
    assert set(warned) >= {"Engine", "ConnectionPool", "Database", "ResourceMonitor"}, done.stderr
