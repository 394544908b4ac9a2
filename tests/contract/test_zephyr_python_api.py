"""`zephyr-python-api`, a client that others wrote for the real service, reads all that the engine reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests
from serving import CASES, serving
from zephyr import ZephyrScale

from ztoq_async.sandbox import Sandbox

EXECUTIONS = 120


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with serving(executions=EXECUTIONS) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Any]:
    client = ZephyrScale(base_url=sandbox.zephyr.base_url + "/", token=sandbox.zephyr.token)
    with closing(client.api.session._session):
        yield client.api


@pytest.mark.parametrize("size", [None, 7, 1000])
def test_its_lists_of_test_cases_are_whole(sandbox: Sandbox, api: Any, size: int | None):
    """It follows `next` to the end, at the service's default page, an odd one and the largest."""
    query = {"projectKey": sandbox.zephyr.project} | ({"maxResults": size} if size else {})
    cases = list(api.test_cases.get_test_cases(**query))
    assert len({case["key"] for case in cases}) == len(cases) == CASES
    assert cases[4] == api.test_cases.get_test_case(cases[4]["key"])


def test_its_folders_are_those_of_the_type(sandbox: Sandbox, api: Any):
    """As many as the sandbox says it holds; each also alone."""
    root = sandbox.zephyr.base_url.removesuffix("/v2")
    held = requests.get(f"{root}/sandbox/stats", timeout=10).json()["objects"]["module"]
    folders = list(api.folders.get_folders(projectKey=sandbox.zephyr.project, folderType="TEST_CASE"))
    assert len(folders) == held > 0
    assert {folder["folderType"] for folder in folders} == {"TEST_CASE"}
    assert api.folders.get_folder(folders[0]["id"]) == folders[0]


def test_its_catalogues_name_what_the_cases_refer_to(sandbox: Sandbox, api: Any):
    """Project, statuses by type, priorities: every id in a test case is in them."""
    project = sandbox.zephyr.project
    cases = list(api.test_cases.get_test_cases(projectKey=project))
    statuses = list(api.statuses.get_statuses(projectKey=project, statusType="TEST_CASE"))
    priorities = list(api.priorities.get_priorities(projectKey=project))
    assert {case["status"]["id"] for case in cases} <= {status["id"] for status in statuses}
    assert {case["priority"]["id"] for case in cases} <= {priority["id"] for priority in priorities}
    assert {case["project"]["id"] for case in cases} == {api.projects.get_project(project)["id"]}
    assert [one["key"] for one in api.projects.get_projects()] == [project]


def test_it_reads_the_script_of_every_case(api: Any):
    """Steps where the record's address says so, else text; the other call is refused for its kind."""
    kinds = set()
    for case in api.test_cases.get_test_cases():
        if case["testScript"]["self"].endswith("/teststeps"):
            steps = list(api.test_cases.get_test_steps(case["key"]))
            assert all((step.get("inline") is None) != (step.get("testCase") is None) for step in steps)
            kinds.add("steps")
        else:
            kinds.add(api.test_cases.get_test_script(case["key"])["type"])
            with pytest.raises(requests.HTTPError, match="Error 422"):
                list(api.test_cases.get_test_steps(case["key"]))
    assert kinds == {"steps", "plain", "bdd"}


def test_steps_beyond_the_first_page_come(api: Any):
    """The generated project has cases of fifty steps, five pages of the default size."""
    steps = [list(api.test_cases.get_test_steps(f"SBX-T{number}")) for number in (18, 19, 20)]
    assert max(len(rows) for rows in steps) == 50


def test_it_writes_what_the_source_may_hold(sandbox: Sandbox, api: Any):
    """A folder, a case, its steps, a change by GET and PUT."""
    project = sandbox.zephyr.project
    folder = api.folders.create_folder("New", project, "TEST_CASE")
    key = api.test_cases.create_test_case(project, "New", folderId=folder["id"], labels=["a"])["key"]
    api.test_cases.post_test_steps(key, "OVERWRITE", [{"inline": {"description": "Look"}}])
    case = api.test_cases.get_test_case(key)
    ids = case["id"], "Renamed", case["project"]["id"], case["priority"]["id"], case["status"]["id"]
    api.test_cases.update_test_case(key, *ids)
    changed = api.test_cases.get_test_case(key)
    assert (changed["name"], changed["labels"], changed["folder"]) == ("Renamed", [], None)
    assert [step["inline"]["description"] for step in api.test_cases.get_test_steps(key)] == ["Look"]


