"""What clients read of the Zephyr side, page by page and record by record, held to the contract."""

import pytest
from zephyr_client import CONTRACT, templates
from zephyr_fixtures import zephyr

from ztoq_async.sandbox import Generator


def test_the_contract_is_there_to_be_held_to():
    """Without the published contract the answers' shapes are not checked, which must not go unseen."""
    if not CONTRACT.exists():
        pytest.skip(f"answers are NOT held to the contract: {CONTRACT} is missing; set ZTOQ_SHARED")
    assert "/testcases/nextgen" in templates()


async def test_offset_pages_follow_next_to_the_true_end():
    """Ten rows by default; `next` is followable as it is and null on the last page."""
    async with zephyr() as client:
        first = await client.get("/testcases")
        assert (first["maxResults"], len(first["values"]), first["total"], first["isLast"]) == (10, 10, 45, False)
        rows = await client.pages("/testcases", size=7)
        assert [row["key"] for row in rows] == [f"SBX-T{n}" for n in range(1, 46)]


async def test_cursor_pages_reach_every_case_without_total():
    """The cursor list gives every case once, by ascending id, and a null cursor at its end."""
    async with zephyr() as client:
        rows, start = [], 0
        while start is not None:
            page = await client.get(f"/testcases/nextgen?limit=9&startAtId={start}")
            assert page.keys() == {"next", "nextStartAtId", "limit", "values"}
            rows += page["values"]
            start = page["nextStartAtId"]
        assert page["next"] is None
        assert [row["id"] for row in rows] == sorted({row["id"] for row in rows}) and len(rows) == 45


async def test_older_tenants_have_no_cursor_list():
    """With cursor_lists = false the cursor list answers 404."""
    async with zephyr(cursor_lists=False) as client:
        await client.get("/testcases/nextgen", 404)


async def test_a_page_cap_gives_fewer_than_asked():
    """Clients that advance by what they asked for would lose rows; those that follow the answer do not."""
    async with zephyr(page_cap=4) as client:
        page = await client.get("/testcases?maxResults=1000")
        assert len(page["values"]) == 4 and not page["isLast"]
        assert len(await client.pages("/testcases")) == 45
        cursor = await client.get("/testcases/nextgen?limit=1000")
        assert len(cursor["values"]) == 4 and cursor["nextStartAtId"] is not None


async def test_pages_are_capped_at_a_thousand():
    """More than a thousand rows never come in one page."""
    async with zephyr(Generator(1_001)) as client:
        assert len((await client.get("/testcases?maxResults=5000"))["values"]) == 1_000


@pytest.mark.parametrize(
    "query",
    ["maxResults=0", "maxResults=-1", "maxResults=x", "startAt=1000001", "startAt=-1", "startAt=", "folderId=0"],
)
async def test_impossible_pages_are_refused(query: str):
    """Limits of the contract: at least one row, a start of a million at most."""
    async with zephyr() as client:
        assert (await client.get(f"/testcases?{query}", 400)).keys() == {"errorCode", "message"}


async def test_a_start_beyond_the_end_is_an_empty_last_page():
    """The largest allowed start gives no rows and says that it is the last page."""
    async with zephyr() as client:
        page = await client.get("/testcases?startAt=1000000")
        assert page["values"] == [] and page["isLast"] and page["next"] is None


@pytest.mark.parametrize("path", ["/folders", "/priorities", "/statuses", "/environments"])
async def test_short_lists_are_paged_and_each_row_is_found_by_id(path: str):
    """Also short lists have ten rows a page; the single GET gives the same row."""
    async with zephyr() as client:
        rows = await client.pages(path, size=3)
        assert rows == await client.pages(path)
        for row in rows:
            assert await client.get(f"{path}/{row['id']}") == row
        await client.get(f"{path}/1", 404)
        await client.get(f"{path}/x", 400)


async def test_statuses_and_folders_are_told_apart_by_type():
    """A status does not name its type, so the lists are asked for by type; a folder does."""
    async with zephyr() as client:
        cases = await client.pages("/statuses?statusType=TEST_CASE")
        assert [row["archived"] for row in cases] == [False, False, True]
        assert len(await client.pages("/statuses")) == 3 + 5 + 3 + 8
        folders = await client.pages("/folders?folderType=TEST_CASE")
        assert {row["folderType"] for row in folders} == {"TEST_CASE"}
        assert {row["folderType"] for row in await client.pages("/folders")} == {"TEST_CASE", "TEST_PLAN", "TEST_CYCLE"}
        await client.get("/statuses?statusType=CASE", 400)


