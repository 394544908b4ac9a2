"""Every fault of a profile does to either service what its name says: whether a call is answered, and applied."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from ztoq_async.sandbox import Generator, Profile, Sandbox

CASES = 5
BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientOSError)


@dataclass
class Service:
    """One side of a sandbox, as a client that writes uses it."""

    name: str
    sandbox: Sandbox
    session: aiohttp.ClientSession

    async def post(self, name: str = "A new one") -> tuple[int, str]:
        """Makes a test case; the status and the kind of content, status 0 where there was no whole answer."""
        if self.name == "zephyr":
            path, body = "/testcases", {"projectKey": self.sandbox.zephyr.project, "name": name}
        else:
            path, body = f"/api/v3/projects/{self.sandbox.qtest.project}/test-cases", {"name": name, "properties": []}
        return await self.call("POST", path, body)

    async def get(self) -> tuple[int, str]:
        """Reads the list of test cases."""
        rest = "/testcases" if self.name == "zephyr" else f"/api/v3/projects/{self.sandbox.qtest.project}/test-cases"
        return await self.call("GET", rest)

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        here = getattr(self.sandbox, self.name)
        headers = {"Authorization": f"Bearer {here.token}"}
        try:
            async with self.session.request(method, here.base_url + path, json=body, headers=headers) as answer:
                await answer.read()
                return answer.status, answer.content_type
        except BROKEN:
            return 0, ""

    async def made(self) -> int:
        """How many test cases there are that calls have made."""
        root = getattr(self.sandbox, self.name).base_url.removesuffix("/v2")
        async with self.session.get(f"{root}/sandbox/stats") as answer:
            objects = (await answer.json())["objects"]
        return objects["test-case"] - (CASES if self.name == "zephyr" else 0)


@contextlib.asynccontextmanager
async def serving(name: str, seed: int = 1, **table: Any):
    """A service with this table of a profile in force."""
    profile = Profile.of({"seed": seed, name: table})
    async with Sandbox(Generator(CASES), profile=profile) as sandbox, aiohttp.ClientSession() as session:
        yield Service(name, sandbox, session)


OUTCOMES = {
    "drop": ({"drop_rate": 1}, {0}, False),
    "error before": ({"error_rate": 1}, {500, 503}, False),
    "error after": ({"error_after_rate": 1}, {500}, True),
    "lost reply": ({"lost_reply_rate": 1}, {0}, True),
    "truncated": ({"truncate_rate": 1}, {0}, True),
    "html": ({"html_error_rate": 1}, {200, 502, 503}, False),
    "read only": ({"read_only": True}, {403}, False),
    "revoked": ({"refuses_token": True}, {401}, False),
    "none": ({}, {200, 201}, True),
}


@pytest.mark.parametrize("service", ["zephyr", "qtest"])
@pytest.mark.parametrize("fault", OUTCOMES)
async def test_a_fault_answers_and_applies_as_it_says(fault: str, service: str):
    """Of twenty creates each is answered so, and all or none of them are there."""
    table, statuses, applied = OUTCOMES[fault]
    async with serving(service, **table) as at:
        seen = [await at.post() for _ in range(20)]
        assert {status for status, _ in seen} <= statuses
        assert await at.made() == (20 if applied else 0)
        assert {kind == "text/html" for _, kind in seen} == {fault == "html"}
        assert (await at.get())[0] == 200 or fault != "read only"


@pytest.mark.parametrize("service", ["zephyr", "qtest"])
async def test_a_late_call_is_applied_when_its_client_is_gone(service: str):
    """late_apply_rate: no answer, and the object late_apply_s afterwards."""
    async with serving(service, late_apply_rate=1, late_apply_s=0.2) as at:
        assert await at.post() == (0, "")
        assert await at.made() == 0
        await asyncio.sleep(0.4)
        assert await at.made() == 1


@pytest.mark.parametrize("service", ["zephyr", "qtest"])
async def test_the_same_seed_fails_alike_and_another_does_not(service: str):
    """Thirty calls meet the same faults in two sandboxes of one seed."""
    runs = []
    for seed in (1, 1, 2):
        async with serving(service, seed, error_rate=0.3, drop_rate=0.2, html_error_rate=0.2) as at:
            runs.append([await at.post() for _ in range(30)])
    assert runs[0] == runs[1] != runs[2]
    assert len({status for status, _ in runs[0]}) >= 4


@pytest.mark.parametrize("service", ["zephyr", "qtest"])
@pytest.mark.parametrize(("said", "header"), [("none", None), (0, "0"), (2, "2")])
async def test_a_month_that_runs_out_refuses_without_applying(said: Any, header: str | None, service: str):
    """429 beyond the quota, with the Retry-After that was asked for; nothing remains of the month."""
    async with serving(service, month_quota=2, retry_after_s=said, remaining_headers=True) as at:
        assert [(await at.post())[0] // 100 for _ in range(4)] == [2, 2, 4, 4]
        assert await at.made() == 2
        here = getattr(at.sandbox, service)
        async with at.session.get(here.base_url + "/testcases") as answer:
            assert (answer.status, answer.headers.get("Retry-After")) == (429, header)
            assert answer.headers["x-ratelimit-remaining-month"] == "0"
