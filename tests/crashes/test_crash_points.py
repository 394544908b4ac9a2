"""The engine's process ends at each boundary of its work in turn; the same command goes on, and qTest is as it was.

`ZTOQ_CRASH_POINT="12 before commit of journal.Journal.claim"` replays one point that a failure has named.
"""

import asyncio
import contextlib
import os
import random
import signal
import traceback
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from engines import Move, Nursery, moving
from moves import assert_complete, site_of, stats
from own_postgres import OwnPostgres
from points import Point, every, some
from same_content import Content, content, differences, read_objects
from small_library import CASES, EXECUTIONS

from ztoq_async.sandbox import Corpus, Sandbox

AT_ONCE = 2
FEW = 30
REACHED = 0.9  # of the points: how the two lanes meet differs a little from run to run


@dataclass
class Undisturbed:
    """What a run that nothing has disturbed passes and makes; `mapping` is the text that all runs use."""

    library: Path
    mapping: str
    boundaries: list[str]
    content: Content


@pytest.fixture
async def undisturbed(nursery, library, tmp_path):
    """One run to its end."""
    async with a_move(nursery, library, tmp_path / "undisturbed", "") as (sandbox, move):
        file = tmp_path / "boundaries"
        mapping = await move.propose()
        first = move.folder / "store"
        first.rename(tmp_path / "proposal")
        assert_complete(await move.run(BOUNDARIES=str(file)))
        found = content(await read_objects(sandbox.qtest.base_url))
        yield Undisturbed(library, mapping, file.read_text().splitlines(), found)


@contextlib.asynccontextmanager
async def a_move(
    nursery: Nursery, library: Path, folder: Path, url: str, mapping: str = ""
) -> AsyncIterator[tuple[Sandbox, Move]]:
    """The library in a sandbox of its own, and a new store to move it with."""
    async with Sandbox(Corpus(library), seed=1) as sandbox:
        with moving(nursery, site_of(sandbox), folder, url=url) as move:
            move.mapping.write_text(mapping)
            yield sandbox, move


async def crash(nursery: Nursery, undisturbed: Undisturbed, folder: Path, url: str, crashes: Sequence[str]) -> int:
    """Runs that end at these boundaries one after the other, then one to the end; how many were reached."""
    async with a_move(nursery, undisturbed.library, folder, url, undisturbed.mapping) as (sandbox, move):
        reached = 0
        for boundary in crashes:
            process = await move.run(CRASH_AT=boundary)
            assert process.code in (0, -signal.SIGKILL), process.said
            reached += process.code != 0
        assert_complete(await move.run())
        found = content(await read_objects(sandbox.qtest.base_url))
        assert "\n".join(differences(undisturbed.content, found)) == ""
        assert (await stats(sandbox))["duplicates"] == []
        return reached


async def sweep(
    nursery: Nursery,
    undisturbed: Undisturbed,
    folder: Path,
    own: OwnPostgres | None,
    plan: Sequence[tuple[Point, Sequence[str]]],
) -> None:
    """All these crashes, every third in the embedded store, the others in the user's own server; names what failed."""
    room, failures, reached = asyncio.Semaphore(AT_ONCE), [], []

    async def one(place: int, point: Point, more: Sequence[str]) -> None:
        async with room:
            embedded = own is None or point.embedded or place % 3 == 0
            try:
                async with contextlib.nullcontext("") if embedded else own.database() as url:
                    crashes = [point.boundary, *more]
                    reached.append(await crash(nursery, undisturbed, folder / str(place), url, crashes) > 0)
            except Exception as error:  # noqa: BLE001 - all are told together
                where = "".join(traceback.format_exception(error)[-3:])
                failures.append(f"{point}, then {list(more)}, {'embedded' if embedded else 'own'} store: {where}")

    async with asyncio.TaskGroup() as group:
        for place, (point, more) in enumerate(plan):
            group.create_task(one(place, point, more))
    assert not failures, "\n\n".join([f"{len(failures)} of {len(plan)} failed", *failures])
    assert sum(reached) >= REACHED * len(plan)


@pytest.mark.timeout(400)
async def test_a_run_that_ends_at_a_boundary_is_gone_on_with(nursery, undisturbed, own_if_any, tmp_path):
    """Thirty boundaries over all of a run: qTest then holds what an undisturbed run makes, each thing once."""
    assert len([key for key in undisturbed.content if key.startswith("test-case ")]) == CASES
    assert len([key for key in undisturbed.content if key.startswith("test-log ")]) == EXECUTIONS - 1
    told = os.environ.get("ZTOQ_CRASH_POINT")
    chosen = [Point(0, told)] if told else some(undisturbed.boundaries, FEW, seed=1)
    await sweep(nursery, undisturbed, tmp_path, own_if_any, [(point, ()) for point in chosen])


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_run_that_ends_at_any_boundary_is_gone_on_with(nursery, undisturbed, own_if_any, tmp_path):
    """Every point of a run."""
    plan = [(point, ()) for point in every(undisturbed.boundaries, seed=2)]
    await sweep(nursery, undisturbed, tmp_path, own_if_any, plan)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [3, 4])
async def test_a_run_that_ends_twice_is_gone_on_with(seed, nursery, undisturbed, own_if_any, tmp_path):
    """Every point of a run, and the run that goes on ends at another one, too."""
    rng = random.Random(seed)
    others = {boundary.partition(" ")[2] for boundary in undisturbed.boundaries}
    plan = [
        (point, [f"{rng.randrange(1, 3)} {rng.choice(sorted(others))}"])
        for point in every(undisturbed.boundaries, seed)
    ]
    await sweep(nursery, undisturbed, tmp_path, own_if_any, plan)
