"""The command line as a person runs it: processes of their own, real servers, files on disk."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
FAST = "[limits]\nzephyr_per_minute = 60000\nqtest_per_minute = 60000\n"


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "ztoq_async", *map(str, words)]


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ZTOQ_")}
    return {**clean, "PYTHONWARNINGS": "default", **more}


def call(*words: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run(
        command(*words),
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON object that is the last line of stdout."""
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def started(*words: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, going on; it is killed at the end if it still runs."""
    process = subprocess.Popen(
        command(*words),
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextlib.contextmanager
def sandbox(folder: Path, *words: object) -> Iterator[dict[str, Any]]:
    """A sandbox; gives its ready line."""
    with started("sandbox", "--json", *words, cwd=folder) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def write_settings(folder: Path, services: dict[str, Any], more: str = FAST, name: str = "ztoq.toml") -> Path:
    """A settings file for these services, its store beside it."""
    lines = []
    for table, values in services.items():
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    path = folder / name
    path.write_text("\n".join([*lines, "[store]", 'path = "store"', more]))
    return path


def proposed(folder: Path) -> None:
    """Writes the mapping and names it in the settings."""
    done = call("run", "--propose-mapping", "mapping.toml", cwd=folder)
    assert done.returncode == 0, done.stderr
    with (folder / "ztoq.toml").open("a") as file:
        file.write('\n[mapping]\nfile = "mapping.toml"\n')


def stats(services: dict[str, Any], service: str = "qtest") -> dict[str, Any]:
    """What the sandbox holds and was asked."""
    root = services[service]["base_url"].removesuffix("/v2")
    with urllib.request.urlopen(root + "/sandbox/stats", timeout=10) as answer:
        return json.load(answer)


def asked(services: dict[str, Any], service: str) -> int:
    """How many calls a service was asked in all."""
    return sum(row["n"] for row in stats(services, service)["calls"])


def objects(services: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The objects of a kind that qTest holds."""
    address = f"{services['qtest']['base_url']}/sandbox/objects?kind={kind}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def writes(services: dict[str, Any]) -> int:
    """Calls to qTest that change something: all POST, PUT, DELETE but searches."""
    rows = stats(services)["calls"]
    return sum(row["n"] for row in rows if row["method"] != "GET" and not row["path"].endswith("/search"))


def wait_for_cases(services: dict[str, Any], number: int, kind: str = "test-case") -> None:
    """Until qTest holds so many test cases, or objects of another kind."""
    end = time.monotonic() + PATIENCE_S
    while stats(services)["objects"].get(kind, 0) < number:
        assert time.monotonic() < end, f"there were never {number} of {kind}"
        time.sleep(0.02)


def change(services: dict[str, Any], method: str, path: str, body: Any) -> None:
    """A call as a user of the qTest project makes it."""
    site = services["qtest"]
    headers = {"Authorization": f"Bearer {site['token']}", "Content-Type": "application/json"}
    address = f"{site['base_url']}/api/v3/projects/{site['project']}{path}"
    request = urllib.request.Request(address, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status < 300


def change_profile(services: dict[str, Any], qtest: str) -> None:
    """Puts a profile with this table for qTest in force."""
    address = services["qtest"]["base_url"] + "/sandbox/profile"
    request = urllib.request.Request(address, data=f"[qtest]\n{qtest}".encode(), method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
