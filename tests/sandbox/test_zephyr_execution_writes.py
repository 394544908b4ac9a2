"""What people change while they test: cycles, executions, results and links, as strict as the contract."""

from typing import Any

import pytest
from zephyr_client import ZephyrClient
from zephyr_fixtures import zephyr

from ztoq_async.sandbox import Generator
from ztoq_async.sandbox.source import Source

CYCLE = {"projectKey": "SBX", "name": "A new one"}
EXECUTION = {"projectKey": "SBX", "testCaseKey": "SBX-T1", "testCycleKey": "SBX-R1", "statusName": "Pass"}
RESULTS = [{"statusName": "Fail", "actualResult": "It broke"}]


def source() -> Source:
    return Generator(40, executions=60, seed=2)


async def execute(client: ZephyrClient, **more: Any) -> dict[str, Any]:
    """A new execution as it is read."""
    made = await client.call("POST", "/testexecutions", 201, json=EXECUTION | more)
    assert made.keys() == {"id", "self"}
    return await client.get(made["self"].removeprefix(client.base_url))


async def status(client: ZephyrClient, reference: dict[str, Any]) -> str:
    return (await client.get(f"/statuses/{reference['id']}"))["name"]


async def test_a_new_cycle_has_defaults_and_is_listed_last():
    """The next key, the project's default status; names become references, dates become UTC."""
    async with zephyr(source()) as client:
        folder = (await client.pages("/folders?folderType=TEST_CYCLE"))[-1]
        made = await client.call(
            "POST", "/testcycles", 201,
            json=CYCLE | {"folderId": folder["id"], "plannedStartDate": "2024-03-31T02:30:00+02:00", "ownerId": "a:1",
                          "jiraProjectVersion": 5, "customFields": {"Squad": "Zürich"}},
        )  # fmt: skip
        assert made["key"] == "SBX-R7"
        cycle = await client.get("/testcycles/SBX-R7")
        assert await status(client, cycle["status"]) == "Not Executed"
        assert (cycle["plannedStartDate"], cycle["plannedEndDate"]) == ("2024-03-31T00:30:00Z", None)
        assert (cycle["folder"]["id"], cycle["jiraProjectVersion"]["id"]) == (folder["id"], 5)
        assert cycle["customFields"]["Squad"] == "Zürich" and cycle["customFields"]["Load"] is None
        assert (await client.pages("/testcycles"))[-1] == cycle
        assert (await client.pages(f"/testcycles?folderId={folder['id']}"))[-1] == cycle


async def test_replacing_a_cycle_clears_what_is_left_out():
    """PUT replaces; links stay; id and key must be the path's."""
    async with zephyr(source()) as client:
        cycle = await client.get("/testcycles/SBX-R2")
        kept = {name: cycle[name] for name in ("id", "key", "name", "project", "status")}
        await client.call("PUT", "/testcycles/SBX-R2", json=kept | {"description": "New"})
        after = await client.get(f"/testcycles/{cycle['id']}")
        assert (after["description"], after["folder"], after["owner"]) == ("New", None, None)
        assert set(after["customFields"].values()) == {None} and after["links"] == cycle["links"]
        await client.call("PUT", "/testcycles/SBX-R3", 400, json=kept)
        await client.call("PUT", "/testcycles/SBX-R2", 400, json=kept | {"links": cycle["links"]})
        await client.call("PUT", "/testcycles/SBX-R2", 404, json=kept | {"status": {"id": 1}})


async def test_a_new_execution_freezes_the_steps_of_its_case():
    """The newest version, the steps as they are now with the given results, an end date of now."""
    async with zephyr(source()) as client:
        row = await execute(client, environmentName="Environment 3", testScriptResults=RESULTS, comment="<b>x</b>")
        assert row["testCase"]["self"].endswith("/testcases/SBX-T1/versions/1") and row["key"] == "SBX-E68"
        assert await status(client, row["testExecutionStatus"]) == "Pass" and row["actualEndDate"]
        assert (await client.get(f"/environments/{row['environment']['id']}"))["name"] == "Environment 3"
        frozen = await client.pages(f"/testexecutions/{row['key']}/teststeps")
        steps = await client.pages("/testcases/SBX-T1/teststeps")
        assert [step["inline"]["description"] for step in frozen] == [step["inline"]["description"] for step in steps]
        assert await status(client, frozen[0]["inline"]["status"]) == "Fail"
        assert frozen[0]["inline"]["actualResult"] == "It broke"
        assert (await client.pages("/testexecutions"))[-1] == row
        assert (await client.pages("/testexecutions?testCycle=SBX-R1&testCase=SBX-T1"))[-1] == row
        planned = await execute(client, statusName="Not Executed")
        assert "actualEndDate" not in planned and planned["id"] == row["id"] + 1


async def test_a_change_of_an_execution_leaves_what_it_does_not_name():
    """PUT is partial: what is absent, or null, stays; the change shows in `updatedAfter`."""
    async with zephyr(source()) as client:
        before = await client.get("/testexecutions/SBX-E5")
        update = {"statusName": "Blocked", "executionTime": 7, "comment": None, "executedById": None}
        await client.call("PUT", "/testexecutions/SBX-E5", json=update)
        after = await client.get("/testexecutions/SBX-E5")
        assert await status(client, after["testExecutionStatus"]) == "Blocked" and after["executionTime"] == 7
        changed = {"testExecutionStatus", "executionTime"}
        assert {k: v for k, v in after.items() if k not in changed} == {
            k: v for k, v in before.items() if k not in changed
        }
        found = await client.get("/testexecutions/nextgen?updatedAfter=2026-01-01T00:00:00Z")
        assert [row["key"] for row in found["values"]] == ["SBX-E5"]


async def test_a_change_leaves_the_links_of_steps():
    """They come with `includeStepLinks` as before, and only then."""
    async with zephyr(source()) as client:
        for key in ("SBX-E7", "SBX-E14"):
            plain, more = f"/testexecutions/{key}", f"/testexecutions/{key}?includeStepLinks=true"
            before = [(await client.get(path))["links"] for path in (plain, more)]
            assert len(before[1]["issues"]) == len(before[0]["issues"]) + 1
            await client.call("PUT", plain, json={"comment": "Changed"})
            assert [(await client.get(path))["links"] for path in (plain, more)] == before


async def test_results_are_written_in_the_order_of_the_steps():
    """What an item leaves out stays; more results than steps, or an unknown status, change nothing."""
    async with zephyr(source()) as client:
        row = await execute(client, testCaseKey="SBX-T19")
        path = f"/testexecutions/{row['id']}/teststeps"
        await client.call("PUT", path, json={"steps": [{}, {"statusName": "Pass"}, {"actualResult": "seen"}]})
        steps = await client.pages(path)
        names = [await status(client, step["inline"]["status"]) for step in steps[:3]]
        assert names == ["Not Executed", "Pass", "Not Executed"] and steps[2]["inline"]["actualResult"] == "seen"
        await client.call("PUT", path, 400, json={"steps": [{"statusName": "Pass"}] * 51})
        await client.call("PUT", path, 422, json={"steps": [{"statusName": "Fail"}, {"statusName": "fail"}]})
        assert await client.pages(path) == steps


async def test_sync_freezes_the_case_as_it_is_now():
    """New steps, none executed, the newest version; 409 where the case cannot be read any more."""
    async with zephyr(source()) as client:
        await execute(client, testScriptResults=RESULTS)
        items = [{"inline": {"description": "Only this"}}]
        await client.call("POST", "/testcases/SBX-T1/teststeps", 201, json={"mode": "OVERWRITE", "items": items})
        answer = await client.call("POST", "/testexecutions/SBX-E68/teststeps/sync")
        (step,) = await client.pages(answer["self"].removeprefix(client.base_url))
        assert step["inline"]["description"] == "Only this" and step["inline"]["actualResult"] is None
        rows = await client.pages("/testexecutions")
        gone = next(row for row in rows if "/GONE-T" in row["testCase"]["self"])
        await client.call("POST", f"/testexecutions/{gone['id']}/teststeps/sync", 409)


@pytest.mark.parametrize("path", ["/testcycles/SBX-R1", "/testexecutions/SBX-E1"])
async def test_a_link_is_made_once(path: str):
    """By the issue's numeric id; a second one is refused."""
    async with zephyr(source()) as client:
        await client.call("POST", f"{path}/links/issues", 201, json={"issueId": 77})
        await client.call("POST", f"{path}/links/issues", 400, json={"issueId": 77})
        await client.call("POST", f"{path}/links/issues", 400, json={"issueKey": "A-1"})
        links = await client.get(f"{path}/links")
        assert [link["issueId"] for link in links["issues"]] == [77]
        assert (await client.get(path))["links"] == links


async def test_a_cycle_links_pages():
    """An address, once."""
    async with zephyr(source()) as client:
        page = {"url": "https://example.org/a", "description": "A page"}
        await client.call("POST", "/testcycles/SBX-R1/links/weblinks", 201, json=page)
        await client.call("POST", "/testcycles/SBX-R1/links/weblinks", 400, json=page)
        await client.call("POST", "/testcycles/SBX-R1/links/weblinks", 400, json={"url": "nowhere"})
        assert (await client.get("/testcycles/SBX-R1/links"))["webLinks"][0]["url"] == page["url"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": " "}, 400),
        ({"name": "x" * 256}, 400),
        ({"surprise": 1}, 400),
        ({"plannedStartDate": None}, 400),
        ({"plannedStartDate": "2024-01-01"}, 400),
        ({"plannedEndDate": "2024-01-01T00:00:00"}, 400),
        ({"plannedEndDate": "0001-01-01T00:00:00+10:00"}, 400),
        ({"customFields": {"Notes": "a field of test cases"}}, 400),
        ({"projectKey": "NEXT"}, 404),
        ({"statusName": "Pass"}, 404),
        ({"folderId": 1}, 404),
        ({"folderId": 800_001}, 400),
    ],
)
async def test_a_wrong_cycle_is_refused_and_not_made(change: dict[str, Any], code: int):
    """Each violation is refused in the API's shape, and the project has no cycle more."""
    async with zephyr(source()) as client:
        await client.call("POST", "/testcycles", code, json=CYCLE | change)
        assert (await client.get("/testcycles"))["total"] == 6


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"surprise": 1}, 400),
        ({"statusName": "pass"}, 404),
        ({"testCaseKey": "SBX-T999"}, 404),
        ({"testCaseKey": "NEXT-T1"}, 404),
        ({"testCaseKey": "SBX-T11"}, 400),
        ({"testCaseKey": "x"}, 400),
        ({"testCycleKey": "SBX-R99"}, 404),
        ({"environmentName": "Nowhere"}, 404),
        ({"actualEndDate": "2024-01-01"}, 400),
        ({"executionTime": -1}, 400),
        ({"executedById": "a b"}, 400),
        ({"testScriptResults": [{"actualResult": "no status"}]}, 400),
        ({"testScriptResults": [{"statusName": "Pass"}] * 9}, 400),
        ({"customFields": {"Notes": "a field of test cases"}}, 400),
    ],
)
async def test_a_wrong_execution_is_refused_and_not_made(change: dict[str, Any], code: int):
    """Each violation is refused in the API's shape, and the project has no execution more."""
    async with zephyr(source()) as client:
        total = (await client.get("/testexecutions"))["total"]
        await client.call("POST", "/testexecutions", code, json=EXECUTION | change)
        assert (await client.get("/testexecutions"))["total"] == total


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"statusName": "pass"}, 422),
        ({"environmentName": "Nowhere"}, 422),
        ({"statusName": None}, 400),
        ({"x": 1}, 400),
    ],
)
async def test_a_wrong_change_of_an_execution_changes_nothing(change: dict[str, Any], code: int):
    """422 for unknown names, 400 for another shape."""
    async with zephyr(source()) as client:
        before = await client.get("/testexecutions/SBX-E1")
        await client.call("PUT", "/testexecutions/SBX-E1", code, json={"executionTime": 5} | change)
        assert await client.get("/testexecutions/SBX-E1") == before
