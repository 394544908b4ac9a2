"""The report on disk: `reports/report.json` and `reports/report.html`, each whole or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ztoq_async.report.html import page

Report = dict[str, Any]


def write(report: Report, place: Path, redact: Callable[[str], str]) -> Report:
    """Writes both into the folder `place` over the last ones; gives the report with `report`, the page's path."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = {**report, "report": str(place / "report.html")}
    _write(place / "report.html", redact(page(found)))
    _write(place / "report.json", redact(msgspec.json.format(msgspec.json.encode(found)).decode()))
    return found


def _write(path: Path, text: str) -> None:
    """Into a file beside it first, so that a reader never finds half a report."""
    beside = path.with_suffix(path.suffix + ".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
