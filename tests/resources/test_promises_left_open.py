"""What is left open says so, each in a process of its own; what was left, or never entered, is silent."""

import asyncio
import subprocess
import sys
import textwrap

import pytest

from ztoq_async.store.embedded import EmbeddedPostgres

HEAD = """
import asyncio, gc, os
from ztoq_async import *
SETTINGS = dict(
    zephyr={"base_url": os.environ["SITE"] + "/v2", "token": "t" * 20, "project": "ABC"},
    qtest={"base_url": os.environ["SITE"], "token": "t" * 20, "project": 1},
)
async def work(item):
    return item
async def asks(client):
    try:
        return [one async for one in client.get_projects()]
    except ZtoqError:
        return None
"""
ENTERED = {
    "ConnectionPool": "ConnectionPool()",
    "Database": "Database(os.environ['DSN'])",
    "WorkQueue": "WorkQueue(work, workers=2, max_queue_size=4, task_timeout=1.0)",
    "WorkerPools": "WorkerPools(files=1)",
    "ResourceMonitor": "ResourceMonitor(interval=0.05)",
    "ProcessPool": "ProcessPool(1)",
}
CLIENTS = [
    "ZephyrClient(load_settings(None, **SETTINGS).zephyr)",
    "QTestClient(load_settings(None, **SETTINGS).qtest)",
]
WORDS = {"Database": "database"}
WAYS = {
    "dropped": "thing = None; gc.collect(); await asyncio.sleep(0.05); gc.collect()",
    "kept to the end": "kept.append(thing)",
}
SITE = "http://127.0.0.1:9"


def spoken(body, dsn=""):
    """What a program says whose `main` has this body; it must end by itself, and well."""
    code = HEAD + "kept = []\nasync def main():\n" + textwrap.indent(body, "    ") + "\nasyncio.run(main())\n"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "always", "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        env={"DSN": dsn, "SITE": SITE, "PATH": "", "PYTHONPATH": ":".join(filter(None, sys.path))},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
async def dsn(tmp_path):
    """A running server."""
    async with EmbeddedPostgres(tmp_path) as server:
        yield server.dsn


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_entered_and_never_left_warns_by_its_name(way, dsn):
    """A ResourceWarning names each class, whether it was thrown away or kept until the process ended."""
    body = "\n".join(f"thing = {made}\nawait thing.__aenter__()\n{WAYS[way]}" for made in ENTERED.values())
    said = await asyncio.to_thread(spoken, body, dsn)
    warned = " ".join(line for line in said.splitlines() if "ResourceWarning" in line)
    assert [name for name in ENTERED if name not in warned and WORDS.get(name, name) not in warned] == [], said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["ZephyrClient", "QTestClient"])
async def test_a_client_that_was_used_and_not_cleaned_up_warns(name):
    """Its own pool is open since its first call."""
    table = "zephyr" if name == "ZephyrClient" else "qtest"
    body = f"""
        thing = {name}(load_settings(None, **SETTINGS).{table})
        task = asyncio.create_task(asks(thing))
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.wait([task])
        del task
        thing = None
        gc.collect()"""
    said = await asyncio.to_thread(spoken, textwrap.dedent(body))
    assert "ResourceWarning" in said


async def test_what_was_left_or_never_entered_is_silent(dsn):
    """No warning for a proper life, none for an object that was only made."""
    body = "\n".join(
        f"thing = {made}\nthing = {made}\nasync with thing:\n    pass\ndel thing\ngc.collect()"
        for made in (*ENTERED.values(), *CLIENTS)
    )
    assert "ztoq" not in await asyncio.to_thread(spoken, body, dsn)


async def test_importing_it_starts_nothing():
    """No thread, task, descriptor or process comes from the import alone."""
    code = (
        "import os, threading; before = len(os.listdir('/proc/self/fd'));"
        "import ztoq_async; [getattr(ztoq_async, name) for name in ztoq_async.__all__];"
        "import psutil; assert threading.active_count() == 1; assert psutil.Process().children() == [];"
        "assert len(os.listdir('/proc/self/fd')) <= before, os.listdir('/proc/self/fd')"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-W", "error", "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr
