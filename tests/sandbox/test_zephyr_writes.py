"""What people change in the source while they work: test cases, steps, scripts, folders, as strict as the contract."""

from typing import Any

import pytest
from zephyr_client import ZephyrClient
from zephyr_fixtures import zephyr

NEW = {"projectKey": "SBX", "name": "A new one"}


async def _new(client: ZephyrClient, **more: Any) -> dict[str, Any]:
    made = await client.call("POST", "/testcases", 201, json=NEW | more)
    return await client.get(f"/testcases/{made['key']}")


def _replacement(case: dict[str, Any]) -> dict[str, Any]:
    """What a client may send back of a case it has read."""
    return {key: value for key, value in case.items() if key not in {"createdOn", "testScript", "links"}}


async def test_a_new_case_has_defaults_and_one_empty_step():
    """The next key, the default status and priority, and silently one empty step."""
    async with zephyr() as client:
        case = await _new(client)
        assert case["key"] == "SBX-T46" and case["folder"] is None
        statuses = await client.pages("/statuses?statusType=TEST_CASE")
        assert case["status"]["id"] == next(row["id"] for row in statuses if row["default"])
        (step,) = (await client.get("/testcases/SBX-T46/teststeps"))["values"]
        assert step["inline"]["description"] == step["inline"]["expectedResult"] == ""
        assert [row["key"] for row in await client.pages("/testcases")][-1] == "SBX-T46"
        cursor = await client.get(f"/testcases/nextgen?startAtId={case['id']}")
        assert [row["key"] for row in cursor["values"]] == ["SBX-T46"] and cursor["nextStartAtId"] is None


async def test_names_on_write_become_references_on_read():
    """Status and priority by name, folder, component and owner by id."""
    async with zephyr() as client:
        folder = (await client.pages("/folders?folderType=TEST_CASE"))[0]
        case = await _new(
            client, statusName="Released", priorityName="Low", folderId=folder["id"], componentId=4, ownerId="abc:1",
            labels=["one"], customFields={"Team": "Zürich"}, estimatedTime=5,
        )  # fmt: skip
        assert (await client.get(f"/statuses/{case['status']['id']}"))["name"] == "Released"
        assert (await client.get(f"/priorities/{case['priority']['id']}"))["name"] == "Low"
        assert (case["folder"]["id"], case["component"]["id"], case["owner"]["accountId"]) == (folder["id"], 4, "abc:1")
        assert case["customFields"]["Team"] == "Zürich" and case["customFields"]["Notes"] is None
        inside = await client.pages(f"/testcases?folderId={folder['id']}")
        assert inside[-1]["key"] == case["key"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "   "}, 400),
        ({"name": "x" * 256}, 400),
        ({"name": None}, 400),
        ({"surprise": 1}, 400),
        ({"estimatedTime": None}, 400),
        ({"labels": ["a b"]}, 400),
        ({"labels": ["x"] * 51}, 400),
        ({"customFields": {"Nobody knows it": 1}}, 400),
        ({"projectKey": "lower"}, 400),
        ({"projectKey": "OTHER"}, 404),
        ({"statusName": "released"}, 404),
        ({"priorityName": "Nowhere"}, 404),
        ({"folderId": 1}, 404),
        ({"folderId": 800_000}, 400),
        ({"ownerId": "a b"}, 400),
        ({"componentId": 0}, 400),
    ],
)
async def test_a_wrong_case_is_refused_and_not_made(change: dict[str, Any], status: int):
    """Each violation of the contract is refused in the API's shape, and the project has no case more."""
    async with zephyr() as client:
        await client.call("POST", "/testcases", status, json=NEW | change)
        assert (await client.get("/testcases"))["total"] == 45


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
async def test_a_body_that_is_no_json_object_is_refused(body: bytes):
    """400, never 500."""
    async with zephyr() as client:
        await client.call("POST", "/testcases", 400, data=body)


async def test_put_replaces_and_clears_what_is_omitted():
    """A case read, changed and written back keeps its all; what is omitted is gone; links, script and date stay."""
    async with zephyr() as client:
        before = await client.get("/testcases/SBX-T18")
        await client.call("PUT", "/testcases/SBX-T18", json=_replacement(before) | {"name": "Renamed"})
        assert await client.get("/testcases/SBX-T18") == before | {"name": "Renamed"}
        required = ("id", "key", "name", "project", "priority", "status")
        await client.call("PUT", "/testcases/SBX-T18", json={name: before[name] for name in required})
        after = await client.get("/testcases/SBX-T18")
        assert [after[name] for name in ("objective", "folder", "owner", "labels")] == [None, None, None, []]
        assert set(after["customFields"].values()) == {None}
        assert (after["links"], after["createdOn"]) == (before["links"], before["createdOn"])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"key": "SBX-T2"}, 400),
        ({"id": 1}, 400),
        ({"createdOn": "2026-01-01T00:00:00Z"}, 400),
        ({"project": {"id": 1}}, 400),
        ({"status": {"id": 1}}, 404),
        ({"folder": {"id": 1}}, 404),
    ],
)
async def test_a_wrong_replacement_is_refused(change: dict[str, Any], status: int):
    """The body's key and id are the path's; references must exist."""
    async with zephyr() as client:
        before = await client.get("/testcases/SBX-T1")
        await client.call("PUT", "/testcases/SBX-T1", status, json=_replacement(before) | change)
        assert await client.get("/testcases/SBX-T1") == before


