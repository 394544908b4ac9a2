"""Generated executions show all that a real history holds, at the places that the docs name, at any number."""

import json
import time
import tracemalloc
from collections import defaultdict
from typing import Any

import pytest
from zephyr_client import MATTERMOST
from zephyr_fixtures import zephyr

from ztoq_async.sandbox import Corpus, Generator
from ztoq_async.sandbox.source import Source, UnreadableError

CASES, EXECUTIONS = 120, 1_000


@pytest.fixture(scope="module")
def source() -> Source:
    return Generator(CASES, executions=EXECUTIONS, seed=9)


@pytest.fixture(scope="module")
def rows(source: Source) -> list[dict[str, Any]]:
    return executions_of(source)


@pytest.fixture(scope="module")
def results(source: Source) -> list[list[dict[str, Any]]]:
    return [json.loads(source.history.executions.steps(n)) for n in range(len(source.history.executions.ids))]


def executions_of(source: Source) -> list[dict[str, Any]]:
    return [json.loads(source.history.executions.row(n)) for n in range(len(source.history.executions.ids))]


def case_key(row: dict[str, Any]) -> str:
    return row["testCase"]["self"].split("/testcases/")[1].split("/")[0]


def status_names(source: Source) -> dict[int, str]:
    return {row.id: json.loads(row.body)["name"] for row in source.catalogue.statuses if row.kind == "TEST_EXECUTION"}


def cells(rows: list[dict[str, Any]]) -> dict[tuple[str, int, int], list[dict[str, Any]]]:
    """The executions of each case, cycle and environment."""
    found = defaultdict(list)
    for row in rows:
        places = ((row[name] or {}).get("id", 0) for name in ("testCycle", "environment"))
        cycle, environment = places
        found[case_key(row), cycle, environment].append(row)
    return found


def test_an_execution_depends_on_seed_and_position_alone():
    """The same bytes in any order of asking; another seed gives others; test cases are the same without executions."""
    one, two, other = (Generator(30, executions=90, seed=seed).history.executions for seed in (1, 1, 2))
    forward = [one.row(n) + one.steps(n) for n in range(90)]
    assert forward == [two.row(n) + two.steps(n) for n in reversed(range(90))][::-1]
    assert forward != [other.row(n) + other.steps(n) for n in range(90)]
    with_history, without = Generator(30, executions=90), Generator(30)
    assert [with_history.case(n) for n in range(30)] == [without.case(n) for n in range(30)]


@pytest.mark.parametrize("count", [1, 35, 36, 37, 100, EXECUTIONS])
def test_as_many_have_an_end_date_as_were_asked_for(count: int):
    """Planned and undated ones come on top; the last execution has an end date or is in a whole round."""
    source = Generator(30, executions=count)
    rows = executions_of(source)
    names = status_names(source)
    undated = [names[row["testExecutionStatus"]["id"]] for row in rows if "actualEndDate" not in row]
    assert len(rows) - len(undated) == count
    planned = [name for name in undated if name in ("Not Executed", "Nicht ausgeführt")]
    if count == EXECUTIONS:
        assert count / 13 < len(planned) < count / 11 and count / 45 < len(undated) - len(planned) < count / 35
        assert set(planned) == {"Not Executed", "Nicht ausgeführt"}


def test_planned_executions_have_nobody_and_no_results(source: Source, rows: Any, results: Any):
    """No end date, no executor, no time, and each step has the default status; some not executed ones did end."""
    names = status_names(source)
    planned = [(n, row) for n, row in enumerate(rows) if n % 40 in {16, 18, 27}]
    for n, row in planned:
        assert names[row["testExecutionStatus"]["id"]] in ("Not Executed", "Nicht ausgeführt")
        assert "actualEndDate" not in row and row["executedById"] is None and "executionTime" not in row
        assert {names[step["inline"]["status"]["id"]] for step in results[n]} <= {"Not Executed"}
        assert all(step["inline"]["actualResult"] is None for step in results[n])
    odd = [row for row in rows if names[row["testExecutionStatus"]["id"]] == "Not Executed" and "actualEndDate" in row]
    assert 1 < len(odd) < 10


def test_one_case_is_executed_several_times_in_no_order(rows: Any):
    """Two to five executions of one case, cycle and environment, out of order, two at the same second."""
    groups = [[row.get("actualEndDate", "") for row in group] for group in cells(rows).values()]
    assert {2, 3, 4, 5} <= {len(group) for group in groups}
    assert any(group != sorted(group) for group in groups)
    assert any(len(set(filter(None, group))) < len(list(filter(None, group))) for group in groups)
    environments = defaultdict(set)
    for case, cycle, environment in cells(rows):
        environments[case, cycle].add(environment)
    assert any(0 in found and len(found) > 2 for found in environments.values())
    assert any(row["testCycle"] is None for row in rows)


