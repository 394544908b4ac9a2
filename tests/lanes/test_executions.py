"""Moves with executions: every run and log once, in order, of versions that are approved once."""

import asyncio

import history
import msgspec
import pytest
from moving import FAST, Move, a_move, assert_approved_once, assert_everything_once, assert_history, writes

from ztoq_async.engine import Engine
from ztoq_async.errors import SettingsError
from ztoq_async.sandbox import Generator, Profile, Sandbox
from ztoq_async.zephyr.client import ZephyrClient

CASES, EXECUTIONS = 12, 44


async def test_every_execution_is_a_log_of_its_run_oldest_first(store_url, tmp_path):
    """One run a test case, cycle and environment; one log a result; what a second run finds it leaves alone."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)
        await assert_approved_once(move, past)
        before = writes(await move.stats())
        report = await move.run()
        assert writes(await move.stats()) == before
        await assert_everything_once(move, report, cases=CASES, past=past)
        assert report["kinds"]["test-log"]["unchanged"] == past.logs


async def test_writing_waits_for_details_that_come_late(store_url, tmp_path, monkeypatch):
    """All runs are made before the first result of a step is read: logs wait, and the run does not end over it."""
    read = ZephyrClient.get_results

    async def late(client, number):
        await asyncio.sleep(2.0)
        return await read(client, number)

    monkeypatch.setattr(ZephyrClient, "get_results", late)
    async with a_move(store_url, tmp_path, cases=3, executions=3) as move:
        past = await history.due(move)
        await assert_everything_once(move, await move.run(), cases=3, past=past)


async def test_logs_may_be_read_back_by_lists_instead_of_search(store_url, tmp_path):
    """`[verify] logs = "list"`: the same is verified, and logs are not searched for."""
    async with a_move(store_url, tmp_path, cases=3, executions=12) as move:
        past = await history.due(move)
        await assert_everything_once(move, await move.run(verify={"logs": "list"}), cases=3, past=past)
        calls = (await move.stats())["calls"]
        listed = sum(call["n"] for call in calls if call["path"].endswith("/test-logs") and call["method"] == "GET")
        assert listed >= sum(bool(logs) for logs in past.runs.values())
        assert not [call for call in calls if call["path"].endswith("/search")]


@pytest.mark.parametrize(
    ("executions", "query"),
    [
        ("last", "onlyLastExecutions=true"),
        pytest.param("since:2019-09-20", "actualEndDateAfter=2019-09-20T00:00:00Z", marks=pytest.mark.slow),
    ],
)
async def test_some_executions_first_and_the_others_later(executions, query, store_url, tmp_path):
    """A choice moves what Zephyr's own filter gives; the next run without one brings the rest and says what is late."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        some, past = await history.due(move, query), await history.due(move)
        assert 0 < some.logs < past.logs
        report = await move.run(executions=executions)
        await assert_history(move, report, some)
        assert report["outcome"] == "complete"
        report = await move.run()
        found = await history.held(move)
        assert {key: sorted(logs) for key, logs in found.runs.items()} == {k: sorted(v) for k, v in past.runs.items()}
        assert {key: logs[: len(some.runs.get(key, []))] for key, logs in found.runs.items()} == {
            key: some.runs.get(key, []) for key in found.runs
        }
        late = any(past.runs[key][: len(logs)] != logs for key, logs in some.runs.items() if logs)
        assert late == any("belong before them" in note for note in report["notes"]), report["notes"]
        await assert_approved_once(move, past)


async def test_a_choice_that_is_none_is_named(store_url, tmp_path):
    """SettingsError with the forms that are known, before anything is asked of qTest."""
    async with a_move(store_url, tmp_path, cases=1) as move:
        with pytest.raises(SettingsError, match="since:DATE"):
            await move.run(executions="since:yesterday")


@pytest.mark.parametrize(
    ("end", "late"),
    [pytest.param("2030-01-01T00:00:00Z", False, marks=pytest.mark.slow), ("1999-01-01T00:00:00Z", True)],
)
async def test_an_execution_found_later_is_the_only_one_that_the_next_run_makes(end, late, store_url, tmp_path):
    """A new one comes last; one that is dated back does so too, and the report says that it belongs elsewhere."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=10) as move:
        first = await history.due(move)
        await move.run()
        run = next(key for key, logs in first.runs.items() if len(logs) > 1 and key.endswith("-"))
        cycle, case, _ = run.rsplit("/", 2)
        body = {"projectKey": "SBX", "testCaseKey": case, "testCycleKey": cycle, "statusName": "Fail"}
        await move.call("POST", "/testexecutions", {**body, "actualEndDate": end}, service="zephyr")
        past = await history.due(move)
        report = await move.run()
        row = report["kinds"]["test-log"]
        assert (row["created"], row["unchanged"]) == (1, first.logs)
        (new,) = {*past.runs[run]} - {*first.runs[run]}
        assert (await history.held(move)).runs == {**past.runs, run: [*first.runs[run], new]}
        assert any("belong before them" in note for note in report["notes"]) == late
        assert report["outcome"] == "complete"


async def test_a_planned_execution_that_is_executed_later_gets_its_log(store_url, tmp_path):
    """Its run was there; the next run makes the log and nothing else, and the one after that nothing."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        first = await history.due(move)
        await move.run()
        planned = await _unlogged(move, first)
        body = {"statusName": "Pass", "actualEndDate": "2030-01-01T00:00:00Z"}
        await move.call("PUT", f"/testexecutions/{planned}", body, service="zephyr")
        past = await history.due(move)
        assert past.logs == first.logs + 1
        report = await move.run()
        await assert_everything_once(move, report, cases=CASES, past=past)
        assert (report["kinds"]["test-log"]["created"], report["kinds"]["test-run"]["created"]) == (1, 0)
        before = writes(await move.stats())
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)
        assert writes(await move.stats()) == before


