"""A source that changes after a full move: the next run makes only the changes, and each of them."""

import history
import pytest
from moving import FAST, a_move, assert_everything_once, writes
from zephyr_user import ZephyrUser

from ztoq_async.engine import Engine

CASES, EXECUTIONS = 12, 44
CASE = "PUT /test-cases/{testCaseId}"
APPROVAL = f"{CASE}/approve"
RUN = "PUT /test-runs/{testRunId}"
LOG = "PUT /test-runs/{testRunId}/test-logs/{id}"
NEW_LOG = "POST /test-runs/{testRunId}/test-logs"


async def delta(move, **tables):
    """The next run, and the calls by which it changed something, without their common beginning."""
    before = writes(await move.stats())
    report = await move.run(**tables)
    calls = writes(await move.stats()) - before
    return report, {name.replace("/api/v3/projects/{projectId}", ""): n for name, n in calls.items()}


async def assert_settled(move, report):
    """Everything is as Zephyr shows it, and one more run has nothing to do."""
    past = await history.due(move)
    await assert_everything_once(move, report, cases=CASES, past=past)
    again, calls = await delta(move)
    assert calls == {}
    await assert_everything_once(move, again, cases=CASES, past=past)


async def executed(move, user):
    """Listed test cases with steps of their own and at least one log, in order of keys."""
    past = await history.due(move)
    logged = {key.rsplit("/", 2)[1] for key, logs in past.runs.items() if logs}
    return [key for key in await user.stepwise() if key in logged]


def runs_of(past, case):
    return [key for key in past.runs if key.rsplit("/", 2)[1] == case]


async def test_a_run_without_changes_writes_nothing(store_url, tmp_path):
    """Everything is unchanged and verified; not one call changes anything."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        report, calls = await delta(move)
        assert calls == {}
        await assert_everything_once(move, report, cases=CASES, past=await history.due(move))
        assert {kind: row["updated"] for kind, row in report["kinds"].items() if row["updated"]} == {}


async def test_an_edited_case_is_changed_and_no_other(store_url, tmp_path):
    """A text and a cleared field: one PUT, and an approval since it has runs; the report says `updated`."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        user = ZephyrUser(move)
        key = (await executed(move, user))[0]
        await user.edit_case(key, objective="<p>another <b>objective</b></p>", labels=[], estimatedTime=77)
        report, calls = await delta(move)
        assert calls == {CASE: 1, APPROVAL: 1}
        row = report["kinds"]["test-case"]
        assert (row["updated"], row["unchanged"]) == (1, row["read"] - 1)
        assert (await history.versions(move))[key] == "2.0"
        await assert_settled(move, report)


@pytest.mark.parametrize(
    "dialect",
    [
        pytest.param({}, marks=pytest.mark.slow),
        {"step_ids_after_approve": "new"},
        pytest.param({"draft_runs": "allow"}, marks=pytest.mark.slow),
    ],
)
async def test_results_stay_with_the_steps_that_they_were_of(dialect, store_url, tmp_path):
    """Steps are edited, removed and added after they were executed: old logs stay, new ones name the new steps."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, qtest=dialect) as move:
        await move.run()
        user = ZephyrUser(move)
        first, second = (await executed(move, user))[:2]
        steps = (await user.call("GET", f"/testcases/{first}/teststeps?maxResults=1000"))["values"]
        texts = [step["inline"]["description"] for step in steps]
        await user.write_steps(first, "entirely new", *texts[1:], "added at the end")
        await user.write_steps(second, "only this one")
        cycle = next(iter(await history.rows(move, "/testcycles")))["key"]
        for key in (first, second):
            await user.execute(key, cycle, end="2031-05-01T10:00:00Z")
        report, calls = await delta(move)
        approvals = {} if dialect.get("draft_runs") else {APPROVAL: 2}
        made = {name: calls.pop(name) for name in (NEW_LOG, "POST /test-runs") if name in calls}
        assert calls == {CASE: 2, **approvals}
        assert made[NEW_LOG] == 2
        await assert_settled(move, report)
        for key in (first, second):
            await user.write_steps(key, "a third form")
        report, calls = await delta(move)
        assert calls == {CASE: 2, **approvals}
        await assert_settled(move, report)


@pytest.mark.slow
async def test_a_renamed_case_renames_its_runs(store_url, tmp_path):
    """One PUT for the case and one for each of its runs."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        user, past = ZephyrUser(move), await history.due(move)
        key = (await executed(move, user))[0]
        await user.edit_case(key, name="another name")
        report, calls = await delta(move)
        assert calls == {CASE: 1, APPROVAL: 1, RUN: len(runs_of(past, key))}
        assert report["kinds"]["test-run"]["updated"] == len(runs_of(past, key))
        await assert_settled(move, report)


