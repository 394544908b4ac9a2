"""Histories that go on: between two runs Zephyr and qTest are worked in, and what was moved stays what it was."""

import itertools

import history
import msgspec
import pytest
from moving import a_move, made

from ztoq_async.sandbox.source import UnreadableError
from ztoq_async.sandbox.zephyr import test_cases as case_lists
from ztoq_async.sandbox.zephyr.answers import ApiError
from ztoq_async.sandbox.zephyr.execution_store import ExecutionStore
from ztoq_async.sandbox.zephyr.state import ZephyrState

CASES, EXECUTIONS = 12, 44
LATER = itertools.count(1)


def zephyr(move):
    """What the Zephyr side holds, to be changed as its users change it."""
    return move.sandbox._zephyr_state


def plain_run(past, move):
    """The key of a run, without environment, of a listed test case whose steps call no other."""
    state = zephyr(move)
    for key, logs in sorted(past.runs.items()):
        cycle, case, environment = key.rsplit("/", 2)
        position = state.source.position(case)
        if not logs or environment != "-" or "-R" not in cycle or position is None or not case.startswith("SBX"):
            continue
        steps = [] if state.script(position) else msgspec.json.decode(state.steps(position))
        texts = [step["inline"]["description"] for step in steps if step.get("inline")]
        if len(texts) == len(steps) > 1 and len(set(texts)) == len(texts):
            return key
    raise AssertionError("the generator has no such run")


async def execute(move, run, *, end="", status="Fail", results=()):
    """A new execution in a run; its id."""
    cycle, case, _ = run.rsplit("/", 2)
    end = end or f"2031-01-01T00:00:{next(LATER):02d}Z"
    body = {"projectKey": "SBX", "testCaseKey": case, "testCycleKey": cycle, "statusName": status}
    rows = [{"statusName": status, "actualResult": words} for words in results]
    more = {"actualEndDate": end, "testScriptResults": rows}
    return (await move.call("POST", "/testexecutions", {**body, **more}, service="zephyr"))["id"]


def change_execution(move, number, **changes):
    executions = zephyr(move).executions
    position = executions.find(str(number))
    executions.write(position, executions.values(position) | changes, "2031-01-01T00:00:00Z")


def hide(monkeypatch, hidden, *, status=404):
    """Test cases that neither the list nor their key shows; 0: they are answered without a word."""
    position, positions = ZephyrState.position, case_lists._positions

    def found(state, key):
        if key in hidden:
            raise ApiError(status, f"{key}: archived")
        return position(state, key)

    def listed(request, state):
        return [place for place in positions(request, state) if state.source.key(place) not in hidden]

    monkeypatch.setattr(ZephyrState, "position", found)
    monkeypatch.setattr(case_lists, "_positions", listed)


def simple(description):
    """A step as Zephyr has it."""
    return {"id": None, "inline": {"description": description, "testData": "", "expectedResult": ""}}


async def step_results(move, log):
    """Description and actual result of each step of a log."""
    (row,) = [row for row in await move.objects("test-log") if f"[zephyr:test-log:{log}]" in row["note"]]
    return [(step["description"], step["actual_result"].partition("<p>")[0]) for step in row["test_step_logs"]]


