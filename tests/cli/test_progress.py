"""What a person sees while a run goes on."""

import asyncio
import io

from rich.console import Console

from ztoq_async.cli import progress as module
from ztoq_async.cli.progress import Lanes, shown
from ztoq_async.cli.summary import standing
from ztoq_async.cli.voice import Voice
from ztoq_async.lanes.run import Progress


def spoken(*, terminal):
    """A voice whose stderr can be read."""
    voice, stream = Voice(as_json=False), io.StringIO()
    voice.console = Console(file=stream, force_terminal=terminal, width=100, highlight=False, markup=False)
    return voice, stream


async def test_plain_lines_say_rate_and_remaining_time(monkeypatch):
    """Without a terminal: what is done, of how many, how fast, how long still; no control characters."""
    monkeypatch.setattr(module, "LINE_S", 0.2)
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    voice, stream = spoken(terminal=False)
    lane = Progress("writing test-cases", 0, 1000)
    async with shown({"write": lane}, voice):
        for _ in range(40):
            lane.done += 5
            await asyncio.sleep(0.01)
    lines = stream.getvalue().splitlines()
    assert "\x1b" not in stream.getvalue()
    assert any("writing test-cases: " in line and "/s" in line and line.endswith("left") for line in lines)


async def test_a_lane_that_does_not_move_says_nothing_again():
    """A line is worth reading: it comes only after something has happened."""
    voice, stream = spoken(terminal=False)
    lane = Progress("reading folders", 3)
    lanes = Lanes({"read": lane}, voice)
    for _ in range(3):
        lanes.look()
        lanes.say()
    lane.begin("reading test cases")
    lanes.look()
    lanes.say()
    assert stream.getvalue().splitlines() == ["reading folders: 3", "reading test cases: 0"]


async def test_what_was_planned_meanwhile_does_not_exceed_the_total():
    """Both lanes work at once, so more may be done than was open when the phase began."""
    voice, stream = spoken(terminal=False)
    lanes = Lanes({"write": Progress("writing", 140, 131)}, voice)
    lanes.look()
    lanes.say()
    assert stream.getvalue().startswith("writing: 140 of 140")


async def test_a_terminal_gets_a_display_that_goes_away():
    """The display is redrawn in place, and leaves the screen to the result."""
    voice, stream = spoken(terminal=True)
    async with shown({"read": Progress("reading <b>[red]", 1, 2)}, voice):
        await asyncio.sleep(0.6)
    assert "reading <b>[red]" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")


def test_status_says_whether_a_run_has_ended():
    """A project that was only read is not called moved: nothing is planned yet, and nothing was written."""
    nothing = {"open": 0, "undone": 0, "kinds": {}}
    unfinished = standing({"outcome": "interrupted", "pass": 1, **nothing})
    assert unfinished == "pass 1: not finished, 0 records are planned and not yet in qTest; run goes on"
    assert standing({"outcome": "degraded", "pass": 2, **nothing}) == "pass 2: ended as degraded"