def test_its_cycles_name_folders_and_statuses_of_their_type(sandbox: Sandbox, api: Any):
    """Every reference of a cycle is in the lists; each cycle also alone, by id and by key, with its links."""
    project = sandbox.zephyr.project
    cycles = list(api.test_cycles.get_test_cycles(projectKey=project))
    assert len(cycles) == 6
    statuses = {status["id"] for status in api.statuses.get_statuses(statusType="TEST_CYCLE", maxResults=100)}
    folders = {folder["id"] for folder in api.folders.get_folders(folderType="TEST_CYCLE", maxResults=100)}
    assert {cycle["status"]["id"] for cycle in cycles} <= statuses
    assert {cycle["folder"]["id"] for cycle in cycles if cycle["folder"]} <= folders
    for cycle in cycles:
        assert api.test_cycles.get_test_cycle(cycle["key"]) == api.test_cycles.get_test_cycle(cycle["id"]) == cycle
        assert api.test_cycles.get_links(cycle["key"]) == cycle["links"]


@pytest.mark.parametrize("size", [None, 1000])
def test_its_executions_are_whole_and_their_cycles_share_them(sandbox: Sandbox, api: Any, size: int | None):
    """All of them at the default page and the largest; by cycle they are all but those outside any cycle."""
    query = {"projectKey": sandbox.zephyr.project} | ({"maxResults": size} if size else {})
    executions = list(api.test_executions.get_test_executions(**query))
    assert sum("actualEndDate" in row for row in executions) == EXECUTIONS
    keys = [cycle["key"] for cycle in api.test_cycles.get_test_cycles()]
    shared = [row for key in keys for row in api.test_executions.get_test_executions(testCycle=key, maxResults=1000)]
    outside = [row for row in executions if row["testCycle"] is None]
    assert outside and sorted(row["id"] for row in shared + outside) == [row["id"] for row in executions]


def test_it_reads_the_results_of_every_execution(api: Any):
    """Each step has a status of the type; those beyond the first page come."""
    statuses = {status["id"] for status in api.statuses.get_statuses(statusType="TEST_EXECUTION", maxResults=100)}
    longest = 0
    for row in api.test_executions.get_test_executions(maxResults=1000):
        steps = list(api.test_executions.get_test_steps(row["id"]))
        assert {step["inline"]["status"]["id"] for step in steps} <= statuses
        assert api.test_executions.get_links(row["id"]) == row["links"]
        longest = max(longest, len(steps))
    assert longest >= 50


def test_it_records_an_execution(sandbox: Sandbox, api: Any):
    """A cycle, an execution in it, a change, links."""
    project = sandbox.zephyr.project
    cycle = api.test_cycles.create_test_cycle(project, "New")["key"]
    made = api.test_executions.create_test_execution(project, "SBX-T1", cycle, "Pass")
    api.test_executions.update_test_execution(made["id"], statusName="Fail", comment="Changed")
    api.test_cycles.create_issue_links(cycle, 10_001)
    api.test_executions.create_issue_links(made["id"], 10_001)
    (row,) = api.test_executions.get_test_executions(testCycle=cycle, onlyLastExecutions=True)
    assert row["comment"] == "Changed" and row["links"]["issues"][0]["issueId"] == 10_001


def test_a_wrong_token_is_an_error_of_the_client(sandbox: Sandbox):
    """401, whose text it passes on."""
    client = ZephyrScale(base_url=sandbox.zephyr.base_url + "/", token="a.b.c")
    with closing(client.api.session._session), pytest.raises(requests.HTTPError, match="Error 401"):
        client.api.projects.get_project(sandbox.zephyr.project)