async def test_an_execution_that_breaks_the_contract_is_refused_alone(store_url, tmp_path):
    """Its run, its approval and all other executions are planned as if it were not there."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        run = plain_run(past, move)
        odd = await execute(move, run)
        change_execution(move, odd, executionTime="long")
        report = await move.run()
        assert (await history.held(move)).runs == past.runs
        assert (report["outcome"], report["kinds"]["test-log"]["refused"]) == ("degraded", 1)
        assert any("executionTime" in row["words"] for row in report["ledger"]["first"] if row["rule"] == "refused")


@pytest.mark.parametrize("first", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_a_case_stays_what_it_was_made_as_when_zephyr_hides_or_shows_it(first, store_url, tmp_path, monkeypatch):
    """Archived after its move, or seen again after a stub was made: new executions join the runs that are there."""
    hidden = set()
    hide(monkeypatch, hidden)
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        run = plain_run(past, move)
        case = run.rsplit("/", 2)[1]
        hidden |= {case} if first else set()
        await move.run()
        hidden.clear()
        new = await execute(move, run)
        hidden |= set() if first else {case}
        report = await move.run()
        assert (report["outcome"], report["extra"], report["differences"]) == ("complete", [], [])
        assert (await history.held(move)).runs[run] == [*past.runs[run], new]
        keys = [history.value(row) for row in await move.objects("test-case")]
        assert keys.count(case) == (2 if first else 1)
        again = await move.run()
        assert (again["outcome"], again["kinds"]["test-log"]["created"]) == ("complete", 0)


@pytest.mark.parametrize(
    "edit", ["inserted", *(pytest.param(edit, marks=pytest.mark.slow) for edit in ("turned round", "deleted"))]
)
async def test_results_go_to_the_steps_that_qtest_has(edit, store_url, tmp_path):
    """Steps edited in Zephyr after the move: no result lands on another step, and old logs are equal still."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        run = plain_run(await history.due(move), move)
        state, case = zephyr(move), run.rsplit("/", 2)[1]
        position = state.position(case)
        before = [simple(word) for word in ("open", "look", "close")]
        state.write_steps(position, msgspec.json.encode(before))
        await execute(move, run, results=["as it was"] * 3)
        await move.run()
        steps = {"inserted": [simple("all new"), *before], "turned round": before[::-1], "deleted": before[1:]}[edit]
        state.write_steps(position, msgspec.json.encode(steps))
        words = [f"seen at {step['inline']['description']}" for step in steps]
        new = await execute(move, run, results=words)
        report = await move.run()
        kept = await step_results(move, new)
        assert kept
        assert all(seen == f"seen at {description}" for description, seen in kept), kept
        (row,) = [row for row in await move.objects("test-log") if f"[zephyr:test-log:{new}]" in row["note"]]
        assert all(word in row["note"] or word in {seen for _, seen in kept} for word in words)
        assert (report["outcome"], report["kinds"]["test-case"]["updated"]) == ("complete", 1), report["differences"]


async def test_what_people_edit_in_qtest_is_run_in_the_version_that_was_approved(store_url, tmp_path):
    """An edit makes a draft, which this project does not run: new executions go to the version before it."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        run = plain_run(past, move)
        await move.run()
        case = run.rsplit("/", 2)[1]
        (row,) = [row for row in await move.objects("test-case") if history.value(row) == case]
        path = f"/api/v3/projects/{move.sandbox.qtest.project}/test-cases/{row['id']}"
        await move.call("PUT", path, {"description": "edited by a tester"})
        assert (await history.versions(move))[case] == "1.1"
        new = await execute(move, run)
        report = await move.run()
        assert (report["kinds"]["test-log"]["created"], report["kinds"]["test-log"]["refused"]) == (1, 0)
        assert (await history.held(move)).runs[run] == [*past.runs[run], new]
        assert (await history.versions(move))[case] == "1.1"


async def test_edits_between_two_runs_do_not_pause_the_second(store_url, tmp_path):
    """The first look is at what a run has made; three of sixty renamed since are changed, and the rest goes on."""
    async with a_move(store_url, tmp_path, cases=60, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        state = zephyr(move)
        for position in (20, 21, 22):
            state.replace_case(position, {"name": f"renamed {position}"})
        run = plain_run(past, move)
        new = await execute(move, run)
        report = await move.run()
        assert (await history.held(move)).runs[run] == [*past.runs[run], new]
        assert (report["outcome"], report["kinds"]["test-case"]["updated"]) == ("complete", 3)


@pytest.mark.slow
async def test_a_lagging_index_hides_nothing_from_adopting(store_url, new_store, tmp_path):
    """The store is lost, and the search shows neither suites nor logs: they are found below their parents."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, qtest={"search_lag_s": 3600}) as move:
        past = await history.due(move)
        await move.run()
        move.store_url = await new_store()
        report = await move.run(adopt=True)
        held = await history.held(move)
        assert (held.runs, report["outcome"]) == (past.runs, "complete")
        logs, suites = report["kinds"]["test-log"], report["kinds"]["test-suite"]
        assert (logs["adopted"], logs["created"], suites["created"]) == (past.logs, 0, 0)