@pytest.mark.slow
async def test_a_moved_case_moves(store_url, tmp_path):
    """Into a folder that is there, and into one that is new: a PUT each."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        user, project = ZephyrUser(move), move.sandbox.zephyr.project
        folder = {"name": "a new folder", "projectKey": project, "folderType": "TEST_CASE"}
        new = (await user.call("POST", "/folders", folder))["id"]
        rows = list((await user.cases()).values())
        old = next(row["folder"]["id"] for row in rows[2:] if row["folder"])
        moved = [row["key"] for row in rows if row["folder"] and row["folder"]["id"] != old][:2]
        for key, identity in zip(moved, (old, new), strict=True):
            await user.edit_case(key, folder={"id": identity})
        report, calls = await delta(move)
        assert calls == {CASE: 2, "POST /modules": 1}
        await assert_everything_once(move, report, cases=CASES)
        assert (await delta(move))[1] == {}


@pytest.mark.slow
async def test_a_choice_that_cannot_be_cleared_holds_up_nothing_else(store_url, tmp_path):
    """All else of the record is changed and approved, the field is named; the next run sends nothing for it."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        user = ZephyrUser(move)
        past = history.run_cases(await history.due(move))
        rows = await user.cases()
        key = next(key for key, row in rows.items() if key in past and row["customFields"]["Regulated"])
        await user.edit_case(
            key, objective="<p>other</p>", customFields=rows[key]["customFields"] | {"Regulated": None}
        )
        report, calls = await delta(move)
        assert calls == {CASE: 1, APPROVAL: 1}
        assert [row["fields"] for row in report["differences"]] == [["Regulated"]]
        assert any(key in note and "cannot clear" in note for note in report["notes"])
        assert (report["outcome"], report["kinds"]["test-case"]["updated"]) == ("degraded", 1)
        report, calls = await delta(move)
        assert (calls, report["conflicts"]) == ({}, [])


