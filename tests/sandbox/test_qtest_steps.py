"""Steps, called test cases and parameters of the simulated qTest."""

from __future__ import annotations

import pytest
from qtest_site import Site, site, steps


def call(case: dict) -> dict:
    return {"description": "call", "expected": "", "called_test_case_id": case["id"]}


async def read(qtest: Site, case: dict) -> list[dict]:
    return await qtest.ok("GET", f"/test-cases/{case['id']}/test-steps")


async def test_steps_can_be_added_changed_and_deleted() -> None:
    """Each change is a new draft; `order` places a step; ids stay over drafts."""
    async with site() as qtest:
        case = await qtest.case(test_steps=steps("one", "three"))
        path = f"/test-cases/{case['id']}/test-steps"
        body = {"description": "two", "expected": "", "order": 2}
        status, second = await qtest.call("POST", path, json=body)
        assert (status, second["order"]) == (200, 2)
        assert [row["description"] for row in await read(qtest, case)] == ["one", "two", "three"]
        changed = await qtest.ok(
            "PUT", f"{path}/{second['id']}", json={"description": "2", "expected": "e", "order": 1}
        )
        assert (changed["id"], changed["order"]) == (second["id"], 1)
        assert await qtest.ok("GET", f"{path}/{second['id']}") == changed
        await qtest.ok("DELETE", f"{path}/{second['id']}")
        assert [row["description"] for row in await read(qtest, case)] == ["one", "three"]
        assert (await qtest.ok("GET", f"/test-cases/{case['id']}"))["version"] == "0.4"
        await qtest.refused("DELETE", f"{path}/{second['id']}", 404)
        await qtest.refused("POST", path, json={"description": "only"})


async def test_v4_pages_steps_and_versions_keep_theirs() -> None:
    """v4 has page and size; the steps of a version can be read by its id."""
    async with site() as qtest:
        case = await qtest.case(test_steps=steps(*"abcde"))
        path = f"/test-cases/{case['id']}"
        v4 = f"/api/v4/projects/7{path}/test-steps"
        assert len(await qtest.ok("GET", v4)) == 5
        assert [row["description"] for row in await qtest.ok("GET", v4, params={"page": 2, "size": 3})] == ["d", "e"]
        approved = await qtest.ok("PUT", path + "/approve")
        await qtest.ok("PUT", path, json={"test_steps": steps("new")})
        old = await qtest.ok("GET", f"{path}/versions/{approved['test_case_version_id']}/test-steps")
        assert old == case["test_steps"]


async def test_order_decides_not_the_place_in_the_body() -> None:
    """10 comes after 2."""
    async with site() as qtest:
        sent = steps(*map(str, range(1, 12)))
        case = await qtest.case(test_steps=sent[::-1])
        assert [step["description"] for step in case["test_steps"]] == [step["description"] for step in sent]


@pytest.mark.parametrize("mode", ["keep", "refuse", "drop"])
async def test_empty_steps_follow_the_switch(mode: str) -> None:
    """Steps without any text are kept, refused or silently dropped; half-empty ones are always kept."""
    async with site(empty_steps=mode) as qtest:
        half, empty = {"description": "", "expected": "e"}, {"description": " ", "expected": ""}
        body = {"name": "C", "properties": [], "test_steps": [half, empty]}
        if mode == "refuse":
            assert "empty" in await qtest.refused("POST", "/test-cases", json=body)
        case = await qtest.case(test_steps=[half, empty] if mode != "refuse" else [half])
        assert len(case["test_steps"]) == (2 if mode == "keep" else 1)


async def test_called_steps_show_as_the_switch_says() -> None:
    """The row alone, the row with the called test's steps after it, or a plain step."""
    for mode, count in (("id", 2), ("expanded", 5), ("ignored", 2)):
        async with site(called_steps=mode) as qtest:
            inner = await qtest.case("inner", test_steps=steps("i"))
            middle = await qtest.case("middle", test_steps=[*steps("m"), call(inner)])
            outer = await qtest.case("outer", test_steps=[call(middle), *steps("last")])
            [_, _, listed] = await qtest.ok("GET", "/test-cases", params={"expandSteps": "true"})
            assert listed["test_steps"] == outer["test_steps"] == await read(qtest, outer)
            rows = outer["test_steps"]
            assert len(rows) == count
            assert rows[0].get("called_test_case_id") == (None if mode == "ignored" else middle["id"])
            if mode == "expanded":
                assert [row["description"] for row in rows] == ["call", "m", "call", "i", "last"]
                assert {row["root_called_test_case_id"] for row in rows[1:4]} == {middle["id"]}
                assert [row["parent_test_step_id"] for row in rows[1:4]] == [
                    rows[0]["id"],
                    rows[0]["id"],
                    rows[2]["id"],
                ]
                assert [row["called_test_case_id"] for row in rows[1:4]] == [middle["id"], middle["id"], inner["id"]]
                again = await qtest.ok("PUT", f"/test-cases/{outer['id']}", json=outer)
                assert again["test_steps"] == rows


async def test_calls_need_a_target_and_no_circle() -> None:
    """Unknown targets, a case that calls itself, and a circle over two cases are 400."""
    async with site() as qtest:
        first = await qtest.case("first")
        second = await qtest.case("second", test_steps=[call(first)])
        for target in (first, second):
            message = await qtest.refused("PUT", f"/test-cases/{first['id']}", json={"test_steps": [call(target)]})
            assert "circle" in message
            path = f"/test-cases/{first['id']}/test-steps"
            assert "circle" in await qtest.refused("POST", path, json=call(target))
        assert "999" in await qtest.refused(
            "PUT", f"/test-cases/{first['id']}", json={"test_steps": [call({"id": 999})]}
        )


async def test_parameters_show_as_ids_unless_asked() -> None:
    """`[~name]` makes a parameter of the project, shown as `[~id]` or with showParamIdentifier by name."""
    async with site() as qtest:
        case = await qtest.case(test_steps=steps("log in as [~user]", "leave [~user] for [~page]"))
        first, second = (step["description"] for step in case["test_steps"])
        assert "user" not in first
        assert first.removeprefix("log in as ") in second
        path = f"/test-cases/{case['id']}"
        named = await qtest.ok("GET", path, params={"showParamIdentifier": "true"})
        assert named["test_steps"][1]["description"] == "leave [~user] for [~page]"
        assert (await qtest.ok("PUT", path, json=case))["test_steps"] == case["test_steps"]
