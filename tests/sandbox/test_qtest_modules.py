"""Modules of the simulated qTest."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from qtest_site import Site, site


async def names(qtest: Site, **query: Any) -> list[str]:
    return [row["name"] for row in await qtest.ok("GET", "/modules", params=query)]


async def test_modules_nest_and_list_by_parent() -> None:
    """POST answers 201; lists show direct children only, the root's without parentId; duplicate names are accepted."""
    async with site() as qtest:
        status, top = await qtest.call("POST", "/modules", json={"name": "Top", "description": "d"})
        assert (status, top["pid"], top["parent_id"]) == (201, "MD-1", None)
        for _ in range(2):
            await qtest.module("Twin", top["id"])
        assert await names(qtest) == ["Top"]
        assert await names(qtest, parentId=top["id"]) == ["Twin", "Twin"]
        assert await names(qtest, search="wi") == ["Twin", "Twin"]
        await qtest.refused("POST", "/modules", 404, json={"name": "X"}, params={"parentId": 1})
        await qtest.refused("GET", "/modules", 404, params={"parentId": 1})


@pytest.mark.parametrize("kept", [True, False])
async def test_descendants_come_in_one_call(kept: bool) -> None:
    """expand=descendants nests children; descriptions of nested rows follow the switch."""
    async with site(tree_descriptions=kept) as qtest:
        top = await qtest.module("Top", description="one")
        child = await qtest.module("Child", top["id"], description="two")
        await qtest.module("Leaf", child["id"], description="three")
        [root] = await qtest.ok("GET", "/modules", params={"expand": "descendants"})
        leaf = root["children"][0]["children"][0]
        assert (root["description"], leaf["name"], leaf["children"]) == ("one", "Leaf", [])
        assert leaf.get("description") == ("three" if kept else None)
        assert (await qtest.ok("GET", f"/modules/{leaf['id']}"))["description"] == "three"


async def test_lists_respect_order() -> None:
    """Siblings come by `order`; without one, each new module is the last."""
    async with site() as qtest:
        for name, order in (("c", {"order": 30}), ("a", {"order": 10}), ("b", {"order": 20}), ("d", {})):
            await qtest.module(name, **order)
        assert await names(qtest) == ["a", "b", "c", "d"]


async def test_put_changes_or_moves() -> None:
    """With parentId the module moves and its body is ignored; below itself it cannot move."""
    async with site() as qtest:
        top, other = await qtest.module("Top"), await qtest.module("Other")
        child = await qtest.module("Child", top["id"])
        path = f"/modules/{child['id']}"
        moved = await qtest.ok("PUT", path, params={"parentId": other["id"]}, json={"name": "ignored"})
        assert (moved["name"], moved["parent_id"]) == ("Child", other["id"])
        renamed = await qtest.ok("PUT", path, json={"name": "New", "description": "d"})
        assert (renamed["name"], renamed["description"], renamed["parent_id"]) == ("New", "d", other["id"])
        await qtest.refused("PUT", f"/modules/{other['id']}", params={"parentId": child["id"]})


async def test_delete_needs_force_where_something_is_inside() -> None:
    """Neither modules nor cases vanish without force=true; with it all below goes."""
    async with site() as qtest:
        top = await qtest.module("Top")
        child = await qtest.module("Child", top["id"])
        await qtest.case(parent_id=child["id"])
        for module in (top, child):
            assert "not empty" in await qtest.refused("DELETE", f"/modules/{module['id']}")
        await qtest.ok("DELETE", f"/modules/{top['id']}", params={"force": "True"})
        assert not any(qtest.state.objects().values())


async def test_names_have_1_to_500_characters() -> None:
    """Missing, blank and too long names are 400, and so are unknown properties."""
    async with site() as qtest:
        for body in ({}, {"name": ""}, {"name": "  "}, {"name": "x" * 501}, {"name": "x", "colour": 1}, {"name": 5}):
            await qtest.refused("POST", "/modules", json=body)
        await qtest.refused("POST", "/modules", data=b"{")
        assert len((await qtest.module("x" * 500))["name"]) == 500


async def test_at_most_99_levels() -> None:
    """The hundredth level is refused, made or moved there."""
    async with site() as qtest:
        parent = None
        for _ in range(99):
            parent = (await qtest.module("deep", parent))["id"]
        assert "99" in await qtest.refused("POST", "/modules", json={"name": "X"}, params={"parentId": parent})
        other = await qtest.module("Other")
        assert "99" in await qtest.refused("PUT", f"/modules/{other['id']}", params={"parentId": parent})


async def test_trimming_follows_the_switch() -> None:
    """Outer blanks of a name stay unless `trim_names`."""
    for trim, kept in ((False, "  A "), (True, "A")):
        async with site(trim_names=trim) as qtest:
            assert (await qtest.module("  A "))["name"] == kept
            assert (await qtest.case("  A "))["name"] == kept


async def test_new_modules_may_be_late_in_lists() -> None:
    """`list_lag_s`: a list lacks what was just made, its own address has it."""
    async with site(list_lag_s=0.3) as qtest:
        module = await qtest.module("Late")
        assert await names(qtest) == []
        assert (await qtest.ok("GET", f"/modules/{module['id']}"))["name"] == "Late"
        await asyncio.sleep(0.35)
        assert await names(qtest) == ["Late"]


async def test_keys_in_descriptions_are_counted() -> None:
    """Two modules whose last line is one key are duplicates; changing or deleting one ends that."""
    async with site(echo="normalised") as qtest:
        first = await qtest.module("A", description="text<br>[zephyr:module:5]")
        second = await qtest.module("B", description="<p>other</p><p>[zephyr:module:5]</p>")
        third = await qtest.module("C", description="[zephyr:module:5] is not the last line")
        found = [{"kind": "module", "key": "[zephyr:module:5]", "ids": [first["id"], second["id"]]}]
        assert qtest.state.duplicates() == found
        await qtest.ok("PUT", f"/modules/{third['id']}", json={"description": "x\n[zephyr:module:5]\n"})
        await qtest.ok("DELETE", f"/modules/{second['id']}")
        assert qtest.state.duplicates() == [{**found[0], "ids": [first["id"], third["id"]]}]
        await qtest.ok("DELETE", f"/modules/{first['id']}")
        assert qtest.state.duplicates() == []


async def test_lines_are_the_single_gets_in_the_order_of_ids() -> None:
    """What the sandbox tells of its objects is what the API answers."""
    async with site() as qtest:
        parent = await qtest.module("A")
        modules = [parent, await qtest.module("B", parent["id"])]
        cases = [await qtest.case(f"C{n}", parent_id=parent["id"]) for n in range(3)]
        fields = [await qtest.field("Team"), await qtest.field("Colour", 3)]
        expected = {
            "module": [await qtest.ok("GET", f"/modules/{row['id']}") for row in modules],
            "test-case": [await qtest.ok("GET", f"/test-cases/{row['id']}") for row in cases],
            "field": [await qtest.ok("GET", f"/settings/test-cases/fields/{row['id']}") for row in fields],
            "test-run": [],
        }
        for kind, rows in expected.items():
            assert [json.loads(line) for line in qtest.state.lines(kind)] == rows
            assert qtest.state.objects()[kind] == len(rows)
