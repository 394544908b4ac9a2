"""What a project's executions must become, read from Zephyr over HTTP, and what qTest holds of them."""

import re
import tomllib
from dataclasses import dataclass

_CASE = re.compile(r"/testcases/([^/]+-T\d+)(?:/versions/\d+)?$")
_MARKER = re.compile(r"\[zephyr:test-log:(\d+)\]")


@dataclass
class History:
    """Keys of runs with the ids of their executions in the order of their logs; keys of cases and suites."""

    runs: dict[str, list[int]]
    cases: set[str]
    suites: set[str]

    @property
    def logs(self):
        """How many executions have a result."""
        return sum(map(len, self.runs.values()))


async def rows(move, path):
    """All rows of one of Zephyr's offset lists; projects here have fewer than a page holds."""
    query = f"projectKey={move.sandbox.zephyr.project}&maxResults=1000"
    page = await move.call("GET", f"{path}{'&' if '?' in path else '?'}{query}", service="zephyr")
    assert page["isLast"]
    return page["values"]


async def due(move, query=""):
    """The history as Zephyr tells it: to be asked for in fair weather. `query` filters executions."""
    project = move.sandbox.zephyr.project
    unbegun = await _unbegun(move)
    cycles = {row["id"]: row["key"] for row in await rows(move, "/testcycles")}
    cases = {row["key"] for row in await rows(move, "/testcases")}
    groups, suites = {}, set(cycles.values())
    for row in await rows(move, f"/testexecutions?{query}"):
        case = _CASE.search(row["testCase"]["self"])
        if case is None:
            continue
        cases.add(case[1])
        suite = cycles[row["testCycle"]["id"]] if row["testCycle"] else f"{project}/outside-cycles"
        suites.add(suite)
        environment = row["environment"]["id"] if row["environment"] else "-"
        logs = groups.setdefault(f"{suite}/{case[1]}/{environment}", [])
        end = row.get("actualEndDate")
        if end or row["testExecutionStatus"]["id"] not in unbegun:
            logs.append((end or "", row["id"]))
    return History({key: [number for _, number in sorted(logs)] for key, logs in groups.items()}, cases, suites)


async def _unbegun(move):
    """The ids of statuses that, without an end date, say that an execution is planned."""
    rules = tomllib.loads(move.mapping["file"].read_text(encoding="utf-8"))["execution_status"]
    statuses = await rows(move, "/statuses?statusType=TEST_EXECUTION")
    return {row["id"] for row in statuses if row["default"] or rules[row["name"]] == "Unexecuted"}


def value(row, label="Zephyr Key"):
    """The value of a field by its label, "" where it has none."""
    return next((item["field_value"] for item in row["properties"] if item["field_name"] == label), "")


async def held(move):
    """The history as qTest holds it: every run under its key, its logs in the order in which they were made."""
    keys = {row["id"]: value(row) for row in await move.objects("test-run")}
    assert len(set(keys.values())) == len(keys)
    runs = {key: [] for key in keys.values()}
    for row in sorted(await move.objects("test-log"), key=lambda log: log["id"]):
        runs[keys[row["test_run_id"]]].append(int(_MARKER.findall(row["note"])[-1]))
    cases = {value(row) for row in await move.objects("test-case")}
    return History(runs, cases, {value(row) for row in await move.objects("test-suite")})


async def versions(move):
    """The version of each test case by its Zephyr key."""
    return {value(row): row["version"] for row in await move.objects("test-case")}


def run_cases(history):
    """The keys of the test cases that have runs."""
    return {key.rsplit("/", 2)[1] for key in history.runs}