def test_cases_are_ours_foreign_archived_and_of_old_versions(source: Source, rows: Any):
    """The version named by the address has the id that the reference gives."""
    seen = set()
    for row in rows:
        key, _, version = row["testCase"]["self"].partition("/testcases/")[2].partition("/versions/")
        owner = source if key.startswith("SBX") else source.history.neighbour
        position = owner.position(key) if owner and not key.startswith("GONE") else None
        if owner is None or position is None:
            seen.add(f"{key[:4]} absent")
            continue
        seen.add(f"{key[:4]} {version}")
        assert owner.key(position) == key
        older = owner.older_ids(position)
        assert row["testCase"]["id"] == older.get(int(version), owner.case_ids[position])
        assert older == {n: json.loads(body)["id"] for n, body in owner.versions(position).items()}
    assert seen == {"SBX- 1", "SBX- 2", "SBX- 3", "NEXT 1", "GONE absent", "SBX- absent"}


def test_dates_stand_around_the_changes_of_the_clocks(rows: Any):
    """Instants that a reader with a zone of its own would move; others are spread over years."""
    dates = {row.get("actualEndDate") for row in rows}
    assert {"2021-03-28T00:59:59Z", "2021-03-28T02:00:01Z", "2021-11-07T05:30:00Z", "2020-02-29T12:00:00Z"} <= dates
    assert {"2021-10-31T01:00:00Z", "2019-12-31T23:59:59Z", "2021-01-01T00:00:00Z"} <= dates
    assert len({date[:4] for date in dates if date}) >= 3


def test_attributes_are_there_and_absent_in_every_way(source: Source, rows: Any):
    """Keys, times, people, comments, versions, archived environments and statuses, links, custom fields."""
    assert any("key" not in row for row in rows) and {row["automated"] for row in rows} == {True, False}
    times = [row.get("executionTime") for row in rows]
    assert (
        None in times and 0 in times and any(t and t % 1_000 for t in times) and any(t and not t % 1_000 for t in times)
    )
    assert any("gone" in (row["executedById"] or "") for row in rows)
    assert any("gone" in (row["assignedToId"] or "") for row in rows)
    comments = [row["comment"] for row in rows]
    assert {None, ""} <= set(comments) and any("<p>" in (text or "") for text in comments)
    assert any("&amp;" in (text or "") and "🎉" in (text or "") for text in comments)
    assert any(row["jiraProjectVersion"] for row in rows) and any(row["links"]["issues"] for row in rows)
    archived = {
        row.id for row in (*source.catalogue.environments, *source.catalogue.statuses) if b'"archived":true' in row.body
    }
    assert any(row["environment"] and row["environment"]["id"] in archived for row in rows)
    assert any(row["testExecutionStatus"]["id"] in archived for row in rows)
    for name in source.history.executions.custom_fields:
        values = [row["customFields"][name] for row in rows]
        assert None in values and len({type(value) for value in values}) == 2


def test_frozen_steps_are_flat_edited_doubled_and_many(source: Source, results: Any, rows: Any):
    """Called cases in their place, scripts as one step, no steps, a hundred, all statuses and kinds of results."""
    assert {len(steps) for steps in results} >= {0, 1, 50}
    inlines = [step["inline"] for steps in results for step in steps]
    assert {one["status"]["id"] for one in inlines} >= status_names(source).keys() - {
        row.id for row in source.catalogue.statuses if b"Nicht" in row.body
    }
    texts = [one["actualResult"] for one in inlines]
    assert {None, ""} <= set(texts) and any("<" in (text or "") for text in texts)
    assert {one["testDataRowNumber"] for one in inlines} == {None, 0, 1}
    assert any("as it was" in (one["description"] or "") for one in inlines)
    assert any("removed since" in (one["description"] or "") for one in inlines)
    scripts = [json.loads(script)["text"] for n in range(CASES) if (script := source.script(n))]
    assert any(len(steps) == 1 and steps[0]["inline"]["description"] in scripts for steps in results)
    assert {step["id"] is None for steps in results for step in steps} == {True, False}
    chain = {f"SBX-T{n}" for n in (11, 31, 51, 71, 91, 111)}
    called = [n for n, row in enumerate(rows) if case_key(row) in chain and n % 32 not in {3, 11, 19, 27}]
    assert called
    for n in called:
        if results[n] and n % 29 != 6:
            first = source.position(case_key(rows[n]))
            assert first is not None
            own = [len(json.loads(source.steps(first + depth))) for depth in range(4)]
            assert len(results[n]) == sum(own) - 3


