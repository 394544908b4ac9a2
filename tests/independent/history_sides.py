"""What ran, when, with what result, on both sides, as plain data: read from the lists of both services."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from both_sides import Corpus, Row
from http_reading import Service

CASE_OF = re.compile(r"/testcases/([^/]+)(?:/versions/(\d+))?/?$")


@dataclass
class History:
    """A Zephyr project's executions and all that they name.

    `cases` are test cases by key, those of no list too, None for one that Zephyr does not give; `scripts` has what a
    case says today: its rows of steps, or one row with its text. `results` are the rows of steps by execution id;
    `case_words` names of the statuses and priorities of cases of no list, by "statuses" or "priorities".
    """

    project: str
    folders: list[Row] = field(default_factory=list)
    cycles: list[Row] = field(default_factory=list)
    cycle_statuses: dict[int, str] = field(default_factory=dict)
    statuses: list[Row] = field(default_factory=list)
    environments: dict[int, str] = field(default_factory=dict)
    executions: list[Row] = field(default_factory=list)
    results: dict[int, list[Row]] = field(default_factory=dict)
    cases: dict[str, Row | None] = field(default_factory=dict)
    scripts: dict[str, list[Row]] = field(default_factory=dict)
    case_words: dict[str, dict[int, str]] = field(default_factory=dict)


@dataclass
class Runs:
    """A qTest project's tree of execution: fields of suites and runs, and every object with all that a GET shows.

    Cycles, suites and runs carry `parentId` and `parentType` ("root" for the top), logs `test_run_id`. `versions` are
    test cases by id, then by the id of a version: the newest, and those that logs name. `fills`: the site shows a
    result for each step of a log that was sent none. `unexecuted` is the status that runs begin with.
    """

    suite_fields: list[Row] = field(default_factory=list)
    run_fields: list[Row] = field(default_factory=list)
    statuses: dict[int, str] = field(default_factory=dict)
    cycles: list[Row] = field(default_factory=list)
    suites: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    logs: list[Row] = field(default_factory=list)
    cases: dict[int, str] = field(default_factory=dict)
    versions: dict[int, dict[int, Row]] = field(default_factory=dict)
    fills: bool = False
    unexecuted: str = ""


def case_of(execution: Row) -> tuple[str, int | None]:
    """Key and version of the test case that was executed (facts.md 1.7)."""
    found = CASE_OF.search(execution["testCase"]["self"])
    if found is None:
        raise ValueError(f"no test case in {execution['testCase']}")
    return found[1], int(found[2]) if found[2] else None


def read_history(base_url: str, token: str, corpus: Corpus) -> History:
    """The Zephyr project at `base_url` (it ends in `/v2`); the corpus has its listed test cases."""
    with Service(base_url, token) as zephyr:
        ask = f"projectKey={corpus.project}"
        executions = zephyr.zephyr_list(f"/testexecutions?{ask}&includeStepLinks=true")
        named = {case_of(row)[0] for row in executions}
        cases: dict[str, Row | None] = {row["key"]: row for row in corpus.cases}
        cases |= zephyr.each(lambda key: zephyr.get(f"/testcases/{key}", 403, 404), sorted(named - cases.keys()))
        unlisted = _unlisted(cases, corpus)
        statuses = zephyr.zephyr_list(f"/statuses?{ask}&statusType=TEST_CYCLE")
        return History(
            project=corpus.project,
            folders=zephyr.zephyr_list(f"/folders?{ask}&folderType=TEST_CYCLE"),
            cycles=zephyr.zephyr_list(f"/testcycles?{ask}"),
            cycle_statuses={row["id"]: row["name"] for row in statuses},
            statuses=zephyr.zephyr_list(f"/statuses?{ask}&statusType=TEST_EXECUTION"),
            environments={row["id"]: row["name"] for row in zephyr.zephyr_list(f"/environments?{ask}")},
            executions=executions,
            results=zephyr.each(
                lambda identity: zephyr.zephyr_list(f"/testexecutions/{identity}/teststeps"),
                [row["id"] for row in executions],
            ),
            cases=cases,
            scripts=_listed_scripts(corpus) | zephyr.each(lambda key: _script(zephyr, key, cases), unlisted),
            case_words=_words(zephyr, cases, unlisted),
        )


def _unlisted(cases: dict[str, Row | None], corpus: Corpus) -> list[str]:
    listed = {row["key"] for row in corpus.cases}
    return sorted(key for key, row in cases.items() if row is not None and key not in listed)


def _words(zephyr: Service, cases: dict[str, Row | None], keys: list[str]) -> dict[str, dict[int, str]]:
    """Statuses and priorities of cases of no list, asked for one by one: another project's are in no list either."""
    found: dict[str, dict[int, str]] = {}
    for kind, name in (("statuses", "status"), ("priorities", "priority")):
        ids = {row[name]["id"] for key in keys if (row := cases[key])}
        found[kind] = {identity: zephyr.get(f"/{kind}/{identity}")["name"] for identity in ids}
    return found


