"""The house of both services: counts, objects, a process that says when it is ready and ends when told."""

import ast
import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from zephyr_client import open_session

import ztoq_async.sandbox
from ztoq_async.sandbox import Generator, Profile, Sandbox

KINDS = {
    "field",
    "module",
    "test-case",
    "test-cycle",
    "test-suite",
    "test-run",
    "test-log",
    "attachment",
    "link",
    "release",
}
_PROGRAM = """
import asyncio, sys
from ztoq_async.sandbox import Options, serve
asyncio.run(serve(Options(cases=int(sys.argv[1])), lambda line: print(line, flush=True)))
"""


async def _desk(base_url: str, path: str) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{base_url.removesuffix('/v2')}/sandbox/{path}") as response,
    ):
        return response.status, await response.read()


async def test_stats_count_each_call_by_its_template():
    """Method, path as the contract writes it, status and number; all kinds, zeros included; /sandbox uncounted."""
    async with Sandbox(Generator(30)) as sandbox, open_session(sandbox.zephyr.token) as session:
        for path in ("/testcases/SBX-T1", "/testcases/SBX-T2/", "/testcases/SBX-T99", "/nowhere/at/all"):
            await (await session.get(sandbox.zephyr.base_url + path)).read()
        stats: dict[str, Any] = json.loads((await _desk(sandbox.zephyr.base_url, "stats"))[1])
        assert stats.keys() == {"objects", "calls", "duplicates"} and stats["objects"].keys() == KINDS
        assert stats["calls"] == [
            {"method": "GET", "path": "*", "status": 404, "n": 1},
            {"method": "GET", "path": "/testcases/{testCaseKey}", "status": 200, "n": 2},
            {"method": "GET", "path": "/testcases/{testCaseKey}", "status": 404, "n": 1},
        ]
        target = json.loads((await _desk(sandbox.qtest.base_url, "stats"))[1])
        assert target["objects"].keys() == KINDS and target["calls"] == [] and target["duplicates"] == []


async def test_objects_are_the_lines_of_their_single_gets():
    """JSON lines in the order of ids, each as the API's own GET gives it."""
    async with Sandbox(Generator(30)) as sandbox, open_session(sandbox.zephyr.token) as session:
        _, body = await _desk(sandbox.zephyr.base_url, "objects?kind=test-case")
        rows = [json.loads(line) for line in body.splitlines()]
        assert [row["id"] for row in rows] == sorted(row["id"] for row in rows) and len(rows) == 30
        async with session.get(f"{sandbox.zephyr.base_url}/testcases/SBX-T5") as response:
            assert rows[4] == await response.json()
        assert (await _desk(sandbox.qtest.base_url, "objects?kind=module"))[0] == 200
        assert (await _desk(sandbox.zephyr.base_url, "objects?kind=nothing"))[0] == 400
        assert (await _desk(sandbox.zephyr.base_url, "nothing"))[0] == 404


async def test_the_target_s_dialect_is_part_of_the_profile():
    """A switch of [qtest] holds from the start, and PUT /sandbox/profile turns it in mid-run."""
    profile = Profile.of({"qtest": {"may_manage_fields": False}})
    async with Sandbox(Generator(1), profile=profile) as sandbox, open_session(sandbox.qtest.token) as session:
        fields = f"{sandbox.qtest.base_url}/api/v3/projects/{sandbox.qtest.project}/settings/test-cases/fields"
        async with session.post(fields, json={"label": "Zephyr Key", "data_type": 1}) as response:
            assert response.status == 403
        await (await session.put(f"{sandbox.qtest.base_url}/sandbox/profile", json={})).read()
        async with session.post(fields, json={"label": "Zephyr Key", "data_type": 1}) as response:
            assert response.status == 201


async def test_closing_is_bounded_while_a_client_waits():
    """A call in progress does not keep the sandbox from closing."""
    profile = Profile.of({"zephyr": {"latency_ms": 60_000}})
    async with aiohttp.ClientSession() as session:
        async with Sandbox(Generator(1), profile=profile) as sandbox:
            waiting = asyncio.create_task(session.get(f"{sandbox.zephyr.base_url}/healthcheck"))
            await asyncio.sleep(0.1)
            began = time.perf_counter()
        assert time.perf_counter() - began < 6
        with pytest.raises(aiohttp.ClientError):
            await waiting


async def test_a_port_in_use_is_an_error_and_leaves_nothing_open():
    """The second sandbox on a port fails with OSError; the first goes on, and both ports are free afterwards."""
    async with Sandbox(Generator(1)) as first:
        port = int(first.qtest.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match=str(port)):
            await Sandbox(Generator(1), qtest_port=port).__aenter__()
        assert (await _desk(first.qtest.base_url, "stats"))[0] == 200
    async with Sandbox(Generator(1), qtest_port=port) as again:
        assert again.qtest.base_url == first.qtest.base_url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_process_says_when_it_is_ready_and_ends_when_told(number: signal.Signals):
    """One line of JSON with both services; a signal ends it at once with exit code 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, "12", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        ready = json.loads(line)
        assert [list(ready[name]) for name in ("zephyr", "qtest")] == [["base_url", "token", "project"]] * 2
        assert ready["zephyr"]["base_url"].endswith("/v2") and isinstance(ready["qtest"]["project"], int)
        assert all(ready[name]["token"].count(".") == 2 for name in ready)
        process.send_signal(number)
        rest, errors = await asyncio.wait_for(process.communicate(), 10)
        assert (process.returncode, rest, errors) == (0, b"", b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_the_sandbox_imports_nothing_of_the_engine():
    """A judge must not know what it judges: of this package the sandbox imports only itself."""
    for path in Path(ztoq_async.sandbox.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert all(name.startswith("ztoq_async.sandbox") for name in names if name.startswith("ztoq_async")), path
