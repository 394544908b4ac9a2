"""The command line where its streams or its start are disturbed: it says so, and ends as it would have."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import command, environment

SPEAKING = "from ztoq_async.cli.voice import Voice; Voice(as_json=True).json({'outcome': 'complete'})"
INTERRUPTED = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "ztoq_async.cli.commands":
            os.kill(os.getpid(), %d)
sys.meta_path.insert(0, Finder())
runpy.run_module("ztoq_async", run_name="__main__", alter_sys=True)
"""


def python(program, **streams):
    """Runs a program of one text to its end."""
    words = [sys.executable, "-c", program]
    return subprocess.run(
        words, env=environment(), stderr=subprocess.PIPE, text=True, timeout=60, check=False, **streams
    )


def test_a_full_disk_under_stdout_does_not_change_the_end():
    """The result cannot be written: one line says so, and the exit code stays that of the command."""
    with Path("/dev/full").open("w") as full:
        done = python(SPEAKING, stdout=full)
    assert (done.returncode, done.stderr) == (0, "stdout cannot be written: No space left on device\n")


def test_a_reader_that_went_away_does_not_change_the_end():
    """The same for a pipe into a program that has ended."""
    reader, writer = os.pipe()
    os.close(reader)
    done = python(SPEAKING, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "stdout cannot be written: Broken pipe\n")


def test_streams_that_are_closed_lead_nowhere(tmp_path):
    """A command started without stdout and stderr ends with its own exit code."""
    words = ["bash", "-c", '"$@" >&- 2>&-', "bash", *command("status", "--json")]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), timeout=60, check=False)
    assert done.returncode == 2


def test_closed_streams_keep_their_numbers():
    """What is opened later cannot get the number of a standard stream, which event loops do not expect."""
    program = "import os\nfrom ztoq_async.cli.streams import stand_in\nstand_in()\nos._exit(os.open('/dev/null', 0))"
    words = ["bash", "-c", '"$@" <&- >&- 2>&-', "bash", sys.executable, "-c", program]
    assert subprocess.run(words, env=environment(), timeout=60, check=False).returncode > 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_command_line_is_loaded(number):
    """It ends as interrupted, without a traceback."""
    done = python(INTERRUPTED % number, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_the_helpers_above_are_heard():
    """Without a disturbance the same program gives its one line of JSON."""
    done = python(SPEAKING, stdout=subprocess.PIPE)
    assert json.loads(done.stdout) == {"outcome": "complete"}
