"""Test logs of the simulated qTest."""

from __future__ import annotations

from typing import Any

import pytest
from qtest_site import Site, prop, site, steps, value

from ztoq_async.sandbox.dialects import STRICTEST


async def logs_of(qtest: Site, run: dict[str, Any], **query: object) -> dict[str, Any]:
    return await qtest.ok("GET", f"/test-runs/{run['id']}/test-logs", params=query)


async def result(qtest: Site, step: dict[str, Any], status: str = "Passed", **more: Any) -> dict[str, Any]:
    """A step's result as a caller sends it."""
    return {"test_step_id": step["id"], "status": {"id": await qtest.status(status)}, **more}


async def called(qtest: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    """(caller, called): approved cases, the caller's second step a call to the other, which has two steps."""
    inner = await qtest.approved("inner", test_steps=steps("i1", "i2"))
    call = {"description": "", "expected": "", "order": 2, "called_test_case_id": inner["id"]}
    outer = await qtest.approved("outer", test_steps=[*steps("o1"), call])
    return outer, inner


async def test_a_log_comes_back_as_sent() -> None:
    """201; instants, status, note, results in order; the caller is the tester, the latest approved version its."""
    async with site() as qtest:
        case = await qtest.approved(test_steps=steps("one", "two"))
        run = await qtest.run(case, name="N")
        first, second = case["test_steps"]
        sent = [await result(qtest, first), await result(qtest, second, "Failed", actual_result="<b>no</b>")]
        body = await qtest.log_body("Failed", note="n", test_step_logs=sent, exe_end_date="2024-05-01T12:00:00+01:30")
        status, log = await qtest.call("POST", f"/test-runs/{run['id']}/test-logs", json=body)
        assert (status, log["exe_start_date"], log["exe_end_date"]) == (
            201, "2024-05-01T10:00:00+00:00", "2024-05-01T10:30:00+00:00")  # fmt: skip
        assert (log["status"]["name"], log["note"], log["name"], log["test_run_id"]) == ("Failed", "n", "N", run["id"])
        assert (log["test_case_version_id"], log["test_case"]["id"]) == (case["test_case_version_id"], case["id"])
        assert (log["user_id"], log["tester_id"]) == (qtest.state.caller, qtest.state.caller)
        assert [
            (row["test_step_id"], row["order"], row["status"]["name"], row["actual_result"], row["description"])
            for row in log["test_step_logs"]
        ] == [(first["id"], 1, "Passed", "", "one"), (second["id"], 2, "Failed", "<b>no</b>", "two")]
        assert await qtest.ok("GET", f"/test-runs/{run['id']}/test-logs/{log['id']}") == log


@pytest.mark.parametrize(
    "changed",
    [
        {"exe_start_date": None},
        {"exe_end_date": None},
        {"status": None},
        {"status": {"name": "Passed"}},
        {"status": 5},
        {"status": {"id": 601}},
        {"exe_start_date": "2024-05-01T10:00:00.000Z"},
        {"exe_start_date": "2024-05-01T10:00:00"},
        {"exe_start_date": "2024-05-01"},
        {"exe_start_date": "2024-13-01T10:00:00Z"},
        {"exe_start_date": 1714557600000},
        {"exe_start_date": "2024-05-01T10:05:01Z"},
        {"exe_end_date": "2024-05-01T10:00:00+02:00"},
        {"test_case_version_id": 5},
        {"colour": "red"},
        {"test_run_id": 5},
        {"planned_exe_time": -1},
        {"note": 5},
        {"properties": [{"field_id": 1, "field_value": "x"}]},
        {"attachments": [{"name": "a.png"}]},
        {"defects": [{"pid": "DF-1"}]},
        {"test_step_logs": [{"status": {"id": 601}}]},
    ],
)
async def test_wrong_logs_are_refused(changed: dict[str, Any]) -> None:
    """Each is 400 in the service's shape, and nothing is kept."""
    async with site() as qtest:
        run = await qtest.run(await qtest.approved())
        await qtest.refused("POST", f"/test-runs/{run['id']}/test-logs", json=await qtest.log_body() | changed)
        assert qtest.state.objects()["test-log"] == 0


async def test_a_log_needs_an_active_status() -> None:
    """An inactive one is refused for the log; a step may still show it."""
    async with site() as qtest:
        case = await qtest.approved(test_steps=steps("one"))
        run = await qtest.run(case)
        address = f"/test-runs/{run['id']}/test-logs"
        assert "not active" in await qtest.refused("POST", address, json=await qtest.log_body("Deferred"))
        log = await qtest.log(run, test_step_logs=[await result(qtest, case["test_steps"][0], "Deferred")])
        assert log["test_step_logs"][0]["status"]["name"] == "Deferred"


async def test_a_log_may_be_of_another_version_than_its_run() -> None:
    """Of any approved one of the case; without one of the latest; another case's is an opaque 400."""
    async with site() as qtest:
        old = await qtest.approved(test_steps=steps("one"))
        run = await qtest.run(old)
        new = await qtest.ok("PUT", f"/test-cases/{old['id']}", json={"test_steps": steps("new")})
        new = await qtest.ok("PUT", f"/test-cases/{old['id']}/approve")
        draft = await qtest.ok("PUT", f"/test-cases/{old['id']}", json={"name": "D"})
        versions = [row["test_case_version_id"] for row in (old, new)]
        assert (await qtest.log(run))["test_case_version_id"] == versions[1]
        for version, step in ((versions[0], old["test_steps"][0]), (versions[1], new["test_steps"][0])):
            rows = [await result(qtest, step)]
            log = await qtest.log(run, test_case_version_id=version, test_step_logs=rows)
            assert (log["test_case_version_id"], len(log["test_step_logs"])) == (version, 1)
        address, other = f"/test-runs/{run['id']}/test-logs", await qtest.approved()
        for version in (draft["test_case_version_id"], other["test_case_version_id"]):
            body = await qtest.log_body(test_case_version_id=version)
            assert str(version) not in await qtest.refused("POST", address, json=body)
        wrong = {"test_case_version_id": versions[0], "test_step_logs": [await result(qtest, new["test_steps"][0])]}
        await qtest.refused("POST", address, json=await qtest.log_body(**wrong))


@pytest.mark.parametrize("ids", ["kept", "new"])
async def test_step_ids_are_those_of_the_version(ids: str) -> None:
    """`step_ids_after_approve`: with "new" those of the draft are refused after approving."""
    async with site(step_ids_after_approve=ids) as qtest:
        draft = await qtest.case(test_steps=steps("one"))
        case = await qtest.ok("PUT", f"/test-cases/{draft['id']}/approve")
        run = await qtest.run(case)
        await qtest.log(run, test_step_logs=[await result(qtest, case["test_steps"][0])])
        body = await qtest.log_body(test_step_logs=[await result(qtest, draft["test_steps"][0])])
        status, _ = await qtest.call("POST", f"/test-runs/{run['id']}/test-logs", json=body)
        assert status == (201 if ids == "kept" else 400)


@pytest.mark.parametrize("echo", ["id", "expanded"])
async def test_results_of_called_steps_name_case_and_calling_step(echo: str) -> None:
    """Both fields, and both fitting; else 400."""
    async with site(called_steps=echo) as qtest:
        outer, inner = await called(qtest)
        run, call, step = await qtest.run(outer), outer["test_steps"][1], inner["test_steps"][0]
        fit = {"called_test_case_id": inner["id"], "parent_test_step_id": call["id"]}
        rows = [await result(qtest, outer["test_steps"][0]), await result(qtest, step, "Failed", **fit)]
        log = await qtest.log(run, test_step_logs=rows)
        last = log["test_step_logs"][1]
        assert (last["called_test_case_id"], last["parent_test_step_id"]) == (inner["id"], call["id"])
        assert (last["description"], last["status"]["name"]) == ("i1", "Failed")
        for wrong in ({}, fit | {"called_test_case_id": outer["id"]}, {"called_test_case_id": inner["id"]},
                      fit | {"parent_test_step_id": outer["test_steps"][0]["id"]}):  # fmt: skip
            body = await qtest.log_body(test_step_logs=[await result(qtest, step, **wrong)])
            await qtest.refused("POST", f"/test-runs/{run['id']}/test-logs", json=body)


async def test_a_step_has_one_result() -> None:
    """A second one for the same step is refused; results stand by `order`, else as they were sent."""
    async with site() as qtest:
        case = await qtest.approved(test_steps=steps("one", "two"))
        run, (first, second) = await qtest.run(case), case["test_steps"]
        twice = await qtest.log_body(test_step_logs=[await result(qtest, first)] * 2)
        await qtest.refused("POST", f"/test-runs/{run['id']}/test-logs", json=twice)
        rows = [await result(qtest, first, order=2), await result(qtest, second, order=1)]
        log = await qtest.log(run, test_step_logs=rows)
        assert [row["test_step_id"] for row in log["test_step_logs"]] == [second["id"], first["id"]]


async def test_logs_stand_in_the_order_of_submission() -> None:
    """Whatever their dates; the newest submitted decides the run's status, latest_test_log and last-run."""
    async with site(page_cap=2) as qtest:
        run = await qtest.run(await qtest.approved())
        address = f"/test-runs/{run['id']}/test-logs"
        await qtest.refused("GET", address + "/last-run", 404)
        made = [
            await qtest.log(run, name, exe_start_date=f"{year}-01-01T00:00:00Z", exe_end_date=f"{year}-01-01T00:00:00Z")
            for year, name in ((2024, "Passed"), (2022, "Failed"), (2023, "Blocked"))
        ]
        pages = [await logs_of(qtest, run, page=page, pageSize=99) for page in (1, 2, 3)]
        assert [row["id"] for page in pages for row in page["items"]] == [log["id"] for log in made]
        assert [(page["total"], page["page_size"], len(page["links"])) for page in pages] == [
            (3, 2, 1), (3, 2, 0), (3, 2, 0)]  # fmt: skip
        assert [log["result_number"] for log in made] == [1, 2, 3]
        last = await qtest.ok("GET", address + "/last-run")
        assert last == made[2]
        whole = await qtest.ok("GET", f"/test-runs/{run['id']}")
        assert whole["latest_test_log"] == {
            "id": made[2]["id"], "status": "Blocked", "exe_start_date": "2023-01-01T00:00:00+00:00",
            "exe_end_date": "2023-01-01T00:00:00+00:00"}  # fmt: skip
        assert prop(whole, "Status")["field_value_name"] == "Blocked"


@pytest.mark.parametrize("listed", [True, False])
async def test_rows_of_the_list_may_lack_step_results(listed: bool) -> None:
    """`log_steps_in_lists`; the log alone has them always."""
    async with site(log_steps_in_lists=listed) as qtest:
        case = await qtest.approved(test_steps=steps("one"))
        run = await qtest.run(case)
        log = await qtest.log(run, note="n", test_step_logs=[await result(qtest, case["test_steps"][0])])
        [row] = (await logs_of(qtest, run))["items"]
        assert row == {name: log[name] for name in log if listed or name != "test_step_logs"}


async def test_sites_may_fill_in_what_was_not_run() -> None:
    """`fills_step_logs`: a row of status Unexecuted for each step without a result, in the order of steps."""
    async with site(fills_step_logs=True, called_steps="expanded") as qtest:
        outer, inner = await called(qtest)
        run = await qtest.run(outer)
        fit = {"called_test_case_id": inner["id"], "parent_test_step_id": outer["test_steps"][1]["id"]}
        log = await qtest.log(run, test_step_logs=[await result(qtest, inner["test_steps"][1], **fit)])
        rows = [(row["order"], row["description"], row["status"]["name"]) for row in log["test_step_logs"]]
        assert rows == [
            (1, "o1", "Unexecuted"), (2, "", "Unexecuted"), (3, "i1", "Unexecuted"), (4, "i2", "Passed")]  # fmt: skip
        assert await qtest.ok("GET", f"/test-runs/{run['id']}/test-logs/{log['id']}") == log


async def test_one_log_expands_its_case_or_its_steps() -> None:
    """`last-run?expand=testcase` or `teststeplog.teststep`; nothing else."""
    async with site() as qtest:
        case = await qtest.approved(test_steps=steps("one"))
        run = await qtest.run(case)
        await qtest.log(run, test_step_logs=[await result(qtest, case["test_steps"][0])])
        address = f"/test-runs/{run['id']}/test-logs/last-run"
        assert (await qtest.ok("GET", address, params={"expand": "testcase"}))["test_case"] == case
        expanded = await qtest.ok("GET", address, params={"expand": "teststeplog.teststep"})
        assert expanded["test_step_logs"][0]["test_step"] == case["test_steps"][0]
        await qtest.refused("GET", address, params={"expand": "all"})


async def test_a_log_changes_but_not_its_version_or_steps() -> None:
    """PUT keeps what it does not name; results are named by their order."""
    async with site() as qtest:
        case = await qtest.approved(test_steps=steps("one", "two"))
        run = await qtest.run(case)
        log = await qtest.log(run, note="n", test_step_logs=[await result(qtest, row) for row in case["test_steps"]])
        address, failed = f"/test-runs/{run['id']}/test-logs/{log['id']}", {"id": await qtest.status("Failed")}
        body = {"status": failed, "test_step_logs": [{"order": 2, "status": failed, "actual_result": "no"}]}
        changed = await qtest.ok("PUT", address, json=body)
        assert (changed["status"]["name"], changed["note"]) == ("Failed", "n")
        assert [(row["status"]["name"], row["actual_result"]) for row in changed["test_step_logs"]] == [
            ("Passed", ""), ("Failed", "no")]  # fmt: skip
        assert await qtest.ok("PUT", address, json=changed) == await qtest.ok("GET", address) == changed
        for wrong in ({"test_case_version_id": 5}, {"exe_end_date": "2020-01-01T00:00:00Z"}, {"colour": 1},
                      {"test_step_logs": [{"status": failed}]}, {"test_step_logs": [{"order": 3, "status": failed}]},
                      {"test_step_logs": [{"order": 1, "test_step_id": 5}]}):  # fmt: skip
            await qtest.refused("PUT", address, json=wrong)
        assert await qtest.ok("GET", address) == changed
        other = await qtest.run(case)
        await qtest.refused("GET", f"/test-runs/{other['id']}/test-logs/{log['id']}", 404)


async def test_properties_of_logs_are_fields_of_runs() -> None:
    """Checked like those, and shown on the log."""
    async with site() as qtest:
        run, field = await qtest.run(await qtest.approved()), await qtest.field("Build", kind="test-runs")
        log = await qtest.log(run, properties=[value(field, "7")])
        assert prop(log, "Build")["field_value"] == "7"
        assert prop(await qtest.ok("GET", f"/test-runs/{run['id']}"), "Build")["field_value"] == ""


async def test_the_last_marker_of_the_note_is_the_key() -> None:
    """Whatever the site makes of the note; a changed note changes the key."""
    async with site(echo="escaped") as qtest:
        run = await qtest.run(await qtest.approved())
        marked = [await qtest.log(run, note=f"[zephyr:test-log:0] a & b\n[zephyr:test-log:{n}]") for n in (1, 1, 2)]
        assert marked[0]["note"].startswith("[zephyr:test-log:0] a &amp; b")
        [twice] = qtest.state.duplicates()
        assert twice == {"kind": "test-log", "key": "[zephyr:test-log:1]", "ids": [row["id"] for row in marked[:2]]}
        await qtest.ok("PUT", f"/test-runs/{run['id']}/test-logs/{marked[0]['id']}", json={"note": ""})
        assert qtest.state.duplicates() == []


async def test_instants_survive_any_zone() -> None:
    """The same second of UTC, around changes to daylight saving, on a leap day and at the end of a year."""
    async with site() as qtest:
        run = await qtest.run(await qtest.approved())
        for sent, read in (
            ("2021-03-28T00:59:59Z", "2021-03-28T00:59:59+00:00"),
            ("2021-03-28T03:00:00+02:00", "2021-03-28T01:00:00+00:00"),
            ("2024-02-29T23:59:59-0500", "2024-03-01T04:59:59+00:00"),
            ("2022-01-01T00:30:00+01:00", "2021-12-31T23:30:00+00:00"),
        ):
            log = await qtest.log(run, exe_start_date=sent, exe_end_date=sent)
            assert (log["exe_start_date"], log["exe_end_date"]) == (read, read)


async def test_the_strictest_site_still_takes_logs() -> None:
    """Every switch at its least friendly value: a run and a log of an approved version can be made and read."""
    switches = {name: getattr(STRICTEST, name) for name in STRICTEST.__struct_fields__}
    async with site(**switches) as qtest:
        case = await qtest.approved(test_steps=steps("one", "two"))
        run = await qtest.run(case)
        log = await qtest.log(run, note="a & b", test_step_logs=[await result(qtest, case["test_steps"][1])])
        assert log["note"] == "<p>a &amp; b</p>"
        assert [row["status"]["name"] for row in log["test_step_logs"]] == ["Unexecuted", "Passed"]
