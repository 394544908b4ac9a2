"""The command line against services and a store behind proxies: processes that must end by name."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from processes import environment
from proxy import HOST, Proxy, to_port, to_socket
from through import new_database, socket_of
from yarl import URL

from ztoq_async.engine import Engine
from ztoq_async.sandbox import Generator, Profile, Sandbox
from ztoq_async.settings import load

CASES, EXECUTIONS = 12, 8
PATIENCE_S = 60.0
LIMITS = {"zephyr_per_minute": 60_000, "qtest_per_minute": 60_000, "in_flight": 4, "tries": 3}
# The program as it is, but for how long it waits for a store that is away, and for one that says 429.
HASTY = """
from ztoq_async.cli import main
from ztoq_async.resources import reaching, tries
reaching.RETRY_S, tries.PATIENCE = 0.5, 1.0
raise SystemExit(main())
"""


@dataclass
class Scene:
    """A move, its services and its store; every address may be harmed, and `settings` overridden."""

    folder: Path
    sandbox: Sandbox
    portal: BlockingPortal
    proxies: dict[str, Proxy]
    settings: dict[str, dict[str, Any]]
    dsn: str
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self) -> None:
        lines = []
        for table, values in self.settings.items():
            lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        (self.folder / "ztoq.toml").write_text("\n".join(lines))

    def new_store(self) -> None:
        """Another store, which knows nothing yet."""
        here = self.settings["store"]
        here["url"] = f"{here['url'].rpartition('/')[0]}/{self.portal.call(new_database, self.dsn)}"

    def start(self) -> subprocess.Popen[str]:
        """The command `run --json`, going on."""
        self.write()
        process = subprocess.Popen(
            [sys.executable, "-c", HASTY, "run", "--json"],
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def lose(self, place: str) -> None:
        """The line is cut and stays so."""
        self.portal.call(_lose, self.proxies[place])

    def restore(self, place: str) -> None:
        """The line is there again."""
        self.portal.call(self.proxies[place].accept)

    def use(self, **tables: Any) -> None:
        """Another profile from now on."""
        self.portal.call(self.sandbox._profile.replace, Profile.of(tables))

    def stats(self) -> dict[str, Any]:
        """What qTest holds."""
        state = self.sandbox._qtest_state
        return {"objects": state.objects(), "duplicates": state.duplicates()}

    def wait_for(self, kind: str, number: int) -> None:
        """Until qTest holds so many."""
        end = time.monotonic() + PATIENCE_S
        while self.stats()["objects"].get(kind, 0) < number:
            assert time.monotonic() < end
            assert all(process.poll() is None for process in self.running), "it ended too early"
            time.sleep(0.005)

    def secrets(self) -> list[str]:
        return [self.sandbox.zephyr.token, self.sandbox.qtest.token, "pass-of-the-store"]


def _lose(proxy: Proxy) -> None:
    proxy.refuse()
    proxy.cut()


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Exit code, the last line of stdout as JSON, everything that was said."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, json.loads(out.splitlines()[-1]), out + err


@contextlib.contextmanager
def scene(folder: Path, dsn: str) -> Iterator[Scene]:
    """A generated project, its mapping proposed, in a database of its own."""
    with start_blocking_portal() as portal, contextlib.ExitStack() as stack:

        def opened(what: Any) -> Any:
            return stack.enter_context(portal.wrap_async_context_manager(what))

        sandbox = opened(Sandbox(Generator(CASES, executions=EXECUTIONS, seed=1), seed=1))
        proxies = {
            "zephyr": opened(Proxy(to_port(URL(sandbox.zephyr.base_url).port or 0))),
            "qtest": opened(Proxy(to_port(URL(sandbox.qtest.base_url).port or 0))),
            "store": opened(Proxy(to_socket(socket_of(dsn)))),
        }
        name = portal.call(new_database, dsn)
        settings = {
            "zephyr": {
                "base_url": f"http://{HOST}:{proxies['zephyr'].port}/v2",
                "token": sandbox.zephyr.token,
                "project": sandbox.zephyr.project,
            },
            "qtest": {
                "base_url": f"http://{HOST}:{proxies['qtest'].port}",
                "token": sandbox.qtest.token,
                "project": sandbox.qtest.project,
                "settle_s": 0.5,
            },
            "store": {
                "path": "store",
                "url": f"postgresql://ztoq:pass-of-the-store@{HOST}:{proxies['store'].port}/{name}",
            },
            "limits": dict(LIMITS),
        }
        (folder / "mapping.toml").write_text(portal.call(_proposal, settings), encoding="utf-8")
        settings["mapping"] = {"file": "mapping.toml"}
        here = Scene(folder, sandbox, portal, proxies, settings, dsn)
        try:
            yield here
        finally:
            for process in here.running:
                if process.poll() is None:
                    process.kill()
                process.communicate()


async def _proposal(settings: dict[str, dict[str, Any]]) -> str:
    async with Engine(load(None, **settings)) as engine:
        return await engine.propose_mapping()
