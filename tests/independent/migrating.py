"""A project is moved by the engine in this process, then read by the independent reader."""

import asyncio
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from both_sides import dump, read_corpus, read_objects
from history_reader import HistoryReading, compare_history, with_unlisted
from history_sides import read_history, read_runs
from reader import Reading, compare

from ztoq_async.engine import Engine
from ztoq_async.sandbox import Sandbox
from ztoq_async.settings import Settings, load

FAST = {"zephyr_per_minute": 600_000, "qtest_per_minute": 600_000}


@dataclass(frozen=True)
class Moved:
    """The engine's report and the readers' findings."""

    report: dict[str, Any]
    reading: Reading
    executions: HistoryReading


async def migrate(source: Any, folder: Path, store: str, *, mapping: str = "") -> Moved:
    """Moves `source` through a fresh sandbox and an empty store; without a mapping the proposed one is used."""
    async with Sandbox(source) as sandbox:
        if not mapping:
            async with Engine(_settings(sandbox, folder, store)) as engine:
                mapping = await engine.propose_mapping()
        mapping_file = folder / "mapping.toml"
        mapping_file.write_text(mapping)
        async with Engine(_settings(sandbox, folder, store, mapping_file)) as engine:
            report = await engine.run()
        found = await asyncio.to_thread(_read, sandbox, folder / "corpus", tomllib.loads(mapping))
        return Moved(report, *found)


def _read(sandbox: Sandbox, folder: Path, mapping: dict[str, Any]) -> tuple[Reading, HistoryReading]:
    zephyr, qtest = sandbox.zephyr, sandbox.qtest
    corpus = read_corpus(dump(zephyr.base_url, zephyr.token, zephyr.project, folder))
    history = read_history(zephyr.base_url, zephyr.token, corpus)
    objects = read_objects(qtest.base_url, qtest.token, qtest.project)
    executions = compare_history(history, read_runs(qtest.base_url, qtest.token, qtest.project), mapping)
    return compare(with_unlisted(corpus, history), objects, mapping), executions


def _settings(sandbox: Sandbox, folder: Path, store: str, mapping: Path | None = None) -> Settings:
    zephyr, qtest = sandbox.zephyr, sandbox.qtest
    return load(
        None,
        zephyr={"base_url": zephyr.base_url, "token": zephyr.token, "project": zephyr.project},
        qtest={"base_url": qtest.base_url, "token": qtest.token, "project": qtest.project, "settle_s": 1},
        store={"url": store, "path": folder},
        limits=FAST,
        mapping={"file": mapping} if mapping else {},
    )
