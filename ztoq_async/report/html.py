"""The report as one page."""

from __future__ import annotations

import html
from typing import Any


def page(report: dict[str, Any]) -> str:
    """A thin page."""
    return f"<!doctype html><title>ztoq</title><pre>{html.escape(repr(report))}</pre>"