def test_cycles_have_every_attribute_and_lack_it(source: Source):
    """About half the root of the executions, in folders and outside, with every status of their type."""
    cycles = [json.loads(row) for row in source.history.cycles]
    assert len(cycles) == 15 and len(Generator(1, executions=1).history.cycles) == 6
    for name in ("jiraProjectVersion", "folder", "description", "plannedStartDate", "plannedEndDate", "owner"):
        assert {bool(cycle[name]) for cycle in cycles} == {True, False}, name
    for name in ("issues", "webLinks", "testPlans"):
        assert {bool(cycle["links"][name]) for cycle in cycles} == {True, False}, name
    for name in source.history.cycle_fields:
        assert {type(cycle["customFields"][name]) for cycle in cycles} > {type(None)}, name
    folders = [json.loads(row.body) for row in source.catalogue.folders if row.kind == "TEST_CYCLE"]
    parents = {folder["id"]: folder["parentId"] for folder in folders}
    assert any(parents.get(parents[one]) for one in parents if parents[one])
    assert len({folder["name"] for folder in folders}) < len(folders)
    statuses = [row for row in source.catalogue.statuses if row.kind == "TEST_CYCLE"]
    assert {cycle["status"]["id"] for cycle in cycles} == {row.id for row in statuses}
    assert sum(json.loads(row.body)["archived"] for row in statuses) == 1
    assert [json.loads(row.body)["default"] for row in statuses].index(True) == 0


def test_faulty_executions_come_last_and_only_when_asked_for():
    """An unknown status, steps that fail for ever, an end date that is none, a reference without a key."""
    source = Generator(40, executions=72, faulty=4, seed=1)
    rows = executions_of(source)
    assert len(rows) == 80 + 4 and executions_of(Generator(40, executions=72, seed=1))[:80] == [
        row for row in rows[:80] if row
    ]
    unknown, failing, dateless, keyless = rows[80:]
    assert unknown["testExecutionStatus"]["id"] not in status_names(source)
    with pytest.raises(UnreadableError):
        source.history.executions.steps(81)
    assert failing["actualEndDate"] and dateless["actualEndDate"] == "yesterday"
    assert case_key(keyless).isdecimal()
    assert len(Generator(40, faulty=4).history.executions.ids) == 0


async def test_a_million_executions_start_at_once_in_flat_memory():
    """Nothing is stored but the thousand cycles: pages at the ends and in the middle come at once."""
    tracemalloc.start()
    began = time.perf_counter()
    async with zephyr(Generator(1_000_000, executions=1_000_000)) as client:
        assert (await client.get("/testexecutions"))["total"] == 1_111_112
        last = await client.get("/testexecutions/nextgen?startAtId=73333300&limit=1000")
        assert last["nextStartAtId"] is None and last["values"][-1]["key"] == "SBX-E1111112"
        await client.get("/testexecutions/SBX-E555555/teststeps")
        assert (await client.get("/testcycles"))["total"] == 500
    assert time.perf_counter() - began < 5
    assert tracemalloc.get_traced_memory()[1] < 60 * 2**20
    tracemalloc.stop()


async def test_a_real_corpus_gets_executions_of_its_own_cases():
    """The frozen steps are the texts of the real cases, statuses and environments are those of the corpus."""
    if not MATTERMOST.is_dir():
        pytest.skip(f"the real corpus is NOT checked: {MATTERMOST} is missing; set ZTOQ_SHARED")
    corpus = Corpus(MATTERMOST, executions=500)
    async with zephyr(corpus) as client:
        rows = await client.pages("/testexecutions")
        assert sum("actualEndDate" in row for row in rows) == 500
        statuses = {row["name"] for row in await client.pages("/statuses?statusType=TEST_EXECUTION")}
        assert statuses == {"Not Executed", "In Progress", "Pass", "Fail", "Blocked"}
        real = {row["id"] for row in await client.pages("/environments")}
        assert {row["environment"]["id"] for row in rows if row["environment"]} <= real
        assert len(await client.pages("/folders?folderType=TEST_CYCLE")) >= 8
        assert len(await client.pages("/testcycles")) == 11
        row = rows[0]
        frozen = [
            step["inline"]["description"] for step in await client.pages(f"/testexecutions/{row['id']}/teststeps")
        ]
        steps = await client.pages(f"/testcases/{case_key(row)}/teststeps")
        assert frozen == [step["inline"]["description"] for step in steps] and frozen
        for one in rows[::25]:
            await client.pages(f"/testexecutions/{one['id']}/teststeps")


def test_executions_need_cases():
    """Without test cases there is nothing to execute."""
    with pytest.raises(ValueError, match="test cases"):
        Generator(0, executions=1)
