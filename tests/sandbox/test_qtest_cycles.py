"""Releases and test cycles of the simulated qTest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from qtest_site import ROOT, Site, prop, site, under, value


async def names(qtest: Site, place: tuple[str, int] = ROOT, **query: object) -> list[str]:
    rows = await qtest.ok("GET", "/test-cycles", params=under(place) | query)
    return [row["name"] for row in rows]


async def test_a_cycle_is_made_where_the_query_says() -> None:
    """201, at the root, below a release and below a cycle; the description comes back; the pid is CL-n."""
    async with site() as qtest:
        release = await qtest.ok("POST", "/releases", json={"name": "R"})
        body = {"name": "A", "description": "<b>d</b>"}
        status, cycle = await qtest.call("POST", "/test-cycles", json=body, params=under(("release", release["id"])))
        child = await qtest.cycle("B", ("test-cycle", cycle["id"]))
        await qtest.ok("POST", "/test-cycles", json={"name": "C"})
        assert (status, cycle["description"], cycle["pid"], child["pid"]) == (201, "<b>d</b>", "CL-1", "CL-2")
        assert (cycle["target_release_id"], child["target_release_id"]) == (release["id"], release["id"])
        assert await names(qtest) == ["C"]
        assert await names(qtest, ("release", release["id"])) == ["A"]
        assert await names(qtest, ("test-cycle", cycle["id"])) == ["B"]
        assert await qtest.ok("GET", f"/test-cycles/{child['id']}") == child


async def test_wrong_cycles_and_parents_are_refused() -> None:
    """No properties, no dates, no unknown word, no blank name; unknown parents are 404, impossible ones 400."""
    async with site() as qtest:
        for body in ({}, {"name": " "}, {"name": "x" * 501}, {"name": "A", "properties": []}, {"name": 1}, [],
                     {"name": "A", "planned_start_date": "2024-01-01"}):  # fmt: skip
            await qtest.refused("POST", "/test-cycles", json=body)
        suite = await qtest.suite()
        good = {"name": "A"}
        for query in (under(("test-suite", suite["id"])), {"parentId": 5}, {"parentId": 5, "parentType": "root"},
                      {"parentType": "folder"}, {"parentId": "x"}):  # fmt: skip
            await qtest.refused("POST", "/test-cycles", json=good, params=query)
        for place in (("test-cycle", 5), ("release", 5)):
            await qtest.refused("POST", "/test-cycles", 404, json=good, params=under(place))
            await qtest.refused("GET", "/test-cycles", 404, params=under(place))
        assert qtest.state.objects()["test-cycle"] == 0


async def test_the_list_is_a_bare_array_by_page() -> None:
    """A hundred a page by default, 999 at most, or the dialect's cap; a negative pageSize without page is all."""
    async with site() as qtest:
        for number in range(105):
            await qtest.cycle(f"C{number}")
        assert len(await names(qtest)) == 100
        assert await names(qtest, page=2) == [f"C{number}" for number in range(100, 105)]
        assert await names(qtest, page=3) == []
        assert len(await names(qtest, pageSize=-1)) == len(await names(qtest, pageSize=5000)) == 105
        await qtest.refused("GET", "/test-cycles", params={"pageSize": -1, "page": 1})
        await qtest.refused("GET", "/test-cycles", params={"pageSize": 0})


async def test_siblings_come_by_order() -> None:
    """By `order`, then id; without one at the end."""
    async with site() as qtest:
        for name, more in (("A", {}), ("B", {"order": 0}), ("C", {}), ("D", {"order": 1})):
            await qtest.cycle(name, **more)
        assert await names(qtest) == ["B", "A", "D", "C"]


@pytest.mark.parametrize("described", [True, False])
async def test_the_tree_comes_in_one_call(described: bool) -> None:
    """`expand=descendants` nests cycles and suites; whether nested rows have descriptions is the dialect's."""
    async with site(tree_descriptions=described) as qtest:
        top = await qtest.cycle("A", description="a")
        inner = await qtest.cycle("B", ("test-cycle", top["id"]), description="b")
        suite = await qtest.suite("S", ("test-cycle", inner["id"]))
        [row] = await qtest.ok("GET", "/test-cycles", params={"expand": "descendants"})
        [nested] = row["test-cycles"]
        assert row["description"] == "a"
        assert nested.get("description") == ("b" if described else None)
        assert nested["test-suites"] == [suite]
        assert row == await qtest.ok("GET", f"/test-cycles/{top['id']}", params={"expand": "descendants"})
        [plain] = await qtest.ok("GET", "/test-cycles")
        assert not {"test-cycles", "test-suites"} & plain.keys()
        await qtest.refused("GET", "/test-cycles", params={"expand": "children"})


async def test_a_cycle_changes_or_moves() -> None:
    """PUT changes what it names; with a parent it moves and ignores the body; never below itself."""
    async with site() as qtest:
        first, second = await qtest.cycle("A", description="a"), await qtest.cycle("B")
        address = f"/test-cycles/{first['id']}"
        assert (await qtest.ok("PUT", address, json={"name": "A2"}))["description"] == "a"
        below = ("test-cycle", second["id"])
        moved = await qtest.ok("PUT", address, json={"name": "A3", "colour": 1}, params=under(below))
        assert (moved["name"], await names(qtest, below), await names(qtest)) == ("A2", ["A2"], ["B"])
        inside = under(("test-cycle", first["id"]))
        await qtest.refused("PUT", f"/test-cycles/{second['id']}", json={}, params=inside)
        await qtest.refused("PUT", address, json={"name": ""})
        assert await names(qtest, below) == ["A2"]


