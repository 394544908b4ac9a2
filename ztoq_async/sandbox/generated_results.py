"""Frozen steps of generated executions: the texts of the case as they were then, with results."""

import random
from html import escape
from typing import Any

from ztoq_async.sandbox import generated_texts as texts
from ztoq_async.sandbox.flattening import Texts, texts_of
from ztoq_async.sandbox.source import CLOUD


def as_it_was(rows: list[Texts], number: int) -> list[Texts]:
    """The rows before the case was edited: every eighth changed, with one more, with one less, or in another order."""
    match number % 32:
        case 3:
            return [row | {"description": f"{row['description'] or ''} <em>as it was</em>"} for row in rows[:1]] + rows[
                1:
            ]
        case 11:
            return [*rows[:1], texts_of("A step that was removed since", None, "<p>It is gone</p>"), *rows[1:]]
        case 19:
            return rows[:-1]
        case 27:
            return rows[1::-1] + rows[2:]
    return rows


def doubled(rows: list[Texts], number: int) -> list[tuple[Texts, int | None]]:
    """Each text with its testDataRowNumber: executions of every 29 ran their case with two rows of test data."""
    if number % 29 == 6:
        return [(row, data) for data in (0, 1) for row in rows]
    return [(row, None) for row in rows]


def results(
    number: int, execution: int, rows: list[tuple[Texts, int | None]], statuses: list[int], rng: random.Random
) -> list[dict[str, Any]]:
    """The steps as the API gives them; a single status is that of every step, and nothing has been seen yet."""
    return [
        {
            "id": None if number % 17 == 4 else execution * 100 + place,
            "inline": row
            | {
                "actualResult": _seen(rng) if len(statuses) > 1 else None,
                "testDataRowNumber": data,
                "reflectRef": None,
                "status": _reference(rng.choice(statuses)),
            },
        }
        for place, (row, data) in enumerate(rows)
    ]


def _reference(status: int) -> dict[str, Any]:
    return {"id": status, "self": f"{CLOUD}/statuses/{status}"}


def _seen(rng: random.Random) -> str | None:
    """An actual result."""
    drawn = rng.random()
    if drawn < 0.6:
        return None if drawn < 0.4 else ""
    return texts.markup(rng) if drawn < 0.9 else f"{escape(texts.phrase(rng))} &euro; 5 &lt; 6 💥"
