"""The commands. Each gives an exit code: 0 complete, 1 degraded, 2 usage or settings, 3 interrupted, 4 failed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from ztoq_async.cli import commands
from ztoq_async.cli.demo import demo as play
from ztoq_async.cli.failures import USAGE, explain
from ztoq_async.cli.streams import stand_in
from ztoq_async.cli.voice import Voice
from ztoq_async.sandbox import Options

Config = Annotated[Path, Parameter(help="The settings file; the environment (ZTOQ_ZEPHYR__TOKEN) goes over it.")]
Json = Annotated[bool, Parameter(help="The result as one JSON object, the last line of stdout.", negative="")]
Flag = Annotated[bool, Parameter(negative="")]

app = App(
    name="ztoq-async",
    help="Moves a test library from Zephyr Scale to qTest, reads it back, and proves it equal.",
    version=lambda: version("ztoq-async"),
    result_action="return_value",
)


@app.command
def run(
    *,
    config: Config = Path("ztoq.toml"),
    json: Json = False,
    executions: str = "all",
    plan: Flag = False,
    adopt: Flag = False,
    propose_mapping: Path | None = None,
) -> int:
    """Move the project, read it back and report; goes on where an earlier run stopped.

    Parameters
    ----------
    executions
        all, last (the newest of each test case in its cycle and environment) or since:DATE (since:2024-05-31).
    plan
        Say what the run would make and which calls it needs; write nothing to qTest.
    adopt
        Take over what an earlier move with another store made in the qTest project.
    propose_mapping
        Write a complete mapping file from the values seen, and move nothing.
    """
    voice = Voice(as_json=json)
    if plan and (adopt or propose_mapping):
        return voice.failed("--plan goes alone or with --executions", code=USAGE)
    if propose_mapping is not None:
        return explain(voice, lambda: commands.propose(voice, config, propose_mapping))
    if plan:
        return explain(voice, lambda: commands.plan(voice, config, executions=executions))
    return explain(voice, lambda: commands.run(voice, config, adopt=adopt, executions=executions))


@app.command
def verify(*, config: Config = Path("ztoq.toml"), json: Json = False) -> int:
    """Read qTest and compare it with the last run; writes nothing to qTest."""
    voice = Voice(as_json=json)
    return explain(voice, lambda: commands.verify(voice, config))


@app.command
def repair(*, config: Config = Path("ztoq.toml"), json: Json = False) -> int:
    """Make qTest as the last run left it: what people changed or deleted there is restored, copies are named."""
    voice = Voice(as_json=json)
    return explain(voice, lambda: commands.repair(voice, config))


@app.command
def undo(
    *,
    config: Config = Path("ztoq.toml"),
    json: Json = False,
    dry_run: Flag = False,
    include_adopted: Flag = False,
    fields: Flag = False,
) -> int:
    """Delete from qTest what runs with this store made, but for what people have changed or added to since.

    Parameters
    ----------
    dry_run
        Say what would be deleted and what would be spared; write nothing.
    include_adopted
        Delete what was there before and taken over, too.
    fields
        Delete the custom fields that were made, too, where nobody else's objects have a value in them.
    """
    voice = Voice(as_json=json)
    return explain(
        voice,
        lambda: commands.undo(voice, config, dry_run=dry_run, include_adopted=include_adopted, fields=fields),
    )


@app.command
def status(*, config: Config = Path("ztoq.toml"), json: Json = False) -> int:
    """Say how far the store is, also while a run goes on; asks no service."""
    voice = Voice(as_json=json)
    return explain(voice, lambda: commands.status(voice, config))


@app.command
def demo(*, cases: int = 300, executions: int = 1_000, store: Path = Path("ztoq-demo"), json: Json = False) -> int:
    """Move a generated project between two servers on this machine, verify it, and run again.

    Parameters
    ----------
    cases
        How many test cases the generated project has.
    executions
        How many results of executions it has.
    store
        The folder of the store and the report; one of an earlier demo is replaced.
    """
    voice = Voice(as_json=json)
    return explain(voice, lambda: play(voice, cases, executions, store))


@app.command
def sandbox(
    *,
    corpus: Path | None = None,
    cases: int = 1_000,
    executions: int = 0,
    seed: int = 0,
    faulty: int = 0,
    zephyr_port: int = 0,
    qtest_port: int = 0,
    profile: Path | None = None,
    json: Json = False,
) -> int:
    """Serve a Zephyr Scale and a qTest on this machine until SIGINT or SIGTERM.

    Parameters
    ----------
    corpus
        A folder of JSON lines to serve; without it a project is generated.
    cases
        Test cases to generate.
    executions
        Executions to generate.
    seed
        The same seed gives the same project.
    faulty
        Records to generate that must be refused.
    zephyr_port, qtest_port
        0 takes a free one.
    profile
        TOML: latency, rates, faults and dialect of both services.
    """
    voice = Voice(as_json=json)
    options = Options(
        corpus=corpus,
        cases=cases,
        executions=executions,
        seed=seed,
        faulty=faulty,
        zephyr_port=zephyr_port,
        qtest_port=qtest_port,
        profile=profile,
    )
    return explain(voice, lambda: commands.sandbox(voice, options))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    stand_in()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return Voice(as_json="--json" in words).failed(f"{error}\nSee  ztoq-async --help", code=2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 3
    return code if isinstance(code, int) else 0
