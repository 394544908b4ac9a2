"""A limit that the service hides: how much of it the gateway finds and uses, and how often it is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any

from benchmarks.measure import Figure, Size
from benchmarks.site import Site, site
from ztoq_async import ZephyrClient, load_settings
from ztoq_async.resources.calls import Attempt, Call

SETTLED_S = 30.0
IN_FLIGHT = 64
USED, REFUSED = 0.95, 0.005


@dataclass(frozen=True)
class Limit:
    """What a service permits a minute, in windows of so many seconds; `then` from the middle of the time on."""

    name: str
    per_minute: int
    window_s: float
    then: int = 0
    share: float = 0.0
    ways: dict[str, Any] = field(default_factory=dict)

    def profile(self, per_minute: int) -> dict[str, Any]:
        return {"zephyr": {"rate_per_minute": per_minute, "rate_window_s": self.window_s, **self.ways}}


LIMITS = (
    Limit("60", 60, 10.0),
    Limit("600", 600, 10.0),
    Limit("6000", 6000, 10.0),
    Limit("silent", 600, 10.0, ways={"retry_after_s": "none"}),
    Limit("told", 600, 10.0, ways={"remaining_headers": True}),
    Limit("shared", 600, 10.0, share=0.2),
    Limit("rises", 600, 10.0, then=1800),
    Limit("falls", 1800, 10.0, then=600),
)


def figures(size: Size) -> Iterable[Figure]:
    """Two figures for each limit; all are watched at once, each with a service of its own."""
    found = asyncio.run(_watched(size.seconds))
    for limit, (used, refused) in zip(LIMITS, found, strict=True):
        what = f"{limit.per_minute}{f', then {limit.then},' if limit.then else ''} a minute by {limit.window_s:g} s"
        yield Figure(f"rate-{limit.name}-used", f"used of {what}", (used,), at_least=USED, at_most=1.0)
        yield Figure(f"rate-{limit.name}-refused", f"refused of {what}", (refused,), at_most=REFUSED)


async def _watched(seconds: float) -> list[tuple[float, float]]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(limit, seconds)) for limit in LIMITS]
    return [task.result() for task in tasks]


async def _one(limit: Limit, seconds: float) -> tuple[float, float]:
    async with site("--cases", "1", profile=limit.profile(limit.per_minute)) as here:
        seen: list[tuple[float, int]] = []
        start = time.time()
        task = asyncio.create_task(_ask(here, limit, seen, start + seconds))
        if limit.then:
            await asyncio.sleep(seconds / 2)
            await here.use(limit.profile(limit.then))
        await task
    settled = start + (seconds / 2 if limit.then else 0) + min(SETTLED_S, seconds / 6)
    first, last = _whole_windows(limit, settled, start + seconds)
    return _shares(limit, [status for at, status in seen if first <= at < last], last - first)


def _whole_windows(limit: Limit, first: float, last: float) -> tuple[float, float]:
    """The sandbox counts by its clock; parts of windows at both ends would count what was moved to a beginning."""
    inner = ceil(first / limit.window_s) * limit.window_s, floor(last / limit.window_s) * limit.window_s
    return inner if inner[0] < inner[1] else (first, last)


async def _ask(here: Site, limit: Limit, seen: list[tuple[float, int]], end: float) -> None:
    """As many calls as the gateway lets through."""

    def note(attempt: Attempt) -> None:
        seen.append((time.time(), attempt.status))

    settings = load_settings(
        None, **here.services, limits={"in_flight": IN_FLIGHT, "share": limit.share}, store={"path": here.folder}
    )
    call = Call("GET", f"/projects/{here.services['zephyr']['project']}")
    async with ZephyrClient(settings.zephyr, settings.limits, on_attempt=note) as client:

        async def work() -> None:
            while True:
                await client.send(call)

        workers = [asyncio.create_task(work()) for _ in range(IN_FLIGHT)]
        await asyncio.wait(workers, timeout=end - time.time())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def _shares(limit: Limit, statuses: list[int], seconds: float) -> tuple[float, float]:
    permitted = (limit.then or limit.per_minute) / 60 * seconds * (1 - limit.share)
    refused = statuses.count(429)
    return (len(statuses) - refused) / permitted, refused / max(1, len(statuses))
