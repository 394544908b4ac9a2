"""Who is let in: the token's forms and the causes of a refusal (facts.md 1.1)."""

import base64
import json

import pytest
from aiohttp import ClientSession
from zephyr_client import hold_to_contract

from ztoq_async.sandbox import Generator, Sandbox
from ztoq_async.sandbox.server import source_token


def _part(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_bearer_is_read_in_any_case(scheme: str):
    """Clients echo the lower-case token type."""
    async with Sandbox(Generator(1)) as sandbox, ClientSession() as session:
        headers = {"Authorization": f"{scheme} {sandbox.zephyr.token}"}
        async with session.get(f"{sandbox.zephyr.base_url}/testcases", headers=headers) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        (None, "header"),
        ("Basic abc", "header"),
        ("Bearer abc", "three parts"),
        ("Bearer a.b!.c", "base64"),
        (f"Bearer {_part(b'no json')}.{_part(b'{}')}.{_part(b'{}')}", "JSON"),
        (f"Bearer {source_token(99)}", "signature"),
    ],
)
async def test_a_refusal_names_its_cause(header: str | None, cause: str):
    """401 with `{error}` alone, and no token in it."""
    async with Sandbox(Generator(1)) as sandbox, ClientSession() as session:
        headers = {"Authorization": header} if header else {}
        async with session.get(f"{sandbox.zephyr.base_url}/testcases", headers=headers) as response:
            body = await response.read()
            assert response.status == 401 and cause in body.decode()
            hold_to_contract("GET", "/testcases", 401, body)
            assert not header or header.rpartition(" ")[2] not in body.decode()


async def test_a_refusal_has_the_shape_of_its_address():
    """`{error}` below test cases, `{errorCode, message}` elsewhere: the contract's AuthError and Error."""
    async with Sandbox(Generator(1)) as sandbox, ClientSession() as session:
        for path, names in (("/testcases/nextgen", {"error"}), ("/folders", {"errorCode", "message"})):
            async with session.get(sandbox.zephyr.base_url + path) as response:
                body = await response.read()
                assert (response.status, set(json.loads(body))) == (401, names)
                hold_to_contract("GET", path, 401, body)


async def test_the_health_check_needs_no_token():
    """200 with an empty body."""
    async with (
        Sandbox(Generator(1)) as sandbox,
        ClientSession() as session,
        session.get(f"{sandbox.zephyr.base_url}/healthcheck") as response,
    ):
        assert (response.status, await response.read()) == (200, b"")
