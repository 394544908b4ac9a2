"""Logging in to qTest: a token from the Resources page, or user and password (facts.md 3.1)."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Awaitable, Callable

import msgspec

from ztoq_async.access import GO_ON, QTestSettings
from ztoq_async.errors import Refused, ServiceError, SettingsError
from ztoq_async.resources.calls import Answer, Call

Send = Callable[[Call], Awaitable[Answer]]
_CLIENT = "ztoq_async"


class _Granted(msgspec.Struct):
    """The part of the answer that counts."""

    access_token: str
    refresh_token: str | None = None


class Login:
    """Gives the Authorization header; with user and password it asks for a token and renews it."""

    def __init__(self, settings: QTestSettings, send: Send) -> None:
        self._settings = settings
        self._send = send
        self._token = settings.token.get_secret_value()
        self._refresh = ""

    def __repr__(self) -> str:
        return "<Login>"

    async def header(self, refresh: bool) -> str:
        """The header; with `refresh` a new one, `Refused` where there is none to be had."""
        if self._settings.username and (refresh or not self._token):
            await self._renew()
        elif refresh:
            raise SettingsError(
                f"qTest refuses the token: set [qtest] token to one from the site's Resources page; {GO_ON}"
            )
        return f"Bearer {self._token}"

    async def _renew(self) -> None:
        if self._refresh:
            try:
                return await self._ask("qtest-api", grant_type="refresh_token", refresh_token=self._refresh)
            except Refused:
                self._refresh = ""
        try:
            password = self._settings.password.get_secret_value()
            await self._ask(_CLIENT, grant_type="password", username=self._settings.username, password=password)
        except Refused:
            raise SettingsError(f"qTest refuses [qtest] username and password: correct them; {GO_ON}") from None
        return None

    async def _ask(self, client: str, **form: str) -> None:
        basic = base64.b64encode(f"{client}:".encode()).decode()
        body = urllib.parse.urlencode(form).encode()
        answer = await self._send(
            Call(
                "POST",
                "/oauth/token",
                body=body,
                content_type="application/x-www-form-urlencoded",
                safe=True,
                authorisation=f"Basic {basic}",
            )
        )
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted)
        except msgspec.DecodeError as error:
            raise ServiceError(f"qTest's answer to the login holds no token: {error}", service="qtest") from None
        self._token, self._refresh = granted.access_token, granted.refresh_token or ""
