"""`demo`: one command, no preparation, nothing left running."""

import re
import signal
import time

import psutil
import pytest
from processes import call, result, started


def own_processes(folder):
    """Processes that have something to do with the folder, or were started by its demo."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join(process.cmdline()) or process.cwd().startswith(str(folder)):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_the_demo_shows_everything_and_leaves_nothing_running(tmp_path):
    """It moves, verifies, runs again without a write, names its report, in well below 30 s; twice in one folder."""
    for _ in range(2):
        start = time.monotonic()
        done = call("demo", "--cases", 20, "--executions", 40, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - start < 30
        assert "a Zephyr Scale with 20 test cases and 40 executions" in done.stdout
        made = re.findall(r"test-log    read (\d+), (created|unchanged) \1, verified \1", done.stdout)
        assert [word for _, word in made] == ["created", "created", "unchanged"]
        assert int(made[0][0]) >= 40
        assert re.search(r"3\. run, for which a plan counts \d+ calls to Zephyr and \d+ to qTest", done.stdout)
        assert str(tmp_path / "ztoq-demo" / "reports" / "report.html") in done.stdout
        assert own_processes(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["ztoq-demo"]


@pytest.mark.slow
def test_the_demo_speaks_json(tmp_path):
    """One object: the first run's report, and the second run's kinds as `again`; the page plots what was used."""
    done = call("demo", "--cases", 10, "--executions", 20, "--json", "--store", "here", cwd=tmp_path)
    report = result(done)
    assert len(done.stdout.splitlines()) == 1
    for kind, least in (("test-case", 10), ("test-log", 20)):
        assert report["kinds"][kind]["created"] == report["again"][kind]["unchanged"] >= least
    page = tmp_path / "here" / "reports" / "report.html"
    assert report["report"] == str(page)
    assert page.read_text().count('<svg class="plot"') == 3


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    """Only the store of an earlier demo is replaced."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = call("demo", "--store", "mine", "--json", cwd=tmp_path)
    assert (done.returncode, result(done)["outcome"]) == (2, "failed")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_demo_that_is_stopped_leaves_nothing_running(tmp_path):
    """Ctrl-C in the middle: exit 3, and both servers and the database are gone."""
    with started("demo", "--cases", 300, cwd=tmp_path) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("2."):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 3
    assert own_processes(tmp_path) == []
