"""What a process holds: tasks, threads, descriptors, children, files; so that two looks can be compared."""

import asyncio
import contextlib
import threading
from pathlib import Path

import psutil

SETTLE_S = 2.0


def descriptors():
    """What each open descriptor leads to; the one that reads the list is left out."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return sorted(name for name in found if not name.startswith("/proc/"))


def held(folder):
    """Everything that an engine may have begun, by what it is; `folder` is where temporary files go."""
    return {
        "tasks": sorted(task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": descriptors(),
        # Not their own children: a server that other tests use begins and ends workers as it likes.
        "children": sorted(child.pid for child in psutil.Process().children()),
        "files": sorted(file.name for file in Path(folder).iterdir()),
    }


async def remains(before, folder):
    """What is there that was not before; sockets and finished tasks get a moment of the loop to go."""
    end = asyncio.get_running_loop().time() + SETTLE_S
    while held(folder) != before and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.005)
    now = held(folder)
    return {name: (before[name], now[name]) for name in now if now[name] != before[name]}
