"""The table and the plot of docs/performance.md, from the figures of one run."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks.measure import Figure

DOCS = Path(__file__).parents[1] / "docs"
START, END = "<!-- figures -->", "<!-- end of figures -->"
ROW, LEFT, WIDTH, DECADES = 18, 210, 620, 1.0
GOOD, SHORT = "#2a7", "#c53"


def write(figures: Sequence[Figure], command: str) -> None:
    """Replaces what stands between the two marks, and the picture."""
    page = DOCS / "performance.md"
    head, _, rest = page.read_text(encoding="utf-8").partition(START)
    _, _, tail = rest.partition(END)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    lines = [START, "", f"`{command}` on {machine}:", "", *table(figures), "", END]
    page.write_text(head + "\n".join(lines) + tail, encoding="utf-8")
    (DOCS / "performance.svg").write_text(plot(figures), encoding="utf-8")


def table(figures: Sequence[Figure]) -> list[str]:
    """One row a figure."""
    rows = ["| figure | value | spread | bound | | what |", "| --- | --- | --- | --- | --- | --- |"]
    for one in figures:
        spread = f"{min(one.values):.3g} – {max(one.values):.3g}" if len(one.values) > 1 else "one round"
        state = "" if one.bound == "no bound" else "kept" if one.holds else "**short**"
        rows.append(f"| `{one.name}` | {one.value:.3g} {one.unit} | {spread} | {one.bound} | {state} | {one.what} |")
    return rows


def plot(figures: Sequence[Figure]) -> str:
    """Each figure beside its bound, on a logarithmic scale: a bar to the right of the line is within it."""
    bound = [one for one in figures if one.at_least is not None or one.at_most is not None]
    middle = LEFT + WIDTH / 2
    parts = []
    for place, one in enumerate(bound):
        reach = max(-DECADES, min(DECADES, math.log10(_room(one)))) / DECADES * WIDTH / 2
        y, colour = 30 + place * ROW, GOOD if one.holds else SHORT
        parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(one.name)}</text>')
        parts.append(
            f'<rect x="{min(middle, middle + reach):.1f}" y="{y + 3}" width="{abs(reach):.1f}" height="11" '
            f'fill="{colour}"/>'
        )
    height = 40 + len(bound) * ROW
    scale = f'<text x="{LEFT}" y="18">ten times short</text><text x="{middle}" y="18" text-anchor="middle">bound</text>'
    scale += f'<text x="{LEFT + WIDTH}" y="18" text-anchor="end">ten times within</text>'
    line = f'<line x1="{middle}" y1="24" x2="{middle}" y2="{height - 8}" stroke="#888"/>'
    size = f'viewBox="0 0 {LEFT + WIDTH + 10} {height}" font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{scale}{line}{"".join(parts)}</svg>\n'


def _room(one: Figure) -> float:
    """How many times better than its nearer bound a figure is."""
    least, value = 1e-9, max(one.value, 1e-9)
    above = [value / max(one.at_least, least)] if one.at_least is not None else []
    below = [max(one.at_most, least) / value] if one.at_most is not None else []
    return min(above + below)
