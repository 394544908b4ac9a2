"""A line plot over time as SVG: colours from the page's style, a title and a description for those who cannot see."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

WIDTH, HEIGHT = 640, 190
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 10, 40
MOST_TICKS = 7
UNITS = ((3600, "hours"), (60, "minutes"), (1, "seconds"))
STEPS = (1, 2, 5, 10, 15, 20, 30)

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of values; None leaves a gap."""

    name: str
    values: Values


def plot(title: str, unit: str, seconds: Sequence[float], lines: Sequence[Line]) -> str:
    """An <svg> of the lines over `seconds`, from zero up; `unit` stands beside the axis."""
    axes = _Axes(max(seconds, default=0.0), max((v for line in lines for v in line.values if v is not None), default=0))
    shown = "".join(_line(axes, number, seconds, line) for number, line in enumerate(lines))
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(_described(unit, seconds, lines))}</desc>"
        f"{axes.drawn(unit)}{shown}</svg>"
    )


def keys(lines: Sequence[Line]) -> str:
    """What each line is."""
    shown = (
        '<li><svg class="swatch" viewBox="0 0 26 8" aria-hidden="true">'
        f'<path class="line l{number}" d="M1 4H25"/></svg>{escape(line.name)}</li>'
        for number, line in enumerate(lines)
    )
    return f'<ul class="keys">{"".join(shown)}</ul>'


class _Axes:
    """Where seconds and values are on the picture, and the ticks of both axes."""

    def __init__(self, seconds: float, value: float) -> None:
        self._seconds = max(seconds, 1.0)
        step = _time_step(self._seconds)
        self._per, self._unit = next((size, name) for size, name in UNITS if step >= size or size == 1)
        self._times = _ticks(self._seconds, step)
        step = _nice(value / 4)
        self._value = step * max(1, math.ceil(value / step))
        self._values = _ticks(self._value, step)

    def x(self, seconds: float) -> float:
        return round(LEFT + seconds / self._seconds * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - value / self._value * (HEIGHT - TOP - BOTTOM), 1)

    def drawn(self, unit: str) -> str:
        """Grid, numbers and the names of both axes."""
        middle, centre = (TOP + HEIGHT - BOTTOM) / 2, (LEFT + WIDTH - RIGHT) / 2
        return (
            "".join(self._rows())
            + "".join(self._columns())
            + f'<text class="axis" x="{centre}" y="{HEIGHT - 4}">{self._unit} since the start</text>'
            + f'<text class="axis" x="11" y="{middle}" transform="rotate(-90 11 {middle})">{escape(unit)}</text>'
        )

    def _rows(self) -> Iterator[str]:
        for value in self._values:
            y = self.y(value)
            yield f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
            yield f'<text class="up" x="{LEFT - 6}" y="{y + 4}">{value:,g}</text>'

    def _columns(self) -> Iterator[str]:
        for seconds in self._times:
            x = self.x(seconds)
            yield f'<path class="grid" d="M{x} {HEIGHT - BOTTOM}v4"/>'
            yield f'<text class="along" x="{x}" y="{HEIGHT - BOTTOM + 17}">{round(seconds / self._per, 3):g}</text>'


def _line(axes: _Axes, number: int, seconds: Sequence[float], line: Line) -> str:
    shown = ""
    for there, group in groupby(zip(seconds, line.values, strict=True), key=lambda point: point[1] is not None):
        points = [f"{axes.x(at)} {axes.y(value)}" for at, value in group if value is not None]
        if len(points) > 1:
            shown += f'<path class="line l{number}" d="M{"L".join(points)}"/>'
        elif there:
            x, y = points[0].split()
            shown += f'<circle class="dot l{number}" cx="{x}" cy="{y}" r="3"/>'
    return shown


def _described(unit: str, seconds: Sequence[float], lines: Sequence[Line]) -> str:
    most = (f"{line.name}: at most {max((v for v in line.values if v is not None), default=0):,g}" for line in lines)
    return f"{unit} over {max(seconds, default=0):,.0f} seconds, {len(seconds)} points. {'; '.join(most)}."


def _ticks(most: float, step: float) -> list[float]:
    return [round(number * step, 9) for number in range(math.floor(most / step + 1e-9) + 1)]


def _nice(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below `least`; counts have no fractions of their own."""
    if least <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _time_step(most: float) -> float:
    """A step that people count in, few enough for the axis."""
    for step in (0.1, 0.2, 0.5, *STEPS, *(60 * step for step in STEPS), *(3600 * step for step in (1, 2, 3, 6, 12))):
        if most / step <= MOST_TICKS:
            return float(step)
    return 86400.0 * math.ceil(most / 86400 / MOST_TICKS)
