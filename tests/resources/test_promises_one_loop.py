"""What belongs to one loop: used from another loop, another thread, or a thread without a loop, it says so by name."""

import asyncio

import pytest
from yarl import URL

from ztoq_async import (
    CircuitBreaker,
    ConnectionPool,
    Database,
    ProcessPool,
    ResourceError,
    ResourceMonitor,
    WorkerPools,
    WorkQueue,
    ZephyrClient,
    load_settings,
)
from ztoq_async.store.embedded import EmbeddedPostgres

SITE = "http://127.0.0.1:9"


@pytest.fixture
async def dsn(tmp_path):
    """A running server."""
    async with EmbeddedPostgres(tmp_path) as server:
        yield server.dsn


async def echo(item):
    """The shortest work."""
    return item


async def inside(block):
    """Enters an async context."""
    async with block:
        pass


def in_a_loop(call):
    """Calls it in a loop of its own."""

    async def use():
        result = call()
        return await result if hasattr(result, "__await__") else result

    return asyncio.run(asyncio.wait_for(use(), 3))


def without_a_loop(call):
    """Calls it, and begins it where it is a coroutine, in a thread that has no loop."""
    result = call()
    if asyncio.iscoroutine(result):
        try:
            result.send(None)
        finally:
            result.close()


async def refused(calls):
    """The names of those calls that other places did not refuse by name."""
    wrong = []
    for name, call in calls.items():
        for place in (in_a_loop, without_a_loop):
            try:
                await asyncio.to_thread(place, call)
            except ResourceError:
                continue
            except Exception as error:  # noqa: BLE001
                wrong.append((name, place.__name__, repr(error)))
            else:
                wrong.append((name, place.__name__, "worked"))
    return wrong


async def test_a_queue():
    """Every call but the counts; its own loop goes on as if nothing had been."""
    async with WorkQueue(echo, workers=1, max_queue_size=4, task_timeout=1.0) as queue:
        ticket = await queue.put(1)
        await queue.join()
        calls = {
            "put": lambda: queue.put(1),
            "join": queue.join,
            "result": lambda: queue.result(ticket),
            "close": queue.close,
            "stop": queue.stop,
            "enter": lambda: inside(queue),
        }
        assert await refused(calls) == []
        assert (await queue.result(await queue.put(2))).value == 2


async def test_a_pool_of_connections():
    """Asking and closing; its own loop asks on."""
    async with ConnectionPool() as pool:
        calls = {
            "request": lambda: pool.request("GET", URL(SITE), headers={}),
            "close": pool.close,
            "enter": lambda: inside(pool),
        }
        assert await refused(calls) == []
        with pytest.raises(OSError):
            await pool.request("GET", URL(SITE), headers={})


async def test_a_database(dsn):
    """Sessions of both kinds, and entering it again; its own loop works on."""
    async with Database(dsn) as database:
        calls = {
            "session": lambda: inside(database.session()),
            "dedicated": lambda: inside(database.dedicated()),
            "enter": lambda: inside(database),
        }
        assert await refused(calls) == []
        async with database.session() as session:
            assert await session.fetchval("SELECT 1") == 1


async def test_pools_of_threads():
    """Running and entering; nothing ran."""
    async with WorkerPools(files=1) as pools:
        calls = {"run": lambda: pools.run("files", int), "enter": lambda: inside(pools)}
        assert await refused(calls) == []
        assert pools.statistics()["files"].begun == 0
        assert await pools.run("files", int) == 0


async def test_a_pool_of_processes():
    """The same; its processes are begun by one loop."""
    async with ProcessPool(1) as pool:
        calls = {"run": lambda: pool.run(int), "enter": lambda: inside(pool)}
        assert await refused(calls) == []


async def test_a_monitor():
    """Gauges come and go where the monitor lives."""
    async with ResourceMonitor(interval=0.05) as monitor:
        calls = {
            "register": lambda: monitor.register("x", lambda: 1.0),
            "unregister": lambda: monitor.unregister("x"),
            "enter": lambda: inside(monitor),
        }
        assert await refused(calls) == []


async def test_a_circuit():
    """A circuit counts the calls of one loop."""
    circuit = CircuitBreaker("GET /x")
    circuit.record(circuit.admit(), healthy=True)
    calls = {"admit": circuit.admit, "wait": lambda: circuit.wait(0.1)}
    assert await refused(calls) == []


async def test_a_client():
    """From its first call on, with a pool of its own or a given one."""
    settings = load_settings(
        None,
        zephyr={"base_url": f"{SITE}/v2", "token": "t" * 20, "project": "ABC"},
        qtest={"base_url": SITE, "token": "t" * 20, "project": 1},
    )
    async with ConnectionPool() as pool:
        for given in (pool, None):
            async with ZephyrClient(settings.zephyr, pool=given) as client:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await anext(client.get_projects())
                with pytest.raises(ResourceError):
                    await asyncio.to_thread(in_a_loop, client.get_projects().__anext__)


def test_a_second_loop_after_the_first_is_another_one():
    """What one `asyncio.run` left behind is not used by the next by accident."""
    queue = WorkQueue(echo, workers=1, max_queue_size=4, task_timeout=1.0)

    async def first():
        async with queue:
            await queue.put(1)

    async def second():
        with pytest.raises(ResourceError):
            await queue.put(2)
        with pytest.raises(ResourceError):
            async with queue:
                pass

    asyncio.run(first())
    asyncio.run(second())
