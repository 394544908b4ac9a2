"""The page's section on what the engine used: plots of memory, connections and queues over the run, and the peaks."""

from __future__ import annotations

from typing import Any

from ztoq_async.report.elements import bullets, cell, row_name, table
from ztoq_async.report.plot import Line, keys, plot

MB = 2**20
MEMORY = (("rss_bytes", "resident memory"),)
CONNECTIONS = (
    ("http.in_use", "to the services, in use"),
    ("http.idle", "to the services, idle"),
    ("database.in_use", "to the store, in use"),
    ("database.idle", "to the store, idle"),
)
QUEUES = (
    ("queue.read.working", "reading, in work"),
    ("queue.read.waiting", "reading, waiting"),
    ("queue.write.working", "writing, in work"),
    ("queue.write.waiting", "writing, waiting"),
)
PLOTS = (
    ("Memory", "MB", MEMORY, MB),
    ("Connections", "connections", CONNECTIONS, 1),
    ("Work queues", "items", QUEUES, 1),
)
PEAKS = {
    "rss_bytes": "memory",
    "loop_lag": "the event loop late by",
    "open_files": "open files",
    "open_sockets": "open sockets",
    "connections": "connections in all",
    "tasks": "tasks",
    "database.waiting": "waiting for the store",
    **dict(CONNECTIONS),
    **dict(QUEUES),
}


def resource_section(report: dict[str, Any]) -> str:
    """Nothing where nothing was sampled."""
    found = report.get("resources")
    if not found or not found["seconds"]:
        return ""
    plots = "".join(_plot(found, title, unit, names, per) for title, unit, names, per in PLOTS)
    warnings = bullets(found["warnings"]) if found["warnings"] else ""
    return (
        f'<h2>Resources</h2>\n{warnings}<div class="resources">\n<div>{plots}</div>\n'
        f"<div>{_peaks(found['peaks'])}\n{_hosts(found['connections'])}</div>\n</div>"
    )


def _plot(found: dict[str, Any], title: str, unit: str, names: tuple[tuple[str, str], ...], per: int) -> str:
    series = found["series"]
    lines = [
        Line(words, [None if value is None else value / per for value in series[name]])
        for name, words in names
        if name in series
    ]
    if not lines:
        return ""
    picture = plot(f"{title} over the run", unit, found["seconds"], lines)
    return f'<figure><figcaption>{title}{keys(lines)}</figcaption>\n<div class="wide">{picture}</div></figure>\n'


def _peaks(peaks: dict[str, float]) -> str:
    rows = [[row_name(PEAKS[name]), cell(_said(name, peaks[name]))] for name in PEAKS if name in peaks]
    return table(["", "most"], rows, numbers=True)


def _said(name: str, value: float) -> str:
    if name == "rss_bytes":
        return f"{value / MB:,.0f} MB"
    return f"{value * 1000:,.0f} ms" if name == "loop_lag" else f"{value:,.0f}"


def _hosts(connections: dict[str, dict[str, int]]) -> str:
    rows = [
        [row_name(host), cell(state), cell(f"{number:,}")]
        for host, states in connections.items()
        for state, number in states.items()
    ]
    return table(["when there were most", "state", "connections"], rows, numbers=True) if rows else ""
