"""Cycles, executions and their steps as clients read them, page by page and by each filter, held to the contract."""

from typing import Any

import pytest
from zephyr_client import ZephyrClient
from zephyr_fixtures import zephyr

from ztoq_async.sandbox import Generator
from ztoq_async.sandbox.source import Source

EXECUTIONS = 240
TOTAL = 240 // 36 * 40 + 27


def source() -> Source:
    return Generator(60, executions=EXECUTIONS, seed=4)


async def by_cursor(client: ZephyrClient, path: str, limit: int = 100) -> list[dict[str, Any]]:
    """Every row of a cursor list."""
    rows, start = [], 0
    while start is not None:
        page = await client.get(f"{path}{'&' if '?' in path else '?'}limit={limit}&startAtId={start}")
        assert page.keys() == {"next", "nextStartAtId", "limit", "values"}
        rows += page["values"]
        start = page["nextStartAtId"]
    return rows


@pytest.mark.parametrize("path", ["/testcycles", "/testexecutions"])
async def test_both_kinds_of_list_give_every_row_once(path: str):
    """Ten rows by default, ascending ids, the same rows by offset and by cursor; each row also alone, by id."""
    async with zephyr(source()) as client:
        first = await client.get(path)
        assert len(first["values"]) == min(10, first["total"]) and first["maxResults"] == 10
        rows = await client.pages(path, size=30)
        assert rows == await by_cursor(client, f"{path}/nextgen")
        assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
        assert len(rows) == (TOTAL if path == "/testexecutions" else 7)
        for row in rows[::9]:
            assert await client.get(f"{path}/{row['id']}") == row
            assert "key" not in row or await client.get(f"{path}/{row['key']}") == row
            assert await client.get(f"{path}/{row['id']}/links") == row["links"]


async def test_an_execution_without_a_key_is_found_by_its_id_alone():
    """What the row does not tell cannot be asked for."""
    async with zephyr(source()) as client:
        rows = await client.pages("/testexecutions")
        nameless = [number for number, row in enumerate(rows, 1) if "key" not in row]
        assert nameless
        for number in nameless:
            await client.get(f"/testexecutions/SBX-E{number}", 404)
            assert (await client.get(f"/testexecutions/{rows[number - 1]['id']}"))["id"] == rows[number - 1]["id"]


@pytest.mark.parametrize("path", ["/testcycles/nextgen", "/testexecutions/nextgen"])
async def test_older_tenants_have_no_cursor_list(path: str):
    """With cursor_lists = false the cursor lists answer 404; a page cap holds for them too."""
    async with zephyr(source(), cursor_lists=False) as client:
        await client.get(path, 404)
    async with zephyr(source(), page_cap=3) as client:
        page = await client.get(f"{path}?limit=1000")
        assert len(page["values"]) == 3 and page["nextStartAtId"] is not None


