"""Damage done behind its back in qTest: `verify` names it, `repair` undoes it with the calls that it needs."""

import asyncio
import contextlib

import history
import pytest
from moving import FAST, a_move, assert_everything_once, made, writes
from test_conflicts import QTestUser
from test_delta import APPROVAL, CASE, LOG, NEW_LOG, RUN, executed, runs_of
from zephyr_user import ZephyrUser

from ztoq_async.engine import Engine
from ztoq_async.errors import SettingsError

CASES, EXECUTIONS = 34, 44
PREFIX = "/api/v3/projects/{projectId}"


async def repaired(move):
    """A repair, and the calls by which it changed something."""
    before = writes(await move.stats())
    async with move.engine() as engine:
        report = await engine.repair()
    calls = writes(await move.stats()) - before
    return report, {name.replace(PREFIX, ""): n for name, n in calls.items()}


async def assert_whole(move, past):
    """A verification is clean, everything is there once, and another repair does nothing."""
    report = await move.verify()
    assert report["outcome"] == "complete", (report["differences"], report["extra"], report["notes"])
    assert {kind: row["missing"] for kind, row in report["kinds"].items() if row["missing"] or row["different"]} == {}
    assert (await history.held(move)).runs == past.runs
    assert (await move.stats())["duplicates"] == []
    again, calls = await repaired(move)
    assert (again["outcome"], calls) == ("complete", {})


async def test_edits_are_undone_with_one_call_each(store_url, tmp_path):
    """A case's text and steps, a suite's and a module's name, a run's place, a log's note."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        past, people = await history.due(move), QTestUser(move)
        cases, runs, suites = [await people.by_key(kind) for kind in ("test-case", "test-run", "test-suite")]
        executed = history.run_cases(past)
        plain = next(key for key in cases if key not in executed)
        stepped = next(key for key, row in cases.items() if key in executed and len(row["test_steps"] or []) > 1)
        await people.describe(plain)
        await people.call(
            "PUT", f"/test-cases/{cases[stepped]['id']}", {"test_steps": cases[stepped]["test_steps"][:1]}
        )
        suite, other = list(suites.values())[:2]
        await people.call("PUT", f"/test-suites/{suite['id']}", {"name": "renamed"})
        run = next(row for row in runs.values() if row["parentId"] != other["id"])
        await people.call("PUT", f"/test-runs/{run['id']}?parentId={other['id']}&parentType=test-suite", {})
        module = (await move.objects("module"))[2]
        await people.call("PUT", f"/modules/{module['id']}", {"name": "renamed"})
        noted = next(key for key, logs in past.runs.items() if logs)
        page = await people.call("GET", f"/test-runs/{runs[noted]['id']}/test-logs")
        log = page["items"][0]
        await people.call(
            "PUT", f"/test-runs/{runs[noted]['id']}/test-logs/{log['id']}", {"note": f"edited {log['note']}"}
        )
        report = await move.verify()
        assert report["outcome"] == "degraded"
        named = {(row["kind"], row["key"]) for row in report["differences"]}
        assert {("test-case", plain), ("test-case", stepped), ("test-log", str(past.runs[noted][0]))} <= named
        report, calls = await repaired(move)
        assert calls == {
            CASE: 2,
            APPROVAL: 1,
            "PUT /test-suites/{testSuiteId}": 1,
            RUN: 1,
            "PUT /modules/{moduleId}": 1,
            LOG: 1,
        }
        assert report["outcome"] == "complete", (report["differences"], report["notes"])
        assert report["kinds"]["test-case"]["updated"] == 2
        await assert_whole(move, past)


async def test_what_was_deleted_is_made_again(store_url, tmp_path):
    """A case without runs, a run with its logs, a suite with all that is in it: made once more, in their order."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        past, people = await history.due(move), QTestUser(move)
        cases, runs, suites = [await people.by_key(kind) for kind in ("test-case", "test-run", "test-suite")]
        called = {step.get("called_test_case_id") for row in cases.values() for step in row["test_steps"] or []}
        lost = next(key for key, row in cases.items() if key not in history.run_cases(past) and row["id"] not in called)
        await people.call("DELETE", f"/test-cases/{cases[lost]['id']}")
        run = next(key for key, logs in past.runs.items() if len(logs) > 2)
        suite = next(key for key in suites if not run.startswith(f"{key}/"))
        below = [key for key in past.runs if key.startswith(f"{suite}/")]
        await people.call("DELETE", f"/test-runs/{runs[run]['id']}")
        await people.call("DELETE", f"/test-suites/{suites[suite]['id']}")
        report, calls = await repaired(move)
        logs = len(past.runs[run]) + sum(len(past.runs[key]) for key in below)
        assert calls == {
            "POST /test-cases": 1,
            "POST /test-suites": 1,
            "POST /test-runs": 1 + len(below),
            NEW_LOG: logs,
        }
        assert report["outcome"] == "complete", (report["differences"], report["extra"], report["notes"])
        await assert_whole(move, past)


