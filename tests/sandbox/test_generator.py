"""A generated project holds all that real ones do, the same for the same seed, at any size."""

import html
import json
import time
import tracemalloc
from collections import Counter
from html.entities import html5
from typing import Any

import pytest
from zephyr_fixtures import zephyr

from ztoq_async.sandbox import Generator
from ztoq_async.sandbox.source import UnreadableError


def _cases(source: Generator) -> list[dict[str, Any]]:
    return [json.loads(source.case(position)) for position in range(len(source.case_ids))]


def _calls(source: Generator) -> dict[int, list[int]]:
    """Positions called by each position."""
    calls = {}
    for position in range(len(source.case_ids)):
        keys = [step["testCase"]["testCaseKey"] for step in json.loads(source.steps(position)) if step["testCase"]]
        calls[position] = [found for key in keys if (found := source.position(key)) is not None]
        assert len(calls[position]) == len(keys), "a call leads nowhere"
    return calls


def test_a_case_depends_on_seed_and_number_alone():
    """The same seed gives the same bytes in any order of asking; another seed gives others."""
    one, two, other = Generator(50, seed=1), Generator(50, seed=1), Generator(50, seed=2)
    forward = [one.case(n) + one.steps(n) for n in range(50)]
    assert forward == [two.case(n) + two.steps(n) for n in reversed(range(50))][::-1]
    assert one.catalogue == two.catalogue
    assert forward != [other.case(n) + other.steps(n) for n in range(50)]


async def test_every_generated_answer_fits_the_contract():
    """Cases, steps, scripts, versions and links of sixty cases, held to the contract as they are read."""
    async with zephyr(Generator(60, seed=11)) as client:
        for case in await client.pages("/testcases"):
            path = f"/testcases/{case['key']}"
            assert await client.get(path) == case
            await client.get(path + "/" + case["testScript"]["self"].rpartition("/")[2])
            for version in await client.pages(f"{path}/versions"):
                await client.get(version["self"].removeprefix(client.base_url))
            await client.get(f"{path}/links")


@pytest.mark.parametrize("cases", [1, 20, 300])
def test_every_named_character_of_html_occurs(cases: int):
    """However few the cases, together they show all entities."""
    text = " ".join(case["objective"] for case in _cases(Generator(cases)))
    assert all(f"&{name}" in text for name in html5 if name.endswith(";"))
    assert "🙂" in html.unescape(" ".join(case["objective"] for case in _cases(Generator(300))))


def test_names_are_long_blank_at_the_ends_and_equal():
    """255 characters at most and once exactly, outer blanks, duplicates, emoji."""
    names = [case["name"] for case in _cases(Generator(40))]
    assert max(map(len, names)) == 255
    assert any(name != name.strip() for name in names) and "🚀" in "".join(names)
    assert Counter(names).most_common(1)[0][1] == 2


def test_calls_go_three_deep_and_one_cycle_exists():
    """From twenty cases on: a chain of three calls, and exactly one pair that calls each other."""
    calls = _calls(Generator(100))
    assert [calls[10], calls[11], calls[12], calls[13]] == [[11], [12], [13], []]
    assert [(a, b) for a in calls for b in calls[a] if a in calls[b]] == [(14, 15), (15, 14)]
    assert not any(_calls(Generator(19)).values())
    steps = json.loads(Generator(20).steps(10))
    assert [one["type"] for one in steps[1]["testCase"]["parameters"]] == ["MANUAL_INPUT", "DEFAULT_VALUE"]


def test_folders_are_deep_shuffled_and_doubly_named():
    """Six deep, each list of siblings numbered without gaps in another order than listed, two of one name."""
    rows = [json.loads(row.body) for row in Generator(3_000, seed=5).catalogue.folders if row.kind == "TEST_CASE"]
    parents = {row["id"]: row["parentId"] for row in rows}

    def depth(identity: int | None) -> int:
        return 0 if identity is None else 1 + depth(parents[identity])

    assert max(map(depth, parents)) == 6
    by_parent: dict[int | None, list[dict[str, Any]]] = {}
    for row in rows:
        by_parent.setdefault(row["parentId"], []).append(row)
    indexes = [[row["index"] for row in siblings] for siblings in by_parent.values()]
    assert all(sorted(order) == list(range(len(order))) for order in indexes)
    assert any(order != sorted(order) for order in indexes)
    by_id = [row["index"] for row in sorted(by_parent[None], key=lambda row: row["id"])]
    assert any(early > late for early, late in zip(by_id, by_id[8:], strict=False)), (
        "siblings stand in the order of ids"
    )
    assert any(len({row["name"] for row in siblings}) < len(siblings) for siblings in by_parent.values())
    assert any(row["name"] != row["name"].strip() for row in rows)
    assert any(row["parentId"] and row["parentId"] > row["id"] for row in rows)


