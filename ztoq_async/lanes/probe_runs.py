"""The part of the probe that is about runs: whether drafts can be run, what approving does to a test case, a log."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import msgspec

from ztoq_async.errors import NotFound, OutcomeUnknown, Refused
from ztoq_async.lanes.probing import BREATH_S, NAME, PROBE, TRIES, delete_each, required, rows_of, settled
from ztoq_async.lanes.run import Run
from ztoq_async.mapping import values
from ztoq_async.mapping.context import RUNS, SUITES, Findings
from ztoq_async.mapping.keys import key_in, marker
from ztoq_async.mapping.test_case import is_whole
from ztoq_async.qtest import paths
from ztoq_async.qtest.records import TestCase, TestCycle
from ztoq_async.resources.calls import Call

_THEN = datetime(2020, 2, 29, 12, 0, 0, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def probe_runs(run: Run, cycle: int, case_id: int, findings: Findings) -> Findings:
    """Runs one version of a test case and logs a result; approves it first where drafts cannot be run."""
    suite = await _make_suite(run, cycle)
    draft = await _case(run, case_id)
    try:
        made = await _make_run(run, suite, draft, "draft")
        drafts_run, approved_status = True, ""
    except Refused:
        drafts_run = False
        approved = await _approved(run, case_id)
        approved_status = _new_status(run, draft, approved)
        made = await _make_run(run, suite, approved, "approved")
    await _make_log(run, made)
    return msgspec.structs.replace(findings, drafts_run=drafts_run, approved_status=approved_status, runs_probed=True)


async def make_cycle(run: Run) -> int:
    """A test cycle with the probe's marker."""
    project = run.context.target.project_id
    body: dict[str, Any] = {"name": NAME, "description": marker(PROBE, "cycle")}
    call = paths.create_test_cycle(project, None, body)
    found = await settled(run, call, paths.test_cycles(project, None), lambda row: _is_ours(row.get("description")))
    return int(found["id"])


async def _make_suite(run: Run, cycle: int) -> int:
    project, context = run.context.target.project_id, run.context
    call = paths.create_test_suite(project, cycle, {"name": NAME, "properties": required(context, SUITES)})
    return int((await settled(run, call, paths.test_suites(project, cycle), lambda row: True))["id"])


def _is_ours(description: str | None) -> bool:
    return key_in(description, PROBE) is not None


async def _make_run(run: Run, suite: int, case: TestCase, name: str) -> int:
    project, context = run.context.target.project_id, run.context
    body = {
        "name": name,
        "test_case": {"id": case.id},
        "test_case_version_id": case.test_case_version_id,
        "properties": required(context, RUNS),
    }
    call = paths.create_test_run(project, suite, body)
    return int((await settled(run, call, paths.test_runs(project, suite), lambda row: True))["id"])


async def _make_log(run: Run, made: int) -> None:
    project = run.context.target.project_id
    status = next(iter(run.context.target.statuses.values()))
    body = {"exe_start_date": _THEN, "exe_end_date": _THEN, "status": {"id": status.id}, "note": f"<p>{NAME}</p>"}
    await settled(run, paths.create_test_log(project, made, body), paths.test_logs(project, made), lambda row: True)


async def _case(run: Run, case_id: int) -> TestCase:
    found: TestCase = await run.qtest.get(paths.test_case(run.context.target.project_id, case_id), TestCase)
    return found


async def _approved(run: Run, case_id: int) -> TestCase:
    """The test case with a whole version. What became of an approval without an answer is read, not repeated."""
    for _ in range(TRIES):
        try:
            await run.qtest.send(paths.approve(run.context.target.project_id, case_id))
        except OutcomeUnknown:
            await run.sleep(run.settings.qtest.settle_s)
        case = await _case(run, case_id)
        if is_whole(case.version):
            return case
    raise Refused(f"qTest did not approve the test case of the probe in {TRIES} attempts", service="qtest", status=0)


def _new_status(run: Run, before: TestCase, after: TestCase) -> str:
    """The value of Status that approving wrote, "" if it left it."""
    field = run.context.target.system("status")
    shown = [
        values.from_property(item, field)
        for case in (before, after)
        for item in case.properties or ()
        if field is not None and item.field_id == field.id
    ]
    return shown[1][0] if len(shown) == 2 and shown[0] != shown[1] and shown[1] else ""


async def delete_runs(run: Run, made: Collection[int] = ()) -> None:
    """Deletes every probe's test cycle with all below it; a log goes with its run. Lists may not show them yet."""
    project, words, left = run.context.target.project_id, "", set(made)
    for _ in range(TRIES):
        async for page in run.qtest.pages(paths.test_cycles(project, None)):
            rows = (msgspec.json.decode(item, type=TestCycle) for item in page)
            left |= {row.id for row in rows if _is_ours(row.description)}
        if not left:
            return
        for cycle in sorted(left):
            words = await _delete_cycle(run, project, cycle)
            left -= set() if words else {cycle}
        if words:
            await run.sleep(BREATH_S)
    run.note(f"the probe could not delete the test cycle that it made: {words or 'it is still there'}")


async def _delete_cycle(run: Run, project: int, cycle: int) -> str:
    """Deletes a test cycle; "" or why it is still there. An earlier attempt may have done so, unheard."""
    try:
        return await _delete_all(run, project, cycle)
    except NotFound:
        return ""


async def _delete_all(run: Run, project: int, cycle: int) -> str:
    calls: list[Call] = []
    async for suite in rows_of(run, paths.test_suites(project, cycle)):
        runs = [row["id"] async for row in rows_of(run, paths.test_runs(project, suite["id"]))]
        calls += [paths.delete_test_run(project, made) for made in runs]
        calls.append(paths.delete_test_suite(project, suite["id"]))
    return await delete_each(run, [*calls, paths.delete_test_cycle(project, cycle)])
