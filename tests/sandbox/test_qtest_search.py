"""`POST search` of the simulated qTest."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from qtest_site import Site, site, steps, value


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
    """Nor types that do not exist; types of which there are none are empty; steps come when asked for."""
    async with site() as qtest:
        await qtest.case()
        await qtest.refused("POST", "/search", json={"object_type": "modules"})
        await qtest.refused("POST", "/search", json={"object_type": "cars"})
        assert (await qtest.ok("POST", "/search", json={"object_type": "requirements"}))["total"] == 0
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


async def history(qtest: Site) -> dict[str, dict[str, Any]]:
    """One object of each type of test execution, as its own GET gives it; the run and the suite have keys."""
    suites, runs = [await qtest.field("Zephyr Key", kind=kind) for kind in ("test-suites", "test-runs")]
    case = await qtest.approved(test_steps=steps("one"))
    release = await qtest.ok("POST", "/releases", json={"name": "R", "description": "d"})
    cycle = await qtest.cycle("Cycle", description="d")
    suite = await qtest.suite("Suite", properties=[value(suites, "MM-R1")])
    run = await qtest.run(case, name="Run", properties=[value(runs, "MM-R1/T1/-")])
    log = await qtest.log(run, note="n")
    made = {"releases": release, "test-cycles": cycle, "test-suites": suite, "test-runs": run}
    return {kind: await qtest.ok("GET", f"/{kind}/{row['id']}") for kind, row in made.items()} | {"test-logs": log}


async def rows(qtest: Site, kind: str, query: str = "", **params: Any) -> list[dict[str, Any]]:
    body = {"object_type": kind, "fields": ["*"], "query": query}
    return (await qtest.ok("POST", "/search", json=body, params=params))["items"]


async def test_everything_of_test_execution_is_found() -> None:
    """An empty query finds all; a row is what the object's own GET gives; so do pid, name, dates, key and field."""
    async with site() as qtest:
        made = await history(qtest)
        for kind, row in made.items():
            assert await rows(qtest, kind, includeTestLogProperties="true") == [row], kind
            assert len(await rows(qtest, kind, f"'Id' = '{row.get('pid', row['id'])}'")) == 1
            assert await rows(qtest, kind, "'Id' = 'XX-1'") == []
            assert len(await rows(qtest, kind, f"'Name' = '{row['name']}'")) == 1
            assert len(await rows(qtest, kind, "'Created Date' > '2020-01-01T00:00:00Z'")) == 1
        assert len(await rows(qtest, "test-suites", "'Zephyr Key' = 'MM-R1'")) == 1
        assert len(await rows(qtest, "test-runs", "'Zephyr Key' in ('MM-R1/T1/-', 'x')")) == 1
        assert await rows(qtest, "test-runs", "'Zephyr Key' = 'MM-R1'") == []
        assert len(await rows(qtest, "test-cycles", "'Description' ~ 'D'")) == 1
        assert len(await rows(qtest, "test-runs", "'Status' = 'Passed'")) == 1
        for query in ("'Note' = 'n'", "'Status' = 'Passed'", "'Execution End Date' < '2024-05-02T00:00:00Z'"):
            assert len(await rows(qtest, "test-logs", query)) == 1
        await qtest.refused("POST", "/search", json={"object_type": "test-logs", "query": "'Zephyr Key' = 'x'"})
        await qtest.refused("POST", "/search", json={"object_type": "test-cycles", "query": "'Name' > 'x'"})


@pytest.mark.parametrize("form", ["full", "bare"])
async def test_rows_of_logs_may_be_bare(form: str) -> None:
    """`search_logs`: note and step results are in the rows or not; properties only when asked for."""
    async with site(search_logs=form) as qtest:
        log = (await history(qtest))["test-logs"]
        [row] = await rows(qtest, "test-logs")
        missing = {"note", "test_step_logs"} if form == "bare" else set()
        assert row == {name: log[name] for name in log.keys() - missing} | {"properties": []}


async def test_every_index_may_lag() -> None:
    """`search_lag_s` holds for every type."""
    async with site(search_lag_s=0.4) as qtest:
        made = await history(qtest)
        assert [await rows(qtest, kind) for kind in made] == [[]] * 5
        assert await rows(qtest, "test-runs", "'Id' = 'TR-1'") == []
        await asyncio.sleep(0.45)
        assert [len(await rows(qtest, kind)) for kind in made] == [1] * 5


async def test_the_desk_gives_each_object_as_its_own_get_does() -> None:
    """One of each kind, and as many as `objects` counts."""
    async with site() as qtest:
        made = await history(qtest)
        run = made["test-runs"]
        for plural, row in made.items():
            kind = plural.removesuffix("s")
            address = f"/{plural}/{row['id']}" if kind != "test-log" else f"/test-runs/{run['id']}/{plural}/{row['id']}"
            assert [json.loads(line) for line in qtest.state.lines(kind)] == [await qtest.ok("GET", address)]
            assert qtest.state.objects()[kind] == 1
