"""The probe: before the first write of a project, a module, a case and a call are made, read back and deleted.

What it finds decides how steps are written and how modules are read. Its objects carry a marker of their own: what a
killed probe left behind is found by it and deleted by the next one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from ztoq_async.errors import NotFound, Refused
from ztoq_async.lanes.probe_runs import delete_runs, make_cycle, probe_runs
from ztoq_async.lanes.probing import BREATH_S, NAME, PROBE, TRIES, delete_each, required, rows_of, settled
from ztoq_async.lanes.run import Run
from ztoq_async.mapping.context import CASES, Findings
from ztoq_async.mapping.keys import key_in, marker
from ztoq_async.mapping.test_case import own_steps
from ztoq_async.qtest import paths
from ztoq_async.qtest.records import Module, TestCase

CALLS, CALLS_FOR_RUNS = 23, 14
"""Calls of a probe, and what runs add with an approval: where an earlier one left nothing and each is answered."""

STEP = {"description": "<p>one &amp; two</p>", "expected": "<ul><li>three</li></ul>", "order": 1}


async def probe(run: Run) -> Findings:
    """What this project does; leaves nothing behind that it may delete."""
    project = run.context.target.project_id
    await delete_runs(run)
    await _clean(run, project)
    top = await _make_module(run, project, None, "top")
    below = await _make_module(run, project, top, "below")
    called = await _make_case(run, project, below, "called", [STEP])
    call_step = {"description": "", "expected": "", "order": 2, "called_test_case_id": called}
    await _make_case(run, project, below, "caller", [STEP, call_step])
    empty = await _accepts_empty(run, project, below)
    findings = Findings(
        called_steps=await _called_steps(run, project, below, called),
        empty_steps=empty,
        tree_descriptions=await _tree_descriptions(run, project),
    )
    cycles: list[int] = []
    if run.context.source.seen_executions.number:
        cycles.append(await make_cycle(run))
        findings = await probe_runs(run, cycles[0], called, findings)
    await delete_runs(run, cycles)
    await _clean(run, project, [top])
    return findings


async def _make_module(run: Run, project: int, parent: int | None, key: str) -> int:
    body = {"name": NAME, "description": marker(PROBE, key)}
    call = paths.create_module(project, parent, body)
    found = await settled(
        run, call, paths.modules(project, parent), lambda row: key_in(row.get("description"), PROBE) == key
    )
    return int(found["id"])


async def _make_case(run: Run, project: int, module: int, name: str, steps: list[dict[str, Any]]) -> int:
    body = {"name": name, "parent_id": module, "properties": required(run.context, CASES), "test_steps": steps}
    call = paths.create_test_case(project, body)
    found = await settled(run, call, paths.test_cases(project, module), lambda row: row.get("name") == name)
    return int(found["id"])


async def _accepts_empty(run: Run, project: int, module: int) -> bool:
    """Whether a step without a text is kept; a site may refuse it, or drop it."""
    steps = [STEP, {"description": "", "expected": "", "order": 2}]
    try:
        made = await _make_case(run, project, module, "empty step", steps)
    except Refused:
        return False
    case = await run.qtest.get(paths.test_case(project, made), TestCase)
    return case.test_steps is None or len(own_steps(case.test_steps)) == len(steps)


async def _called_steps(run: Run, project: int, module: int, called: int) -> str:
    """`id`: the call is shown as one row; `expanded`: with the called rows below it; `ignored`: it is a plain step."""
    async for page in run.qtest.pages(paths.test_cases(project, module)):
        for case in (msgspec.json.decode(row, type=TestCase) for row in page):
            rows = case.test_steps or []
            if any(row.called_test_case_id == called and row.parent_test_step_id is None for row in rows):
                return "expanded" if any(row.parent_test_step_id is not None for row in rows) else "id"
    return "ignored"


async def _tree_descriptions(run: Run, project: int) -> bool:
    """Whether nested rows of the module tree have descriptions: only there are the keys of modules."""
    async for page in run.qtest.pages(paths.module_tree(project)):
        for top in (msgspec.json.decode(row, type=Module) for row in page):
            if key_in(top.description, PROBE):
                return any(key_in(child.description, PROBE) for child in top.children or ())
    return False


async def _clean(run: Run, project: int, made: Collection[int] = ()) -> None:
    """Deletes every probe's modules with all below them; what may not be deleted stays, under a name that says so.

    A list may not show yet what was just made, and a proxy may answer for the service: so it looks again.
    """
    left, words = set(made), ""
    for _ in range(TRIES):
        async for page in run.qtest.pages(paths.modules(project, None)):
            rows = (msgspec.json.decode(row, type=Module) for row in page)
            left |= {row.id for row in rows if key_in(row.description, PROBE)}
        if not left:
            return
        for module in sorted(left):
            words = await _delete(run, project, module)
            left -= set() if words else {module}
        if words:
            await run.sleep(BREATH_S)
    run.note(f"the probe could not delete what it made: {words or 'it is still there'}")


async def _delete(run: Run, project: int, module: int) -> str:
    """Deletes a module, children first; "" or why it is still there. An earlier attempt may have done so, unheard."""
    try:
        return await _delete_all(run, project, module)
    except NotFound:
        return ""


async def _delete_all(run: Run, project: int, module: int) -> str:
    async for page in run.qtest.pages(paths.modules(project, module)):
        for row in page:
            await _delete(run, project, msgspec.json.decode(row, type=Module).id)
    cases = [row["id"] async for row in rows_of(run, paths.test_cases(project, module))]
    calls = [paths.delete_test_case(project, case) for case in reversed(cases)]
    return await delete_each(run, [*calls, paths.delete_module(project, module)])
