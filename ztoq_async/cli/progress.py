"""How far the lanes are: a live display on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from ztoq_async.cli.voice import Voice
from ztoq_async.lanes import run

LOOK_S = 0.25
LINE_S = 5.0


class _Figures(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(figures(task))


class Lanes:
    """The lanes of a run as rich's tasks, which know the rate and the remaining time."""

    def __init__(self, progress: Mapping[str, run.Progress], voice: Voice) -> None:
        self._lanes = progress
        self._tasks: dict[str, tuple[TaskID, str]] = {}
        self._voice = voice
        self._said: dict[TaskID, str] = {}
        columns = TextColumn("{task.description}", markup=False), BarColumn(), _Figures()
        self.display = Progress(*columns, console=voice.console, auto_refresh=False, transient=True)

    def look(self) -> None:
        """Takes over where each lane is."""
        for name, lane in self._lanes.items():
            task, phase = self._tasks.get(name, (None, ""))
            if task is None or phase != lane.phase:
                if task is not None:
                    self.display.remove_task(task)
                task = self.display.add_task(lane.phase, total=None)
                self._tasks[name] = task, lane.phase
            total = max(lane.total, lane.done) if lane.total else None  # what is planned meanwhile comes on top
            self.display.update(task, completed=lane.done, total=total)

    def say(self) -> None:
        """A line for each lane that has moved since its last one."""
        for task in self.display.tasks:
            now = f"{task.description}{task.completed}"
            if self._said.get(task.id) != now:
                self._said[task.id] = now
                self._voice.say(f"{task.description}: {figures(task)}")


def figures(task: Task) -> str:
    """`120 of 300 · 40/s · 0:00:05 left`, as far as it is known."""
    words = [f"{task.completed:,.0f}" + (f" of {task.total:,.0f}" if task.total else "")]
    speed = task.finished_speed or task.speed
    if speed:
        words.append(f"{speed:,.0f}/s")
    if task.total and not task.finished and task.time_remaining is not None:
        words.append(f"{timedelta(seconds=round(task.time_remaining))} left")
    return " · ".join(words)


@contextlib.asynccontextmanager
async def shown(progress: Mapping[str, run.Progress], voice: Voice) -> AsyncIterator[None]:
    """While entered, the lanes are on the screen."""
    lanes = Lanes(progress, voice)
    with lanes.display if voice.console.is_terminal else contextlib.nullcontext():
        task = asyncio.create_task(_follow(lanes, terminal=voice.console.is_terminal))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            lanes.look()


async def _follow(lanes: Lanes, *, terminal: bool) -> None:
    clock = asyncio.get_running_loop().time
    due = clock() + LINE_S
    while True:
        await asyncio.sleep(LOOK_S)
        lanes.look()
        if terminal:
            lanes.display.refresh()
        elif clock() >= due:
            lanes.say()
            due = clock() + LINE_S
