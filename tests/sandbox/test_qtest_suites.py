"""Test suites of the simulated qTest."""

from __future__ import annotations

import pytest
from qtest_site import ROOT, prop, site, under, value


async def test_a_suite_answers_200_with_its_parent_and_properties() -> None:
    """Not 201; every active field is among the properties; the parent is in the query and in the answer."""
    async with site() as qtest:
        cycle = await qtest.cycle()
        start = await qtest.system("Planned Start Date", "test-suites")
        body = {"name": "S", "properties": [value(start, "2024-05-01T00:00:00Z")]}
        place = ("test-cycle", cycle["id"])
        status, suite = await qtest.call("POST", "/test-suites", json=body, params=under(place))
        assert (status, suite["pid"], suite["parentType"], suite["parentId"]) == (200, "TS-1", *place)
        assert prop(suite, "Planned Start Date")["field_value"] == "2024-05-01T00:00:00+00:00"
        assert prop(suite, "Execution Type")["field_value_name"] == "Functionality"
        assert await qtest.ok("GET", "/test-suites", params=under(place)) == [suite]
        assert await qtest.ok("GET", f"/test-suites/{suite['id']}") == suite
        assert await qtest.ok("GET", "/test-suites") == []


async def test_suites_have_no_description() -> None:
    """Neither as a word of the body nor as a system field; wrong names, values and parents are refused too."""
    async with site() as qtest:
        fields = await qtest.ok("GET", "/settings/test-suites/fields")
        assert [field["label"] for field in fields] == [
            "Assigned To", "Execution Type", "Planned Start Date", "Planned End Date"]  # fmt: skip
        for body in ({"name": "S", "description": "d"}, {"properties": []}, {"name": "x" * 501},
                     {"name": "S", "properties": [value(fields[2], "soon")]},
                     {"name": "S", "properties": [{"field_id": 1, "field_value": "x"}]}):  # fmt: skip
            await qtest.refused("POST", "/test-suites", json=body)
        suite = await qtest.suite()
        await qtest.refused("POST", "/test-suites", json={"name": "T"}, params=under(("test-suite", suite["id"])))
        await qtest.refused("POST", "/test-suites", 404, json={"name": "T"}, params=under(("test-cycle", 1)))
        assert qtest.state.objects()["test-suite"] == 1


async def test_the_list_has_no_pages() -> None:
    """All direct children of one parent, in one bare array, by order."""
    async with site(page_cap=10) as qtest:
        made = [(await qtest.suite(f"S{number}"))["id"] for number in range(30)]
        assert [row["id"] for row in await qtest.ok("GET", "/test-suites")] == made


async def test_a_suite_changes_or_moves() -> None:
    """PUT keeps what it does not name; with a parent it moves and ignores its body, even a wrong one."""
    async with site() as qtest:
        cycle, key = await qtest.cycle(), await qtest.field("Zephyr Key", kind="test-suites")
        suite = await qtest.suite("S", properties=[value(key, "MM-R1")])
        address, place = f"/test-suites/{suite['id']}", ("test-cycle", cycle["id"])
        changed = await qtest.ok("PUT", address, json={"name": "T"}, params={"noEmail": "true"})
        assert (changed["name"], prop(changed, "Zephyr Key")["field_value"]) == ("T", "MM-R1")
        moved = await qtest.ok("PUT", address, json={"name": "U", "colour": 1}, params=under(place))
        assert (moved["name"], moved["parentId"]) == ("T", cycle["id"])
        assert [row["id"] for row in await qtest.ok("GET", "/test-suites", params=under(place))] == [suite["id"]]
        back = await qtest.ok("PUT", address, params=under(ROOT))
        assert (back["parentId"], back["parentType"]) == (0, "root")


async def test_a_suite_goes_with_its_runs() -> None:
    """The contract has no `force` for suites: what is in it goes too."""
    async with site() as qtest:
        suite = await qtest.suite()
        await qtest.run(await qtest.approved(), ("test-suite", suite["id"]))
        assert await qtest.ok("DELETE", f"/test-suites/{suite['id']}") == {}
        assert (qtest.state.objects()["test-suite"], qtest.state.objects()["test-run"]) == (0, 0)
        await qtest.refused("GET", f"/test-suites/{suite['id']}", 404)


async def test_the_field_zephyr_key_counts_duplicates() -> None:
    """Of suites and of runs, each by the field of its own type."""
    async with site() as qtest:
        case = await qtest.approved()
        of_suites = await qtest.field("Zephyr Key", kind="test-suites")
        of_runs = await qtest.field("Zephyr Key", kind="test-runs")
        suites = [await qtest.suite("S", properties=[value(of_suites, "MM-R1")]) for _ in range(2)]
        runs = [await qtest.run(case, properties=[value(of_runs, "MM-R1/T1/-")]) for _ in range(2)]
        assert qtest.state.duplicates() == [
            {"kind": "test-suite", "key": "MM-R1", "ids": [row["id"] for row in suites]},
            {"kind": "test-run", "key": "MM-R1/T1/-", "ids": [row["id"] for row in runs]},
        ]
        await qtest.ok("DELETE", f"/test-suites/{suites[0]['id']}")
        cleared = {"properties": [value(of_runs, "")]}
        await qtest.ok("PUT", f"/test-runs/{runs[0]['id']}", json=cleared)
        assert qtest.state.duplicates() == []


@pytest.mark.parametrize("kind", ["suite", "run"])
async def test_a_site_may_have_required_fields(kind: str) -> None:
    """`required_suite_field` and `required_run_field`: a text without a default, which stays."""
    async with site(**{f"required_{kind}_field": "Team"}) as qtest:
        team, case = await qtest.system("Team", f"test-{kind}s"), await qtest.approved()
        body = {"name": "S"} | ({"test_case": {"id": case["id"]}} if kind == "run" else {})
        assert "Team" in await qtest.refused("POST", f"/test-{kind}s", json=body)
        made = await qtest.ok("POST", f"/test-{kind}s", json=body | {"properties": [value(team, "A")]})
        cleared = {"properties": [value(team, "")]}
        await qtest.refused("PUT", f"/test-{kind}s/{made['id']}", json=cleared)


async def test_fields_in_use_may_be_protected() -> None:
    """`fields_in_use=refuse` holds for values of suites and runs."""
    async with site(fields_in_use="refuse") as qtest:
        for kind in ("test-suites", "test-runs"):
            field = await qtest.field("Note", kind=kind)
            properties = [value(field, "x")]
            made = await (
                qtest.suite(properties=properties)
                if kind == "test-suites"
                else qtest.run(await qtest.approved(), properties=properties)
            )
            await qtest.refused("DELETE", f"/settings/{kind}/fields/{field['id']}")
            await qtest.ok("DELETE", f"/{kind}/{made['id']}")
            await qtest.ok("DELETE", f"/settings/{kind}/fields/{field['id']}")
