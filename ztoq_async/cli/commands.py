"""What each command does, between the settings and the exit code."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from ztoq_async.cli import loop
from ztoq_async.cli.logs import open_logs
from ztoq_async.cli.outlook import outlook
from ztoq_async.cli.progress import shown
from ztoq_async.cli.signals import two_signals
from ztoq_async.cli.summary import standing, summary, taken_back
from ztoq_async.cli.voice import Voice
from ztoq_async.engine import Engine
from ztoq_async.errors import SettingsError
from ztoq_async.report.build import EXIT_CODES
from ztoq_async.sandbox import CorpusError, Options, ProfileError, serve
from ztoq_async.settings import MappingSettings, Settings, load
from ztoq_async.zephyr.sources import chosen

Report = dict[str, Any]
STOPPING = "stopping after what is in flight; the same command goes on (once more: stop at once)"


def run(voice: Voice, config: Path, *, adopt: bool, executions: str) -> int:
    """`run`: the report is written into the store's folder."""
    chosen(executions)
    settings = _settings(voice, config)
    return _finish(voice, settings, lambda engine: engine.run(adopt=adopt, executions=executions))


def plan(voice: Voice, config: Path, *, executions: str) -> int:
    """`run --plan`: writes no report, since nothing was moved."""
    chosen(executions)
    forecast = _with_engine(voice, _settings(voice, config), lambda engine: engine.plan(executions=executions))
    voice.result(outlook(forecast))
    voice.json(forecast)
    return EXIT_CODES[forecast["outcome"]]


def verify(voice: Voice, config: Path) -> int:
    """`verify`: likewise."""
    settings = _settings(voice, config)
    return _finish(voice, settings, lambda engine: engine.verify())


def repair(voice: Voice, config: Path) -> int:
    """`repair`: likewise, with what was changed."""
    settings = _settings(voice, config)
    return _finish(voice, settings, lambda engine: engine.repair())


def undo(voice: Voice, config: Path, *, dry_run: bool, include_adopted: bool, fields: bool) -> int:
    """`undo`: writes no report file; what became of each kind, and the first reasons, are the result."""
    settings = _settings(voice, config)
    report = _with_engine(
        voice,
        settings,
        lambda engine: engine.undo(dry_run=dry_run, include_adopted=include_adopted, fields=fields),
    )
    logging.getLogger(__name__).info("undo %s in %s s: %s", report["outcome"], report["seconds"], report["calls"])
    voice.result(taken_back(report))
    voice.json(report)
    return EXIT_CODES[report["outcome"]]


def status(voice: Voice, config: Path) -> int:
    """`status`: what the store says; writes no report."""
    report = _with_engine(voice, _settings(voice, config), lambda engine: engine.status())
    voice.result(standing(report))
    voice.json(report)
    return EXIT_CODES[report["outcome"]]


def propose(voice: Voice, config: Path, file: Path) -> int:
    """`run --propose-mapping`: never over a file that a person may have changed."""
    settings = _settings(voice, config)
    named = settings.mapping.file
    if named is not None and not (settings.base / named).exists():
        settings = settings.model_copy(update={"mapping": MappingSettings()})
    text = _with_engine(voice, settings, lambda engine: engine.propose_mapping())
    if file.exists() and file.read_text(encoding="utf-8") not in ("", text):
        raise SettingsError(f"--propose-mapping {file}: the file exists and says something else; name a new one")
    file.write_text(text, encoding="utf-8")
    voice.result(f"{file} has a rule for every value seen: read it, then name it in the settings: [mapping] file = …")
    voice.json({"outcome": "complete", "mapping": str(file.absolute())})
    return 0


def sandbox(voice: Voice, options: Options) -> int:
    """`sandbox`: one line when both services answer, then until a signal."""

    def ready(line: str) -> None:
        sys.stdout.write((line if voice.as_json else told(line)) + "\n")
        sys.stdout.flush()

    try:
        with loop.runner() as runner:
            runner.run(serve(options, ready))
    except (CorpusError, ProfileError, ValueError) as error:
        raise SettingsError(str(error)) from error
    return 0


def told(line: str) -> str:
    """The sandbox's address and tokens as a settings file, for a person to copy."""
    found = msgspec.json.decode(line)
    tables = [
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(found[name][key])}\n" for key in found[name]) for name in found
    ]
    return "# both services answer; as ztoq.toml:\n" + "\n".join(tables)


def _settings(voice: Voice, config: Path) -> Settings:
    settings = load(config)
    voice.redact.add(settings.secrets())
    open_logs(settings.store_path, voice.redact)
    return settings


def _with_engine(voice: Voice, settings: Settings, work: Callable[[Engine], Awaitable[Any]]) -> Any:
    with loop.runner() as runner:
        return runner.run(_work(voice, settings, work))


async def _work(voice: Voice, settings: Settings, work: Callable[[Engine], Awaitable[Any]]) -> Any:
    engine = Engine(settings)

    def stop() -> None:
        voice.say(STOPPING)
        engine.stop()

    with two_signals(stop):
        async with shown(engine.progress, voice), engine:
            return await work(engine)


async def reported(engine: Engine, report: Report, voice: Voice) -> Report:
    """Writes the report into the store's folder."""
    folder = engine.settings.store_path / "reports"
    return await engine.write_report(await engine.write_tables(report, folder, voice.redact), folder, voice.redact)


def _finish(voice: Voice, settings: Settings, work: Callable[[Engine], Awaitable[Report]]) -> int:
    async def worked(engine: Engine) -> Report:
        return await reported(engine, await work(engine), voice)

    report = _with_engine(voice, settings, worked)
    logging.getLogger(__name__).info("%s in %s s: %s", report["outcome"], report["seconds"], report["calls"])
    voice.result(summary(report))
    voice.json(report)
    return EXIT_CODES[report["outcome"]]
