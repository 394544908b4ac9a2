"""`run --plan` between the parts of a run that was stopped."""

import signal

import pytest
from processes import call, proposed, result, sandbox, started, stats, wait_for_cases, write_settings, writes

SLOW = "[limits]\nzephyr_per_minute = 60000\nqtest_per_minute = 60000\nin_flight = 4\n"


def test_a_plan_after_a_stopped_run_counts_what_is_left_and_the_run_goes_on(tmp_path):
    """What is in qTest counts as unchanged; the plan takes nothing from the run, which then makes exactly the rest."""
    with sandbox(tmp_path, "--cases", 10, "--executions", 40, "--seed", 2) as services:
        write_settings(tmp_path, services, SLOW)
        proposed(tmp_path)
        with started("run", cwd=tmp_path) as process:
            wait_for_cases(services, 10, "test-log")
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 3, err
        there = stats(services)["objects"]["test-log"]
        plan = result(call("run", "--plan", "--json", cwd=tmp_path))
        before = writes(services)
        assert call("status", cwd=tmp_path).stdout.startswith("pass 2: not finished")
        report = result(call("run", "--json", cwd=tmp_path))
        assert plan["kinds"]["test-log"]["unchanged"] == there
        assert plan["kinds"]["test-log"]["to_make"] == report["kinds"]["test-log"]["read"] - there > 0
        assert plan["calls_for"]["qtest"]["test-log"] == writes(services) - before
        assert report["outcome"] == "complete"
        assert stats(services)["duplicates"] == []


@pytest.mark.slow
def test_a_plan_alone_leaves_a_store_from_which_nothing_was_moved(tmp_path):
    """`status` says so, and the run after it is the first one."""
    with sandbox(tmp_path, "--cases", 5) as services:
        write_settings(tmp_path, services)
        proposed(tmp_path)
        assert call("run", "--plan", cwd=tmp_path).returncode == 0
        assert call("status", cwd=tmp_path).stdout.startswith("nothing was moved")
        assert result(call("run", "--json", cwd=tmp_path))["kinds"]["test-case"]["created"] == 5
