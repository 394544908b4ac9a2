"""`run`, `verify`, `status`, `sandbox` as processes against a real sandbox."""

import json
import signal

import pytest
from processes import (
    FAST,
    call,
    change,
    change_profile,
    objects,
    proposed,
    result,
    sandbox,
    started,
    stats,
    wait_for_cases,
    write_settings,
    writes,
)
from selectolax.lexbor import LexborHTMLParser

KINDS = {
    "field", "module", "test-case", "test-cycle", "test-suite", "test-run", "test-log", "attachment", "link", "release",
}  # fmt: skip
WORDS = (
    "read", "created", "recovered", "adopted", "updated", "unchanged", "refused", "verified", "different", "missing",
    "extra", "removed",
)  # fmt: skip
SLOW = "[limits]\nzephyr_per_minute = 60000\nqtest_per_minute = 60000\nin_flight = 4\n"


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A project that was moved: its folder, its services, the run's process and result."""
    folder = tmp_path_factory.mktemp("moved")
    with sandbox(folder, "--cases", 80, "--seed", 3) as services:
        write_settings(folder, services)
        proposed(folder)
        done = call("run", "--json", cwd=folder)
        yield folder, services, done


def test_run_moves_everything_and_exits_0(moved):
    """One command moves and verifies all; stdout is one JSON object with every promised name, zeros included."""
    _, _, done = moved
    report = result(done)
    assert (done.returncode, report["outcome"]) == (0, "complete"), done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert set(report["kinds"]) == KINDS
    assert report["kinds"]["test-case"] == dict.fromkeys(WORDS, 0) | {"read": 80, "created": 80, "verified": 80}
    assert {"rows", "by_rule", "unexplained"} <= set(report["ledger"])
    assert {"zephyr", "qtest", "verify", "refused", "retried"} <= set(report["calls"])


def test_the_report_is_on_disk_and_says_the_same(moved):
    """`report` names a page; the JSON beside it is what stdout said, and the page shows its figures."""
    folder, _, done = moved
    report = result(done)
    beside = folder / "store" / "reports" / "report.json"
    assert report["report"] == str(beside.with_name("report.html"))
    assert json.loads(beside.read_text()) == report
    text = LexborHTMLParser(beside.with_name("report.html").read_text()).css_first("main").text()
    assert "complete" in text
    assert f"{report['ledger']['by_rule']:,}" in text


def test_a_second_run_writes_nothing(moved):
    """The same command again says `unchanged` for every case and sends nothing that changes qTest."""
    folder, services, _ = moved
    before = writes(services)
    done = call("run", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "read 80, unchanged 80, verified 80" in done.stdout
    assert writes(services) == before


def test_verify_and_status_say_what_is_there(moved):
    """`verify` reads back without writing; `status` asks no service at all."""
    folder, services, _ = moved
    before = writes(services)
    report = result(call("verify", "--json", cwd=folder))
    assert report["kinds"]["test-case"]["verified"] == 80
    assert writes(services) == before
    calls = stats(services)["calls"]
    done = call("status", "--json", cwd=folder)
    assert (done.returncode, result(done)["open"]) == (0, 0)
    assert stats(services)["calls"] == calls


def test_an_edit_in_qtest_is_named_and_repaired(moved):
    """`verify` ends with 1 and names the record; `repair` with 0, and `verify` is content again."""
    folder, services, _ = moved
    case = objects(services, "test-case")[0]
    change(services, "PUT", f"/test-cases/{case['id']}", {"name": "edited by somebody"})
    done = call("verify", "--json", cwd=folder)
    assert (done.returncode, [row["fields"] for row in result(done)["differences"]]) == (1, [["name"]])
    before = writes(services)
    done = call("repair", "--json", cwd=folder)
    assert (done.returncode, result(done)["kinds"]["test-case"]["updated"], writes(services)) == (0, 1, before + 1)
    assert objects(services, "test-case")[0]["name"] == case["name"]
    assert call("verify", cwd=folder).returncode == 0


def test_a_fresh_store_does_not_move_twice(moved, tmp_path):
    """A store that knows nothing stops before a project that holds its keys, with exit 2."""
    folder, services, _ = moved
    write_settings(tmp_path, services, FAST + f'[mapping]\nfile = "{folder / "mapping.toml"}"\n')
    before = writes(services)
    done = call("run", "--json", cwd=tmp_path)
    assert (done.returncode, result(done)["outcome"]) == (2, "failed")
    assert "already holds" in result(done)["error"] and "--adopt" in done.stderr
    assert writes(services) == before


def test_a_changed_mapping_file_is_never_overwritten(moved, tmp_path):
    """A proposal goes into a new file, or into one that already says the same."""
    folder, _, _ = moved
    changed = tmp_path / "mapping.toml"
    changed.write_text("# mine\n")
    done = call("run", "--propose-mapping", changed, cwd=folder)
    assert (done.returncode, changed.read_text()) == (2, "# mine\n")
    assert str(changed) in done.stderr


@pytest.mark.slow
def test_a_signal_drains_and_the_same_command_completes(tmp_path):
    """The first signal ends the run with exit 3; the same command goes on, and every case is there once."""
    (tmp_path / "slow.toml").write_text("[qtest]\nlatency_ms = 80\n")
    with sandbox(tmp_path, "--cases", 60, "--seed", 5, "--profile", "slow.toml") as services:
        write_settings(tmp_path, services, SLOW)
        proposed(tmp_path)
        with started("run", "--json", cwd=tmp_path) as process:
            wait_for_cases(services, 10)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
        assert (process.returncode, json.loads(out.splitlines()[-1])["outcome"]) == (3, "interrupted"), err
        assert "the same command goes on" in err
        there = stats(services)["objects"]["test-case"]
        assert 10 <= there < 60
        assert json.loads(out.splitlines()[-1])["kinds"]["test-case"]["created"] == there
        again = call("run", "--json", cwd=tmp_path)
        assert (again.returncode, result(again)["kinds"]["test-case"]["verified"]) == (0, 60), again.stderr
        assert (stats(services)["objects"]["test-case"], stats(services)["duplicates"]) == (60, [])


@pytest.mark.slow
def test_a_second_signal_cancels_and_nothing_is_lost(tmp_path):
    """The second signal does not wait for slow answers: exit 3 at once; the same command still completes."""
    with sandbox(tmp_path, "--cases", 30, "--seed", 5) as services:
        quick = {**services, "qtest": {**services["qtest"], "settle_s": 1}}
        write_settings(tmp_path, quick, SLOW)
        proposed(tmp_path)
        change_profile(services, "latency_ms = 100\n")
        with started("run", "--json", cwd=tmp_path) as process:
            wait_for_cases(services, 5)
            change_profile(services, "latency_ms = 20000\n")
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert any("stopping" in line for line in iter(process.stderr.readline, ""))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        assert (process.returncode, json.loads(out)["outcome"]) == (3, "interrupted"), err
        change_profile(services, "latency_ms = 0\n")
        again = call("run", "--json", cwd=tmp_path)
        assert (again.returncode, result(again)["kinds"]["test-case"]["verified"]) == (0, 30), again.stderr
        assert (stats(services)["objects"]["test-case"], stats(services)["duplicates"]) == (30, [])


def test_the_sandbox_speaks_to_people_too(tmp_path):
    """Without `--json` the sandbox prints a settings file to copy."""
    with started("sandbox", "--cases", 3, cwd=tmp_path) as process:
        lines = [process.stdout.readline() for _ in range(10)]
        (tmp_path / "ztoq.toml").write_text("".join(lines))
        assert call("status", cwd=tmp_path).stdout.startswith("nothing was moved")
