"""Tokens: `/oauth/token`, `/oauth/status`, `/oauth/revoke` (facts.md 3.1)."""

from __future__ import annotations

import binascii
import math
import time
from base64 import b64decode

from aiohttp import web

from ztoq_async.sandbox.qtest.answers import Refusal, reply
from ztoq_async.sandbox.qtest.state import STATE, QTestState
from ztoq_async.sandbox.qtest.tokens import DOCUMENTED_LIFETIME_S

TOKEN_PATH = "/oauth/token"  # noqa: S105 - an address
REFRESH_CLIENT = "qtest-api"
routes = web.RouteTableDef()


def authorise(request: web.Request) -> str:
    """The request's bearer token if it is valid; else 401."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "Full authentication is required to access this resource", "unauthorized")
    state = request.app[STATE]
    if state.dialect.refuses_token or state.tokens.remaining(token) is None:
        raise Refusal(401, "Invalid access token", "invalid_token")
    return token


@routes.post(TOKEN_PATH)
async def token(request: web.Request) -> web.Response:
    state, client = request.app[STATE], _client(request)
    form = await request.post()
    grant = form.get("grant_type")
    if grant == "password":
        if (form.get("username"), form.get("password")) != (state.username, state.password):
            raise Refusal(401, "Bad credentials", "invalid_grant")
    elif grant == "refresh_token":
        if client != REFRESH_CLIENT or not state.tokens.use_refresh(str(form.get("refresh_token"))):
            raise Refusal(401, "Invalid refresh token", "invalid_grant")
    else:
        raise Refusal(400, "grant_type must be password or refresh_token.")
    return reply(_issue(state))


def _client(request: web.Request) -> str:
    """The client's name of Basic `name:`, whose password must be empty."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        name, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name = colon = password = ""
    if scheme.lower() != "basic" or not name or not colon or password:
        raise Refusal(401, "Full authentication is required to access this resource", "unauthorized")
    return name


def _issue(state: QTestState) -> dict[str, object]:
    lifetime = state.dialect.token_lifetime_s or DOCUMENTED_LIFETIME_S
    access, refresh = state.tokens.issue(lifetime)
    return {
        "access_token": access,
        "token_type": "bearer",
        "refresh_token": refresh,
        "scope": "test_managers.read test_managers.write",
        "agent": None,
        "expires_in": math.ceil(lifetime),
    }


@routes.get("/oauth/status")
async def status(request: web.Request) -> web.Response:
    """Expiration 0 is never; times in milliseconds."""
    left = request.app[STATE].tokens.remaining(authorise(request)) or 0.0
    if math.isinf(left):
        return reply({"expiration": 0, "validityInMilliseconds": 0})
    return reply({"expiration": int((time.time() + left) * 1000), "validityInMilliseconds": int(left * 1000)})


@routes.post("/oauth/revoke")
async def revoke(request: web.Request) -> web.Response:
    request.app[STATE].tokens.revoke(authorise(request))
    return web.Response()