async def test_a_case_moved_by_put_shows_in_its_new_folder_only():
    """The folder filter follows a move."""
    async with zephyr() as client:
        case = await client.get("/testcases/SBX-T1")
        old = case["folder"]["id"]
        new = next(row["id"] for row in await client.pages("/folders?folderType=TEST_CASE") if row["id"] != old)
        await client.call("PUT", "/testcases/SBX-T1", json=_replacement(case) | {"folder": {"id": new}})
        assert "SBX-T1" not in [row["key"] for row in await client.pages(f"/testcases?folderId={old}")]
        assert "SBX-T1" in [row["key"] for row in await client.pages(f"/testcases?folderId={new}")]


async def test_updated_after_gives_what_changed():
    """A delta run asks the cursor list for what changed since."""
    async with zephyr() as client:
        assert (await client.get("/testcases/nextgen?updatedAfter=2025-01-01T00:00:00Z"))["values"] == []
        case = await client.get("/testcases/SBX-T7")
        await client.call("PUT", "/testcases/SBX-T7", json=_replacement(case))
        page = await client.get("/testcases/nextgen?updatedAfter=2025-01-01T00:00:00%2B02:00")
        assert [row["key"] for row in page["values"]] == ["SBX-T7"]
        await client.get("/testcases/nextgen?updatedAfter=yesterday", 400)


async def test_steps_are_appended_and_overwritten_in_order():
    """APPEND stands behind what is there, also behind the empty step; OVERWRITE replaces all."""
    async with zephyr() as client:
        path = f"/testcases/{(await _new(client))['key']}/teststeps"
        items = [{"inline": {"description": name}} for name in ("one", "two")]
        call = {
            "testCase": {"testCaseKey": "SBX-T1", "parameters": [{"name": "p", "type": "MANUAL_INPUT", "value": "v"}]}
        }
        await client.call("POST", path, 201, json={"mode": "APPEND", "items": [*items, call]})
        rows = (await client.get(path))["values"]
        assert [row["inline"]["description"] for row in rows[:3]] == ["", "one", "two"]
        assert rows[3]["testCase"]["parameters"] == call["testCase"]["parameters"]
        await client.call("POST", path, 201, json={"mode": "OVERWRITE", "items": items[1:]})
        assert [row["inline"]["description"] for row in (await client.get(path))["values"]] == ["two"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"mode": "APPEND", "items": []}, 400),
        ({"mode": "APPEND", "items": [{"inline": {}}] * 101}, 400),
        ({"mode": "REPLACE", "items": [{"inline": {}}]}, 400),
        ({"mode": "APPEND", "items": [{}]}, 400),
        ({"mode": "APPEND", "items": [{"inline": {}, "testCase": {"testCaseKey": "SBX-T1"}}]}, 400),
        ({"mode": "APPEND", "items": [{"inline": {"description": None}}]}, 400),
        ({"mode": "APPEND", "items": [{"testCase": {"testCaseKey": "SBX-T999"}}]}, 404),
        ({"mode": "APPEND", "items": [{"testCase": {"testCaseKey": "SBX-T12"}}]}, 400),
        ({"mode": "APPEND", "items": [{"testCase": {"testCaseKey": "SBX-T11"}}]}, 400),
    ],
)
async def test_wrong_steps_are_refused(body: dict[str, Any], status: int):
    """One to a hundred items, each text or call; a call that closes a cycle, even by way of others, is refused."""
    async with zephyr() as client:
        before = await client.get("/testcases/SBX-T12/teststeps")
        await client.call("POST", "/testcases/SBX-T12/teststeps", status, json=body)
        assert await client.get("/testcases/SBX-T12/teststeps") == before


async def test_a_script_removes_steps_and_steps_remove_a_script():
    """A case has one kind at a time, and its script's address says which."""
    async with zephyr() as client:
        path = f"/testcases/{(await _new(client))['key']}"
        await client.call("POST", f"{path}/testscript", 201, json={"type": "bdd", "text": "Given"})
        assert (await client.get(f"{path}/testscript"))["text"] == "Given"
        await client.get(f"{path}/teststeps", 422)
        assert (await client.get(path))["testScript"]["self"].endswith("/testscript")
        await client.call("POST", f"{path}/teststeps", 201, json={"mode": "APPEND", "items": [{"inline": {}}]})
        assert len((await client.get(f"{path}/teststeps"))["values"]) == 1
        await client.get(f"{path}/testscript", 422)
        await client.call("POST", f"{path}/testscript", 400, json={"type": "cucumber", "text": "x"})
        await client.call("POST", f"{path}/testscript", 400, json={"type": "bdd", "text": ""})


async def test_a_new_folder_stands_after_its_siblings():
    """Folders are made below a folder of the same type."""
    async with zephyr() as client:
        parent = (await client.pages("/folders?folderType=TEST_CASE"))[0]
        body = {"name": "New", "projectKey": "SBX", "folderType": "TEST_CASE", "parentId": parent["id"]}
        made = await client.call("POST", "/folders", 201, json=body)
        rows = await client.pages("/folders?folderType=TEST_CASE")
        new = next(row for row in rows if row["id"] == made["id"])
        siblings = [row["index"] for row in rows if row["parentId"] == parent["id"]]
        assert new["index"] == max(siblings) and len(siblings) == len(set(siblings))
        await client.call("POST", "/folders", 404, json=body | {"parentId": 1})
        await client.call("POST", "/folders", 400, json=body | {"folderType": "TEST_PLAN"})
        await client.call("POST", "/folders", 400, json=body | {"name": " "})
        await client.call("POST", "/folders", 400, json=body | {"index": 1})
