"""Test cases, versions and approval of the simulated qTest."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from qtest_site import prop, site, steps

from ztoq_async.sandbox.dialects import STRICTEST


async def test_create_answers_200_with_everything_sent() -> None:
    """Steps, description and precondition come back; the last two also as system properties; version 0.1."""
    async with site() as qtest:
        module = await qtest.module()
        body = {"name": "Login", "parent_id": module["id"], "properties": [], "description": "<b>d</b>",
                "precondition": "p", "test_steps": steps("one", "<i>two</i>")}  # fmt: skip
        status, case = await qtest.call("POST", "/test-cases", json=body)
        assert (status, case["version"], case["pid"], case["parent_id"]) == (200, "0.1", "TC-1", module["id"])
        assert [(step["description"], step["expected"], step["order"]) for step in case["test_steps"]] == [
            ("one", "seen", 1), ("<i>two</i>", "seen", 2)]  # fmt: skip
        assert case["test_steps"][1]["plain_value_text"] == "two"
        assert (prop(case, "Description")["field_value"], prop(case, "Precondition")["field_value"]) == (
            "<b>d</b>",
            "p",
        )
        assert case["creator_id"] == qtest.state.caller
        assert await qtest.ok("GET", f"/test-cases/{case['id']}") == case
        assert await qtest.ok("GET", "/test-cases/TC-1") == case


async def test_without_a_parent_a_case_goes_to_created_via_api() -> None:
    """The module is made once and holds every such case."""
    async with site() as qtest:
        first, second = await qtest.case("A"), await qtest.case("B")
        [module] = await qtest.ok("GET", "/modules")
        assert (module["name"], first["parent_id"], second["parent_id"]) == (
            "Created via API", module["id"], module["id"])  # fmt: skip


async def test_wrong_cases_are_refused_and_nothing_is_made() -> None:
    """Missing properties, wrong names, parents, steps and unknown words are refused."""
    good = {"name": "C", "properties": []}
    async with site() as qtest:
        for body in (
            {"name": "C"}, {"properties": []}, {**good, "name": "x" * 501}, {**good, "colour": 1},
            {**good, "test_steps": [{"description": "d"}]}, {**good, "test_steps": [{**steps("d")[0], "order": 0}]},
            {**good, "test_steps": [{**steps("d")[0], "called_test_case_id": 1}]},
            {**good, "attachments": [{"name": "a.png"}]}, [],
        ):  # fmt: skip
            await qtest.refused("POST", "/test-cases", json=body)
        await qtest.refused("POST", "/test-cases", 404, json={**good, "parent_id": 1})
        assert not any(qtest.state.objects().values())


async def test_pages_are_bare_arrays_of_20() -> None:
    """Page is 1-based, size defaults to 20 and is obeyed up to size_cap; the page after the last is empty."""
    async with site(size_cap=30) as qtest:
        module, other = await qtest.module("A"), await qtest.module("B")
        made = [(await qtest.case(f"C{n}", parent_id=module["id"]))["id"] for n in range(45)]
        await qtest.case("elsewhere", parent_id=other["id"])

        async def ids(**query: object) -> list[int]:
            return [row["id"] for row in await qtest.ok("GET", "/test-cases", params=query)]

        assert await ids(parentId=module["id"]) == made[:20]
        assert await ids(parentId=module["id"], page=3) == made[40:]
        assert await ids(parentId=module["id"], page=2, size=1000) == made[30:]
        assert await ids(parentId=module["id"], page=4) == []
        assert len(await ids(page=2, size=30)) == 16
        await qtest.refused("GET", "/test-cases", params={"page": 0})
        await qtest.refused("GET", "/test-cases", 404, params={"parentId": 1})


async def test_lists_expand_what_is_asked_for() -> None:
    """Steps only with expandSteps=True, properties unless expandProps=false."""
    async with site() as qtest:
        case = await qtest.case(test_steps=steps("one"))
        [plain] = await qtest.ok("GET", "/test-cases", params={"expandProps": "False"})
        assert "test_steps" not in plain
        assert plain["properties"] == []
        assert await qtest.ok("GET", "/test-cases", params={"expandSteps": "True"}) == [case]


async def test_modified_after_shows_only_later_changes() -> None:
    """A date with a zone filters by the last change."""
    async with site() as qtest:
        await qtest.case()
        for since, count in (("2020-01-01T00:00:00Z", 1), ("2999-01-01T00:00:00Z", 0), ("all", 1)):
            assert len(await qtest.ok("GET", "/test-cases", params={"modifiedAfter": since})) == count
        await qtest.refused("GET", "/test-cases", params={"modifiedAfter": "soon"})


async def test_versions_count_edits_and_approvals() -> None:
    """0.1, 0.2, 1.0, 1.1, 2.0, 3.0; listed are approved ones and the newest draft (facts.md 3.8)."""
    async with site() as qtest:
        case = await qtest.case("C", test_steps=steps("one", "two"), description="d")
        path = f"/test-cases/{case['id']}"
        edited = await qtest.ok("PUT", path, json={"name": "D"})
        assert (edited["version"], edited["description"], edited["test_steps"]) == ("0.2", "d", case["test_steps"])
        assert (await qtest.ok("PUT", path + "/approve", data=b'""'))["version"] == "1.0"
        assert (await qtest.ok("PUT", path, json={"test_steps": steps("only")}))["version"] == "1.1"
        assert [row["version"] for row in await qtest.ok("GET", path + "/versions")] == ["1.1", "1.0"]
        assert (await qtest.ok("PUT", path + "/approve", json=None))["version"] == "2.0"
        assert (await qtest.ok("PUT", path + "/approve"))["version"] == "3.0"
        versions = await qtest.ok("GET", path + "/versions")
        assert [row["version"] for row in versions] == ["3.0", "2.0", "1.0"]
        old = await qtest.ok("GET", f"{path}/versions/{versions[2]['test_case_version_id']}")
        assert [step["description"] for step in old["test_steps"]] == ["one", "two"]
        by_query = await qtest.ok("GET", path, params={"versionId": old["test_case_version_id"]})
        assert by_query == old
        await qtest.refused("GET", f"{path}/versions/1", 404)


async def test_minor_versions_pass_nine() -> None:
    """The tenth change is 0.10, not 1.0, which would look approved."""
    async with site() as qtest:
        case = await qtest.case()
        for n in range(9):
            case = await qtest.ok("PUT", f"/test-cases/{case['id']}", json={"name": f"C{n}"})
        assert case["version"] == "0.10"


async def test_an_answer_can_be_put_back() -> None:
    """GET, edit, PUT: what the site derived is ignored, ids of steps stay, the case can move."""
    async with site() as qtest:
        case, module = await qtest.case(test_steps=steps("one", "two")), await qtest.module("New")
        case["test_steps"].reverse()
        for order, step in enumerate(case["test_steps"], 1):
            step["order"] = order
        case["parent_id"] = module["id"]
        changed = await qtest.ok("PUT", f"/test-cases/{case['id']}", json=case)
        assert [step["id"] for step in changed["test_steps"]] == [step["id"] for step in case["test_steps"]]
        assert [row["id"] for row in await qtest.ok("GET", "/test-cases", params={"parentId": module["id"]})] == [
            case["id"]
        ]
        case["test_steps"][0]["id"] = 1
        await qtest.refused("PUT", f"/test-cases/{case['id']}", json=case)


async def test_batch_changes_all_or_none() -> None:
    """A map of id to case; one wrong entry changes nothing."""
    async with site() as qtest:
        first, second = await qtest.case("A"), await qtest.case("B")
        wrong = {str(first["id"]): {"name": "X"}, str(second["id"]): {"name": ""}}
        await qtest.refused("PUT", "/test-cases/update/testcases", json=wrong)
        for unknown in ("1", "", "TC-1"):
            body = {str(first["id"]): {"name": "X"}, unknown: {"name": "Y"}}
            await qtest.refused("PUT", "/test-cases/update/testcases", 404, json=body)
        right = {str(first["id"]): {"name": "X"}, str(second["id"]): {"name": "Y"}}
        await qtest.ok("PUT", "/test-cases/update/testcases", json=right)
        rows = await qtest.ok("GET", "/test-cases")
        assert [(row["name"], row["version"]) for row in rows] == [("X", "0.2"), ("Y", "0.2")]


@pytest.mark.parametrize(("ids", "same"), [("kept", True), ("new", False)])
async def test_approving_follows_the_switches(ids: str, same: bool) -> None:
    """Approving may give steps new ids and may set the status."""
    async with site(step_ids_after_approve=ids, approve_sets_status="Baselined") as qtest:
        case = await qtest.case(test_steps=steps("one"))
        approved = await qtest.ok("PUT", f"/test-cases/{case['id']}/approve")
        assert (approved["test_steps"][0]["id"] == case["test_steps"][0]["id"]) is same
        assert prop(approved, "Status")["field_value_name"] == "Baselined"
        assert approved["test_case_version_id"] != case["test_case_version_id"]


@pytest.mark.parametrize(
    ("echo", "read"),
    [
        ("exact", "A &eacute;&nbsp;&lt;<br/><img src='x'>"),
        ("normalised", '<p>A é&nbsp;&lt;<br /><img src="x" /></p>'),
        ("escaped", "A &amp;eacute;&amp;nbsp;&amp;lt;&lt;br/&gt;&lt;img src='x'&gt;"),
    ],
)
async def test_html_is_echoed_as_the_switch_says(echo: str, read: str) -> None:
    """Descriptions, steps and rich text fields, on creating and on reading."""
    sent = "A &eacute;&nbsp;&lt;<br/><img src='x'>"
    async with site(echo=echo) as qtest:
        rich = await qtest.field("Rich", 6)
        properties = [{"field_id": rich["id"], "field_value": sent}]
        made = await qtest.case(description=sent, precondition=sent, properties=properties, test_steps=steps(sent))
        for case in (made, await qtest.ok("GET", f"/test-cases/{made['id']}")):
            assert [case["description"], case["precondition"], case["test_steps"][0]["description"]] == [read] * 3
            assert prop(case, "Rich")["field_value"] == read
        assert (await qtest.module(description=sent))["description"] == read


async def test_duplicates_are_known_by_the_key_field() -> None:
    """Two cases with one value of `Zephyr Key`, or of the marker, are duplicates until one goes."""
    async with site() as qtest:
        field = await qtest.field("Zephyr Key")
        key = {"properties": [{"field_id": field["id"], "field_value": "MM-T1"}]}
        first, second = await qtest.case(**key), await qtest.case(**key)
        third, fourth = [await qtest.case(description="<p>[zephyr:test-case:MM-T2]</p>") for _ in range(2)]
        assert qtest.state.duplicates() == [
            {"kind": "test-case", "key": "MM-T1", "ids": [first["id"], second["id"]]},
            {"kind": "test-case", "key": "[zephyr:test-case:MM-T2]", "ids": [third["id"], fourth["id"]]},
        ]
        await qtest.ok("DELETE", f"/test-cases/{first['id']}")
        await qtest.ok("PUT", f"/test-cases/{fourth['id']}", json={"description": "copied by hand"})
        assert qtest.state.duplicates() == []
        await qtest.refused("GET", f"/test-cases/{first['id']}", 404)


async def test_new_cases_may_be_late_in_lists() -> None:
    """`list_lag_s` hides the newest from lists, not from their own address."""
    async with site(list_lag_s=0.3) as qtest:
        case = await qtest.case()
        assert await qtest.ok("GET", "/test-cases") == []
        assert await qtest.ok("GET", f"/test-cases/{case['id']}") == case
        await asyncio.sleep(0.35)
        assert len(await qtest.ok("GET", "/test-cases")) == 1


async def test_properties_can_be_read_without_settings() -> None:
    """Both undocumented calls list each field with its values (facts.md 3.6)."""
    async with site() as qtest:
        case = await qtest.case()
        for path in ("properties?calledBy=testcase_properties", "properties-info"):
            rows = await qtest.ok("GET", f"/test-cases/{case['id']}/{path}")
            status = next(row for row in rows if row["label"] == "Status")
            assert status["field_value_name"] == "New"
            assert len(status["allowed_values"]) == 4


async def test_a_library_can_be_carried_under_the_strictest_dialect() -> None:
    """All unfriendly switches at once still let fields, modules, called cases and approval through."""
    async with site(**msgspec.structs.asdict(STRICTEST)) as qtest:
        key = await qtest.field("Zephyr Key")
        module = await qtest.module(description="[zephyr:module:1]")
        properties = [{"field_id": key["id"], "field_value": "MM-T1"}]
        inner = await qtest.case("inner", parent_id=module["id"], test_steps=steps("a"), properties=properties)
        call = {"description": "call", "expected": "", "called_test_case_id": inner["id"]}
        outer = await qtest.case("outer", parent_id=module["id"], test_steps=[call])
        approved = await qtest.ok("PUT", f"/test-cases/{outer['id']}/approve")
        assert [step["description"] for step in approved["test_steps"]] == ["<p>call</p>", "<p>a</p>"]
        assert approved["version"] == "1.0"
