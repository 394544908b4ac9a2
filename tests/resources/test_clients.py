"""The clients of both services: made from settings, lists that hold one page, connections closed by their owner."""

import asyncio

import psutil
import pytest
from pydantic import SecretStr

from ztoq_async import ConnectionPool, QTestClient, ResourceError, SettingsError, ZephyrClient, load_settings
from ztoq_async.resources.calls import Call
from ztoq_async.sandbox import Generator, Profile, Sandbox

CASES = 45
PAGE = 10


@pytest.fixture
async def sandbox():
    """Both services; Zephyr gives pages of ten."""
    async with Sandbox(Generator(CASES, executions=20), profile=Profile.of(PROFILE)) as both:
        yield both


PROFILE = {"zephyr": {"page_cap": PAGE}}


@pytest.fixture
def settings(sandbox):
    """What `ztoq.toml` would say."""
    zephyr, qtest = sandbox.zephyr, sandbox.qtest
    return load_settings(
        None,
        zephyr={"base_url": zephyr.base_url, "token": zephyr.token, "project": zephyr.project},
        qtest={"base_url": qtest.base_url, "token": qtest.token, "project": qtest.project},
    )


def sockets():
    """Open connections of this process, servers' ends too."""
    return [link for link in psutil.Process().net_connections(kind="tcp") if link.status == "ESTABLISHED"]


def asked(client):
    """How many requests a client has sent."""
    return sum(client.gateway.statistics().calls.values())


async def test_a_client_of_its_own_closes_its_connections(settings):
    """`cleanup()` in `finally`, as the chapter has it: nothing stays open, and it may be called again."""
    client = ZephyrClient(settings.zephyr)
    try:
        assert [project.key async for project in client.get_projects()] == [settings.zephyr.project]
        assert sockets()
    finally:
        await client.cleanup()
    await client.cleanup()
    await client.aclose()
    await asyncio.sleep(0.05)
    assert sockets() == []
    with pytest.raises(ResourceError, match="ZephyrClient is closed"):
        await client.get_project(settings.zephyr.project)


async def test_leaving_the_block_closes_it_too(settings):
    """`async with` ends as `cleanup()` does, also by an error."""
    with pytest.raises(ZeroDivisionError):
        async with QTestClient(settings.qtest) as client:
            assert [project["id"] async for project in client.get_projects()] == [settings.qtest.project]
            raise ZeroDivisionError
    await asyncio.sleep(0.05)
    assert sockets() == []


async def test_a_client_leaves_a_pool_open_that_others_use(settings):
    """What it was given is not its own: the other client goes on, on the same connections."""
    async with ConnectionPool() as pool:
        source, target = ZephyrClient(settings.zephyr, pool=pool), QTestClient(settings.qtest, pool=pool)
        assert [project async for project in source.get_projects()]
        await source.cleanup()
        assert [field async for field in target.get_fields(settings.qtest.project)]
        await target.cleanup()
        assert pool.statistics().created == pool.statistics().idle == 2
        async with ZephyrClient(settings.zephyr, pool=pool) as third:
            assert (await third.get_project(settings.zephyr.project)).key == settings.zephyr.project


async def test_a_client_that_was_never_used_closes_nothing(settings):
    """A client opens its pool at its first call, so one without a call has nothing to close."""
    async with ZephyrClient(settings.zephyr):
        pass
    assert sockets() == []


async def test_first_calls_at_once_open_one_pool(settings):
    """Many callers may be the first: the connections are those of one pool."""
    async with ZephyrClient(settings.zephyr) as client:
        await asyncio.gather(*(client.get_project(settings.zephyr.project) for _ in range(10)))
        assert len(sockets()) <= 20
    await asyncio.sleep(0.05)
    assert sockets() == []


async def test_a_list_is_read_a_page_at_a_time(settings):
    """The next page is asked for when the one before has been used up, and leaving early asks for no more."""
    async with ZephyrClient(settings.zephyr) as client:
        cases = client.get_test_cases(settings.zephyr.project)
        seen = [(case.key, asked(client)) async for case in cases]
    assert len({key for key, _ in seen}) == CASES
    assert [calls for _, calls in seen] == [1 + number // PAGE for number in range(CASES)]


async def test_every_list_comes_to_its_end(settings):
    """Each list of a project and of a record, on both sides, is an async iterator of records."""
    key, number = settings.zephyr.project, settings.qtest.project
    async with ZephyrClient(settings.zephyr) as source, QTestClient(settings.qtest) as target:
        cases = [case async for case in source.get_test_cases(key)]
        executions = [execution async for execution in source.get_test_executions(key)]
        assert (len(cases), len(executions) >= 20) == (CASES, True)
        steps = [case for case in cases if case.test_script and case.test_script.self.endswith("/teststeps")]
        assert sum([1 for case in steps for _ in [step async for step in source.get_test_steps(case.key)]])
        assert sum([1 for one in executions for _ in [row async for row in source.get_test_results(one.id)]])
        for lists in (
            source.get_folders(key),
            source.get_statuses(key, "TEST_CASE"),
            source.get_priorities(key),
            source.get_environments(key),
            source.get_test_cycles(key),
            target.get_fields(number),
            target.get_users(number),
            target.get_execution_statuses(number),
        ):
            assert [record async for record in lists]
        for empty in (
            target.get_modules(number),
            target.get_test_cases(number),
            target.get_test_cycles(number),
            target.get_test_runs(number),
        ):
            assert [record async for record in empty] == []


async def test_a_refused_token_names_its_setting(settings):
    """A client made from settings says which of them is wrong, without its value."""
    wrong = settings.zephyr.model_copy(update={"token": SecretStr("not-the-token")})
    async with ZephyrClient(wrong) as client:
        with pytest.raises(SettingsError, match="ZTOQ_ZEPHYR__TOKEN") as caught:
            await client.get_project(settings.zephyr.project)
    assert "not-the-token" not in str(caught.value)


async def test_a_client_belongs_to_the_loop_of_its_first_call(settings):
    """Use from another loop, in another thread, is a named error, and does the first one no harm."""
    async with ZephyrClient(settings.zephyr) as client:
        call = Call("GET", "/projects")
        await client.send(call)
        with pytest.raises(ResourceError, match="another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(client.send(call)))
        await client.send(call)
