"""`undo` as a process, with the embedded store: what it would do, killed in the middle, gone on with."""

import signal
import time

from processes import call, change_profile, proposed, result, sandbox, started, stats, write_settings, writes

SLOW = "[limits]\nzephyr_per_minute = 60000\nqtest_per_minute = 60000\nin_flight = 4\n"
DELETED = ("module", "test-case", "test-cycle", "test-suite", "test-run", "test-log")


def left(services):
    """How many objects there are of what `undo` deletes."""
    found = stats(services)["objects"]
    return sum(found[kind] for kind in DELETED)


def test_undo_can_be_asked_killed_and_gone_on_with(tmp_path):
    """A dry run writes nothing and exits with 0; what kill -9 has cut short the same command ends; `status` says so."""
    with sandbox(tmp_path, "--cases", 12, "--executions", 20, "--seed", 3) as services:
        write_settings(tmp_path, {**services, "qtest": {**services["qtest"], "settle_s": 1}}, SLOW)
        proposed(tmp_path)
        assert call("run", "--json", cwd=tmp_path).returncode == 0
        made, calls = left(services), writes(services)
        dry = call("undo", "--dry-run", cwd=tmp_path)
        assert (dry.returncode, writes(services)) == (0, calls), dry.stderr
        assert "everything that was made would be deleted" in dry.stdout
        change_profile(services, "latency_ms = 20")
        with started("undo", "--json", cwd=tmp_path) as process:
            while left(services) > made * 0.7:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
        change_profile(services, "")
        assert 0 < left(services) < made
        done = call("undo", "--json", cwd=tmp_path)
        report = result(done)
        assert (done.returncode, report["outcome"], left(services)) == (0, "complete", 0), done.stderr
        assert sum(row["deleted"] + row["gone"] for row in report["kinds"].values()) == made
        assert "records were undone since" in call("status", cwd=tmp_path).stdout
