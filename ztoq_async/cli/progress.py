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

REFRESH_S = 0.25
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
        self._said: dict[str, str] = {}
        columns = TextColumn("{task.description}", markup=False), BarColumn(), _Figures()
        self.display = Progress(*columns, console=voice.console, auto_refresh=False, speed_estimate_period=15)

    def look(self) -> None:
        """Takes over where each lane is."""
        for name, lane in self._lanes.items():
            known = self._tasks.get(name)
            if known is None:
                known = self._tasks[name] = self.display.add_task(lane.phase), lane.phase
            elif known[1] != lane.phase:
                self.display.reset(known[0], description=lane.phase)
                known = self._tasks[name] = known[0], lane.phase
            self.display.update(known[0], completed=lane.done, total=lane.total or None)

    def show(self) -> None:
        """Draws the display anew."""
        self.look()
        self.display.refresh()

    def say(self) -> None:
        """A line for each lane that has moved."""
        self.look()
        for task in self.display.tasks:
            line = f"{task.description}: {figures(task)}"
            if self._said.get(str(task.id)) != f"{task.description}{task.completed}":
                self._said[str(task.id)] = f"{task.description}{task.completed}"
                self._voice.say(line)


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
    if not voice.console.is_terminal:
        async with _every(LINE_S, lanes.say):
            yield
        return
    with lanes.display:
        async with _every(REFRESH_S, lanes.show):
            yield
        lanes.show()


@contextlib.asynccontextmanager
async def _every(seconds: float, act: object) -> AsyncIterator[None]:
    assert callable(act)

    async def repeat() -> None:
        while True:
            await asyncio.sleep(seconds)
            act()

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
