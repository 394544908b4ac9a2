"""A page of one of Zephyr Scale's lists, of either kind (facts.md 1.3), decoded and compared: no I/O."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec

from ztoq_async.errors import ListShifted, SourceError


class Page(msgspec.Struct, frozen=True):
    """One page of a list: `cursor` is where the next one begins, None at the end; `total` where the list tells it."""

    values: list[msgspec.Raw]
    cursor: str | None
    total: int | None = None


class PageBody(msgspec.Struct, rename="camel"):
    """Both forms of a page (facts.md 1.3): offset lists have `total` and `is_last`, cursor lists `next_start_at_id`."""

    values: list[msgspec.Raw] = []
    start_at: int = 0
    total: int | None = None
    is_last: bool | None = None
    next_start_at_id: int | None = None


class _Identified(msgspec.Struct):
    """A row's own id; steps have none."""

    id: int | None = None


def identity(row: msgspec.Raw) -> str:
    """The row's id as text, "" where it has none."""
    try:
        return str(msgspec.json.decode(row, type=_Identified).id or "")
    except msgspec.DecodeError:
        return ""


def after(before: str, values: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The rows behind the one that ended the page before; `ListShifted` where another stands in its place."""
    if not values or identity(values[0]) != before:
        raise ListShifted(f"the list has another row where {before} was")
    return values[1:]


def says_end(body: PageBody) -> bool:
    """Whether an offset list tells its end at all."""
    return body.is_last is True or body.total is not None


def decoded(body: bytes | msgspec.Raw, type_: type[Any]) -> Any:
    """A record of that shape; `SourceError` where it is none."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.DecodeError as error:
        raise SourceError(f"Zephyr Scale answered something else than a {type_.__name__.strip('_')}: {error}") from None


def page_body(body: bytes) -> PageBody:
    """A page. Where one row holds half a character (a text cut within an emoji), the others must not suffer for it."""
    try:
        return msgspec.json.decode(body, type=PageBody)
    except msgspec.DecodeError:
        with contextlib.suppress(ValueError, AttributeError):
            page = json.loads(body)
            rows = [msgspec.Raw(json.dumps(row).encode()) for row in page.pop("values", [])]
            rest: PageBody = msgspec.convert(page, PageBody)
            return msgspec.structs.replace(rest, values=rows)
        return decoded(body, PageBody)  # type: ignore[no-any-return]
