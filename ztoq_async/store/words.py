"""Words for people in the store: a service or a record may put anything into them."""

from __future__ import annotations


def storable(words: str) -> str:
    """The words with a sign for each NUL, which PostgreSQL's text cannot hold."""
    return words.replace("\x00", "\ufffd")
