"""The keys that a migration leaves on what it makes, so that duplicates can be counted from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator

KEY_LABEL = "Zephyr Key"
_MARKER = re.compile(r"(\[zephyr:[^\[\]]+\])(?:<[^>]*>|&lt;[^<>]*?&gt;|&nbsp;|\s)*$")
_ANYWHERE = re.compile(r"\[zephyr:[^\[\]]+\]")


def marker(text: str) -> str:
    """The last line `[zephyr:<kind>:<id>]` of a description, with or without HTML around it; "" if there is none."""
    found = _MARKER.search(text) if "[zephyr:" in text else None
    return found[1] if found else ""


def last_marker(text: str) -> str:
    """The last `[zephyr:<kind>:<id>]` of a text, wherever it stands; "" if there is none."""
    found = _ANYWHERE.findall(text) if "[zephyr:" in text else ()
    return found[-1] if found else ""


class KeyIndex:
    """Which ids hold a key. Most keys have one id, so that one is kept bare."""

    __slots__ = ("_ids", "_several")

    def __init__(self) -> None:
        self._ids: dict[str, int | tuple[int, ...]] = {}
        self._several: set[str] = set()

    def ids(self, key: str) -> tuple[int, ...]:
        held = self._ids.get(key, ())
        return (held,) if isinstance(held, int) else held

    def move(self, identity: int, old: str, new: str) -> None:
        """Note that the object's key is now `new`; "" is no key."""
        if old == new:
            return
        if old:
            self._put(old, tuple(i for i in self.ids(old) if i != identity))
        if new:
            self._put(new, (*self.ids(new), identity))

    def _put(self, key: str, ids: tuple[int, ...]) -> None:
        if not ids:
            self._ids.pop(key, None)
        else:
            self._ids[key] = ids[0] if len(ids) == 1 else ids
        (self._several.add if len(ids) > 1 else self._several.discard)(key)

    def duplicates(self, kind: str) -> Iterator[dict[str, object]]:
        for key in sorted(self._several):
            yield {"kind": kind, "key": key, "ids": sorted(self.ids(key))}
