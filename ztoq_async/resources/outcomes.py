"""What an answer or a failure proves about a call (protocol.md, rule 4), and the words of its error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec

from ztoq_async.errors import (
    Forbidden,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Refused,
    ServiceError,
    TooLarge,
    Unauthorised,
    Unreachable,
)
from ztoq_async.resources.calls import Answer, Call
from ztoq_async.resources.connector import AnswerTooLarge, ProxyRefused

WIRE_ERRORS = (aiohttp.ClientError, OSError)
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ProxyRefused)
_OUR_OWN = (AnswerTooLarge, aiohttp.InvalidURL)
NOT_APPLIED = frozenset({400, 401, 403, 404, 409, 413, 422})
WORDS = 300
_REFUSALS: Mapping[int, type[Refused]] = {401: Unauthorised, 403: Forbidden, 404: NotFound}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_TAG = re.compile(r"<[^<>]*>")
_json = msgspec.json.Decoder(msgspec.Raw)


def judge(service: str, call: Call, answer: Answer, secret: str) -> Answer:
    """Gives the answer back if the call ended as asked; raises what the status or the body proves otherwise."""
    status = answer.status
    if 200 <= status < 300:
        if _usable(call, answer):
            return answer
        raise _error(_unclear(call), service, call, answer, secret)
    if status == 429:
        raise _error(Unreachable if call.safe else NotSent, service, call, answer, secret)
    if status in NOT_APPLIED:
        raise _error(_REFUSALS.get(status, Refused), service, call, answer, secret)
    if call.safe and 300 <= status < 500 and status != 408:
        raise _error(Refused, service, call, answer, secret)
    raise _error(_unclear(call), service, call, answer, secret)


def failure(service: str, call: Call, error: Exception) -> ServiceError:
    """What one of WIRE_ERRORS proves about a call, as an error of this package: none of aiohttp's leaves."""
    if isinstance(error, _NOT_CONNECTED):
        kind: type[ServiceError] = Unreachable if call.safe else NotSent
    elif isinstance(error, _OUR_OWN):
        refused = TooLarge if isinstance(error, AnswerTooLarge) else Refused
        kind = refused if call.safe else OutcomeUnknown
    else:
        kind = _unclear(call)
    why = "no answer in time" if isinstance(error, TimeoutError) else words(str(error).encode(errors="replace"))
    text = f"{service}: {call.method} {call.path} failed: {why or type(error).__name__}"
    if isinstance(error, _NOT_CONNECTED):
        text += f" (is {service}.base_url right, and the network up?)"
    return kind(text, service=service, method=call.method, path=call.path)


def health(result: Answer | Exception) -> bool | None:
    """What an answer, or one of WIRE_ERRORS, says about the endpoint: well, failing, or nothing (None).

    5xx, time-outs and lost or refused connections speak of it; 429 speaks of our pace, and a body that is too large
    for us of ourselves. Any other answer shows that it works.
    """
    if isinstance(result, Answer):
        return None if result.status == 429 else result.status < 500
    return None if isinstance(result, _OUR_OWN) else False


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the service asks to wait, given as seconds or as a date; None where it says nothing readable."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds())


def words(body: bytes, secret: str = "") -> str:
    """The service's own message: one line of at most 300 characters, without markup, control characters and token."""
    text = _message(body)
    for part in filter(None, {secret, secret.rpartition(" ")[2]}):
        text = text.replace(part, "***")
    text = " ".join(_CONTROL.sub(" ", _TAG.sub(" ", text)).split())
    return text if len(text) <= WORDS else text[: WORDS - 1] + "…"


def _usable(call: Call, answer: Answer) -> bool:
    """Whether the body is what was due: any bytes for a raw call, nothing, or whole JSON."""
    if call.raw or not answer.body:
        return True
    if answer.headers.get("content-type", "").startswith("text/html"):
        return False  # a proxy's page, whatever was asked for
    if call.method == "DELETE":
        return True
    try:
        _json.decode(answer.body)
    except msgspec.DecodeError:
        return _is_lenient_json(answer.body)
    return True


def _is_lenient_json(body: bytes) -> bool:
    """Whether it is whole JSON but for half a character in a text, which spoils a record and not the answer."""
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _unclear(call: Call) -> type[ServiceError]:
    return Unreachable if call.safe else OutcomeUnknown


def _message(body: bytes) -> str:
    try:
        content = msgspec.json.decode(body[:100_000])
    except msgspec.DecodeError:
        return body[:100_000].decode("utf-8", "replace")
    if isinstance(content, dict):
        for name in ("message", "errorMessage", "error_description", "errors", "error"):
            if content.get(name):
                return str(content[name])
    return str(content)


def _error(kind: type[ServiceError], service: str, call: Call, answer: Answer, secret: str) -> ServiceError:
    said = words(answer.body, secret)
    text = f"{service}: {call.method} {call.path} answered {answer.status}"
    return kind(
        f"{text}: {said}" if said else text, service=service, method=call.method, path=call.path, status=answer.status
    )
