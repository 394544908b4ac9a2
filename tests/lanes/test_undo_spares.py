"""`undo` spares what people have added, changed or use, and what was there before; it names each with its reason."""

import asyncio

import history
from moving import a_move
from taking_back import assert_as_said, counts, numbers, there
from test_interrupted_history import interrupted

CASES, EXECUTIONS = 12, 44


class People:
    """What people do in the project after the move; `kept` are their own objects, `because` why ours must stay."""

    def __init__(self, move):
        self.move = move
        self.project = f"/api/v3/projects/{move.sandbox.qtest.project}"
        self.kept = {}
        self.because = {}

    async def call(self, method, path, body=None):
        return await self.move.call(method, self.project + path, body)

    async def make(self, kind, path, body):
        row = await self.call("POST", path, body)
        self.kept.setdefault(kind, []).append(row["id"])
        return row

    def spare(self, kind, row, words):
        self.because[kind, row["id"]] = words


async def add(people, cases, runs, suites, cycles, modules):
    """Something below or beside each kind of object."""
    case = await people.make(
        "test-case", "/test-cases", {"name": "Ours", "parent_id": modules[-1]["id"], "properties": []}
    )
    people.spare("module", modules[-1], f"it holds test-case {case['id']}")
    run = await people.make("test-run", "/test-runs?parentId=0&parentType=root", {"test_case": {"id": cases[0]["id"]}})
    people.spare("test-case", cases[0], f"test-run {run['id']} uses it")
    steps = [{"description": "x", "expected": "y", "called_test_case_id": cases[1]["id"]}]
    body = {"name": "Calls", "properties": [], "test_steps": steps}
    people.spare(
        "test-case", cases[1], f"test-case {(await people.make('test-case', '/test-cases', body))['id']} uses it"
    )
    suite = await people.make(
        "test-suite", f"/test-suites?parentId={cycles[-1]['id']}&parentType=test-cycle", {"name": "S"}
    )
    people.spare("test-cycle", cycles[-1], f"it holds test-suite {suite['id']}")
    body = {"test_case": {"id": cases[0]["id"]}}
    below = await people.make("test-run", f"/test-runs?parentId={suites[-1]['id']}&parentType=test-suite", body)
    people.spare("test-suite", suites[-1], f"it holds test-run {below['id']}")
    dates = {"exe_start_date": "2024-01-01T10:00:00Z", "exe_end_date": "2024-01-01T10:00:00Z"}
    status = (await people.call("GET", "/test-runs/execution-statuses"))[0]
    log = await people.make(
        "test-log", f"/test-runs/{runs[0]['id']}/test-logs", {**dates, "status": {"id": status["id"]}}
    )
    people.spare("test-run", runs[0], f"it holds test-log {log['id']}")


async def change(people, cases, runs, logs, modules, suites):
    """Something of each kind."""
    await people.call("PUT", f"/test-cases/{cases[2]['id']}", {"name": "Renamed"})
    people.spare("test-case", cases[2], "changed since: name")
    await people.call("PUT", f"/test-cases/{cases[3]['id']}", {"parent_id": modules[0]["id"]})
    people.spare("test-case", cases[3], "changed since: parent_id")
    await people.call("PUT", f"/modules/{modules[1]['id']}", {"name": "Renamed"})
    people.spare("module", modules[1], "changed since: name")
    await people.call("PUT", f"/test-suites/{suites[0]['id']}", {"name": "Renamed"})
    people.spare("test-suite", suites[0], "changed since: name")
    run = logs[0]["test_run_id"]
    words = {
        **{name: logs[0][name] for name in ("exe_start_date", "exe_end_date")},
        "status": {"id": logs[0]["status"]["id"]},
    }
    await people.call(
        "PUT", f"/test-runs/{run}/test-logs/{logs[0]['id']}", {**words, "note": f"Seen. {logs[0]['note']}"}
    )
    people.because["test-run", run] = f"it holds test-log {logs[0]['id']}, changed since: note"


