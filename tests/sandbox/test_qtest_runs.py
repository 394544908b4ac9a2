"""Test runs of the simulated qTest."""

from __future__ import annotations

from typing import Any

import pytest
from qtest_site import ROOT, Site, prop, site, steps, under, value


async def listed(qtest: Site, place: tuple[str, int] = ROOT, **query: object) -> dict[str, Any]:
    return await qtest.ok("GET", "/test-runs", params=under(place) | query)


def ids(page: dict[str, Any]) -> list[int]:
    return [row["id"] for row in page["items"]]


async def test_a_run_is_made_of_an_approved_version() -> None:
    """201; the version sent, else the latest approved; the name sent, else the case's; the caller is the creator."""
    async with site() as qtest:
        first = await qtest.approved("C")
        second = await qtest.ok("PUT", f"/test-cases/{first['id']}/approve")
        suite = await qtest.suite()
        place = ("test-suite", suite["id"])
        status, run = await qtest.call(
            "POST", "/test-runs", json={"test_case": {"id": first["id"]}}, params=under(place)
        )
        assert (status, run["pid"], run["name"], run["parentType"], run["parentId"]) == (201, "TR-1", "C", *place)
        assert (run["test_case"]["id"], run["testCaseId"]) == (first["id"], first["id"])
        assert (run["test_case_version_id"], run["test_case_version"]) == (second["test_case_version_id"], "2.0")
        assert run["creator_id"] == qtest.state.caller
        assert "latest_test_log" not in run
        old = await qtest.run(first, name="older")
        assert (old["name"], old["test_case_version"]) == ("older", "1.0")
        assert await qtest.ok("GET", f"/test-runs/{old['id']}") == old


async def test_wrong_runs_are_refused() -> None:
    """No case, no id, a version of another case, unknown words and values; an unknown case or parent is 404."""
    async with site() as qtest:
        case, other = await qtest.approved(), await qtest.approved()
        good = {"test_case": {"id": case["id"]}}
        for body in ({}, {"test_case": {}}, {"test_case": {"name": "C"}}, {**good, "colour": 1},
                     {"test_case": {"id": case["id"], "colour": 1}}, {**good, "name": " "},
                     {**good, "test_case_version_id": other["test_case_version_id"]},
                     {**good, "test_case_version_id": "x"}, {**good, "web_url": "x"},
                     {**good, "properties": [{"field_id": 1, "field_value": "x"}]}):  # fmt: skip
            await qtest.refused("POST", "/test-runs", json=body)
        await qtest.refused("POST", "/test-runs", 404, json={"test_case": {"id": 1}})
        await qtest.refused("POST", "/test-runs", 404, json=good, params=under(("test-suite", 1)))
        assert qtest.state.objects()["test-run"] == 0


async def test_drafts_cannot_be_run() -> None:
    """`draft_runs=refuse`: neither a case without an approved version, nor a newer draft."""
    async with site() as qtest:
        case = await qtest.case()
        body = {"test_case": {"id": case["id"]}}
        await qtest.refused("POST", "/test-runs", json=body)
        await qtest.refused("POST", "/test-runs", json=body | {"test_case_version_id": case["test_case_version_id"]})
        approved = await qtest.ok("PUT", f"/test-cases/{case['id']}/approve")
        draft = await qtest.ok("PUT", f"/test-cases/{case['id']}", json={"name": "D"})
        await qtest.refused("POST", "/test-runs", json=body | {"test_case_version_id": draft["test_case_version_id"]})
        run = await qtest.ok("POST", "/test-runs", json=body)
        assert (run["test_case_version_id"], run["name"]) == (approved["test_case_version_id"], "C")


async def test_drafts_may_be_runnable() -> None:
    """`draft_runs=allow`: the draft where it is named or none is approved; logs of it too."""
    async with site(draft_runs="allow") as qtest:
        case = await qtest.case(test_steps=steps("one"))
        run = await qtest.ok("POST", "/test-runs", json={"test_case": {"id": case["id"]}})
        assert (run["test_case_version_id"], run["test_case_version"]) == (case["test_case_version_id"], "0.1")
        log = await qtest.log(run)
        assert log["test_case_version_id"] == case["test_case_version_id"]


async def test_the_list_is_a_paged_object() -> None:
    """Direct children, or with expand=descendants all below; from the root the whole project, by id."""
    async with site() as qtest:
        case, cycle = await qtest.approved(), await qtest.cycle()
        suite = await qtest.suite("S", ("test-cycle", cycle["id"]))
        places = (ROOT, ("test-cycle", cycle["id"]), ("test-suite", suite["id"]))
        made = [[(await qtest.run(case, place))["id"] for place in places] for _ in range(3)]
        by_place = list(zip(*made, strict=True))
        for place, expected in zip(places, by_place, strict=True):
            page = await listed(qtest, place)
            assert (ids(page), page["total"], page["page"], page["page_size"]) == (list(expected), 3, 1, 100)
        assert ids(await listed(qtest, places[1], expand="descendants")) == sorted(by_place[1] + by_place[2])
        assert ids(await listed(qtest, expand="descendants")) == [identity for row in made for identity in row]
        page = await listed(qtest, expand="descendants", page=2, pageSize=4)
        assert (ids(page), page["links"][0]["rel"]) == ([i for row in made for i in row][4:8], "next")
        await qtest.refused("GET", "/test-runs", params={"expand": "all"})
        await qtest.refused("GET", "/test-runs", params={"pageSize": 0})


async def test_pages_have_999_rows_at_most() -> None:
    """A larger pageSize is taken for 999, or the dialect's page_cap."""
    for cap, expected in ((0, 999), (50, 50)):
        async with site(page_cap=cap) as qtest:
            assert (await listed(qtest, pageSize=5000))["page_size"] == expected