async def damaged(move):
    """Executed cases lose their first step, and one run each with its logs; what was there before."""
    past, people = await history.due(move), QTestUser(move)
    cases, runs = await people.by_key("test-case"), await people.by_key("test-run")
    keys = [key for key in await executed(move, ZephyrUser(move)) if len(cases[key]["test_steps"]) > 1][:2]
    for key in keys:
        steps = cases[key]["test_steps"][1:]
        await people.call("PUT", f"/test-cases/{cases[key]['id']}", {"test_steps": steps})
        run = next(run for run in runs_of(past, key) if past.runs[run])
        await people.call("DELETE", f"/test-runs/{runs[run]['id']}")
    return past


@pytest.mark.slow
async def test_logs_are_made_again_of_whole_test_cases(store_url, tmp_path):
    """A case's steps edited and a run of it deleted: the new logs name the steps that the case has after the repair."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        past = await damaged(move)
        report, calls = await repaired(move)
        assert (report["outcome"], calls[CASE], calls[APPROVAL], calls["POST /test-runs"]) == ("complete", 2, 2, 2)
        await assert_whole(move, past)


@pytest.mark.parametrize("number", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 4, 5, 7, 8)), 6])
async def test_a_repair_that_is_cut_off_is_gone_on_with(number, store_url, tmp_path):
    """Torn down at the n-th call that changes something: the same command completes it, and nothing is there twice."""
    async with a_move(store_url, tmp_path, cases=16, executions=EXECUTIONS) as move:
        await move.run()
        past = await damaged(move)
        await move.use(qtest={"latency_ms": 5})
        await cut_off(move, number)
        await move.use()
        assert (await move.verify())["outcome"] == "degraded"
        report, _ = await repaired(move)
        assert report["outcome"] == "complete", (report["differences"], report["extra"], report["notes"])
        await assert_whole(move, past)


async def cut_off(move, number):
    """A repair that is cancelled while its n-th changing call is on its way."""
    reached, sent = asyncio.Event(), 0

    def count(attempt):
        nonlocal sent
        path = attempt.call.label or attempt.call.path
        sent += attempt.call.method in ("PUT", "POST") and "search" not in path
        if sent >= number:
            reached.set()

    async with Engine(move.settings(), on_attempt=count) as engine:
        running = asyncio.create_task(engine.repair())
        await asyncio.wait([running, asyncio.ensure_future(reached.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert not running.done()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_deleted_module_comes_back_with_all_that_was_in_it(store_url, tmp_path):
    """Deleted with force, cases and modules below it too: all are made again where they were."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        report = await move.run()
        top = next(row for row in await move.objects("module") if row["parent_id"])
        await QTestUser(move).call("DELETE", f"/modules/{top['id']}?force=true")
        assert (await move.verify())["kinds"]["module"]["missing"] >= 1
        report, _ = await repaired(move)
        await assert_everything_once(move, report, cases=CASES)
        assert (await repaired(move))[1] == {}


async def test_repair_waits_for_the_end_of_a_run(store_url, tmp_path):
    """Before the first run, and after one that was interrupted: it says so, and touches nothing."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        with pytest.raises(SettingsError, match="run first"):
            await repaired(move)
        assert (await move.run(limits={**FAST, "month_calls": 70}))["outcome"] == "interrupted"
        before = writes(await move.stats())
        with pytest.raises(SettingsError, match="run first"):
            await repaired(move)
        assert writes(await move.stats()) == before


async def test_what_the_api_cannot_mend_is_named(store_url, tmp_path):
    """Runs of a case that was deleted keep it for ever: a person is told what to do, and then they are made again."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        past, people = await history.due(move), QTestUser(move)
        runs, cases = await people.by_key("test-run"), await people.by_key("test-case")
        called = {step.get("called_test_case_id") for row in cases.values() for step in row["test_steps"] or []}
        key = next(key for key, row in cases.items() if key in history.run_cases(past) and row["id"] not in called)
        own = [run for run in past.runs if run.rsplit("/", 2)[1] == key]
        await people.call("DELETE", f"/test-cases/{cases[key]['id']}")
        report, calls = await repaired(move)
        assert report["outcome"] == "degraded"
        assert (calls["POST /test-cases"], calls[APPROVAL]) == (1, 1)
        words = [note for note in report["notes"] if "keeps its test case for ever" in note]
        assert {run for run in own if any(run in note for note in words)} == set(own)
        for run in own:
            await people.call("DELETE", f"/test-runs/{runs[run]['id']}")
        report, _ = await repaired(move)
        assert report["outcome"] == "complete", (report["differences"], report["extra"], report["notes"])
        await assert_whole(move, past)
        assert made(report["kinds"]["test-log"]) == past.logs
