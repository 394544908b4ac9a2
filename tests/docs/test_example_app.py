"""The examples of the documents, executed against a sandbox: the aiohttp application, and the pages' code."""

import asyncio
import importlib.util
import logging
import os
import re
import signal
import sys
import warnings
from pathlib import Path

import psutil
import pytest
from aiohttp.test_utils import TestClient, TestServer

from ztoq_async import Engine, load_settings
from ztoq_async.sandbox import Generator, Sandbox

DOCS = Path(__file__).parents[2] / "docs"
CASES = 40
FAST = 60_000  # calls a minute: the sandbox refuses none
SOON_S = 60.0


@pytest.fixture
async def sandbox():
    """Both services, with CASES test cases."""
    async with Sandbox(Generator(CASES, seed=5)) as sandbox:
        yield sandbox


@pytest.fixture
async def toml(sandbox, tmp_path):
    """A settings file for them, with a proposed mapping beside it; tokens are in the file, since they open nothing."""
    file = tmp_path / "ztoq.toml"
    zephyr, qtest = sandbox.zephyr, sandbox.qtest
    file.write_text(
        f'[zephyr]\nbase_url = "{zephyr.base_url}"\ntoken = "{zephyr.token}"\nproject = "{zephyr.project}"\n'
        f'[qtest]\nbase_url = "{qtest.base_url}"\ntoken = "{qtest.token}"\nproject = {qtest.project}\nsettle_s = 0.5\n'
        f"[limits]\nzephyr_per_minute = {FAST}\nqtest_per_minute = {FAST}\n"
    )
    async with Engine(load_settings(file)) as engine:
        (tmp_path / "mapping.toml").write_text(await engine.propose_mapping())
    file.write_text(file.read_text() + '[mapping]\nfile = "mapping.toml"\n')
    return file


@pytest.fixture
def example():
    """The module docs/example_app.py."""
    spec = importlib.util.spec_from_file_location("example_app", DOCS / "example_app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def surroundings():
    """What an application has before and must have after."""
    with warnings.catch_warnings(action="ignore"):
        policy = asyncio.get_event_loop_policy()
    process = psutil.Process()
    return {
        "log handlers": list(logging.root.handlers),
        "log level": logging.root.level,
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "policy": policy,
        "tasks": asyncio.all_tasks(),
        "listening": {found.laddr.port for found in process.net_connections() if found.status == "LISTEN"},
        "children": process.children(),
        "environment": dict(os.environ),
    }


async def ended(client):
    """The state of the application when its move has ended by itself."""
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "move")
    await asyncio.wait([task], timeout=SOON_S)
    return await state(client)


async def begun(client):
    """Returns when the first call that makes something has been settled."""
    async with asyncio.timeout(SOON_S):
        while not (await state(client)).get("progress", {}).get("write", {}).get("done"):
            pass


async def state(client):
    """What GET /move says."""
    async with client.get("/move") as answer:
        return await answer.json()


async def test_the_application_moves_in_the_background_and_shows_the_report(example, toml):
    """POST starts one move and refuses a second; GET shows progress, then a complete report."""
    async with TestClient(TestServer(example.make_app(load_settings(toml)))) as client:
        assert await state(client) == {"state": "idle"}
        assert (await client.post("/move")).status == 202
        assert (await client.post("/move")).status == 409
        assert (await state(client))["state"] == "moving"
        found = await ended(client)
    assert found["state"] == "ended"
    assert found["report"]["outcome"] == "complete"
    assert found["report"]["kinds"]["test-case"]["created"] == CASES


async def test_a_move_that_was_stopped_goes_on_with_the_next_one(example, toml, sandbox):
    """DELETE ends the move as interrupted; the next one completes it, and no test case is there twice."""
    async with TestClient(TestServer(example.make_app(load_settings(toml)))) as client:
        await client.post("/move")
        await begun(client)
        assert (await client.delete("/move")).status == 202
        assert (await ended(client))["report"]["outcome"] == "interrupted"
        await client.post("/move")
        report = (await ended(client))["report"]
        async with client.session.get(f"{sandbox.qtest.base_url}/sandbox/stats") as answer:
            stats = await answer.json()
    assert report["outcome"] == "complete"
    assert report["kinds"]["test-case"]["verified"] == CASES == stats["objects"]["test-case"]
    assert stats["duplicates"] == []


async def test_an_application_that_shuts_down_in_mid_move_leaves_nothing_of_it_behind(example, toml):
    """After shutdown logging, signals, loop policy, tasks, sockets and processes are as before; the store goes on."""
    before = surroundings()
    async with TestClient(TestServer(example.make_app(load_settings(toml)))) as client:
        await client.post("/move")
        await begun(client)
    assert surroundings() == before
    async with Engine(load_settings(toml)) as engine:
        assert (await engine.run())["outcome"] == "complete"
    assert surroundings() == before


async def test_a_move_that_fails_says_why_and_shows_no_token(example, toml, sandbox):
    """A refused token is a state of the application, in words, without the token."""
    toml.write_text(toml.read_text().replace(sandbox.zephyr.token, "wrong-token"))
    async with TestClient(TestServer(example.make_app(load_settings(toml)))) as client:
        await client.post("/move")
        found = await ended(client)
    assert found["state"] == "failed"
    assert "token" in found["error"]
    assert "wrong-token" not in found["error"]


def blocks():
    """The programs of docs/library.md."""
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / "library.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("program", "said"), [(0, f"complete {{'read': {CASES}, "), (1, f"{CASES} test cases in")])
async def test_the_programs_on_the_librarys_page_run_as_they_stand(program, said, toml, sandbox):
    """Each block of Python runs as a program of its own, and prints what it found."""
    environment = {
        **os.environ,
        "ZEPHYR_URL": sandbox.zephyr.base_url,
        "ZEPHYR_TOKEN": sandbox.zephyr.token,
        "ZEPHYR_PROJECT": sandbox.zephyr.project,
        "QTEST_URL": sandbox.qtest.base_url,
        "QTEST_TOKEN": sandbox.qtest.token,
        "QTEST_PROJECT": str(sandbox.qtest.project),
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", blocks()[program], cwd=toml.parent, env=environment, stdout=pipe, stderr=pipe
    )
    out, errors = await asyncio.wait_for(process.communicate(), SOON_S)
    assert process.returncode == 0, errors.decode()
    assert out.decode().startswith(said)
