"""Where each generated execution stands: its cycle, case, environment and end, a pure function of seed and position.

Forty executions are a round of 26 test cases, its first half in one cycle, its second in the next. A round has 36
executions with an end date, three planned ones and one that has a result but no date.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

ROUND, CASES_OF_ROUND = 40, 26
Kind = Literal["ended", "planned", "undated"]
Environment = Literal["first", "second", "archived", "none"]
_KINDS: dict[str, Kind] = {"e": "ended", "p": "planned", "u": "undated"}


class Slot(NamedTuple):
    """One of the forty places of a round; `turn` counts the executions of one case, cycle and environment from 0."""

    case: int
    environment: Environment
    turn: int
    turns: int
    kind: Kind


def _slots(*cells: tuple[int, Environment, str]) -> tuple[Slot, ...]:
    return tuple(
        Slot(case, environment, turn, len(kinds), _KINDS[kind])
        for case, environment, kinds in cells
        for turn, kind in enumerate(kinds)
    )


ELSEWHERE, OUTSIDE = 5, 10
"""The case of a round that is not among the project's, and the one that is executed outside any cycle."""
SLOTS = _slots(
    (0, "first", "e"),
    (0, "second", "e"),
    (0, "none", "e"),
    (1, "first", "ee"),
    (2, "first", "eee"),
    (3, "none", "eeeee"),
    (4, "first", "e"),
    (ELSEWHERE, "first", "e"),
    (6, "second", "e"),
    (7, "first", "p"),
    (8, "first", "ep"),
    (9, "archived", "e"),
    (OUTSIDE, "first", "e"),
    (11, "first", "ue"),
    (12, "second", "eeee"),
    (13, "first", "p"),
    *((case, "none" if case % 3 else "first", "e") for case in range(14, CASES_OF_ROUND)),
)
_ENDED = tuple(n for n, slot in enumerate(SLOTS) if slot.kind == "ended")
_FIRST_DATED = 28
_ORDER = {1: (0,), 2: (1, 0), 3: (2, 0, 1), 4: (3, 2, 1, 0), 5: (0, 3, 3, 1, 2)}
"""The order in which the executions of one cell ended; the third and second of five ended at the same second."""
_DATES = (
    "2021-03-28T00:59:59Z",
    "2021-03-28T01:00:00Z",
    "2021-03-28T02:00:01Z",
    "2021-10-31T00:30:00Z",
    "2021-10-31T01:00:00Z",
    "2021-10-31T01:30:00Z",
    "2021-03-14T10:00:00Z",
    "2021-11-07T05:30:00Z",
    "2021-11-07T06:30:00Z",
    "2020-02-29T12:00:00Z",
    "2024-02-29T23:59:59Z",
    "2019-12-31T23:59:59Z",
    "2021-01-01T00:00:00Z",
)
"""Around changes of the clocks in Europe and America, leap days, ends of years."""
_BEGAN = datetime(2019, 7, 1, 6, tzinfo=UTC)
_CYCLE, _DAY = timedelta(days=29), 86_400


def length(ended: int) -> int:
    """How many executions there are when so many of them have an end date."""
    rounds, rest = divmod(ended, len(_ENDED))
    return rounds * ROUND + (_ENDED[rest - 1] + 1 if rest else 0)


def half(position: int) -> int:
    """Number of the half round; halves take the cycles in turn."""
    return position * 2 // ROUND


def began(cycle: int) -> datetime:
    """When the cycle with this number began; four weeks later it ended."""
    return _BEGAN + _CYCLE * (cycle % 72)


def ended(position: int, slot: Slot, cycle: int, seed: int) -> str:
    """actualEndDate of an execution that has one."""
    if position % ROUND in range(_FIRST_DATED, _FIRST_DATED + 4):
        return _DATES[(position // ROUND * 4 + position % ROUND - _FIRST_DATED) % len(_DATES)]
    first = position - slot.turn
    seconds = (first * 48_271 + seed * 7_919) % (20 * _DAY) + _ORDER[slot.turns][slot.turn] * (_DAY + 61)
    return stamp(began(cycle) + timedelta(seconds=seconds))


def stamp(moment: datetime) -> str:
    """Zephyr's form of an instant (facts.md 1.4)."""
    return f"{moment.isoformat()[:19]}Z"
