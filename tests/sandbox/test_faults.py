"""Profiles: each fault does what its name says, over real HTTP, the same for the same seed."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from zephyr_client import ZephyrClient
from zephyr_fixtures import zephyr

from ztoq_async.sandbox import Profile, ProfileError

NEW = {"projectKey": "SBX", "name": "A new one"}
BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientOSError)


async def _status(client: ZephyrClient, method: str = "GET", **kwargs: Any) -> int:
    async with client.session.request(method, f"{client.base_url}/testcases", **kwargs) as response:
        await response.read()
        return response.status


async def _sandbox(client: ZephyrClient, method: str, path: str, **kwargs: Any) -> Any:
    root = client.base_url.removesuffix("/v2")
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{root}/sandbox/{path}", **kwargs) as response,
    ):
        return response.status, await response.json()


async def _made(client: ZephyrClient) -> int:
    """How many cases there are beyond the generated ones."""
    _, stats = await _sandbox(client, "GET", "stats")
    return stats["objects"]["test-case"] - 45


async def test_errors_come_before_or_after_applying():
    """error_rate makes nothing, error_after_rate makes the case; both in the service's shape."""
    async with zephyr(error_rate=1) as client:
        assert await _status(client, "POST", json=NEW) in {500, 503}
        assert await _made(client) == 0
    async with zephyr(error_after_rate=1) as client:
        answer = await client.call("POST", "/testcases", 500, json=NEW)
        assert answer.keys() == {"errorCode", "message"} and await _made(client) == 1


async def test_a_truncated_answer_is_shorter_than_it_says():
    """truncate_rate: half of the body, then the end of the connection."""
    async with zephyr(truncate_rate=1) as client:
        with pytest.raises(BROKEN):
            await _status(client)


async def test_latency_and_slowness_take_their_time():
    """latency_ms before and slow_s after."""
    async with zephyr(latency_ms=100, slow_rate=1, slow_s=0.2) as client:
        began = time.perf_counter()
        assert await _status(client) == 200
        assert time.perf_counter() - began >= 0.3


async def test_the_hidden_rate_refuses_beyond_its_window():
    """rate_per_minute: in a window exactly so many calls, then 429 with Retry-After; the next is open again."""
    async with zephyr(rate_per_minute=300, rate_window_s=1, remaining_headers=True) as client:
        await asyncio.sleep(1 - time.time() % 1)
        assert [await _status(client) for _ in range(7)] == [200] * 5 + [429] * 2
        async with client.session.get(f"{client.base_url}/testcases") as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "1")
            assert response.headers["x-ratelimit-remaining-minute"] == "0"
        await asyncio.sleep(1 - time.time() % 1)
        assert await _status(client) == 200


@pytest.mark.parametrize(("setting", "header"), [("none", None), (0, "0"), (2.5, "3")])
async def test_retry_after_is_what_the_profile_says(setting: Any, header: str | None):
    """No header, nought, or a number of seconds."""
    async with zephyr(rate_per_minute=1, retry_after_s=setting) as client:
        await _status(client)
        async with client.session.get(f"{client.base_url}/testcases") as response:
            assert response.status == 429 and response.headers.get("Retry-After") == header


async def test_a_profile_changes_in_mid_run_and_the_desk_is_free_of_faults():
    """PUT /sandbox/profile takes effect at once, in TOML and JSON; /sandbox needs no token and never fails."""
    async with zephyr(error_rate=1) as client:
        assert await _status(client) in {500, 503}
        status, tables = await _sandbox(client, "PUT", "profile", json={"seed": 4, "zephyr": {"page_cap": 3}})
        assert status == 200 and tables["zephyr"]["page_cap"] == 3 and tables["zephyr"]["error_rate"] == 0
        assert len((await client.get("/testcases"))["values"]) == 3
        await _sandbox(client, "PUT", "profile", data=b"[zephyr]\npage_cap = 2\n[qtest]\necho = 'normalised'\n")
        assert len((await client.get("/testcases"))["values"]) == 2
        status, answer = await _sandbox(client, "PUT", "profile", json={"zephyr": {"pagecap": 1}})
        assert status == 400 and "pagecap" in answer["message"]
        assert len((await client.get("/testcases"))["values"]) == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b"[zephyr]\nlatency = 1", "latency"),
        (b"[zephyr]\nerror_rate = 2", "error_rate"),
        (b"[qtest]\nnothing_such = 2", "nothing_such"),
        (b"[qtest]\necho = 'loud'", "echo"),
        (b"[jira]\nx = 1", "jira"),
        (b"seed = 'x'", "seed"),
        (b"zephyr = 1", "zephyr"),
        (b"qtest = 1", "qtest"),
        (b"no profile", "TOML"),
        (b'{"seed": 1', "JSON"),
    ],
)
def test_a_profile_with_an_unknown_name_or_value_is_refused(text: bytes, named: str):
    """The message says which."""
    with pytest.raises(ProfileError, match=named):
        Profile.parse(text)


def test_a_profile_says_all_its_names():
    """What `tables` gives is read back as the same profile."""
    profile = Profile.of({"seed": 2, "zephyr": {"page_cap": 5}, "qtest": {"echo": "escaped", "latency_ms": 3}})
    assert Profile.of(profile.tables()) == profile
    assert (profile.dialect.echo, profile.qtest.latency_ms) == ("escaped", 3)
