"""Tokens and people of the simulated qTest."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest
from qtest_site import CONTRACT, Site, site


async def password_grant(qtest: Site, **form: str) -> tuple[int, dict]:
    form = {"grant_type": "password", "username": qtest.state.username, "password": qtest.state.password, **form}
    basic = {"Authorization": "Basic " + b64encode(b"anyname:").decode()}
    return await qtest.call("POST", "/oauth/token", data=form, headers=basic)


def test_contract_is_present() -> None:
    """The tests of this folder hold answers against the vendor's OpenAPI file."""
    if not CONTRACT.exists():
        pytest.skip(f"NO CONTRACT at {CONTRACT}: answers are not held against it (set ZTOQ_SHARED)")
    assert CONTRACT.stat().st_size > 10_000


async def test_password_and_refresh_grants_give_working_tokens() -> None:
    """A token of either grant opens the API; its type may be echoed in lower case."""
    async with site() as qtest:
        status, first = await password_grant(qtest)
        assert status == 200
        assert first["expires_in"] == 3599
        basic = {"Authorization": "Basic " + b64encode(b"qtest-api:").decode()}
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = await qtest.ok("POST", "/oauth/token", data=form, headers=basic)
        for token in (first, second):
            bearer = {"Authorization": f"{token['token_type']} {token['access_token']}"}
            assert await qtest.ok("GET", "/modules", headers=bearer) == []


async def test_wrong_credentials_are_401_with_error_and_description() -> None:
    """Wrong passwords, missing Basic, missing and invented tokens are 401 in OAuth's shape."""
    async with site() as qtest:
        status, body = await password_grant(qtest, password="wrong")
        assert (status, body["error"]) == (401, "invalid_grant")
        form = {"grant_type": "password", "username": "u", "password": "p"}
        assert await qtest.refused("POST", "/oauth/token", 401, data=form) == "unauthorized"
        assert await qtest.refused("GET", "/modules", 401, headers={"Authorization": "Bearer x.y.z"}) == "invalid_token"
        assert await qtest.refused("GET", "/modules", 401, headers={"Authorization": "None"}) == "unauthorized"


async def test_password_tokens_expire_and_the_page_token_does_not() -> None:
    """`token_lifetime_s` ends tokens of the password grant only."""
    async with site(token_lifetime_s=0.2) as qtest:
        _, token = await password_grant(qtest)
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        left = (await qtest.ok("GET", "/oauth/status", headers=bearer))["validityInMilliseconds"]
        assert 0 < left <= 200
        await asyncio.sleep(0.25)
        assert await qtest.refused("GET", "/modules", 401, headers=bearer) == "invalid_token"
        assert (await qtest.ok("GET", "/oauth/status"))["expiration"] == 0


async def test_revoked_token_is_refused() -> None:
    """Revoking ends the token that was sent."""
    async with site() as qtest:
        await qtest.ok("POST", "/oauth/revoke")
        assert await qtest.refused("GET", "/modules", 401) == "invalid_token"


async def test_unknown_addresses_are_404_in_the_services_shape() -> None:
    """Double slashes, other projects and operations without an implementation are 404 with a message."""
    async with site() as qtest:
        assert "does not exist" in await qtest.refused("GET", f"/{qtest.project}/modules", 404)
        assert "Project 8" in await qtest.refused("GET", "/api/v3/projects/8/modules", 404)
        assert await qtest.refused("GET", "/test-runs/subhierarchy", 404)
        assert await qtest.refused("POST", "/api/v3/projects", 404, json={"name": "P"})


async def test_people_and_rights() -> None:
    """Members include inactive people unless asked not to; the profile tells the caller's rights."""
    async with site(may_manage_fields=False) as qtest:
        everyone = await qtest.ok("GET", "/users")
        active = await qtest.ok("GET", "/users", params={"inactive": "False"})
        assert len(everyone) == len(active) + 1
        found = await qtest.ok("GET", "/api/v3/users/search", params={"username": "ADA"})
        assert [user["username"] for user in found["items"]] == ["ada.lovelace@example.com"]
        assert (await qtest.ok("GET", "/api/v3/search/user", params={"projectName": "sandbox"}))["total"] == 0
        assert (await qtest.ok("GET", "/api/v3/search/user", params={"projectName": "Sandbox"}))["total"] == 5
        profile = await qtest.ok("GET", "/user-profiles/current")
        assert profile["project_setting"] == {"manage": False}
        assert profile["test_case"]["approve"]
        assert profile["user_id"] == qtest.state.caller
        assert (await qtest.ok("GET", "/api/v3/user-profiles/current")) == [profile]
        assert (await qtest.ok("GET", "/api/v3/projects"))[0] == await qtest.ok("GET", "")
