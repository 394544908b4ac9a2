"""The keys that people can see in qTest.

Test cases have a text field; what has no fields of its own ends in a line `[zephyr:<kind>:<id>]`.
"""

from __future__ import annotations

import re

_MARKER = re.compile(r"\[zephyr:([a-z-]+):([^\]\s]+)\]")


def marker(kind: str, key: str) -> str:
    """The line that says which Zephyr record an object came from."""
    return f"[zephyr:{kind}:{key}]"


def key_in(text: str | None, kind: str) -> str | None:
    """The key of the last marker of that kind in a text, plain or HTML; None if there is none."""
    found = [key for of_kind, key in _MARKER.findall(text or "") if of_kind == kind]
    return found[-1] if found else None