async def test_a_folder_filter_takes_direct_children_only():
    """The folders' direct children and the cases outside any folder are together all cases."""
    async with zephyr() as client:
        folders = await client.pages("/folders?folderType=TEST_CASE")
        found = []
        for folder in folders:
            rows = await client.pages(f"/testcases?folderId={folder['id']}")
            assert all(row["folder"]["id"] == folder["id"] for row in rows)
            found += rows
        outside = [row for row in await client.pages("/testcases") if row["folder"] is None]
        assert outside and len(found) + len(outside) == 45
        await client.get("/testcases?folderId=1", 404)
        assert (await client.get(f"/testcases/nextgen?folderId={folders[0]['id']}"))["values"]


async def test_the_project_is_found_by_key_and_id():
    """One project; another key is unknown."""
    async with zephyr() as client:
        (project,) = await client.pages("/projects")
        assert (
            await client.get(f"/projects/{project['key']}") == project == await client.get(f"/projects/{project['id']}")
        )
        await client.get("/projects/OTHER", 404)
        await client.get("/testcases?projectKey=OTHER", 404)
        await client.get("/testcases?projectKey=other", 400)


async def test_a_case_is_read_with_links_versions_and_steps():
    """One case with older versions: newest first, each with an id of its own and a script that points into it."""
    async with zephyr() as client:
        case = await client.get("/testcases/SBX-T17")
        assert await client.get("/testcases/SBX-T17/links") == case["links"]
        versions = await client.pages("/testcases/SBX-T17/versions")
        assert [row["self"].rpartition("/")[2] for row in versions] == ["3", "2", "1"]
        assert len({row["id"] for row in versions}) == 3
        old = await client.get("/testcases/SBX-T17/versions/1")
        assert old["testScript"]["self"].endswith("/SBX-T17/versions/1/teststeps")
        assert (await client.get("/testcases/SBX-T17/versions/3"))["name"] == case["name"] != old["name"]
        await client.get("/testcases/SBX-T17/versions/4", 404)
        await client.get("/testcases/SBX-T46", 404)
        await client.get("/testcases/nonsense", 400)


async def test_the_wrong_kind_of_script_is_422():
    """Steps of a case with a script and the script of a step-by-step case are 422; the address tells them apart."""
    async with zephyr() as client:
        kinds = {}
        for row in await client.pages("/testcases"):
            kind = row["testScript"]["self"].rpartition("/")[2]
            other = {"teststeps": "testscript", "testscript": "teststeps"}[kind]
            await client.get(f"/testcases/{row['key']}/{kind}")
            await client.get(f"/testcases/{row['key']}/{other}", 422)
            kinds[row["key"]] = kind
        assert set(kinds.values()) == {"teststeps", "testscript"}


async def test_steps_are_paged_ten_at_a_time():
    """Fifty steps need five default pages, in their order."""
    async with zephyr() as client:
        assert len((await client.get("/testcases/SBX-T19/teststeps"))["values"]) == 10
        steps = await client.pages("/testcases/SBX-T19/teststeps", size=10)
        assert len(steps) == 50 and [step["id"] for step in steps] == sorted(step["id"] for step in steps)


async def test_every_address_in_an_answer_is_the_sandbox_s_own():
    """`self` addresses lead back to this server, not to the vendor's cloud."""
    async with zephyr() as client:
        case = await client.get("/testcases/SBX-T1")
        for part in ("project", "priority", "status", "folder"):
            await client.get(case[part]["self"].removeprefix(client.base_url))
        await client.get(case["testScript"]["self"].removeprefix(client.base_url))


async def test_trailing_slashes_are_accepted_and_all_else_is_404():
    """The vendor's own client writes trailing slashes; what is not implemented answers 404 in the API's shape."""
    async with zephyr() as client:
        assert await client.get("/testcases/") == await client.get("/testcases/") and await client.get("/priorities/")
        assert (await client.get("/testplans", 404)).keys() == {"errorCode", "message"}
        await client.call("POST", "/priorities", 404, json={})
        await client.call("DELETE", "/testcases/SBX-T1", 404)