async def test_the_last_value_of_an_attribute_is_cleared_too(store_url, tmp_path):
    """No record has labels or an estimated time any more: qTest has none either."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        user = ZephyrUser(move)
        key, *others = sorted(await user.cases())
        for other in others:
            await user.edit_case(other, labels=[], estimatedTime=None)
        await user.edit_case(key, labels=["one"], estimatedTime=5)
        await move.run()
        await user.edit_case(key, labels=[], estimatedTime=None)
        report, calls = await delta(move)
        assert (calls, report["outcome"]) == ({CASE: 1}, "complete")
        case = next(row for row in await move.objects("test-case") if history.value(row) == key)
        assert history.value(case, "Zephyr Estimated Time (ms)") == ""
        assert history.value(case, "Zephyr Labels") in ("", "[]")
        assert (await delta(move))[1] == {}


@pytest.mark.slow
async def test_changes_one_after_another_are_no_conflict_where_lists_show_less(store_url, tmp_path):
    """What our own change left is known again, though the list of runs leaves out what its answer showed."""
    dialect = {"run_names_in_lists": False, "required_run_field": "Squad"}
    async with a_move(store_url, tmp_path, cases=CASES, executions=4, qtest=dialect) as move:
        file, text = move.mapping["file"], move.mapping["file"].read_text()
        runs = len((await history.due(move)).runs)
        for squad in ("QA", "QB", "QC"):
            file.write_text(f'{text}\n[required_runs]\n"Squad" = "{squad}"\n')
            report, calls = await delta(move)
            assert (report["outcome"], report["conflicts"]) == ("complete", [])
            assert squad == "QA" or calls == {RUN: runs}


@pytest.mark.slow
async def test_a_run_that_is_asked_to_stop_sends_no_more_changes(store_url, tmp_path):
    """Only those that are on their way, twice `in_flight` at most; the next run makes the others and no more."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        user = ZephyrUser(move)
        for key in await user.cases():
            await user.edit_case(key, objective="<p>other words</p>")
        slow = {**FAST, "in_flight": 2}
        before = writes(await move.stats())

        def stop(attempt):
            if attempt.call.method == "PUT":
                engine.stop()

        async with Engine(move.settings(limits=slow), on_attempt=stop) as engine:
            assert (await engine.run())["outcome"] == "interrupted"
        first = sum((writes(await move.stats()) - before).values())
        assert 1 <= first <= 4
        report, calls = await delta(move)
        assert (report["outcome"], calls) == ("complete", {CASE: CASES - first})


async def test_what_happens_to_executions_arrives(store_url, tmp_path):
    """A comment and a status edited: a PUT each; one more run of a case, and one back-dated: a log each."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        user, past = ZephyrUser(move), await history.due(move)
        run = next(key for key, logs in past.runs.items() if len(logs) > 2 and not key.startswith("SBX/"))
        cycle, case, _ = run.split("/")
        edited, other = past.runs[run][:2]
        await user.edit_execution(edited, comment="<p>looked at again</p>")
        await user.edit_execution(other, statusName="Blocked")
        await user.execute(case, cycle, end="2031-05-01T10:00:00Z")
        await user.execute(case, cycle, end="2001-05-01T10:00:00Z")
        report, calls = await delta(move)
        assert calls.pop("POST /test-runs", 0) <= 1
        assert calls == {LOG: 2, NEW_LOG: 2}
        row = report["kinds"]["test-log"]
        assert (row["updated"], row["created"], row["verified"]) == (2, 2, row["read"])
        assert report["outcome"] == "complete", report["differences"]
        assert (await delta(move))[1] == {}


@pytest.mark.slow
async def test_an_edited_cycle_is_changed(store_url, tmp_path):
    """Name, description and dates of a test cycle: one PUT of its suite."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run()
        user = ZephyrUser(move)
        row = (await history.rows(move, "/testcycles"))[1]
        kept = ("id", "key", "project", "status", "folder", "owner", "customFields", "jiraProjectVersion")
        changed = {"name": "renamed", "description": "<p>other</p>", "plannedStartDate": "2030-01-02T00:00:00Z"}
        await user.call("PUT", f"/testcycles/{row['key']}", {name: row[name] for name in kept} | changed)
        report, calls = await delta(move)
        assert calls == {"PUT /test-suites/{testSuiteId}": 1}
        assert report["kinds"]["test-suite"]["updated"] == 1
        await assert_settled(move, report)


async def test_a_changed_rule_of_the_mapping_changes_what_it_speaks_of(store_url, tmp_path):
    """The same source under another rule: what it maps is changed, though nobody has edited a record."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        file = move.mapping["file"]
        text = file.read_text()
        file.write_text(text.replace('root_module = "SBX"', 'root_module = "Another name"'))
        report, calls = await delta(move)
        assert calls == {"PUT /modules/{moduleId}": 1}
        await assert_everything_once(move, report, cases=CASES)
        assert (await delta(move))[1] == {}
