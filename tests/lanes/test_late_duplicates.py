"""Requests applied after the look that missed them (rule 7): removed where provably ours, else named, never silent."""

import asyncio
import re
import time

import asyncpg
import history
import pytest
from lateness import AFTER_LOOK, BEFORE_LOOK, SETTLE_S, apply_late, before_each, doubles
from moving import a_move, assert_everything_once, writes

from ztoq_async.errors import FenceError

CASES, EXECUTIONS = 6, 20
PATHS = {
    "module": "/modules",
    "test-case": "/test-cases",
    "test-cycle": "/test-cycles",
    "test-suite": "/test-suites",
    "test-run": "/test-runs",
    "test-log": "/test-logs",
}
OVERTAKE = "UPDATE migration SET epoch = epoch + 1, holder = ''"  # as if it had been gone for long
# None of the first three shows who made it; runs are as test cases.
SLOW = ("module", "test-cycle", "test-suite", "test-run")
REMOVED = ("test-case", "test-run")  # those of which qTest shows who made them


def shown(report, word):
    return {kind: row[word] for kind, row in report["kinds"].items() if row[word]}


@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow) if k in SLOW else k for k in PATHS])
async def test_what_was_applied_after_the_look_is_there_once_or_named(kind, store_url, tmp_path, monkeypatch):
    """Of two objects with one key the journal's stays. Its double is deleted where qTest shows that it is ours."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, settle_s=SETTLE_S) as move:
        past = await history.due(move)
        late = apply_late(monkeypatch, "POST", PATHS[kind], AFTER_LOOK, nth=3)
        report = await move.run()
        assert len(late) == 1
        stats = await move.stats()
        if kind in REMOVED:
            assert shown(report, "removed") == {kind: 1}
            assert any("late duplicate" in note for note in report["notes"])
            await assert_everything_once(move, report, cases=CASES, past=past)
        else:
            assert doubles(stats) == {kind: 1}, report["notes"]
            assert (shown(report, "removed"), shown(report, "extra")) == ({}, {kind: 1})
            (double,) = stats["duplicates"]
            (words,) = report["extra"]
            assert words.endswith(tuple(f": id {identity}" for identity in double["ids"]))
            assert report["outcome"] == "degraded"


@pytest.mark.parametrize("kind", [pytest.param("test-case", marks=pytest.mark.slow), "test-log"])
async def test_what_was_applied_before_the_look_is_found_by_it(kind, store_url, tmp_path, monkeypatch):
    """It is recovered: sent once, there once."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, settle_s=SETTLE_S) as move:
        past = await history.due(move)
        apply_late(monkeypatch, "POST", PATHS[kind], BEFORE_LOOK)
        report = await move.run()
        assert (report["kinds"][kind]["recovered"], shown(report, "removed")) == (1, {})
        await assert_everything_once(move, report, cases=CASES, past=past)


async def double_of(move, kind):
    """The ids of two objects of one key, as soon as there are two."""
    found = []
    for _ in range(200):
        found = found or (await move.stats())["duplicates"]
        await asyncio.sleep(0 if found else 0.05)
    assert [row["kind"] for row in found] == [kind]
    return found[0]["ids"]


async def test_fields_whose_answers_were_all_lost_are_known_when_they_are_activated(store_url, tmp_path, monkeypatch):
    """Both fields of runs are found by looking: they are activated, and no run is refused for want of them."""
    monkeypatch.setattr("lateness.OURS", re.compile(rb"Zephyr"))
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, settle_s=SETTLE_S) as move:
        past = await history.due(move)
        late = apply_late(monkeypatch, "POST", "/settings/test-runs/fields", BEFORE_LOOK, times=9)
        report = await move.run()
        assert len(late) == report["kinds"]["field"]["recovered"] == 2
        await assert_everything_once(move, report, cases=CASES, past=past)


@pytest.mark.slow
async def test_what_comes_after_the_run_is_named_by_verify_and_removed_by_the_next_run(
    store_url, tmp_path, monkeypatch
):
    """`verify` writes nothing; a run deletes it then, however late it came."""
    async with a_move(store_url, tmp_path, cases=CASES, settle_s=SETTLE_S) as move:
        apply_late(monkeypatch, "POST", PATHS["test-case"], 4.0, nth=2)
        assert (await move.run())["outcome"] == "complete"
        ids = await double_of(move, "test-case")
        before = writes(await move.stats())
        report = await move.verify()
        assert (report["outcome"], shown(report, "extra")) == ("degraded", {"test-case": 1})
        assert report["extra"][0].endswith(tuple(f"id {identity}" for identity in ids))
        assert writes(await move.stats()) == before
        report = await move.run()
        assert shown(report, "removed") == {"test-case": 1}
        await assert_everything_once(move, report, cases=CASES)