def _listed_scripts(corpus: Corpus) -> dict[str, list[Row]]:
    return {**corpus.steps, **{key: [script] for key, script in corpus.scripts.items()}}


def _script(zephyr: Service, key: str, cases: dict[str, Row | None]) -> list[Row]:
    kept = (cases[key] or {}).get("testScript") or {}
    if str(kept.get("self", "")).endswith("/testscript"):
        return [zephyr.get(f"/testcases/{key}/testscript")]
    return zephyr.zephyr_list(f"/testcases/{key}/teststeps")


def read_runs(base_url: str, token: str, project: int) -> Runs:
    """The qTest project at `base_url`; every run, log and cycle by a GET of its own."""
    with Service(f"{base_url}/api/v3/projects/{project}", token) as qtest:
        cycles = list(_cycles(qtest, 0, "root"))
        suites = list(_suites(qtest, cycles))
        listed = qtest.qtest_pages("/test-runs?parentId=0&parentType=root&expand=descendants")
        runs = _singles(qtest, "/test-runs", listed)
        logs = _logs(qtest, [row["id"] for row in runs])
        cases = list(qtest.qtest_cases("/test-cases?expandSteps=true&showParamIdentifier=true"))
        versions = {row["id"]: {row["test_case_version_id"]: row} for row in cases}
        _other_versions(qtest, versions, runs, logs)
        fields = qtest.get("/settings/test-cases/fields")
        key_field = next((row["id"] for row in fields if row["label"] == "Zephyr Key"), 0)
        statuses = qtest.get("/test-runs/execution-statuses")
        return Runs(
            suite_fields=qtest.get("/settings/test-suites/fields"),
            run_fields=qtest.get("/settings/test-runs/fields"),
            statuses={row["id"]: row["name"] for row in statuses},
            cycles=cycles,
            suites=suites,
            runs=runs,
            logs=logs,
            cases={row["id"]: _zephyr_key(row, key_field) for row in cases},
            versions=versions,
            unexecuted=next((row["name"] for row in statuses if row["is_default"]), ""),
        )


def _cycles(qtest: Service, parent: int, kind: str) -> Iterator[Row]:
    for listed in qtest.get(f"/test-cycles?parentId={parent}&parentType={kind}"):
        row = qtest.get(f"/test-cycles/{listed['id']}") | {"parentId": parent, "parentType": kind}
        yield row
        yield from _cycles(qtest, row["id"], "test-cycle")


def _suites(qtest: Service, cycles: list[Row]) -> Iterator[Row]:
    for parent, kind in [(0, "root"), *((row["id"], "test-cycle") for row in cycles)]:
        listed = qtest.get(f"/test-suites?parentId={parent}&parentType={kind}")
        for row in _singles(qtest, "/test-suites", listed):
            yield row | {"parentId": parent, "parentType": kind}


def _singles(qtest: Service, path: str, rows: Any) -> list[Row]:
    ids = [row["id"] for row in rows]
    return list(qtest.each(lambda identity: qtest.get(f"{path}/{identity}"), ids).values())


def _logs(qtest: Service, runs: list[int]) -> list[Row]:
    lists = qtest.each(lambda run: list(qtest.qtest_pages(f"/test-runs/{run}/test-logs")), runs)
    pairs = [(run, row["id"]) for run, rows in lists.items() for row in rows]
    found = qtest.each(lambda pair: qtest.get(f"/test-runs/{pair[0]}/test-logs/{pair[1]}"), pairs)
    return [{**row, "test_run_id": run} for (run, _), row in found.items()]


def _other_versions(qtest: Service, versions: dict[int, dict[int, Row]], runs: list[Row], logs: list[Row]) -> None:
    """Adds the versions that runs and logs name beside the newest; one that the case has not is left out."""
    of_run = {row["id"]: run_case(row) for row in runs}
    wanted = {(of_run[row["test_run_id"]], row["test_case_version_id"]) for row in logs}
    wanted |= {(run_case(row), row["test_case_version_id"]) for row in runs}
    lacking = [pair for pair in wanted if pair[0] in versions and pair[1] not in versions[pair[0]]]
    found = qtest.each(lambda pair: qtest.get(f"/test-cases/{pair[0]}/versions/{pair[1]}", 400, 404), lacking)
    for (case, version), row in found.items():
        if row is not None:
            versions[case][version] = row


def run_case(run: Row) -> int:
    """The id of a run's test case, in either form of the contract."""
    return int((run.get("test_case") or {}).get("id") or run.get("testCaseId") or 0)


def _zephyr_key(case: Row, field: int) -> str:
    found = [row["field_value"] for row in case["properties"] if row["field_id"] == field]
    return str(found[0] or "") if found else ""
