"""`run --executions`: which part of the history goes over, as processes against a real sandbox."""

import json
import re
import signal
import urllib.request

import pytest
from processes import call, objects, proposed, result, sandbox, started, stats, wait_for_cases, write_settings, writes

PROJECT = ("--cases", 15, "--executions", 60, "--seed", 4)
SLOW = "[limits]\nzephyr_per_minute = 60000\nqtest_per_minute = 60000\nin_flight = 2\n"
KEY = re.compile(r"\[zephyr:test-log:(\d+)\]")


@pytest.fixture
def project(tmp_path):
    """A sandbox with executions, the settings for it and its mapping."""
    with sandbox(tmp_path, *PROJECT) as services:
        write_settings(tmp_path, services)
        proposed(tmp_path)
        yield services


def history(services):
    """The executions that Zephyr shows, by id."""
    here = services["zephyr"]
    address = f"{here['base_url']}/testexecutions?projectKey={here['project']}&maxResults=1000"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {here['token']}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return {row["id"]: row for row in json.load(answer)["values"]}


def dated(executions):
    """The ids of those that have ended: each has a log, which those that nobody has begun have not."""
    return {key for key, row in executions.items() if row.get("actualEndDate")}


def group(execution):
    """Test case, cycle and environment of an execution."""
    case = re.search(r"/testcases/([^/]+)", execution["testCase"]["self"])[1]
    return case, (execution.get("testCycle") or {}).get("id"), (execution.get("environment") or {}).get("id")


def moved(services):
    """The ids of the executions whose logs qTest holds; fails where one is there twice."""
    keys = [int(KEY.findall(log["note"])[-1]) for log in objects(services, "test-log")]
    assert len(keys) == len(set(keys))
    return set(keys)


def newest(executions):
    """The ids of the newest execution of each test case, cycle and environment."""
    return set({group(executions[key]): key for key in sorted(executions)}.values())


@pytest.mark.slow
def test_last_moves_only_the_newest_of_each_case_cycle_and_environment(project, tmp_path):
    """`last`: one log for each run; a later run with all adds the rest, once, and takes nothing away."""
    everything = history(project)
    done = call("run", "--executions", "last", "--json", cwd=tmp_path)
    assert (done.returncode, result(done)["outcome"]) == (0, "complete"), done.stderr
    chosen = moved(project)
    assert chosen & dated(everything) == newest(everything) & dated(everything) != dated(everything)
    again = call("run", "--json", cwd=tmp_path)
    assert result(again)["kinds"]["test-log"]["unchanged"] == len(chosen), again.stderr
    assert chosen < moved(project) >= dated(everything)


@pytest.mark.slow
def test_since_moves_only_what_ended_after_the_date(project, tmp_path):
    """`since:DATE`: the logs that ended later than midnight UTC of that day, and no other."""
    everything = history(project)
    ends = sorted(row["actualEndDate"][:10] for row in everything.values() if row.get("actualEndDate"))
    day = ends[len(ends) // 2]
    done = call("run", "--executions", f"since:{day}", "--json", cwd=tmp_path)
    assert result(done)["outcome"] == "complete", done.stderr
    expected = {key for key, row in everything.items() if (row.get("actualEndDate") or "") > day}
    assert moved(project) == expected != dated(everything)


@pytest.mark.slow
def test_a_run_that_is_resumed_with_another_choice_moves_that_choice(tmp_path):
    """Stopped among the logs of `last`, the next run with all reads anew: everything once, and in the right order."""
    with sandbox(tmp_path, *PROJECT) as services:
        write_settings(tmp_path, services, SLOW)
        proposed(tmp_path)
        with started("run", "--executions", "last", "--json", cwd=tmp_path) as process:
            wait_for_cases(services, 5, "test-log")
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 3, err
        before = moved(services)
        again = call("run", "--json", cwd=tmp_path)
        report = result(again)
        assert (again.returncode, report["outcome"]) == (0, "complete"), again.stderr
        assert before < moved(services) >= dated(history(services))
        assert report["kinds"]["test-log"]["verified"] == len(moved(services))
        assert stats(services)["duplicates"] == []


@pytest.mark.parametrize("wrong", ["newest", "since:yesterday", "since:", ""])
def test_a_wrong_choice_is_a_wrong_usage_with_an_example(wrong, tmp_path):
    """Exit 2 before anything is read, also where there are no settings yet."""
    done = call("run", "--executions", wrong, "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert "all, last or since:DATE" in result(done)["error"] and "since:2024-05-31" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_plan_of_last_counts_only_the_newest(project, tmp_path):
    """`run --plan` takes the same choice; it writes nothing to qTest, and the run after it reads all it was asked."""
    before = writes(project)
    plan = result(call("run", "--plan", "--executions", "last", "--json", cwd=tmp_path))
    assert writes(project) == before
    assert plan["executions"] == "last"
    made = result(call("run", "--executions", "last", "--json", cwd=tmp_path))["kinds"]["test-log"]["created"]
    assert plan["kinds"]["test-log"]["to_make"] == made
    assert result(call("run", "--json", cwd=tmp_path))["kinds"]["test-log"]["created"] > 0