@pytest.mark.slow
async def test_logs_made_later_are_made_in_their_order(store_url, tmp_path):
    """One is there already: older ones come after it, newer ones after these, never beside them."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        run = plain_run(await history.due(move), move)
        for day in range(1, 7):
            await execute(move, run, end=f"2030-05-{day:02d}T00:00:00Z")
        await move.run(executions="last")
        (first,) = (await history.held(move)).runs[run]
        for day in range(1, 7):
            await execute(move, run, end=f"2030-06-{day:02d}T00:00:00Z")
        await move.use(qtest={"latency_ms": 2, "jitter_ms": 40})
        await move.run()
        past = await history.due(move)
        assert (await history.held(move)).runs[run] == [first, *(log for log in past.runs[run] if log != first)]


@pytest.mark.slow
async def test_a_refused_log_in_the_middle_lets_none_overtake(store_url, tmp_path, monkeypatch):
    """Every other execution of a run is refused before the one before it is made: the rest keep their order."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        run = plain_run(await history.due(move), move)
        odd = [await execute(move, run, end=f"2030-05-{day:02d}T00:00:00Z") for day in range(1, 13)][::2]
        steps, places = ExecutionStore.steps, {zephyr(move).executions.find(str(number)) for number in odd}

        def readable(store, position):
            if position in places:
                raise UnreadableError(422, "nobody knows why")
            return steps(store, position)

        monkeypatch.setattr(ExecutionStore, "steps", readable)
        past = await history.due(move)
        await move.use(qtest={"latency_ms": 2, "jitter_ms": 200})
        report = await move.run()
        assert report["kinds"]["test-log"]["refused"] == len(odd)
        assert (await history.held(move)).runs[run] == [log for log in past.runs[run] if log not in odd]


async def test_what_was_moved_and_cannot_be_placed_any_more_is_still_verified(store_url, tmp_path):
    """An execution without a key and a cycle in a folder that no list knows, both moved before: named, and no end."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        run = plain_run(past, move)
        change_execution(move, past.runs[run][0], testCase={"id": 1, "self": "https://z.invalid/v2/testcases/none"})
        cycles = zephyr(move).cycles
        cycle = cycles.by_key(run.partition("/")[0])
        cycles.replace(cycle, cycles.row(cycle) | {"folder": {"id": 999_999}}, "2031-01-01T00:00:00Z")
        report = await move.run()
        assert any(note.startswith("2 records that are in qTest cannot be moved") for note in report["notes"])
        assert report["kinds"]["test-log"]["missing"] == report["kinds"]["test-suite"]["missing"] == 0
        assert made(report["kinds"]["test-log"]) == past.logs


@pytest.mark.parametrize("status", [404, pytest.param(403, marks=pytest.mark.slow)])
async def test_a_stub_has_the_steps_of_the_newest_execution_and_keeps_them(status, store_url, tmp_path, monkeypatch):
    """Whichever cycle it stands in; a newer one changes neither the stub nor what was logged. 403 is as good as 404."""
    hide(monkeypatch, {"GONE-T77"}, status=status)
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        address = {"id": 1, "self": "https://z.invalid/v2/testcases/GONE-T77"}
        cycles = sorted({key.rsplit("/", 2)[0] for key in past.runs if "-R" in key})
        executions = zephyr(move).executions
        for number, (cycle, end) in enumerate([(cycles[0], "2029"), (cycles[-1], "2028"), (cycles[0], "2027")]):
            new = await execute(move, f"{cycle}/SBX-T1/-", end=f"{end}-01-01T00:00:00Z")
            change_execution(move, new, testCase=address)
            texts = {"description": f"as in {end}", "testData": "", "expectedResult": ""}
            unseen = {"actualResult": f"{number}", "testDataRowNumber": None, "reflectRef": None, "status": None}
            steps = msgspec.json.encode([{"inline": texts | unseen}])
            executions.write_steps(executions.find(str(new)), steps, "2031-01-01T00:00:00Z")
        await move.run()
        assert [step["description"] for step in await _steps_of(move, "GONE-T77")] == ["as in 2029"]
        newest = await execute(move, f"{cycles[-1]}/SBX-T1/-", end="2030-01-01T00:00:00Z")
        change_execution(move, newest, testCase=address)
        report = await move.run()
        assert [step["description"] for step in await _steps_of(move, "GONE-T77")] == ["as in 2029"]
        assert (report["outcome"], report["differences"]) == ("complete", [])


async def _steps_of(move, key):
    (row,) = [row for row in await move.objects("test-case") if history.value(row) == key]
    return row["test_steps"]
