"""A real server for the tests of sessions, somebody who looks on from outside, and awaiting that stops at each step."""

import asyncio
import contextlib

import anyio
import asyncpg

from ztoq_async.store.embedded import EmbeddedPostgres

OURS = "FROM pg_stat_activity WHERE application_name = 'ztoq_async'"


@contextlib.contextmanager
def running(folder):
    """A server that holds nothing of an event loop."""
    server = EmbeddedPostgres(folder / "store")
    asyncio.run(server.__aenter__())
    yield server
    asyncio.run(server.__aexit__(None, None, None))


class Watch:
    """An independent connection to the server."""

    def __init__(self, connection):
        self.connection = connection

    async def items(self):
        """The rows of the table `item` that were committed."""
        return [row["n"] for row in await self.connection.fetch("SELECT n FROM item ORDER BY n")]

    async def states(self):
        """What the connections of this program do, as the server sees it: pid to state."""
        return {row["pid"]: row["state"] for row in await self.connection.fetch(f"SELECT pid, state {OURS}")}

    async def quiet(self, most):
        """Waits until at most so many connections are there, all idle: a server sees a closed socket a bit later."""
        async with asyncio.timeout(5):
            while len(states := await self.states()) > most or set(states.values()) - {"idle"}:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def watching(server):
    """The watch, and the table `item` empty."""
    await server.revive()
    connection = await asyncpg.connect(server.dsn)
    await connection.execute("DROP TABLE IF EXISTS item; CREATE TABLE item (n int PRIMARY KEY)")
    try:
        yield Watch(connection)
    finally:
        connection.terminate()


async def insert(session, n):
    """One row."""
    await session.execute("INSERT INTO item VALUES ($1)", n)


async def items(database):
    """The rows, as a session of the database sees them."""
    async with database.session() as session:
        return [row["n"] for row in await session.fetch("SELECT n FROM item ORDER BY n")]


class Stepped:
    """Awaits like the coroutine, and calls `at` at its n-th suspension."""

    def __init__(self, work, n, at):
        self.work, self.n, self.at = work, n, at

    def __await__(self):
        step, inner, enter = 0, self.work.__await__(), None
        while True:
            try:
                waits = inner.throw(enter) if enter is not None else inner.send(None)
            except StopIteration as end:
                return end.value
            step, enter = step + 1, None
            if step == self.n:
                self.at()
            try:
                yield waits
            except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
                enter = error


async def cancelled(work, n):
    """Cancel the task of `work` at its n-th suspension; whether there was one."""
    reached = []

    def at():
        reached.append(n)
        asyncio.get_running_loop().call_soon(task.cancel)

    async def run():
        await Stepped(work, n, at)

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return bool(reached)


async def timed_out(work, n):
    """asyncio.timeout comes at the n-th suspension."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None) as limit:
            await Stepped(work, n, lambda: limit.reschedule(0))
    return limit.when() is not None


async def scope_cancelled(work, n):
    """anyio's cancellation, which comes again at every turn of the loop."""
    with anyio.CancelScope() as scope:
        await Stepped(work, n, lambda: asyncio.get_running_loop().call_soon(scope.cancel))
    return scope.cancel_called


async def failed_after(work, n):
    """anyio.fail_after comes at the n-th suspension."""
    reached = []

    def at():
        reached.append(n)
        scope.deadline = anyio.current_time()

    with contextlib.suppress(TimeoutError), anyio.fail_after(None) as scope:
        await Stepped(work, n, at)
    return bool(reached)


async def moved_on_after(work, n):
    """anyio.move_on_after comes at the n-th suspension."""
    with anyio.move_on_after(None) as scope:
        await Stepped(work, n, lambda: setattr(scope, "deadline", anyio.current_time()))
    return scope.cancel_called


HARMS = [cancelled, timed_out, scope_cancelled, failed_after, moved_on_after]
