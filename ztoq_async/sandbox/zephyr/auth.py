"""The bearer token: the causes of a refusal are those of facts.md 1.1, each answered 401.

facts.md says `{"error"}` for all; the vendor's OpenAPI file, which is followed here, has that shape (AuthError) for
test cases, cycles, plans and executions, and the shape of all other errors (Error) for the rest and for attachments of
cycles.
"""

import base64
import binascii
import hmac
import re

import msgspec
from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import problem

REVOKED = "The token was revoked"
_AUTH_ERROR = re.compile(r"/v2/test(cases|plans|executions|cycles(?!/[^/]+/attachments))")


def refusal(request: web.Request, token: str) -> str | None:
    """Why a request is not let in; None where its token is the project's."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    given = given.strip()
    if scheme.lower() != "bearer" or not given:
        return "The Authorization header is missing or is not of the form: Bearer <token>"
    parts = given.split(".")
    if len(parts) != 3:
        return "The token is not a JWT: three parts separated by dots were expected"
    return _malformed(parts) or (None if hmac.compare_digest(given.encode(), token.encode()) else "Invalid signature")


def _malformed(parts: list[str]) -> str | None:
    try:
        decoded = [base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True) for part in parts]
    except (binascii.Error, ValueError):
        return "A part of the token is not base64"
    try:
        for part in decoded[:2]:
            msgspec.json.decode(part)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "A part of the token is not JSON"
    return None


def unauthorised(request: web.Request, cause: str) -> web.Response:
    """The refusal in the shape that the contract gives it at this address."""
    if _AUTH_ERROR.match(request.path):
        return web.Response(status=401, body=msgspec.json.encode({"error": cause}), content_type="application/json")
    return problem(401, cause)
