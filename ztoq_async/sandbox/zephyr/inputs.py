"""What bodies of requests have in common: their types, and what the names and ids in them stand for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ztoq_async.sandbox.source import Row
from ztoq_async.sandbox.zephyr.answers import ApiError, stamp
from ztoq_async.sandbox.zephyr.state import ZephyrState, reference

V = TypeVar("V")
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^(?!\s*$).+")]
Word = Annotated[str, Meta(min_length=1, max_length=255)]
Account = Annotated[str, Meta(pattern=r"^[-:a-zA-Z0-9]{1,128}$")]
Milliseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Moment = Annotated[datetime, Meta(tz=True)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename="camel", kw_only=True):
    """An object that has nothing but what it names."""


class Reference(Strict):
    """The API's `{id, self}`."""

    id: Id
    self: str = ""


class Owner(Strict):
    """A person."""

    account_id: Account | None
    self: str = ""


def given(value: V | UnsetType) -> V | None:
    """The value, None where the client gave none."""
    return None if isinstance(value, UnsetType) else value


def statuses(state: ZephyrState, kind: str) -> list[Row]:
    """The statuses of one type."""
    return [row for row in state.source.catalogue.statuses if row.kind == kind]


class _Listed(msgspec.Struct):
    name: str
    default: bool = False


def named(what: str, rows: Sequence[Row], name: str | UnsetType, status: int = 404) -> int:
    """Id of the row with this name (case sensitive), or of the default row; an error with `status` for no such row."""
    for row in rows:
        listed = msgspec.json.decode(row.body, type=_Listed)
        if listed.default if name is UNSET else listed.name == name:
            return row.id
    raise ApiError(status, f"{what}: the project has no default" if name is UNSET else f"{what} {name!r} not found")


def known(what: str, rows: Sequence[Row], identity: int) -> int:
    """The id, if one of the rows has it; else 404."""
    if all(row.id != identity for row in rows):
        raise ApiError(404, f"{what} {identity} not found")
    return identity


def folder(state: ZephyrState, identity: int | None, kind: str) -> dict[str, Any] | None:
    """The reference to a folder of this type; 404 for an unknown one, 400 for one of another type."""
    if identity is None:
        return None
    row = state.folders.get(identity)
    if row is None:
        raise ApiError(404, f"Folder {identity} not found")
    if row.kind != kind:
        raise ApiError(400, f"Folder {identity} is not of the type {kind}")
    return reference("folders", identity)


def custom_fields(names: frozenset[str], values: dict[str, Any]) -> dict[str, Any]:
    """Every custom field of these names, null where the client gave none; 400 for another one."""
    unknown = sorted(values.keys() - names)
    if unknown:
        raise ApiError(400, f"customFields: the project has no field {unknown[0]!r}")
    return {name: values.get(name) for name in sorted(names)}


def moment(name: str, value: datetime | UnsetType | None) -> str | None:
    """The instant in Zephyr's form; 400 for one that no calendar holds in UTC."""
    if value is None or isinstance(value, UnsetType):
        return None
    try:
        return stamp(value)
    except OverflowError as error:
        raise ApiError(400, f"{name}: beyond the calendar") from error
