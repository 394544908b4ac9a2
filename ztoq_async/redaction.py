"""Secrets stay out of everything that is written: messages, logs, reports."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "•••"


class Redaction:
    """Replaces each secret by dots, also where it is escaped for JSON, HTML or an address."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """More secrets to hide; of an address with a password the password too."""
        known = set(self._forms)
        for secret in secrets:
            password = _password(secret)
            for part in (secret, password, unquote(password)):
                known |= {part, json.dumps(part)[1:-1], html.escape(part), quote(part, safe="")}
        self._forms = sorted(known - {""}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text


def _password(address: str) -> str:
    try:
        return urlsplit(address).password or ""
    except ValueError:
        return ""
