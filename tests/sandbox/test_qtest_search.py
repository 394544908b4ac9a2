"""`POST search` of the simulated qTest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from qtest_site import Site, site


async def found(qtest: Site, query: str, **params: Any) -> list[str]:
    body = {"object_type": "test-cases", "fields": ["*"], "query": query}
    return [row["name"] for row in (await qtest.ok("POST", "/search", json=body, params=params))["items"]]


async def library(qtest: Site) -> None:
    """Cases Alpha, Beta and Gamma's end with keys, weights and priorities."""
    key, weight = await qtest.field("Zephyr Key"), await qtest.field("Weight", 7)
    high = next(value for value in (await qtest.system("Priority"))["allowed_values"] if value["label"] == "High")
    for number, name in enumerate(("Alpha", "Beta", "Gamma's end"), 1):
        values = {key["id"]: f"MM-T{number}", weight["id"]: str(number * 5)}
        if name == "Beta":
            values[(await qtest.system("Priority"))["id"]] = str(high["value"])
        await qtest.case(name, properties=[{"field_id": f, "field_value": v} for f, v in values.items()])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Alpha", "Beta", "Gamma's end"]),
        ("'Id' = 'TC-2'", ["Beta"]),
        ("'Id' in ('TC-3', 'TC-1', 'TC-9')", ["Alpha", "Gamma's end"]),
        ("'Name' ~ 'A'", ["Alpha", "Beta", "Gamma's end"]),
        ("'Name' = 'alpha'", []),
        ("'Name' = 'Gamma\\'s end'", ["Gamma's end"]),
        ("'Name' <> 'Alpha'", ["Beta", "Gamma's end"]),
        ("'Zephyr Key' = 'MM-T3'", ["Gamma's end"]),
        ("'Zephyr Key' ~ 'mm-t' and 'Weight' > '5'", ["Beta", "Gamma's end"]),
        ("'Weight' < '6' or 'Priority' = 'High'", ["Alpha", "Beta"]),
        ("'Name' = 'Beta' or 'Name' = 'Alpha' and 'Weight' > '9'", ["Beta"]),
        ("'Created Date' > '2020-01-01T00:00:00Z'", ["Alpha", "Beta", "Gamma's end"]),
        ("'Created Date' < '2020-01-01T00:00:00Z'", []),
    ],
)
async def test_queries_find_what_they_say(query: str, names: list[str]) -> None:
    """The grammar of facts.md 3.12, with `and` before `or`."""
    async with site() as qtest:
        await library(qtest)
        assert await found(qtest, query) == names


@pytest.mark.parametrize(
    "query",
    ["Name = 'A'", "'Name' = A", "'Name' == 'A'", "'Name' 'A'", "'Nowhere' = 'A'", "'Name' > 'A'", "'Name' = 'A",
     "'Id' in 'TC-1'", "'Id' in ('TC-1'", "'Name' = 'A' xor 'Name' = 'B'", "'Created Date' > 'soon'",
     "'Name' = 'A' and"],
)  # fmt: skip
async def test_wrong_queries_are_400(query: str) -> None:
    """A query that cannot be read is refused, never answered with nothing."""
    async with site() as qtest:
        await qtest.refused("POST", "/search", json={"object_type": "test-cases", "query": query})


async def test_results_come_by_page() -> None:
    """A paged object: page, page_size, total, items, and rel next while more follows."""
    async with site(page_cap=4) as qtest:
        for number in range(9):
            await qtest.case(f"C{number}")
        body = {"object_type": "test-cases", "query": ""}
        first = await qtest.ok("POST", "/search", json=body, params={"pageSize": 999})
        assert (first["page_size"], first["total"], len(first["items"])) == (4, 9, 4)
        assert [link["rel"] for link in first["links"]] == ["next"]
        last = await qtest.ok("POST", "/search", json=body, params={"pageSize": 4, "page": 3})
        assert ([row["name"] for row in last["items"]], last["links"]) == (["C8"], [])


async def test_modules_cannot_be_searched() -> None:
    """Nor types that do not exist; other kinds are empty; steps come when asked for."""
    async with site() as qtest:
        await qtest.case()
        await qtest.refused("POST", "/search", json={"object_type": "modules"})
        await qtest.refused("POST", "/search", json={"object_type": "cars"})
        assert (await qtest.ok("POST", "/search", json={"object_type": "test-runs"}))["total"] == 0
        body = {"object_type": "test-cases"}
        for wanted in ("true", "false"):
            [row] = (await qtest.ok("POST", "/search", json=body, params={"appendTestSteps": wanted}))["items"]
            assert ("test_steps" in row) is (wanted == "true")


async def test_the_index_may_lag() -> None:
    """`search_lag_s`: search finds a new case later than its list does."""
    async with site(search_lag_s=0.3) as qtest:
        await qtest.case("Late")
        assert await found(qtest, "'Name' = 'Late'") == []
        assert len(await qtest.ok("GET", "/test-cases")) == 1
        await asyncio.sleep(0.35)
        assert await found(qtest, "'Name' = 'Late'") == ["Late"]
