"""What people change in a moved history is told by name; what they add with our keys is surplus."""

import history
import pytest
from moving import a_move

CASES, EXECUTIONS = 12, 44


class Site:
    """What a user of the qTest project does there."""

    def __init__(self, move):
        self._move = move
        self._root = f"/api/v3/projects/{move.sandbox.qtest.project}"

    async def by_key(self, kind):
        return {history.value(row): row for row in await self._move.objects(kind)}

    async def logs_of(self, run):
        page = await self.call("GET", f"/test-runs/{run}/test-logs")
        return [await self.call("GET", f"/test-runs/{run}/test-logs/{row['id']}") for row in page["items"]]

    async def call(self, method, path, body=None):
        return await self._move.call(method, self._root + path, body)

    async def submit(self, log, path, method="POST", **changes):
        """Sends a log as it is shown, but for the changes."""
        dates = {name: log[name].replace("+00:00", "Z") for name in ("exe_start_date", "exe_end_date")}
        rest = {"status": {"id": log["status"]["id"]}, "note": log["note"]}
        steps = [
            {"test_step_id": step["test_step_id"], "status": {"id": step["status"]["id"]}}
            | {"actual_result": step["actual_result"] or ""}
            | {name: step[name] for name in ("called_test_case_id", "parent_test_step_id", "order") if step.get(name)}
            for step in log["test_step_logs"]
        ]
        body = {
            **dates,
            **rest,
            "test_case_version_id": log["test_case_version_id"],
            "test_step_logs": steps,
            **changes,
        }
        return await self.call(method, path, body)


@pytest.mark.parametrize("logs", ["search", "list"])
async def test_what_people_change_is_reported_by_name(logs, store_url, tmp_path):
    """A note, a step's status, a run's place or loss, a suite's name, a cycle's place, a log made twice."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await move.run()
        site = Site(move)
        runs, suites = await site.by_key("test-run"), await site.by_key("test-suite")
        noted, stepped, moved, lost, doubled = [key for key, logs in past.runs.items() if len(logs) == 1][:5]
        (log,) = await site.logs_of(runs[noted]["id"])
        path = f"/test-runs/{runs[noted]['id']}/test-logs/{log['id']}"
        await site.submit(log, path, "PUT", note="edited" + log["note"])
        (log,) = await site.logs_of(runs[stepped]["id"])
        steps = log["test_step_logs"]
        assert steps
        others = {row["id"] for row in await site.call("GET", "/test-runs/execution-statuses") if row["active"]}
        steps[0]["status"]["id"] = min(others - {steps[0]["status"]["id"]})
        await site.submit(log, f"/test-runs/{runs[stepped]['id']}/test-logs/{log['id']}", "PUT")
        other = next(row["id"] for row in suites.values() if row["id"] != runs[moved]["parentId"])
        await site.call("PUT", f"/test-runs/{runs[moved]['id']}?parentId={other}&parentType=test-suite", {})
        await site.call("DELETE", f"/test-runs/{runs[lost]['id']}")
        (log,) = await site.logs_of(runs[doubled]["id"])
        await site.submit(log, f"/test-runs/{runs[doubled]['id']}/test-logs")
        suite, row = next(iter(suites.items()))
        await site.call("PUT", f"/test-suites/{row['id']}", {"name": "renamed"})
        cycles = {row["description"].split(":")[-1].rstrip("]"): row for row in await move.objects("test-cycle")}
        leaf, top = await _leaf_and_top(move)
        await site.call(
            "PUT", f"/test-cycles/{cycles[leaf]['id']}?parentId={cycles[top]['id']}&parentType=test-cycle", {}
        )
        report = await move.verify(verify={"logs": logs})
        found = {(row["kind"], row["key"]): row["fields"] for row in report["differences"]}
        assert found.pop(("test-cycle", leaf)) == ["parent_id"]
        assert found == {
            ("test-log", str(past.runs[noted][0])): ["note"],
            ("test-log", str(past.runs[stepped][0])): ["test_step_logs[1].status"],
            ("test-run", moved): ["parentId"],
            ("test-suite", suite): ["name"],
        }
        kinds = report["kinds"]
        assert (kinds["test-run"]["missing"], kinds["test-log"]["missing"]) == (1, 1)
        assert (kinds["test-log"]["extra"], report["outcome"]) == (1, "degraded")
        assert any(str(past.runs[doubled][0]) in words for words in report["extra"]), report["extra"]


async def _leaf_and_top(move):
    """A folder of cycles below another, and one at the top under which it does not lie."""
    folders = {row["id"]: row["parentId"] for row in await history.rows(move, "/folders?folderType=TEST_CYCLE")}
    leaf = next(key for key, parent in folders.items() if parent is not None and key not in folders.values())
    top, above = leaf, set()
    while top is not None:
        above.add(top)
        top = folders[top]
    return str(leaf), str(next(key for key, parent in folders.items() if parent is None and key not in above))