async def test_what_people_added_or_changed_stays_with_all_that_it_needs(store_url, tmp_path):
    """Each is named with its reason; what holds it or is used by it stays too, nothing else. A run goes on."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        made, people = await there(move), People(move)
        rows = {kind: await move.objects(kind) for kind in made}
        cases = [row for row in rows["test-case"] if row["version"] == "1.0"]
        held = {row["test_run_id"] for row in rows["test-log"]}
        runs = [row for row in rows["test-run"] if row["id"] in held]
        logs = [row for row in rows["test-log"] if row["test_run_id"] == runs[1]["id"]]
        await add(people, cases, runs, rows["test-suite"], rows["test-cycle"], rows["module"])
        await change(people, cases, runs, logs, rows["module"], rows["test-suite"])
        forecast = await move.undo(dry_run=True)
        report = await move.undo()
        assert_as_said(forecast, report)
        assert report["outcome"] == "degraded"
        reasons = {(row["kind"], row["id"]): row["reason"] for row in report["spared"]}
        assert {name: reasons.get(name) for name in people.because} == people.because
        left = await there(move)
        assert all(set(ids) <= set(left[kind]) for kind, ids in people.kept.items())
        for kind in made:
            ours = set(left[kind]) & set(made[kind])
            assert len(ours) == report["kinds"][kind]["spared"] == len(made[kind]) - report["kinds"][kind]["deleted"], (
                kind
            )
            if kind != "test-log":
                assert ours == {identity for of, identity in reasons if of == kind}
        others = {reason for name, reason in reasons.items() if name not in people.because}
        assert all("which stays" in reason for reason in others), others
        report = await move.run()
        assert report["kinds"]["test-log"]["verified"] + report["kinds"]["test-log"]["different"] == past.logs
        assert report["kinds"]["test-case"]["different"] == 2


async def test_what_was_adopted_stays_unless_that_is_asked_for(store_url, new_store, tmp_path):
    """After the store was lost `undo` deletes what the new one made, and spares what it took over."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, "making runs")
        await move.use()
        await asyncio.sleep(0.2)
        before = await there(move)
        move.store_url = await new_store()
        report = await move.run(adopt=True)
        assert report["outcome"] == "complete"
        made = await there(move)
        logs = await move.objects("test-log")
        before["test-log"] = [
            row["id"] for row in logs if row["test_run_id"] in before["test-run"]
        ]  # no call deletes them
        forecast, report = await move.undo(dry_run=True), await move.undo()
        assert_as_said(forecast, report)
        assert (report["outcome"], counts(report, "spared")) == ("degraded", numbers(before))
        assert {row["reason"] for row in report["spared"]} == {"it was there before: adopted"}
        assert await there(move) == before
        assert counts(report, "deleted") == {kind: n for kind in made if (n := len(made[kind]) - len(before[kind]))}
        report = await move.undo(include_adopted=True)
        assert (report["outcome"], numbers(await there(move))) == ("complete", {})


async def test_a_field_that_people_use_or_have_changed_stays(store_url, tmp_path):
    """A value in somebody's test case, a value added to the field: each keeps it; the other fields go."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        people, fields = People(move), await move.objects("field")
        text = next(row for row in fields if row["data_type"] == 1)
        multi = next(row for row in fields if row.get("allowed_values"))
        properties = [{"field_id": text["id"], "field_value": "theirs"}]
        case = await people.make("test-case", "/test-cases", {"name": "Ours", "properties": properties})
        path = f"/settings/test-cases/fields/{multi['id']}/allowed-values"
        await people.call("POST", path, [{"value": None, "label": "Theirs", "is_active": True}])
        report = await move.undo(fields=True)
        assert {row["id"]: row["reason"] for row in report["spared"]} == {
            text["id"]: f"test-case {case['id']} uses it",
            multi["id"]: "changed since: allowed_values: 'Theirs' was added",
        }
        assert {row["id"] for row in await move.objects("field")} == {text["id"], multi["id"]}
        assert numbers(await there(move)) == {"module": 1, "test-case": 1}  # "Created via API", and what stands in it
        assert counts(report, "deleted")["field"] == len(fields) - 2


async def test_a_right_to_delete_that_is_lacking_is_named(store_url, tmp_path):
    """What the service refuses to delete stays, with its words; the rest goes."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        fields = await move.objects("field")
        await move.use(qtest={"may_manage_fields": False})
        report = await move.undo(fields=True)
        assert counts(report, "spared") == {"field": len(fields)}
        assert all("it could not be deleted: " in row["reason"] and "403" in row["reason"] for row in report["spared"])
        assert numbers(await there(move)) == {}
        await move.use()
        assert (await move.undo(fields=True))["outcome"] == "complete"
