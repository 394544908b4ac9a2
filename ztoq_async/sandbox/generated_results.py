"""Frozen steps of generated executions: the texts of the case, calls flattened, as they were then, with results."""

import random
from html import escape
from typing import Any

import msgspec

from ztoq_async.sandbox import generated_texts as texts
from ztoq_async.sandbox.source import CLOUD, CaseSource

Texts = dict[str, str | None]


class _Inline(msgspec.Struct, rename="camel"):
    description: str | None = None
    test_data: str | None = None
    expected_result: str | None = None


class _Called(msgspec.Struct):
    key: str = msgspec.field(name="testCaseKey")


class _Step(msgspec.Struct):
    inline: _Inline | None = None
    called: _Called | None = msgspec.field(name="testCase", default=None)


class _Script(msgspec.Struct):
    text: str


_STEPS = msgspec.json.Decoder(list[_Step])
_SCRIPT = msgspec.json.Decoder(_Script)


def flattened(cases: CaseSource, position: int, callers: tuple[int, ...] = ()) -> list[Texts]:
    """The texts of a case, those of called cases in their place; a script is one text. A call back is left out."""
    script = cases.script(position)
    if script is not None:
        return [_texts(_SCRIPT.decode(script).text, None, None)]
    rows: list[Texts] = []
    for step in _STEPS.decode(cases.steps(position)):
        if step.called is not None:
            called = cases.position(step.called.key)
            if called is not None and called not in (*callers, position):
                rows += flattened(cases, called, (*callers, position))
        elif step.inline is not None:
            rows.append(_texts(step.inline.description, step.inline.test_data, step.inline.expected_result))
    return rows


def as_it_was(rows: list[Texts], number: int) -> list[Texts]:
    """The rows before the case was edited: every eighth changed, with one more, with one less, or in another order."""
    match number % 32:
        case 3:
            return [row | {"description": f"{row['description'] or ''} <em>as it was</em>"} for row in rows[:1]] + rows[
                1:
            ]
        case 11:
            return [*rows[:1], _texts("A step that was removed since", None, "<p>It is gone</p>"), *rows[1:]]
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


def _texts(description: str | None, data: str | None, expected: str | None) -> Texts:
    return {"description": description, "testData": data, "expectedResult": expected}