async def _unlogged(move, past):
    """The id of the first planned execution."""
    logged = {number for logs in past.runs.values() for number in logs}
    return next(row["id"] for row in await history.rows(move, "/testexecutions") if row["id"] not in logged)


async def test_cases_that_no_list_shows_are_moved_or_stand_in(store_url, tmp_path):
    """One of another project as it is there, archived and invisible ones as stubs, all in a module of their own."""
    async with a_move(store_url, tmp_path, cases=8, executions=110) as move:
        past = await history.due(move)
        report = await move.run()
        await assert_everything_once(move, report, cases=8, past=past)
        listed = {row["key"] for row in await history.rows(move, "/testcases")}
        (unlisted,) = [row for row in await move.objects("module") if row["name"] == "Not in the Zephyr list"]
        cases = {history.value(row): row for row in await move.objects("test-case")}
        apart = {key for key, row in cases.items() if row["parent_id"] == unlisted["id"]}
        assert apart == past.cases - listed
        stubs = {key for key in apart if cases[key]["name"] == f"{key} (not in Zephyr any more)"}
        assert {key.partition("-")[0] for key in stubs} == {"GONE", "SBX"}
        assert {key.partition("-")[0] for key in apart - stubs} == {"NEXT"}
        assert {row["key"] for row in report["ledger"]["first"] if row["rule"] == "stub"} == stubs
        again = await move.run()
        assert again["kinds"]["test-case"]["unchanged"] == len(past.cases)
        await assert_everything_once(move, again, cases=8, past=past)


class Misfiled(Generator):
    """The generated project; its second test case lies in a folder that no list knows."""

    def case(self, position):
        record = super().case(position)
        return msgspec.json.encode(msgspec.json.decode(record) | {"folder": {"id": 99}}) if position == 1 else record


async def test_executions_of_a_refused_case_are_refused_with_it(store_url, tmp_path):
    """Each by name, the case being the reason; all others are moved, and the account adds up."""
    async with Sandbox(Misfiled(CASES, executions=EXECUTIONS, seed=1), seed=1) as sandbox:
        move = Move(sandbox, store_url, 0.3)
        await move.propose(tmp_path)
        past = await history.due(move)
        report = await move.run(limits={**FAST, "tries": 2})
        lost = [key for key in past.runs if "/SBX-T2/" in key]
        kept = {key: logs for key, logs in past.runs.items() if key not in lost}
        assert (await history.held(move)).runs == kept
        refused = {row["key"]: row["words"] for row in report["ledger"]["first"] if row["rule"] == "refused"}
        executions = {str(number) for key in lost for number in past.runs[key]}
        assert executions <= set(refused)
        assert {refused[key].partition(":")[0] for key in executions} == {"parent"}
        assert report["kinds"]["test-log"]["refused"] == len(executions)
        assert (report["outcome"], report["ledger"]["unexplained"]) == ("degraded", 0)


async def test_executions_that_cannot_be_moved_are_named_and_the_rest_goes_on(store_url, tmp_path):
    """A status that no list knows, steps that stay away, no date, no key: each has its row in the ledger."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, faulty=4) as move:
        past = await history.due(move)
        report = await move.run(limits={**FAST, "tries": 2})
        words = {row["key"]: row["words"] for row in report["ledger"]["first"] if row["rule"] == "refused"}
        named = {key: reason for key, reason in words.items() if key.isdigit()}
        assert len(named) == 4, words
        faults = ("testExecutionStatus", "500", "actualEndDate", "testCase")
        for (key, reason), word in zip(sorted(named.items()), faults, strict=True):
            assert word in reason, (key, reason)
        assert report["kinds"]["test-log"]["refused"] == 4
        assert report["kinds"]["test-log"]["created"] == past.logs - 3  # the one without a key is not in `past`
        assert (report["outcome"], report["ledger"]["unexplained"]) == ("degraded", 0)


async def test_an_approval_without_an_answer_is_not_repeated(store_url, tmp_path):
    """Whether it was applied is read from the version: 1.0, never 2.0 nor a draft (protocol rule 13)."""
    losing = Profile.of({"qtest": {"lost_reply_rate": 0.25, "error_rate": 0.25}})
    async with a_move(store_url, tmp_path, cases=CASES, executions=20) as move:
        past = await history.due(move)
        weather, approvals = move.sandbox._profile, []

        def turn(attempt):
            """Replies are lost while test cases are approved."""
            approvals.append(attempt.call.label.endswith("/approve"))
            if approvals[-1] and sum(approvals) == 2:  # the first is the probe's
                weather.replace(losing)
            elif weather.current is losing and attempt.call.label.endswith("/test-cycles"):
                weather.replace(Profile())

        limits = {**FAST, "in_flight": 2, "tries": 30}
        async with Engine(move.settings(limits=limits), on_attempt=turn) as engine:
            report = await engine.run()
        await assert_everything_once(move, report, cases=CASES, past=past)
        calls = (await move.stats())["calls"]
        assert [call for call in calls if call["path"].endswith("/approve") and call["status"] == 0]
        await assert_approved_once(move, past)
