"""Manual test logs: `…/test-runs/{testRunId}/test-logs` (facts.md 3.10). There is no DELETE (facts.md 8)."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest import clock, keys, property_input, run_versions
from ztoq_async.sandbox.qtest.answers import Refusal, body_of, not_found, page_of, paged, part, reply
from ztoq_async.sandbox.qtest.case_input import no_files
from ztoq_async.sandbox.qtest.echo import echo
from ztoq_async.sandbox.qtest.log_rows import EXPANDS, log_row
from ztoq_async.sandbox.qtest.log_steps import (
    StatusInput,
    StepLogInput,
    changed_step_logs,
    no_defects,
    step_logs,
    usable,
)
from ztoq_async.sandbox.qtest.log_store import Log
from ztoq_async.sandbox.qtest.projects import PAGE, PAGE_CAP
from ztoq_async.sandbox.qtest.state import STATE
from ztoq_async.sandbox.qtest.test_runs import KIND, RUN, find_run
from ztoq_async.sandbox.qtest.values import PropertyInput

PATH = RUN + "/test-logs"
LOG = PATH + "/{id}"
_WHOLE_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)")
routes = web.RouteTableDef()


class LogInput(msgspec.Struct, forbid_unknown_fields=True):
    """What a submitted and a changed log have in common; what a site derives is taken and ignored."""

    exe_start_date: str | None = None
    exe_end_date: str | None = None
    status: StatusInput | None = None
    test_case_version_id: int | None = None
    note: str | None = None
    test_step_logs: list[StepLogInput] | None = None
    properties: list[PropertyInput] | None = None
    planned_exe_time: Annotated[int, msgspec.Meta(ge=0, le=9_999_999)] | None = None
    actual_exe_time: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    build_number: str | None = None
    build_url: str | None = None
    attachments: list[Any] | None = None
    defects: list[Any] | None = None
    id: Any = None
    links: Any = None
    name: Any = None
    result_number: Any = None


class SubmittedLog(LogInput, forbid_unknown_fields=True):
    """ManualTestLogResource."""

    submittedBy: Any = None  # noqa: N815 - the vendor's spelling


class ChangedLog(LogInput, forbid_unknown_fields=True):
    """TestLogResource."""

    test_run_id: Any = None
    test_case: Any = None
    user_id: Any = None
    tester_id: Any = None
    automation: Any = None


_submitted = msgspec.json.Decoder(SubmittedLog)
_changed = msgspec.json.Decoder(ChangedLog)


def _instant(name: str, text: str) -> int:
    """Seconds since 1970 of a date with a zone and without fractions (facts.md 3.10)."""
    when = clock.parse(text) if _WHOLE_SECONDS.fullmatch(text) else None
    if when is None:
        raise Refusal(400, f"{name} must look like 2024-05-01T10:00:00Z.")
    return int(when)


@routes.post(PATH)
async def submit(request: web.Request) -> web.Response:
    """Answers 201; the caller is the tester. A log may be about another version than its run."""
    state, given = request.app[STATE], await body_of(request, _submitted)
    run, logs = find_run(request), state.execution.logs
    if given.exe_start_date is None or given.exe_end_date is None or given.status is None:
        raise Refusal(400, "Fields exe_start_date, exe_end_date and status are required.")
    start, end = _instant("exe_start_date", given.exe_start_date), _instant("exe_end_date", given.exe_end_date)
    _refuse(given, start, end)
    status, case = usable(state, given.status), state.cases.find(run.case_id)
    version = run_versions.for_log(state, case, given.test_case_version_id, run.version_id)
    values = property_input.checked(state, KIND, given.properties)
    steps, note = step_logs(state, version.content, given.test_step_logs or []), given.note or ""
    log = Log(
        logs.next_id(), run.id, len(logs.ids(run.id)) + 1, version.id, status, start, end, state.now(), state.caller,
        keys.last_marker(note), echo(state.dialect.echo, note), given.build_number, given.build_url,
        given.planned_exe_time, given.actual_exe_time, values, steps,
    )  # fmt: skip
    logs.add(log)
    return reply(log_row(state, log), 201)


def _refuse(given: LogInput, start: int, end: int) -> None:
    no_files(given.attachments)
    no_defects(given.defects)
    if end < start:
        raise Refusal(400, "exe_end_date must not be before exe_start_date.")


@routes.get(PATH)
async def listing(request: web.Request) -> web.Response:
    """A paged object in the order of submission."""
    state, run = request.app[STATE], find_run(request)
    page, size = page_of(request, "pageSize", PAGE, PAGE_CAP, state.dialect.page_cap)
    logs, steps = state.execution.logs, state.dialect.log_steps_in_lists
    answer = paged(state.visible(logs, logs.ids(run.id), state.dialect.list_lag_s), page, size)
    answer["items"] = [log_row(state, logs.get(identity), steps=steps) for identity in answer["items"]]
    return reply(answer)


@routes.get(PATH + "/last-run")
async def latest(request: web.Request) -> web.Response:
    """The log that was submitted last; 404 where there is none."""
    state, run, expand = request.app[STATE], find_run(request), request.query.get("expand", "")
    if expand not in EXPANDS:
        raise Refusal(400, "Parameter expand must be testcase or teststeplog.teststep.")
    log = state.execution.logs.latest(run.id)
    if log is None:
        raise not_found("Test log of test run", run.id)
    return reply(log_row(state, log, expand=expand))


def _find(request: web.Request) -> Log:
    run, identity = find_run(request), part(request, "id")
    log = request.app[STATE].execution.logs.find(identity)
    if log is None or log.run_id != run.id:
        raise not_found("Test log", identity)
    return log


@routes.get(LOG)
async def single(request: web.Request) -> web.Response:
    return reply(log_row(request.app[STATE], _find(request)))


@routes.put(LOG)
async def change(request: web.Request) -> web.Response:
    """What is not given stays; version, build, steps and their texts cannot be changed (facts.md 8)."""
    state, given = request.app[STATE], await body_of(request, _changed)
    log = _find(request)
    if given.test_case_version_id not in (None, log.version_id):
        raise Refusal(400, "The version of a test log cannot be changed.")
    start = _instant("exe_start_date", given.exe_start_date) if given.exe_start_date else log.start
    end = _instant("exe_end_date", given.exe_end_date) if given.exe_end_date else log.end
    _refuse(given, start, end)
    log.status = usable(state, given.status) if given.status else log.status
    log.start, log.end, key = start, end, log.key
    log.values |= property_input.checked(state, KIND, given.properties)
    log.steps = changed_step_logs(state, log.steps, given.test_step_logs or [])
    log.planned = log.planned if given.planned_exe_time is None else given.planned_exe_time
    if given.note is not None:
        log.note, key = echo(state.dialect.echo, given.note), keys.last_marker(given.note)
    state.execution.logs.change(log, key)
    return reply(log_row(state, log))
