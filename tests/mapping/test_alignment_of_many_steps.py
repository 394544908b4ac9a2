"""Steps of executions against steps of test cases, many of each."""

import time

from ztoq_async.mapping.step_results import Place, aligned
from ztoq_async.zephyr.records import Result


def test_thousands_of_repeated_steps_are_aligned_in_seconds():
    """What stands once is found; what is repeated over and over does not keep the run from renewing its lease."""
    texts = [f"s{number % 3}" for number in range(2000)]
    now = [(Place("test-case:A-T1", number), (text, "", "")) for number, text in enumerate([*texts, "once"])]
    frozen = [Result(description=f"s{number * 7 % 3 if number % 5 else 0}") for number in range(2000)]
    start = time.monotonic()
    places = aligned([*frozen, Result(description="once")], now)
    assert time.monotonic() - start < 3
    assert places[-1] == Place("test-case:A-T1", 2000)
    assert all(place is None or now[place.index][1][0] == frozen[n].description for n, place in enumerate(places[:-1]))
