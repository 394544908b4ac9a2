"""The parts of a move: under each row that others belong to (`Kind.part_of`), what became of all that it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ztoq_async.kinds import KINDS, REPORTED
from ztoq_async.mapping.kind import Kind
from ztoq_async.resources.database import Database
from ztoq_async.store.sums import Sum, sums

_BY_NAME = {kind.name: kind for kind in KINDS}
WORDS = ("verified", "refused", "different", "missing")


async def parts(database: Database, number: int, *, verified: bool) -> list[dict[str, Any]]:
    """One for each such row of a pass, by key: its kind and key, how much it holds of each kind, what became of it.

    All are held in memory at once: there are as many as Zephyr has test cycles.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for kind in KINDS:
        chain = _chain(kind)
        if kind.reported and chain[-1].name in {other.part_of for other in KINDS}:
            for row in await sums(database, number, [above.name for above in chain]):
                _add(found, chain, row, verified=verified)
    return [found[name] for name in sorted(found, key=lambda name: (name[0], _natural(name[1])))]


def held(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """The kinds that some parts hold, in the order of reports."""
    return [kind for kind in REPORTED if any(kind in part["holds"] for part in parts)]


def _chain(kind: Kind) -> list[Kind]:
    chain = [kind]
    while chain[-1].part_of:
        chain.append(_BY_NAME[chain[-1].part_of])
    return chain


def _add(found: dict[tuple[str, str], dict[str, Any]], chain: list[Kind], row: Sum, *, verified: bool) -> None:
    top = chain[-1].reported
    part = found.setdefault((top, row.key), {"kind": top, "key": row.key, "holds": {}, **dict.fromkeys(WORDS, 0)})
    if len(chain) > 1:
        holds = part["holds"]
        holds[chain[0].reported] = holds.get(chain[0].reported, 0) + row.number
    for word in ("verified", "refused", "different"):
        part[word] += getattr(row, word)
    part["missing"] += row.unseen if verified else 0


def _natural(key: str) -> list[tuple[int, str]]:
    """Sorts numbers in a key as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", key)]
