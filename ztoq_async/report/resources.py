"""What the engine used while it worked, as a part of the report: peaks, and few enough points for a plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ztoq_async.resources.samples import Sample

POINTS = 240


def resources(samples: Sequence[Sample], peaks: Mapping[str, float]) -> dict[str, Any]:
    """`seconds` since the engine was opened and, for each, the figures of `series`, the highest around that time.

    `rss_bytes` are bytes, `loop_lag` is seconds, all others count; a figure that nobody gave is null. `connections` are
    those by host and state when there were most.
    """
    step = math.ceil(len(samples) / POINTS)
    groups = [samples[at : at + step] for at in range(0, len(samples), step)]
    columns = [_worst(group) for group in groups]
    names = dict.fromkeys(name for column in columns for name in column)
    busiest = max(samples, key=lambda sample: sample.figures()["connections"])
    return {
        "seconds": [round(group[-1].at, 2) for group in groups],
        "series": {name: [column.get(name) for column in columns] for name in names},
        "peaks": {name: _short(value) for name, value in peaks.items()},
        "connections": busiest.connections,
    }


def _worst(samples: Sequence[Sample]) -> dict[str, float]:
    found: dict[str, float] = {}
    for sample in samples:
        for name, value in _numbers(sample.figures()):
            found[name] = max(value, found.get(name, value))
    return {name: _short(value) for name, value in found.items()}


def _numbers(figures: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    return ((name, value) for name, value in figures.items() if math.isfinite(value))


def _short(value: float) -> float:
    return int(value) if value == int(value) else round(value, 4)
