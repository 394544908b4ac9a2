"""The simulated qTest Manager: `build_app(state)` makes the aiohttp application of one site with one project."""

from __future__ import annotations

from ztoq_async.sandbox.qtest.app import build_app
from ztoq_async.sandbox.qtest.state import QTestState

__all__ = ["QTestState", "build_app"]
