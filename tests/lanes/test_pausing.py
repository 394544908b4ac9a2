"""Rule 16: too many test cases that differ pause a run before executions begin, until a person allows for them."""

import pytest
from moving import a_move
from test_interrupted_history import interrupted

from ztoq_async.errors import Paused

CASES, EXECUTIONS, RENAMED = 60, 44, 3


async def test_a_run_that_finds_many_cases_changed_pauses_until_a_person_allows_it(store_url, tmp_path):
    """Cases renamed in qTest in mid-run: no cycle, suite, run or log is made; with a larger share the run goes on."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.use(qtest={"latency_ms": 4})
        await interrupted(move, "approving")
        await move.use()
        # Drafts: whether an approval was heard of before people edit decides over the runs of a test case.
        drafts = [case for case in await move.objects("test-case") if not case["version"].endswith(".0")]
        assert len(drafts) >= RENAMED
        for case in drafts[:RENAMED]:
            path = f"/api/v3/projects/{move.sandbox.qtest.project}/test-cases/{case['id']}"
            await move.call("PUT", path, {"name": "renamed", "properties": []})
        with pytest.raises(Paused, match=rf"{RENAMED} of \d+ test-cases differ .*pause_above"):
            await move.run()
        objects = (await move.stats())["objects"]
        assert [objects[kind] for kind in ("test-cycle", "test-suite", "test-run", "test-log")] == [0, 0, 0, 0]
        report = await move.run(verify={"pause_above": 1.0})
        assert report["kinds"]["test-case"]["different"] == RENAMED
        assert report["kinds"]["test-log"]["read"] == report["kinds"]["test-log"]["verified"] > 0
