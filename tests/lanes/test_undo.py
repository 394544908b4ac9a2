"""`undo` (rule 19): what was made goes, children first; a dry run says so before; then a run makes everything anew."""

import asyncio

import history
import pytest
from moving import a_move, assert_approved_once, assert_everything_once, writes
from taking_back import JOURNAL, assert_as_said, counts, numbers, sql, there

from ztoq_async.engine import Engine
from ztoq_async.errors import SettingsError
from ztoq_async.zephyr.client import ZephyrClient

CASES, EXECUTIONS = 12, 44


async def test_everything_that_was_made_goes_as_the_dry_run_said(store_url, tmp_path):
    """The dry run writes nothing; the real one does what it said, a second finds nothing, a run begins anew."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        made, calls, journal = await there(move), writes(await move.stats()), await sql(store_url, JOURNAL)
        forecast = await move.undo(dry_run=True)
        assert forecast["outcome"] == "complete", forecast["spared"][:3]
        assert (writes(await move.stats()), await sql(store_url, JOURNAL)) == (calls, journal)
        report = await move.undo()
        assert_as_said(forecast, report)
        assert counts(report, "deleted") == numbers(made)
        assert numbers(await there(move)) == {}
        assert report["calls"]["deletes"] == sum(numbers(made).values()) - len(made["test-log"])
        assert any("fields of test-cases that were made stay" in note for note in report["notes"])
        second = await move.undo()
        assert (second["outcome"], counts(second, "deleted"), counts(second, "spared")) == ("complete", {}, {})
        assert counts(second, "gone") == numbers(made)
        assert second["calls"]["deletes"] == 0
        report = await move.run()
        await assert_everything_once(move, report, cases=CASES, past=past)
        await assert_approved_once(move, past)
        assert report["kinds"]["test-log"]["created"] == past.logs
        assert report["kinds"]["field"]["created"] == 0


async def test_fields_go_where_that_is_asked_for(store_url, tmp_path):
    """With `fields` the project is as it was before; a run makes the fields anew."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        fields = await move.objects("field")
        forecast, report = await move.undo(dry_run=True, fields=True), await move.undo(fields=True)
        assert_as_said(forecast, report)
        assert counts(report, "deleted")["field"] == len(fields) > 0
        assert (numbers(await there(move)), await move.objects("field")) == ({}, [])
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)


async def test_a_field_of_which_nothing_can_be_built_any_more_is_spared(store_url, tmp_path):
    """The mapping has changed since the run: its fields would have another type, and so another label."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        mapping = tmp_path / "mapping.toml"
        mapping.write_text(mapping.read_text().replace('"Risk factor" = "number"', '"Risk factor" = "text"'))
        report = await move.undo(fields=True)
        left = await move.objects("field")
        assert [row["label"] for row in left] == ["Risk factor"]
        assert [row["id"] for row in report["spared"]] == [left[0]["id"]], report["spared"]
        assert numbers(await there(move)) == {}


@pytest.mark.slow
async def test_what_every_run_has_made_goes(store_url, tmp_path):
    """Also what the last run did not read: it chose newer executions, and saw no environment."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        fields = {"projectKey": move.sandbox.zephyr.project, "name": "added later"}
        await move.call("POST", "/testcases", fields, service="zephyr")
        await move.run(executions="since:2199-01-01")
        assert len((await there(move))["test-case"]) == len(past.cases) + 1
        forecast, report = await move.undo(dry_run=True), await move.undo()
        assert_as_said(forecast, report)
        assert (report["outcome"], numbers(await there(move))) == ("complete", {}), report["spared"][:3]
        await assert_everything_once(move, await move.run(), cases=CASES + 1, past=await history.due(move))


@pytest.mark.slow
async def test_what_only_zephyr_has_changed_goes(store_url, tmp_path):
    """A run has read the change and ended before it made it: qTest shows what it did when it was last found equal."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        number = next(logs[0] for logs in past.runs.values() if logs)
        await move.call("PUT", f"/testexecutions/{number}", {"comment": "said later"}, service="zephyr")
        async with Engine(move.settings(), on_attempt=lambda attempt: watch(attempt)) as engine:

            def watch(attempt):
                if attempt.call.path.endswith("/teststeps"):  # all lists are read by then
                    engine.stop()

            assert (await engine.run())["outcome"] == "interrupted"
        read = "SELECT 1 FROM archive WHERE convert_from(record, 'UTF8') LIKE '%said later%'"
        assert await sql(store_url, read)
        report = await move.undo()
        assert (report["outcome"], numbers(await there(move))) == ("complete", {}), report["spared"]
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)


async def test_where_nothing_was_moved_there_is_nothing_to_undo(store_url, tmp_path):
    """SettingsError, as of `verify`: it may be another store that is meant."""
    async with a_move(store_url, tmp_path, cases=1) as move:
        with pytest.raises(SettingsError, match="nothing was moved"):
            await move.undo()


async def test_what_was_planned_before_its_parent_goes_with_it(store_url, tmp_path, monkeypatch):
    """Approvals are planned while scripts are still read, so before their test cases: undo finds them all the same."""
    script = ZephyrClient.get_script

    async def slow(self, *asked):
        await asyncio.sleep(1)
        return await script(self, *asked)

    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        with monkeypatch.context() as patched:
            patched.setattr(ZephyrClient, "get_script", slow)
            await move.run()
        lacking = (
            "SELECT key FROM journal a WHERE kind = 'approval' AND NOT EXISTS (SELECT 1 FROM journal_edge e "
            "JOIN journal p ON p.id = e.parent WHERE e.child = a.id AND p.kind = 'test-case')"
        )
        assert await sql(store_url, lacking)
        assert (await move.undo())["outcome"] == "complete"
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)
        await assert_approved_once(move, past)
