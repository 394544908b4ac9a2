"""The files of a report as `run` and `verify` write them: the page, its data, and the tables in full."""

import csv
import json
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from processes import FAST, call, objects, proposed, result, sandbox, write_settings
from selectolax.lexbor import LexborHTMLParser


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A project with a test case and an execution that no move can carry: folder, services, report of the run."""
    folder = tmp_path_factory.mktemp("reported")
    with sandbox(folder, "--cases", 20, "--executions", 60, "--faulty", 1, "--seed", 3) as services:
        write_settings(folder, services, FAST)
        proposed(folder)
        done = call("run", "--json", cwd=folder)
        assert done.returncode == 1, done.stderr
        yield folder, services, result(done)


def table(path):
    """The rows of a CSV file by the names of its first line."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def key_of(thing):
    """The Zephyr key of an object."""
    return next(row["field_value"] for row in thing["properties"] if row["field_name"] == "Zephyr Key")


def test_each_suite_has_as_many_runs_and_logs_as_qtest_holds(moved):
    """Counted by the service's own objects, suite by suite; all are read back equal, and the report has the same."""
    _, services, report = moved
    suites = {suite["id"]: key_of(suite) for suite in objects(services, "test-suite")}
    runs = {run["id"]: suites[run["parentId"]] for run in objects(services, "test-run")}
    found = {row["key"]: row for row in table(report["parts_csv"]) if row["key"]}
    there = Counter(runs.values())
    assert {key: int(row["test-run"]) for key, row in found.items()} == {key: there[key] for key in suites.values()}
    refused = sum(int(row["refused"]) for row in found.values())
    assert sum(int(row["test-log"]) for row in found.values()) - refused == len(objects(services, "test-log"))
    assert all(row["different"] == row["missing"] == "0" for row in found.values())
    rows = [{**row, **{name: str(n) for name, n in row["holds"].items()}} for row in report["parts"]["first"]]
    assert [row["key"] for row in rows] == [row["key"] for row in table(report["parts_csv"])]


def test_the_sums_of_all_suites_are_the_figures_of_the_kinds(moved):
    """Runs, logs, verified and refused: what the table of suites says in all is what the table of kinds says."""
    _, _, report = moved
    rows, kinds = table(report["parts_csv"]), report["kinds"]
    for kind in ("test-run", "test-log"):
        assert sum(int(row[kind]) for row in rows) == kinds[kind]["read"]
    for word in ("verified", "refused"):
        of_kinds = sum(kinds[kind][word] for kind in ("test-suite", "test-run", "test-log"))
        assert sum(int(row[word]) for row in rows) == of_kinds > 0


def test_the_table_of_losses_has_every_row_of_the_ledger(moved):
    """As many as the report says, by rule too; a refused record is named with its reason."""
    _, _, report = moved
    rows = table(report["ledger_csv"])
    assert len(rows) == report["ledger"]["rows"] > 0
    assert Counter(row["rule"] for row in rows) == report["ledger"]["lost"]
    assert {
        "kind": "test-case",
        "key": "SBX-T21",
        "attribute": "*",
        "rule": "refused",
        "words": "name: it is blank",
    } in rows
    assert report["ledger"]["first"][0]["rule"] == "refused"


def test_the_page_leads_to_both_tables(moved):
    """Its links are files beside it; plans of cycles, which this version does not read, are counted."""
    folder, _, report = moved
    page = folder / "store" / "reports" / "report.html"
    tree = LexborHTMLParser(page.read_text())
    links = [node.attributes["href"] for node in tree.css("a")]
    assert links == ["parts.csv", "ledger.csv"]
    assert all((page.parent / link).is_file() for link in links)
    assert json.loads(page.with_name("report.json").read_text()) == report
    assert "test plans" in tree.text() and "attachments" in tree.text()


def test_verify_says_which_suite_holds_what_differs(moved):
    """A log that somebody changed in qTest counts as different in its suite, and in no other. The last of this file."""
    folder, services, _ = moved
    log = objects(services, "test-log")[0]
    here = services["qtest"]
    address = (
        f"{here['base_url']}/api/v3/projects/{here['project']}/test-runs/{log['test_run_id']}/test-logs/{log['id']}"
    )
    body = json.dumps({**log, "note": log["note"].replace("<p>[key]</p>", "<p>[changed]</p>")}).encode()
    headers = {"Authorization": f"Bearer {here['token']}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, body, headers, method="PUT"), timeout=10) as answer:
        assert answer.status == 200
    after = result(call("verify", "--json", cwd=folder))
    suites = {suite["id"]: key_of(suite) for suite in objects(services, "test-suite")}
    (run,) = (run for run in objects(services, "test-run") if run["id"] == log["test_run_id"])
    assert {row["key"]: row["different"] for row in table(after["parts_csv"]) if row["different"] != "0"} == {
        suites[run["parentId"]]: "1"
    }
