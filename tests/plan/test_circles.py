"""Circles of calls are cut where they close, and nowhere else."""

import random

from hypothesis import given
from hypothesis import strategies as st

from ztoq_async.plan import without_circles

KEYS = st.integers(0, 9).map("T{}".format)
EDGES = st.dictionaries(KEYS, st.lists(KEYS, max_size=5), max_size=10)


def reachable(edges, start):
    found, open_keys = set(), list(edges.get(start, ()))
    while open_keys:
        key = open_keys.pop()
        if key not in found:
            found.add(key)
            open_keys += edges.get(key, ())
    return found


@given(EDGES)
def test_the_result_has_no_circle_and_called_ones_come_first(edges):
    """Each key once; whatever it calls among the keys stands before it."""
    kept = without_circles(edges)
    assert set(kept) == set(edges)
    before = set()
    for key, called in kept.items():
        assert all(other in before or other not in edges for other in called)
        assert len(called) == len(set(called))
        before.add(key)


@given(EDGES)
def test_only_what_closes_a_circle_is_cut(edges):
    """A cut edge's called key leads back to its caller by edges that are kept."""
    kept = without_circles(edges)
    for key, called in edges.items():
        assert set(kept[key]) <= set(called)
        for other in set(called) - set(kept[key]):
            assert other == key or key in reachable(kept, other)


@given(EDGES, st.integers())
def test_the_order_of_the_input_does_not_matter(edges, seed):
    """The same calls are cut on every start: keys are visited in their own order."""
    keys = list(edges)
    random.Random(seed).shuffle(keys)
    assert without_circles({key: edges[key] for key in keys}) == without_circles(edges)


def test_a_deep_chain_needs_no_deep_stack():
    """Ten thousand calls one after another."""
    edges = {f"{number:05}": [f"{number + 1:05}"] for number in range(10_000)}
    assert list(without_circles(edges)) == sorted(edges, reverse=True)