async def test_steps_come_ten_a_page_and_by_row_of_test_data():
    """The default page is ten; each step has a status; `testDataRowNumber` leaves the steps of one row."""
    async with zephyr(source()) as client:
        rows = await client.pages("/testexecutions")
        longest, doubled = 0, 0
        for row in rows:
            path = f"/testexecutions/{row['id']}/teststeps"
            steps = await client.pages(path)
            longest = max(longest, len(steps))
            assert (await client.get(path))["values"] == steps[:10]
            numbers = [step["inline"]["testDataRowNumber"] for step in steps]
            if 1 in numbers:
                doubled += 1
                assert await client.pages(f"{path}?testDataRowNumber=1") == steps[len(steps) // 2 :]
        assert longest >= 50 and doubled


FILTERS = {
    "testCycle=SBX-R2": lambda row, cycle: row["testCycle"] and row["testCycle"]["id"] == cycle,
    "testCase=SBX-T3": lambda row, _: "/SBX-T3/" in row["testCase"]["self"],
    "testCase=GONE-T1": lambda row, _: "/GONE-T1/" in row["testCase"]["self"],
    "jiraProjectVersionId=10101": lambda row, _: (row["jiraProjectVersion"] or {}).get("id") == 10_101,
    "actualEndDateAfter=2020-01-01T00:00:00Z": lambda row, _: row.get("actualEndDate", "") > "2020-01-01T00:00:00Z",
    "actualEndDateBefore=2020-01-01T01:00:00%2B01:00": lambda row, _: (
        "" < row.get("actualEndDate", "") < "2020-01-01T00:00:00Z"
    ),
}


@pytest.mark.parametrize("query", FILTERS)
async def test_a_filter_leaves_what_it_says(query: str):
    """Some rows and not all; the same by offset and by cursor."""
    async with zephyr(source()) as client:
        cycle = (await client.get("/testcycles/SBX-R2"))["id"]
        rows = await client.pages("/testexecutions")
        expected = [row for row in rows if FILTERS[query](row, cycle)]
        assert 0 < len(expected) < len(rows)
        assert await client.pages(f"/testexecutions?{query}", size=3) == expected
        assert await by_cursor(client, f"/testexecutions/nextgen?{query}", 5) == expected


async def test_the_last_execution_of_each_case_cycle_and_environment():
    """One row of each, that with the highest id."""
    async with zephyr(source()) as client:
        last: dict[Any, Any] = {}
        for row in await client.pages("/testexecutions"):
            case = row["testCase"]["self"].split("/")[5]
            last[case, str(row["testCycle"]), str(row["environment"])] = row
        found = await client.pages("/testexecutions?onlyLastExecutions=true")
        assert found == sorted(last.values(), key=lambda row: row["id"])
        assert len(found) < TOTAL


async def test_links_of_steps_come_when_asked_for():
    """`includeStepLinks` adds issues to some executions and takes none away."""
    async with zephyr(source()) as client:
        plain, more = [await client.pages(f"/testexecutions?includeStepLinks={flag}") for flag in ("false", "true")]
        added = 0
        for one, two in zip(plain, more, strict=True):
            issues = one["links"]["issues"]
            assert two["links"]["issues"][: len(issues)] == issues
            assert one | {"links": None} == two | {"links": None}
            added += len(two["links"]["issues"]) > len(issues)
            assert await client.get(f"/testexecutions/{two['id']}?includeStepLinks=true") == two
        assert added


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/testexecutions?testCycle=R1", 400),
        ("/testexecutions?testCase=x", 400),
        ("/testexecutions?onlyLastExecutions=maybe", 400),
        ("/testexecutions?actualEndDateAfter=yesterday", 400),
        ("/testexecutions?actualEndDateAfter=0001-01-01T00:00:00%2B10:00", 400),
        ("/testexecutions?projectKey=NEXT", 404),
        ("/testexecutions/nextgen?limit=0", 400),
        ("/testexecutions/x", 400),
        ("/testexecutions/SBX-E0", 404),
        ("/testexecutions/SBX-E9999", 404),
        ("/testexecutions/1", 404),
        ("/testexecutions/1/teststeps", 404),
        ("/testcycles?folderId=1", 404),
        ("/testcycles/sbx-R1", 400),
        ("/testcycles/SBX-R99", 404),
        ("/testcycles/9", 404),
    ],
)
async def test_wrong_questions_are_refused_in_the_shape_of_errors(path: str, status: int):
    """400 for what cannot be, 404 for what is not."""
    async with zephyr(source()) as client:
        assert (await client.get(path, status)).keys() == {"errorCode", "message"}


async def test_cycles_are_found_by_folder_version_and_change():
    """Direct children of a folder, one Jira version, those changed since."""
    async with zephyr(source()) as client:
        rows = await client.pages("/testcycles")
        folder = next(row["folder"]["id"] for row in rows if row["folder"])
        inside = [row for row in rows if row["folder"] and row["folder"]["id"] == folder]
        assert await client.pages(f"/testcycles?folderId={folder}") == inside
        version = next(row["jiraProjectVersion"]["id"] for row in rows if row["jiraProjectVersion"])
        found = await client.pages(f"/testcycles?jiraProjectVersionId={version}")
        assert found == [row for row in rows if (row["jiraProjectVersion"] or {}).get("id") == version]
        changed = await client.get("/testcycles/nextgen?updatedAfter=2019-08-01T00:00:00Z&limit=100")
        assert 0 < len(changed["values"]) < len(rows)


async def test_a_case_of_another_project_is_read_by_its_key_and_never_listed():
    """Its record, steps, script and versions name the other project; its status and priority answer by id."""
    async with zephyr(source()) as client:
        listed = {row["key"] for row in await client.pages("/testcases")}
        rows = await client.pages("/testexecutions")
        keys = {row["testCase"]["self"].split("/")[5] for row in rows} - listed
        answers: dict[str, int] = {}
        for key in keys:
            async with client.session.get(f"{client.base_url}/testcases/{key}") as response:
                answers[key] = response.status
        assert {key.split("-")[0]: status for key, status in answers.items()} == {"NEXT": 200, "GONE": 404, "SBX": 404}
        for key in (key for key, status in answers.items() if status == 200):
            case = await client.get(f"/testcases/{key}")
            assert case["project"]["id"] != rows[0]["project"]["id"]
            assert f"/{key}/" in case["testScript"]["self"]
            await client.get(f"/testcases/{key}/{case['testScript']['self'].rpartition('/')[2]}")
            for version in await client.pages(f"/testcases/{key}/versions"):
                assert (await client.get(version["self"].removeprefix(client.base_url)))["key"] == key
            await client.get(f"/statuses/{case['status']['id']}")
            await client.get(f"/priorities/{case['priority']['id']}")
