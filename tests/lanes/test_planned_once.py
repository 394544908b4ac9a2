"""A run that goes on writes at once: what an earlier start has planned to the end, and read back, waits for nothing."""

import asyncpg
import history
import pytest
from interrupting import CASES, EXECUTIONS, interrupted
from moving import a_move, assert_everything_once

from ztoq_async.engine import Engine
from ztoq_async.store.journal import Journal

BIG = {"module", "test-case", "stub-case", "approval", "test-cycle", "test-suite", "test-run", "test-log", "planned"}
LOG, READ_BACK = "POST test-logs", "GET test-cases"


@pytest.fixture
def planned(monkeypatch):
    """The kinds of the rows that are planned, and planned again."""
    kinds, plan = set(), Journal.plan

    async def watched(self, rows, waiting_for=""):
        kinds.update(row.kind for row in rows)
        return await plan(self, rows, waiting_for)

    monkeypatch.setattr(Journal, "plan", watched)
    return kinds


@pytest.fixture
async def half(store_url, tmp_path):
    """A move whose run was torn down between its logs, and the history that is due."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, "logging")
        await move.use()
        yield move, past


async def gone_on(move):
    """The report of the run that goes on, and its calls in order, as `POST test-logs`."""
    calls = []

    def note(attempt):
        calls.append(f"{attempt.call.method} {attempt.call.label.rpartition('/')[2]}")

    async with Engine(move.settings(), on_attempt=note) as engine:
        return await engine.run(), calls


async def test_nothing_is_planned_or_read_back_before_the_next_log(half, planned):
    """The calls of a run that goes on: its logs first, then everything is read back, what was before the end, too."""
    move, past = half
    planned.clear()
    report, calls = await gone_on(move)
    assert not planned & BIG
    assert LOG in calls and READ_BACK not in calls[: calls.index(LOG)]
    await assert_everything_once(move, report, cases=CASES, past=past)


async def test_what_people_change_meanwhile_is_found_at_the_end(half):
    """A test case that was read back by the first start, and is renamed before the second, is a conflict."""
    move, _ = half
    row = (await move.objects("test-case"))[0]
    path = f"/api/v3/projects/{move.sandbox.qtest.project}/test-cases/{row['id']}"
    await move.call("PUT", path, {"name": "Somebody's own name"})
    report, calls = await gone_on(move)
    assert READ_BACK not in calls[: calls.index(LOG)]
    assert report["kinds"]["test-case"]["different"] == 1
    assert [row["fields"] for row in report["differences"] if row["kind"] == "test-case"] == [["name"]]


async def test_other_rules_are_planned_by_and_read_back_first(half, planned):
    """Where the mapping has changed, everything is planned and read back again before the next log."""
    move, past = half
    file = move.mapping["file"]
    file.write_text(f"notify = true\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    planned.clear()
    report, calls = await gone_on(move)
    assert planned >= BIG - {"stub-case", "planned"}
    assert READ_BACK in calls[: calls.index(LOG)]
    await assert_everything_once(move, report, cases=CASES, past=past)


async def test_what_was_refused_gets_another_chance(half, store_url, planned):
    """From the first kind on of which a row was refused everything is planned again."""
    move, past = half
    connection = await asyncpg.connect(store_url)
    query = "UPDATE journal SET state = 'refused', reason = 'as a test' WHERE id = (SELECT max(id) FROM journal "
    assert await connection.execute(query + "WHERE kind = 'test-log' AND state = 'pending')") == "UPDATE 1"
    await connection.close()
    planned.clear()
    report, _ = await gone_on(move)
    assert planned & BIG == {"test-log", "planned"} & planned and "test-log" in planned
    await assert_everything_once(move, report, cases=CASES, past=past)


async def test_details_that_were_read_and_not_told_of_are_not_waited_for(half, store_url):
    """An engine may end when details are archived and their rows still wait for them: nobody reads them again."""
    move, past = half
    connection = await asyncpg.connect(store_url)
    query = (
        "UPDATE journal j SET lacks = true FROM archive a WHERE j.kind = 'test-log' AND j.state = 'pending' "
        "AND a.source = 'test-execution' AND a.key = j.key AND a.detail_pass > 0"
    )
    left = await connection.execute(query)
    await connection.close()
    assert left != "UPDATE 0"
    report, _ = await gone_on(move)
    await assert_everything_once(move, report, cases=CASES, past=past)


async def test_a_pass_that_was_undone_is_planned_anew(half):
    """Undo in the middle of a pass takes everything back; the run that goes on with the pass makes all of it."""
    move, past = half
    assert (await move.undo())["outcome"] == "complete"
    assert not await move.objects("test-case")
    report, calls = await gone_on(move)
    assert READ_BACK in calls[: calls.index(LOG)]
    await assert_everything_once(move, report, cases=CASES, past=past)
