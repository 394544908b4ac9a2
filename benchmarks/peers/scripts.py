"""The usual script: reads each test case and its steps, posts it to qTest. No journal, nothing is read back.

`python -m benchmarks.peers.scripts threads 5`, or `httpx 64`: the services as JSON on its input; prints the seconds.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any

PAGE = 100
Services = dict[str, Any]


def page_url(services: Services, start: int) -> str:
    zephyr = services["zephyr"]
    return f"{zephyr['base_url']}/testcases?projectKey={zephyr['project']}&maxResults={PAGE}&startAt={start}"


def steps_url(services: Services, key: str) -> str:
    return f"{services['zephyr']['base_url']}/testcases/{key}/teststeps?maxResults=1000"


def post_url(services: Services) -> str:
    return f"{services['qtest']['base_url']}/api/v3/projects/{services['qtest']['project']}/test-cases"


def headers(services: Services, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {services[name]['token']}"}


def body(case: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What such a script makes of a test case: name and steps; a script in words is lost."""
    inline = [row.get("inline") or {} for row in rows]
    steps = [
        {"description": one.get("description") or "", "expected": one.get("expectedResult") or "", "order": place}
        for place, one in enumerate(inline, start=1)
    ]
    return {"name": case["name"], "properties": [], "test_steps": steps}


def threads(services: Services, number: int) -> None:
    """With requests, a session for each thread."""
    requests = importlib.import_module("requests")
    held = local()

    def session() -> Any:
        if not hasattr(held, "session"):
            held.session = requests.Session()
        return held.session

    def cases() -> Iterator[dict[str, Any]]:
        start, last = 0, False
        while not last:
            answer = session().get(page_url(services, start), headers=headers(services, "zephyr"), timeout=60).json()
            yield from answer["values"]
            start, last = start + PAGE, answer["isLast"]

    def move(case: dict[str, Any]) -> None:
        read = session().get(steps_url(services, case["key"]), headers=headers(services, "zephyr"), timeout=60)
        made = body(case, read.json().get("values") or [])
        session().post(post_url(services), json=made, headers=headers(services, "qtest"), timeout=60).raise_for_status()

    with ThreadPoolExecutor(number) as pool:
        for _ in pool.map(move, cases()):
            pass


def by_httpx(services: Services, number: int) -> None:
    """With httpx, so many at once."""
    httpx = importlib.import_module("httpx")

    async def work() -> None:
        limits = httpx.Limits(max_connections=number, max_keepalive_connections=number)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:
            free = asyncio.Semaphore(number)

            async def move(case: dict[str, Any]) -> None:
                async with free:
                    read = await client.get(steps_url(services, case["key"]), headers=headers(services, "zephyr"))
                    made = body(case, read.json().get("values") or [])
                    answer = await client.post(post_url(services), json=made, headers=headers(services, "qtest"))
                    answer.raise_for_status()

            async with asyncio.TaskGroup() as group:
                start, last = 0, False
                while not last:
                    page = await client.get(page_url(services, start), headers=headers(services, "zephyr"))
                    for case in page.json()["values"]:
                        group.create_task(move(case))
                    start, last = start + PAGE, page.json()["isLast"]

    asyncio.run(work())


WAYS = {"threads": threads, "httpx": by_httpx}


if __name__ == "__main__":
    way, at_once = sys.argv[1:]
    given = json.load(sys.stdin)
    began = time.perf_counter()
    WAYS[way](given, int(at_once))
    print(time.perf_counter() - began)
