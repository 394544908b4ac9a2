"""A run that goes on does again what an earlier start has not done to its end, or could not do."""

import asyncio

import asyncpg
import history
import pytest
from interrupting import CASES, EXECUTIONS, ended, interrupted
from moving import a_move, assert_everything_once

from ztoq_async.engine import Engine
from ztoq_async.errors import NotFound
from ztoq_async.lanes import planning
from ztoq_async.store.journal import Journal
from ztoq_async.zephyr.client import ZephyrClient

SINCE = "since:1990-01-01"  # all of them, by another pass than that of `all`


async def torn_down(move, reached, **wishes):
    """A run that is torn down as it stands when an event is set."""
    async with Engine(move.settings()) as engine:
        await ended(engine, engine.run(**wishes), reached)


async def test_a_plan_that_is_made_again_and_cut_off_is_made_once_more(store_url, tmp_path, monkeypatch):
    """A refused log is planned again; the engine ends before those behind it are: they still come after it."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, "logging")
        await move.use()
        connection = await asyncpg.connect(store_url)
        refused = await connection.fetchval(
            "UPDATE journal SET state = 'refused', reason = 'as a test' WHERE id = "
            "(SELECT min(id) FROM journal WHERE kind = 'test-log' AND state = 'pending') RETURNING key"
        )
        await connection.close()
        plan, reached, again = Journal.plan, asyncio.Event(), set()

        async def as_far_as_that(self, rows, waiting_for=""):
            late = await plan(self, rows, waiting_for)
            if any((row.kind, row.key) == ("test-log", refused) for row in rows):
                reached.set()
                await asyncio.Event().wait()
            return late

        async def watched(self, rows, waiting_for=""):
            again.update(row.key for row in rows if row.kind == "test-log")
            return await plan(self, rows, waiting_for)

        with monkeypatch.context() as patched:
            patched.setattr(planning, "GROUP", 1)
            patched.setattr(Journal, "plan", as_far_as_that)
            await torn_down(move, reached)
        monkeypatch.setattr(Journal, "plan", watched)
        report = await move.run()
        assert len(again) == past.logs
        await assert_everything_once(move, report, cases=CASES, past=past)


# The first of two logs of one run that wait for nothing but the other, refused; and what waits for it, recounted.
REFUSE = """
UPDATE journal SET state = 'refused', reason = 'as a test' WHERE id = (
    SELECT p.id FROM journal_edge e JOIN journal p ON p.id = e.parent JOIN journal c ON c.id = e.child
    WHERE NOT e.hard AND p.kind = 'test-log' AND p.state = 'pending' AND c.state = 'pending' AND NOT c.lacks
    AND NOT EXISTS (
        SELECT 1 FROM journal_edge x JOIN journal q ON q.id = x.parent WHERE x.child = p.id AND q.state <> 'done'
    ) ORDER BY p.id LIMIT 1
) RETURNING id
"""
RECOUNT = "UPDATE journal SET waits = 0 WHERE id IN (SELECT child FROM journal_edge WHERE parent = $1)"


async def test_a_refused_log_is_made_before_those_behind_it(store_url, tmp_path, monkeypatch):
    """They are ready since it was refused; where it gets another chance they wait until it is planned (rule 18)."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=200) as move:
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, "logging")
        await move.use(qtest={"latency_ms": 20})
        connection = await asyncpg.connect(store_url)
        refused = await connection.fetchval(REFUSE)
        assert await connection.execute(RECOUNT, refused) != "UPDATE 0"
        await connection.close()
        plan = Journal.plan

        async def late(self, rows, waiting_for=""):
            if any(row.kind == "test-log" for row in rows):
                await asyncio.sleep(1)
            return await plan(self, rows, waiting_for)

        monkeypatch.setattr(Journal, "plan", late)
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)


async def test_rows_in_doubt_are_told_of_their_details(store_url, tmp_path, monkeypatch):
    """What another pass has in doubt waits for details, too, where it is planned again: it is never left waiting."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=200) as move:
        await move.use(qtest={"latency_ms": 40})
        await interrupted(move, "logging")
        await move.use()
        told = asyncio.Event()

        async def never(self, kind, details):
            if kind == "test-log" and details:
                told.set()
                await asyncio.Event().wait()

        with monkeypatch.context() as patched:
            patched.setattr(Journal, "ready", never)
            await torn_down(move, told, executions=SINCE)
        connection = await asyncpg.connect(store_url)
        query = "SELECT count(*) FROM journal WHERE kind = 'test-log' AND state = 'doubt' AND lacks"
        assert await connection.fetchval(query)
        await connection.close()
        report = await move.run(executions=SINCE)
        assert report["outcome"] == "complete", report["notes"]


@pytest.mark.parametrize(
    ("asks", "key"), [("get_script", "SBX-T3"), pytest.param("get_results", 70000003, marks=pytest.mark.slow)]
)
async def test_what_is_there_and_could_not_be_read_again_gets_another_chance(
    asks, key, store_url, tmp_path, monkeypatch
):
    """The second run fails to read the details of a record and is stopped; the one that goes on with it reads them."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        asked = getattr(ZephyrClient, asks)

        async def fails(self, wanted, *more):
            if wanted == key:
                raise NotFound("as a test", service="zephyr", status=404)
            return await asked(self, wanted, *more)

        def note(attempt):
            if attempt.call.method == "GET" and attempt.call.label.endswith("/test-runs"):
                engine.stop()  # it is reading back

        with monkeypatch.context() as patched:
            patched.setattr(ZephyrClient, asks, fails)
            async with Engine(move.settings(), on_attempt=note) as engine:
                assert (await engine.run())["outcome"] == "interrupted"
        connection = await asyncpg.connect(store_url)
        assert await connection.fetchval("SELECT count(*) FROM journal WHERE reason <> '' AND state = 'done'") == 1
        await connection.close()
        report = await move.run()
        assert report["outcome"] == "complete"
        assert not [words for words in report["notes"] if "cannot be moved" in words]


async def test_what_another_version_has_gathered_is_gathered_again(store_url, tmp_path):
    """The tables of the source have the shape of the program that kept them."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, "logging")
        await move.use()
        connection = await asyncpg.connect(store_url)
        await connection.execute("UPDATE pass SET source = $1", b'["0.0", {"project": "another shape"}]')
        await connection.close()
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)