async def test_a_double_that_may_be_somebodys_is_left_and_named(store_url, tmp_path, monkeypatch):
    """Changed, used, older than our first request, made by somebody else: each alone keeps it. Then it may go."""
    async with a_move(store_url, tmp_path, cases=CASES, settle_s=SETTLE_S) as move:
        apply_late(monkeypatch, "POST", PATHS["test-case"], 3.0, nth=2)
        await move.run()
        first, second = await double_of(move, "test-case")
        rows = {row["id"]: row for row in await move.objects("test-case")}
        project = f"/api/v3/projects/{move.sandbox.qtest.project}"
        stored = move.sandbox._qtest_state.cases.get(second)  # only there can dates and makers be changed

        async def left(why):
            report = await move.run()
            assert (shown(report, "extra"), shown(report, "removed")) == ({"test-case": 1}, {}), why
            assert any(why in note and f"id {second}, was left" in note for note in report["notes"]), report["notes"]
            assert {first, second} <= {row["id"] for row in await move.objects("test-case")}

        await move.call("PUT", f"{project}/test-cases/{second}", {"name": "Edited"})
        await left("it differs: name")
        await move.call("PUT", f"{project}/test-cases/{second}", {"name": rows[second]["name"]})
        version = await move.call("PUT", f"{project}/test-cases/{second}/approve")
        assert version["version"] == "1.0"
        run = await move.call("POST", f"{project}/test-runs?parentId=0&parentType=root", {"test_case": {"id": second}})
        await left(f"test-run {run['id']} hangs on it")
        await move.call("DELETE", f"{project}/test-runs/{run['id']}")
        stored.creator_id, maker = 77, stored.creator_id
        await left("another user made it")
        stored.creator_id, stored.created, since = maker, time.time() - 3600, stored.created
        await left("it was made before the first request")
        stored.created = since
        assert shown(await move.run(), "removed") == {"test-case": 1}
        assert [row["id"] for row in await move.objects("test-case") if row["id"] in (first, second)] == [first]


async def test_a_test_case_that_was_approved_twice_is_named(store_url, tmp_path, monkeypatch):
    """Version 2.0 cannot be made 1.0 again: the report says which test case it is."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, settle_s=SETTLE_S) as move:
        late = apply_late(monkeypatch, "PUT", "/approve", AFTER_LOOK, nth=4)
        report = await move.run()
        (key,) = [key for key, version in (await history.versions(move)).items() if version == "2.0"]
        assert (len(late), report["outcome"]) == (1, "complete")
        assert f"{key} is version 2.0: it was approved more than once" in report["notes"]


@pytest.mark.parametrize("lag_s", [0.0, pytest.param(30.0, marks=pytest.mark.slow)])
async def test_what_an_overtaken_engine_made_is_the_journals_or_removed(lag_s, store_url, tmp_path, monkeypatch):
    """Rule 8: its successor finds it, and the orphan is forgotten; where lists lag it makes another, and removes it."""
    async with a_move(store_url, tmp_path, cases=CASES, settle_s=SETTLE_S) as move:
        before_each(monkeypatch, "POST", PATHS["test-case"], lambda: run_sql(store_url, OVERTAKE))
        with pytest.raises(FenceError):
            await move.run()
        monkeypatch.undo()
        orphans = await run_sql(store_url, "SELECT target_id FROM orphan WHERE kind = 'test-case'")
        assert orphans
        await move.use(qtest={"list_lag_s": lag_s})
        report = await move.run()
        row = report["kinds"]["test-case"]
        assert (row["recovered"], row["removed"]) == ((CASES, 0) if lag_s == 0 else (0, len(orphans))), report["notes"]
        assert await run_sql(store_url, "SELECT * FROM orphan") == []
        await move.use()
        await assert_everything_once(move, await move.run(), cases=CASES)


async def run_sql(url, query):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()
