"""`status` from another process says what a run uses while it goes on, and what it used when it has ended."""

import signal

import pytest
from processes import call, proposed, result, sandbox, started, wait_for_cases, write_settings

SLOW = "[limits]\nzephyr_per_minute = 60000\nqtest_per_minute = 60000\nin_flight = 4\n"


@pytest.fixture
def folder(tmp_path):
    """A run that has written some test cases, and stops when the test asks it to."""
    (tmp_path / "slow.toml").write_text("[qtest]\nlatency_ms = 150\n")
    with sandbox(tmp_path, "--cases", 600, "--seed", 5, "--profile", "slow.toml") as services:
        write_settings(tmp_path, services, SLOW)
        proposed(tmp_path)
        with started("run", cwd=tmp_path) as process:
            wait_for_cases(services, 5)
            yield tmp_path, process


@pytest.mark.slow
def test_status_speaks_of_the_run_that_goes_on_and_of_its_end(folder):
    """Memory, connections, queues and peaks of the other process, a few seconds old; after the end they say so."""
    folder, process = folder
    during = result(call("status", "--json", cwd=folder))
    found = during["resources"]
    assert (during["outcome"], found["ended"]) == ("interrupted", False)
    assert 0 <= found["age_s"] < 20
    assert 20 * 2**20 < found["newest"]["rss_bytes"] <= found["peaks"]["rss_bytes"]
    line = next(line for line in call("status", cwd=folder).stdout.splitlines() if "resources" in line)
    assert " s ago " in line and " MB (most " in line and " connections (most " in line
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    after = result(call("status", "--json", cwd=folder))["resources"]
    assert (after["ended"], after["seconds"] >= found["seconds"]) == (True, True)
    assert "queue.write.working" in after["peaks"]
    assert "resources   at the end of " in call("status", cwd=folder).stdout
