"""The page's section on what the engine used: plots of memory, connections and queues over the run, and the peaks."""

from __future__ import annotations

from typing import Any

from ztoq_async.report.elements import figures
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
    "loop_lag": "event loop late by",
    "tasks": "tasks",
    "open_files": "open files",
    "open_sockets": "open sockets",
    **{name: f"connections {words}" for name, words in CONNECTIONS},
    "database.waiting": "waiting for the store",
    **{name: f"queue for {words}" for name, words in QUEUES},
    "threads.files.busy": "threads for files",
    "processes.alive": "processes for large records",
}


def resource_section(report: dict[str, Any]) -> str:
    """Nothing where nothing was sampled."""
    found = report.get("resources")
    if not found or not found["seconds"]:
        return ""
    plots = "".join(_plot(found, title, unit, names, per) for title, unit, names, per in PLOTS)
    return (
        f'<h2>Resources</h2>\n<div class="resources">\n<div>{plots}</div>\n'
        f"<div>{_peaks(found['peaks'])}\n{_hosts(found['connections'])}</div>\n</div>"
    )


def _plot(found: dict[str, Any], title: str, unit: str, names: tuple[tuple[str, str], ...], per: int) -> str:
    series = found["series"]
    lines = [
        Line(words, [None if value is None else value / per for value in series[name]])
        for name, words in names
        if name in series
    ]
    if all(value is None for line in lines for value in line.values):
        return ""
    picture = plot(f"{title} over the run", unit, found["seconds"], lines)
    return f'<figure><figcaption>{title}{keys(lines)}</figcaption>\n<div class="wide">{picture}</div></figure>\n'


def _peaks(peaks: dict[str, float]) -> str:
    return "<h3>At most</h3>\n" + figures(
        (words, _said(name, peaks[name])) for name, words in PEAKS.items() if name in peaks
    )


def _said(name: str, value: float) -> int | str:
    if name == "rss_bytes":
        return f"{value / MB:,.0f} MB"
    return f"{value * 1000:,.0f} ms" if name == "loop_lag" else round(value)


def _hosts(connections: dict[str, dict[str, int]]) -> str:
    rows = [(f"{host} {state}", number) for host, states in connections.items() for state, number in states.items()]
    return f"<h3>Connections when there were most</h3>\n{figures(rows)}" if rows else ""