def test_values_cover_all_that_a_case_can_hold():
    """Every type of custom field, nulls, old versions, links, labels, owners who are gone, an archived status."""
    source = Generator(200)
    cases = _cases(source)
    fields = {name: [case["customFields"][name] for case in cases] for name in source.custom_fields}
    kinds = {name: {type(value) for value in values} for name, values in fields.items()}
    assert kinds.pop("Never used") == {type(None)}
    assert set().union(*kinds.values()) == {str, int, float, bool, list, type(None)}
    assert all(type(None) in found and len(found) == 2 for found in kinds.values())
    assert fields.keys() == cases[0]["customFields"].keys()
    archived = {row.id for row in source.catalogue.statuses if json.loads(row.body)["archived"]}
    assert any(case["status"]["id"] in archived for case in cases)
    assert any("gone" in case["owner"]["accountId"] for case in cases if case["owner"])
    assert any(case["links"]["issues"] and case["links"]["webLinks"] for case in cases)
    assert any(case["folder"] is None for case in cases) and any(case["labels"] for case in cases)
    assert any(source.versions(position) for position in range(200))
    scripts = [json.loads(script)["type"] for n in range(200) if (script := source.script(n))]
    assert set(scripts) == {"plain", "bdd"}


def test_steps_are_none_empty_and_many():
    """A case without steps, empty steps among others, fifty steps."""
    source = Generator(20)
    steps = [json.loads(source.steps(n)) for n in range(20)]
    assert steps[7] == [] and len(steps[18]) == 50
    texts = [tuple(step["inline"].get(name) for name in ("description", "expectedResult")) for step in steps[6]]
    assert ("", "") in texts and (None, None) in texts and any(all(text) for text in texts)


def test_faulty_records_come_last_and_only_when_asked_for():
    """A blank name, steps that fail for ever, an unknown status, an unknown kind of script."""
    source = Generator(20, faulty=5)
    good, bad = _cases(source)[:20], _cases(source)[20:]
    known = {row.id for row in source.catalogue.statuses}
    assert not bad[0]["name"].strip() and all(case["name"].strip() for case in good)
    with pytest.raises(UnreadableError):
        source.steps(21)
    assert bad[2]["status"]["id"] not in known and all(case["status"]["id"] in known for case in good)
    assert json.loads(source.script(23) or b"")["type"] == "cucumber"
    with pytest.raises(UnreadableError):
        source.steps(24)
    assert [source.case(n) for n in range(20)] == [Generator(20).case(n) for n in range(20)]


async def test_steps_that_fail_for_ever_answer_500_each_time():
    """A faulty record's error is the service's own, in its shape."""
    async with zephyr(Generator(20, faulty=5)) as client:
        for _ in range(3):
            await client.get("/testcases/SBX-T22/teststeps", 500)
        await client.get("/testcases/SBX-T25/teststeps", 422)
        await client.get("/testcases/SBX-T25/testscript", 422)


async def test_a_million_cases_start_at_once_in_flat_memory():
    """Nothing is stored: the first, a middle and the last page come at once, and memory does not grow with the size."""
    tracemalloc.start()
    began = time.perf_counter()
    async with zephyr(Generator(1_000_000)) as client:
        assert (await client.get("/testcases"))["total"] == 1_000_000
        assert (await client.get("/testcases?startAt=999999"))["values"][0]["key"] == "SBX-T1000000"
        last = await client.get("/testcases/nextgen?startAtId=11999000&limit=1000")
        assert last["nextStartAtId"] is None and last["values"][-1]["key"] == "SBX-T1000000"
        folder = (await client.get("/folders?folderType=TEST_CASE"))["values"][0]["id"]
        assert (await client.get(f"/testcases?folderId={folder}"))["total"] > 900
    assert time.perf_counter() - began < 5
    assert tracemalloc.get_traced_memory()[1] < 60 * 2**20
    tracemalloc.stop()


def test_an_empty_project_and_a_negative_count():
    """No cases is a project too; less than none is refused."""
    assert len(Generator(0).case_ids) == 0 and Generator(0).position("SBX-T1") is None
    with pytest.raises(ValueError, match="0 or more"):
        Generator(-1)
