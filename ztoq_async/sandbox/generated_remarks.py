"""What testers leave on a generated execution: who, how long, comments, custom fields."""

import random
from typing import Any

from ztoq_async.sandbox import generated_texts as texts
from ztoq_async.sandbox.generated_lists import BROWSERS, DELETED_OWNERS, OWNERS, TEAMS

FIELDS = frozenset(
    ("Build", "Remarks", "Retries", "Duration factor", "Flaky", "Checked on", "Device", "Areas", "Reviewer")
)
_COMMENTS = (
    None,
    "",
    "Plain remark without markup",
    "Done &amp; dusted: a &lt; b, 5 &euro; &nbsp; &#128640; 🎉 検査",
)


def done(number: int, planned: bool, rng: random.Random) -> dict[str, Any]:
    """Executor, assignee, time and comment; nobody has executed what is planned. Every fourth tells no time at all."""
    people = (*OWNERS, *DELETED_OWNERS)
    row: dict[str, Any] = {"assignedToId": rng.choice((None, *people))}
    if planned:
        return row | {"executedById": None, "comment": None}
    row |= {"executedById": DELETED_OWNERS[number % 2] if number % 12 == 7 else rng.choice((None, *OWNERS))}
    comment = texts.markup(rng) if number % 3 == 0 else rng.choice(_COMMENTS)
    if number % 4:
        row["executionTime"] = (0, 1_000 * rng.randrange(1, 7_200), rng.randrange(1, 7_200_000) | 1)[number % 4 - 1]
    return row | {"comment": comment}


def custom_fields(number: int, rng: random.Random) -> dict[str, Any]:
    """One value of every type of custom field, or null (facts.md 1.10)."""
    values = {
        "Build": f"build-{number} & <more>",
        "Remarks": texts.markup(rng),
        "Retries": rng.randrange(5),
        "Duration factor": round(rng.random() * 3, 2),
        "Flaky": rng.random() < 0.1,
        "Checked on": f"2024-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}T00:00:00Z",
        "Device": rng.choice(TEAMS),
        "Areas": rng.sample(BROWSERS, rng.randrange(3)),
        "Reviewer": rng.choice(OWNERS + DELETED_OWNERS),
    }
    return {name: value if rng.random() < 0.7 else None for name, value in values.items()}