@pytest.mark.parametrize("named", [True, False])
async def test_rows_of_the_list_may_lack_names(named: bool) -> None:
    """`run_names_in_lists`: name and latest_test_log are in the rows or not; the rest is as in the single GET."""
    async with site(run_names_in_lists=named) as qtest:
        run = await qtest.run(await qtest.approved())
        await qtest.log(run)
        [row] = (await listed(qtest))["items"]
        whole = await qtest.ok("GET", f"/test-runs/{run['id']}")
        missing = set() if named else {"name", "latest_test_log"}
        assert row == {name: whole[name] for name in whole.keys() - missing}
        assert prop(row, "Status")["field_value_name"] == "Passed"


async def test_one_run_shows_its_case_when_asked() -> None:
    """`expand=testcase`: the case of the run's version without steps; `testcase.teststep`: with them."""
    async with site() as qtest:
        case = await qtest.approved(test_steps=steps("one"))
        run = await qtest.run(case)
        await qtest.ok("PUT", f"/test-cases/{case['id']}", json={"name": "later", "test_steps": []})

        async def shown(expand: str) -> dict[str, Any]:
            return (await qtest.ok("GET", f"/test-runs/{run['id']}", params={"expand": expand}))["test_case"]

        assert (await shown("testcase"))["name"] == "C"
        assert "test_steps" not in await shown("testcase")
        assert [row["description"] for row in (await shown("testcase.teststep"))["test_steps"]] == ["one"]
        await qtest.refused("GET", f"/test-runs/{run['id']}", params={"expand": "teststep"})


async def test_a_run_changes_or_moves() -> None:
    """PUT keeps what it does not name; with a parent it moves and ignores its body, even a wrong one."""
    async with site() as qtest:
        case, other, suite = await qtest.approved(), await qtest.approved(), await qtest.suite()
        environment = await qtest.field("Zephyr Environment", kind="test-runs")
        run = await qtest.run(case, properties=[value(environment, "Chrome")])
        address, place = f"/test-runs/{run['id']}", ("test-suite", suite["id"])
        changed = await qtest.ok("PUT", address, json={"name": "N", "test_case": run["test_case"]})
        assert (changed["name"], prop(changed, "Zephyr Environment")["field_value"]) == ("N", "Chrome")
        await qtest.refused("PUT", address, json={"test_case_version_id": other["test_case_version_id"]})
        newer = await qtest.ok("PUT", f"/test-cases/{case['id']}/approve")
        changed = await qtest.ok("PUT", address, json={"test_case_version_id": newer["test_case_version_id"]})
        assert changed["test_case_version"] == "2.0"
        moved = await qtest.ok("PUT", address, json={"name": "M", "colour": 1}, params=under(place))
        assert (moved["name"], moved["parentId"], ids(await listed(qtest))) == ("N", suite["id"], [])
        assert ids(await listed(qtest, place)) == [run["id"]]


async def test_a_run_takes_its_logs_along() -> None:
    """DELETE answers a message; logs have no other way to go."""
    async with site() as qtest:
        run = await qtest.run(await qtest.approved())
        log = await qtest.log(run, note="[zephyr:test-log:1]")
        await qtest.refused("DELETE", f"/test-runs/{run['id']}/test-logs/{log['id']}", 404)
        assert "deleted" in (await qtest.ok("DELETE", f"/test-runs/{run['id']}"))["message"]
        assert (qtest.state.objects()["test-run"], qtest.state.objects()["test-log"]) == (0, 0)
        await qtest.refused("GET", f"/test-runs/{run['id']}/test-logs", 404)


async def test_statuses_are_the_sites_own() -> None:
    """Ids differ from site to site and are not the examples'; some have names of the site's own, one is inactive."""
    found = []
    for seed in (1, 2):
        async with site(seed=seed) as qtest:
            rows = await qtest.ok("GET", "/test-runs/execution-statuses")
            assert {"Passed", "Failed", "Incomplete", "Blocked", "Unexecuted"} < {row["name"] for row in rows}
            assert [row["name"] for row in rows if row["is_default"]] == ["Unexecuted"]
            assert [row["name"] for row in rows if not row["active"]] == ["Deferred"]
            found.append({row["id"] for row in rows})
    assert not found[0] & found[1]
    assert not (found[0] | found[1]) & set(range(601, 606))


async def test_the_caller_may_execute() -> None:
    """The profile grants cycles, suites, runs, their execution and own logs."""
    async with site() as qtest:
        rights = await qtest.ok("GET", "/user-profiles/current")
        assert all(rights[area]["create"] for area in ("test_cycle", "test_suite", "test_run"))
        assert rights["test_run"]["execute"] and rights["test_run"]["modify_test_logs_by_self"]


async def test_a_run_outlives_its_case() -> None:
    """It still names the case that is gone, can be read with its logs, and takes no more of them."""
    async with site() as qtest:
        case = await qtest.approved(test_steps=steps("one"))
        run = await qtest.run(case)
        step = {"test_step_id": case["test_steps"][0]["id"], "status": {"id": await qtest.status("Failed")}}
        log = await qtest.log(run, test_step_logs=[step])
        await qtest.ok("DELETE", f"/test-cases/{case['id']}")
        address = f"/test-runs/{run['id']}"
        read = await qtest.ok("GET", address, params={"expand": "testcase"})
        assert (read["test_case"]["id"], read["test_case_version"]) == (case["id"], None)
        [row] = (await qtest.ok("GET", f"{address}/test-logs"))["items"]
        assert row["id"] == log["id"]
        assert [(result["test_step_id"], result["description"]) for result in row["test_step_logs"]] == [
            (step["test_step_id"], None)]  # fmt: skip
        await qtest.refused("POST", f"{address}/test-logs", json=await qtest.log_body())
