"""A sandbox over a small project, generated or written by the test, and a client of its Zephyr side."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from zephyr_client import ZephyrClient, open_session

from ztoq_async.sandbox import Generator, Profile, Sandbox
from ztoq_async.sandbox.source import Source


@asynccontextmanager
async def zephyr(source: Source | None = None, **zephyr_table: Any) -> AsyncIterator[ZephyrClient]:
    """A client of a fresh sandbox with the given table `[zephyr]`."""
    profile = Profile.of({"zephyr": zephyr_table})
    async with (
        Sandbox(source or Generator(45, seed=3), profile=profile) as sandbox,
        open_session(sandbox.zephyr.token) as session,
    ):
        yield ZephyrClient(session, sandbox.zephyr.base_url)
