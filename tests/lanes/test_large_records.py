"""Records so large that mapping them takes seconds: the loop goes on, nothing is lost, and nothing burns for ever."""

import asyncio
import os
import signal
from types import SimpleNamespace

import msgspec
import psutil
import pytest
from moving import Move, assert_everything_once

from ztoq_async.errors import SourceError
from ztoq_async.kinds import KINDS, prepare
from ztoq_async.lanes import large
from ztoq_async.mapping.context import Context, Source, Target
from ztoq_async.mapping.kind import Item
from ztoq_async.mapping.rules import Rules
from ztoq_async.resources.process_pool import ProcessPool
from ztoq_async.sandbox import Generator, Sandbox
from ztoq_async.zephyr.records import Named, Project

CASES = 12
TEST_CASE = next(kind for kind in KINDS if kind.name == "test-case")
LINE = '<p>Open the <b>page</b> &amp; check <a href="https://x.example/a">the link</a>.</p>'
CASE = {"id": 1, "key": "MM-T1", "name": "Large", "project": {"id": 7}, "priority": {"id": 1}, "status": {"id": 2}}
SOURCE = Source(Project(7, "MM"), priorities={1: Named(1, "High")}, statuses={2: Named(2, "Draft")})
CONTEXT = prepare(Context(SOURCE, Rules(status={"Draft": "New"}, priority={"High": "High"}), Target(1)))


def script(size):
    """A script with one step of about that many bytes, and something in it that is not carried."""
    step = {"description": LINE * (size // len(LINE)) + "<script>x()</script>", "testData": "<p>data</p>"}
    return msgspec.json.encode({"type": "steps", "steps": [{"inline": step}]})


def item(size, **changes):
    return Item("MM-T1", ("module:unfiled",), msgspec.json.encode(CASE | changes), script(size))


@pytest.fixture
async def run():
    """What mapping needs of a run."""
    async with ProcessPool(1) as pool:
        yield SimpleNamespace(processes=pool, context=CONTEXT)


async def test_the_loop_goes_on_while_a_large_record_is_mapped(run):
    """The same target and notes as ever, built and compared elsewhere, with turns of the loop all the while."""
    turns = 0

    async def turn():
        nonlocal turns
        while True:
            await asyncio.sleep(0.005)
            turns += 1

    await large.built(run, TEST_CASE, item(large.LARGE))
    turning = asyncio.create_task(turn())
    one = item(1_000_000)
    found = await large.built(run, TEST_CASE, one)
    assert turns > 10
    assert found == TEST_CASE.build(one, CONTEXT)
    assert "html-cleaned" in {note.rule for note in found[1]}
    turning.cancel()
    assert run.processes.statistics().begun == 2


async def test_a_small_record_is_mapped_at_once(run):
    """No process is begun for what takes no time."""
    found = await large.built(run, TEST_CASE, item(1_000))
    assert found == TEST_CASE.build(item(1_000), CONTEXT)
    assert run.processes.statistics().begun == 0


async def test_what_cannot_be_moved_is_refused_by_the_same_words(run):
    """A rule's refusal comes through as itself."""
    with pytest.raises(SourceError) as here:
        TEST_CASE.build(item(large.LARGE, status={"id": 99}), CONTEXT)
    with pytest.raises(SourceError) as there:
        await large.built(run, TEST_CASE, item(large.LARGE, status={"id": 99}))
    assert str(there.value) == str(here.value)


async def test_a_text_that_takes_too_long_is_refused(run, monkeypatch):
    """Its process ends with its time; the record is refused by name, and the next one is mapped."""
    monkeypatch.setattr(large, "MAPPED_WITHIN_S", 0.01)
    with pytest.raises(SourceError, match="cannot be mapped within"):
        await large.built(run, TEST_CASE, item(1_000_000))
    monkeypatch.undo()
    assert await large.built(run, TEST_CASE, item(large.LARGE))


async def test_a_process_that_dies_costs_a_second_try(run):
    """Killed once, say by the system that needs memory: the record is mapped all the same."""
    before = psutil.Process().children()
    mapping = asyncio.create_task(large.built(run, TEST_CASE, item(1_000_000)))
    while not (begun := [child for child in psutil.Process().children() if child not in before]):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    os.kill(begun[0].pid, signal.SIGKILL)
    assert (await mapping)[0] == TEST_CASE.build(item(1_000_000), CONTEXT)[0]
    assert run.processes.statistics().killed == 1


class Large(Generator):
    """The generated project with two large records."""

    def script(self, position):
        return script(large.LARGE) if position in (3, 7) else super().script(position)


async def test_large_records_are_moved_and_verified_like_others(store_url, tmp_path):
    """Everything is there once and nothing differs; what was dropped is in the ledger."""
    async with Sandbox(Large(CASES, seed=5), seed=5) as sandbox:
        move = Move(sandbox, store_url, 0.5)
        await move.propose(tmp_path)
        async with move.engine() as engine:
            report = await engine.run()
            used = engine._processes.statistics()
        await assert_everything_once(move, report, cases=CASES)
    assert used.begun > 0
    assert {"html-cleaned"} <= {row["rule"] for row in report["ledger"]["first"]}
