"""`demo`: a generated project moves between two servers on this machine, is verified, and is run again."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from ztoq_async.cli import loop
from ztoq_async.cli.commands import STOPPING, reported
from ztoq_async.cli.logs import open_logs
from ztoq_async.cli.progress import shown
from ztoq_async.cli.signals import two_signals
from ztoq_async.cli.summary import kind_lines, summary
from ztoq_async.cli.voice import Voice
from ztoq_async.engine import Engine
from ztoq_async.errors import SettingsError, ZtoqError
from ztoq_async.lanes.run import Stopped
from ztoq_async.report.build import EXIT_CODES
from ztoq_async.settings import Settings, load

Report = dict[str, Any]
MARK = "made-by-ztoq-demo"
READY_S, END_S = 60.0, 10.0
SEED = "7"
PER_MINUTE = 60_000  # the sandbox has no rate of its own; a real site's is found by trying, from 600 a minute upwards
LIMITS = {"zephyr_per_minute": PER_MINUTE, "qtest_per_minute": PER_MINUTE}
MONITOR = {"sample_s": 0.1}  # a move of some seconds is to have a plot too


def demo(voice: Voice, cases: int, executions: int, store: Path) -> int:
    """The whole show; leaves only the folder `store` behind."""
    _fresh(store)
    open_logs(store.absolute(), voice.redact)
    with loop.runner() as runner:
        report = runner.run(Demo(voice, cases, executions, store.absolute()).play())
    voice.json(report)
    return EXIT_CODES[report["outcome"]]


def _fresh(store: Path) -> None:
    """An older demo's store knows a sandbox that is gone: it is replaced; any other folder is left alone."""
    if store.exists() and not (store / MARK).is_file():
        if not store.is_dir() or any(store.iterdir()):
            raise SettingsError(f"--store {store}: not from an earlier demo, so it is not replaced; name another one")
    elif store.exists():
        shutil.rmtree(store)
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    (store / MARK).touch()


class Demo:
    """One play: sandbox, proposal, plan, run, verify, run again."""

    def __init__(self, voice: Voice, cases: int, executions: int, store: Path) -> None:
        self._voice = voice
        self._cases = cases
        self._executions = executions
        self._store = store
        self._engine: Engine | None = None
        self._stopped = False

    async def play(self) -> Report:
        """The first run's report; the second run's kinds are in it as `again`."""
        start = time.monotonic()
        with two_signals(self._stop):
            async with _sandbox(self._cases, self._executions) as sandbox:
                self._voice.redact.add([sandbox["zephyr"]["token"], sandbox["qtest"]["token"]])
                report = await self._acts(sandbox)
        self._voice.result(_ending(report, time.monotonic() - start, self._cases, self._executions))
        return report

    def _stop(self) -> None:
        self._voice.say(STOPPING)
        self._stopped = True
        if self._engine is not None:
            self._engine.stop()

    async def _acts(self, sandbox: dict[str, Any]) -> Report:
        say = self._voice.result
        say(_opening(sandbox, self._cases, self._executions))
        mapping = self._store / "mapping.toml"
        proposal = await self._with(self._settings(sandbox), lambda engine: engine.propose_mapping())
        mapping.write_text(proposal, encoding="utf-8")
        say(f"2. The mapping, proposed from the values seen: {mapping}")
        settings = self._settings(sandbox, mapping={"file": mapping})
        plan = await self._with(settings, lambda engine: engine.plan())
        say(f"3. run, for which a plan counts {_calls(plan)}")
        report: Report = await self._with(settings, self._moved)
        say(_indented(summary(report)))
        if report["outcome"] == "interrupted":
            return report
        say("4. verify: qTest is read once more and compared with what Zephyr gave")
        verified = await self._with(settings, lambda engine: engine.verify())
        say(_indented("\n".join([verified["outcome"], *kind_lines(verified["kinds"])])))
        say("5. run, again")
        again = await self._with(settings, lambda engine: engine.run())
        say(_indented("\n".join([again["outcome"], *kind_lines(again["kinds"])])))
        worst = max((found["outcome"] for found in (report, verified, again)), key=EXIT_CODES.__getitem__)
        return {**report, "outcome": worst, "again": again["kinds"]}

    async def _moved(self, engine: Engine) -> Report:
        return await reported(engine, await engine.run(), self._voice)

    def _settings(self, sandbox: dict[str, Any], **tables: Any) -> Settings:
        return load(None, **sandbox, store={"path": self._store}, limits=LIMITS, monitor=MONITOR, **tables)

    async def _with(self, settings: Settings, work: Callable[[Engine], Awaitable[Any]]) -> Any:
        if self._stopped:
            raise Stopped
        self._engine = engine = Engine(settings)
        async with shown(engine.progress, self._voice), engine:
            return await work(engine)


@contextlib.asynccontextmanager
async def _sandbox(cases: int, executions: int) -> AsyncIterator[dict[str, Any]]:
    """The sandbox in a process and session of its own, so that Ctrl-C reaches only the demo."""
    size = ["--cases", str(cases), "--executions", str(executions), "--seed", SEED]
    words = ["-m", "ztoq_async", "sandbox", *size, "--json"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    try:
        try:
            async with asyncio.timeout(READY_S):
                line = await process.stdout.readline()
        except TimeoutError:
            raise ZtoqError(f"the sandbox did not start within {READY_S:.0f} s") from None
        found: dict[str, Any] = msgspec.json.decode(line or b"{}")
        if "zephyr" not in found:
            raise ZtoqError(f"the sandbox did not start: {found.get('error', 'it said nothing')}")
        yield found
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.splitlines())


def _calls(plan: Report) -> str:
    calls = plan["calls"]
    return f"{calls['zephyr']:,} calls to Zephyr and {calls['qtest'] + calls['verify']:,} to qTest"


def _opening(sandbox: dict[str, Any], cases: int, executions: int) -> str:
    return (
        f"1. On this machine, in a process of their own, answer:\n"
        f"   {sandbox['zephyr']['base_url']}  a Zephyr Scale with {cases:,} test cases and {executions:,} executions\n"
        f"   {sandbox['qtest']['base_url']}     an empty qTest project\n"
        f"   They have no rate limit, so none is looked for: at most {PER_MINUTE:,} calls a minute. The limit of\n"
        f"   a real site is found by trying, from 600 a minute upwards."
    )


def _ending(report: Report, seconds: float, cases: int, executions: int) -> str:
    return (
        f"\n{report['outcome']} in {seconds:.0f} s; both servers and the store's database are stopped again.\n"
        f"The report: {report['report']}\n"
        f"Beside it report.json and two tables, above it mapping.toml and ztoq.log. Look around in servers that stay:\n"
        f"  {Path(sys.executable).name} -m ztoq_async sandbox --cases {cases} --executions {executions} --seed {SEED}"
    )