async def test_only_an_empty_cycle_goes_without_force() -> None:
    """With force=true all below goes too: cycles, suites, runs, logs."""
    async with site() as qtest:
        cycle = await qtest.cycle()
        inner = await qtest.cycle("B", ("test-cycle", cycle["id"]))
        suite = await qtest.suite("S", ("test-cycle", inner["id"]))
        await qtest.log(await qtest.run(await qtest.approved(), ("test-suite", suite["id"])))
        await qtest.refused("DELETE", f"/test-cycles/{cycle['id']}")
        assert qtest.state.objects()["test-log"] == 1
        await qtest.ok("DELETE", f"/test-cycles/{cycle['id']}", params={"force": "true"})
        held = qtest.state.objects()
        assert [held[f"test-{kind}"] for kind in ("cycle", "suite", "run", "log")] == [0, 0, 0, 0]
        empty = await qtest.cycle()
        await qtest.ok("DELETE", f"/test-cycles/{empty['id']}")
        await qtest.refused("GET", f"/test-cycles/{empty['id']}", 404)


async def test_cycles_nest_no_deeper_than_99_levels() -> None:
    """The hundredth is refused, also by moving."""
    async with site() as qtest:
        place = ROOT
        for number in range(99):
            place = ("test-cycle", (await qtest.cycle(f"C{number}", place))["id"])
        await qtest.refused("POST", "/test-cycles", json={"name": "too deep"}, params=under(place))
        other = await qtest.cycle("other")
        await qtest.refused("PUT", f"/test-cycles/{other['id']}", json={}, params=under(place))


async def test_markers_are_the_keys_of_cycles_and_releases() -> None:
    """The last one in the description, whatever the site makes of its HTML; a changed description changes the key."""
    async with site(echo="normalised") as qtest:
        marked = "<b>x</b> [zephyr:test-cycle:1]<br>[zephyr:test-cycle:2]"
        first = await qtest.cycle("A", description=marked)
        second = await qtest.cycle("B", description="[zephyr:test-cycle:2] and a word")
        await qtest.ok("POST", "/releases", json={"name": "R", "description": "[zephyr:test-cycle:2]"})
        [twice] = qtest.state.duplicates()
        assert twice == {"kind": "test-cycle", "key": "[zephyr:test-cycle:2]", "ids": [first["id"], second["id"]]}
        await qtest.ok("PUT", f"/test-cycles/{second['id']}", json={"description": ""})
        assert qtest.state.duplicates() == []


async def test_lists_may_lag() -> None:
    """`list_lag_s`: cycles, suites, runs and logs show later in lists than by id."""
    async with site(list_lag_s=0.3) as qtest:
        cycle = await qtest.cycle()
        await qtest.suite()
        run = await qtest.run(await qtest.approved())
        await qtest.log(run)
        logs = f"/test-runs/{run['id']}/test-logs"

        async def seen() -> list[int]:
            bare = [len(await qtest.ok("GET", path)) for path in ("/test-cycles", "/test-suites")]
            return bare + [(await qtest.ok("GET", path))["total"] for path in ("/test-runs", logs)]

        assert await seen() == [0, 0, 0, 0]
        assert await qtest.ok("GET", f"/test-cycles/{cycle['id']}") == cycle
        await asyncio.sleep(0.35)
        assert await seen() == [1, 1, 1, 1]


async def releases(qtest: Site, **query: object) -> list[dict[str, Any]]:
    return await qtest.ok("GET", "/releases", params=query)


async def test_closed_releases_show_only_when_asked_for() -> None:
    """By the value Closed of the field Status, which is required and has a default."""
    async with site() as qtest:
        status = await qtest.system("Status", "releases")
        closed = next(row for row in status["allowed_values"] if row["label"] == "Closed")
        body = {
            "name": "old",
            "start_date": "2020-01-01T00:00:00Z",
            "properties": [value(status, str(closed["value"]))],
        }
        code, made = await qtest.call("POST", "/releases", json=body)
        opened = await qtest.ok("POST", "/releases", json={"name": "new", "description": "d", "note": "n"})
        assert (code, made["start_date"], prop(made, "Status")["field_value_name"]) == (
            201, "2020-01-01T00:00:00+00:00", "Closed")  # fmt: skip
        assert prop(opened, "Status")["field_value_name"] == "Planned"
        assert await releases(qtest) == [opened]
        assert await releases(qtest, includeClosed="true") == [made, opened]


async def test_a_release_changes_and_goes_when_empty() -> None:
    """PUT keeps what it does not name; wrong dates and words are refused; what holds a cycle stays."""
    async with site() as qtest:
        release = await qtest.ok("POST", "/releases", json={"name": "R", "note": "n"})
        address = f"/releases/{release['id']}"
        changed = await qtest.ok("PUT", address, json={"name": "S", "end_date": "2024-06-30T00:00:00+02:00"})
        assert (changed["name"], changed["note"], changed["end_date"]) == ("S", "n", "2024-06-29T22:00:00+00:00")
        for body in ({"start_date": "soon"}, {"name": ""}, {"colour": 1}):
            await qtest.refused("PUT", address, json=body)
        cycle = await qtest.cycle("A", ("release", release["id"]))
        await qtest.refused("DELETE", address)
        await qtest.ok("DELETE", f"/test-cycles/{cycle['id']}")
        await qtest.ok("DELETE", address)
        assert await releases(qtest) == []
