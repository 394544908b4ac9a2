"""What `run --plan` found, in a few lines for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SIDES = {"zephyr": "to Zephyr", "qtest": "to qTest", "verify": "to read back"}


def outlook(forecast: dict[str, Any]) -> str:
    """What would be made, the calls on each side and their time, what cannot be carried."""
    return "\n".join([*_rows(forecast), *_calls(forecast), *_hours(forecast), *_lost(forecast), *_words(forecast)])


def _rows(forecast: dict[str, Any]) -> Iterator[str]:
    yield "a run would make"
    for name, row in forecast["kinds"].items():
        if row["read"]:
            rest = [f"{row[word]:,} {word}" for word in ("unchanged", "refused") if row[word]]
            yield f"  {name:<14}{row['to_make']:>10,} of {row['read']:,}" + (f" ({', '.join(rest)})" if rest else "")


def _calls(forecast: dict[str, Any]) -> Iterator[str]:
    yield "calls"
    for side, words in SIDES.items():
        parts = ", ".join(f"{word} {number:,}" for word, number in forecast["calls_for"][side].items())
        yield f"  {words:<14}{forecast['calls'][side]:>10,}" + (f": {parts}" if parts else "")


def _hours(forecast: dict[str, Any]) -> Iterator[str]:
    yield "time, both services being asked at once"
    for side, rows in forecast["hours"].items():
        for row in rows:
            source = "as the settings say" if row["known"] else "assumed: the rate is not known"
            rate = f"at {row['per_minute']:,} calls a minute, {source}"
            yield f"  {SIDES[side]:<14}{_time(row['hours']):>10} {rate}"


def _time(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:,.1f} min"


def _lost(forecast: dict[str, Any]) -> Iterator[str]:
    yield (
        "what cannot be carried, as far as lists show it" if forecast["lost"] else "the lists show nothing that is lost"
    )
    for rule, lost in forecast["lost"].items():
        yield f"  {rule:<26}{lost['number']:,}"
        for row in lost["first"]:
            yield f"    {row['kind']} {row['key']}, {row['attribute']}: {row['words']}"
    yield f"not read by this version: {', '.join(forecast['not_read'])}"


def _words(forecast: dict[str, Any]) -> Iterator[str]:
    for words in forecast["assumed"]:
        yield f"assumed: {words}"
    for words in forecast["stops"]:
        yield f"a run would not begin: {words}"
