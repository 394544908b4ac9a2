"""The face of the package: what an application imports, and that importing does nothing."""

import subprocess
import sys
from importlib.metadata import version

import ztoq_async

QUIET = """
import asyncio, gc, logging, os, signal, socket, threading
policy = asyncio.get_event_loop_policy()
signals = {number: signal.getsignal(number) for number in signal.valid_signals()}
before = set(os.listdir(".")), len(os.listdir("/proc/self/fd")), list(logging.root.handlers)
import ztoq_async
assert {number: signal.getsignal(number) for number in signal.valid_signals()} == signals, "signal handlers"
assert asyncio.get_event_loop_policy() is policy, "event-loop policy"
assert (set(os.listdir(".")), len(os.listdir("/proc/self/fd")), list(logging.root.handlers)) == before, "files, logging"
assert threading.active_count() == 1, "threads"
assert not [thing for thing in gc.get_objects() if isinstance(thing, socket.socket)], "sockets"
assert not [thing for thing in gc.get_objects() if isinstance(thing, asyncio.Task)], "tasks"
"""


def test_importing_the_package_opens_and_changes_nothing(tmp_path):
    """No file, socket, thread, task, signal handler, loop policy or log handler comes from `import ztoq_async`."""
    command = [sys.executable, "-c", QUIET]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_face_is_sorted_and_every_name_is_there():
    """`__all__` is sorted, holds no name twice, and each name can be imported."""
    names = ztoq_async.__all__
    assert names == sorted(set(names))
    assert [name for name in names if not hasattr(ztoq_async, name)] == []


def test_every_error_that_can_be_raised_can_be_caught_by_name():
    """Each class of the tree of errors is part of the face."""
    waiting, found = [ztoq_async.ZtoqError], set()
    while waiting:
        error = waiting.pop()
        if error.__module__ == "ztoq_async.errors":
            found.add(error.__name__)
        waiting += error.__subclasses__()
    assert found <= set(ztoq_async.__all__)


def test_the_version_is_the_one_that_was_installed():
    """`__version__` comes from the package's metadata."""
    assert ztoq_async.__version__ == version("ztoq-async")
