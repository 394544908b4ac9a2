"""The sandbox as a process of its own: one JSON line when both services answer, then until SIGINT or SIGTERM."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from ztoq_async.sandbox.corpus import Corpus
from ztoq_async.sandbox.generator import Generator
from ztoq_async.sandbox.profile import Profile
from ztoq_async.sandbox.server import Sandbox
from ztoq_async.sandbox.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The flags of the command `sandbox`. With `corpus`, `cases` and `faulty` say nothing."""

    corpus: Path | None = None
    cases: int = 1_000
    executions: int = 0
    """Executions with a result and an end date, generated; a corpus that has executions keeps its own."""
    seed: int = 0
    faulty: int = 0
    zephyr_port: int = 0
    qtest_port: int = 0
    profile: Path | None = None


async def serve(options: Options, ready: Callable[[str], None]) -> None:
    """Serve both services; `ready` gets the one line of JSON, tokens included, once they answer.

    Raises `CorpusError`, `ProfileError`, `ValueError` (counts), `OSError` (a port in use) before that.
    """
    sandbox = Sandbox(
        open_source(options),
        profile=Profile.load(options.profile) if options.profile else None,
        seed=options.seed,
        zephyr_port=options.zephyr_port,
        qtest_port=options.qtest_port,
    )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        async with sandbox:
            ready(msgspec.json.encode({"zephyr": asdict(sandbox.zephyr), "qtest": asdict(sandbox.qtest)}).decode())
            await stopped.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def open_source(options: Options) -> Source:
    """The corpus, or a generated project."""
    if options.corpus is not None:
        return Corpus(options.corpus, executions=options.executions, seed=options.seed)
    return Generator(options.cases, executions=options.executions, seed=options.seed, faulty=options.faulty)
