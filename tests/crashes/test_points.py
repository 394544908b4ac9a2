"""Which boundaries are chosen for crashes."""

from points import Point, every, some

RUN = [
    *("1 before start of the store", "1 after start of the store", "1 before GET /a", "1 after GET /a"),
    *("1 before commit of b", "1 after commit of b", "1 before POST /c", "1 fenced POST /c", "1 after POST /c"),
    *("1 before flush", "2 before commit of b", "2 after commit of b", "1 after flush"),
    *("1 before PUT /d", "1 after PUT /d", "1 before stop of the store", "1 after stop of the store"),
]


def test_there_is_one_point_after_each_effect_and_one_before_the_first():
    """A crash anywhere between two effects leaves the same: one of those boundaries is drawn."""
    stretches = [RUN[0:1], RUN[1:5], RUN[5:8], RUN[8:11], RUN[11:14], RUN[14:16], RUN[16:17]]
    drawn = [every(RUN, seed) for seed in range(40)]
    for n, stretch in enumerate(stretches):
        assert {points[n].boundary for points in drawn} == set(stretch)
    assert {len(points) for points in drawn} == {len(stretches)}


def test_a_choice_holds_the_ends_of_a_run_and_what_is_passed_only_once():
    """Half is spread from the first to the last; all of the server's boundaries are there, then the rarest."""
    chosen = some(RUN, 12, seed=1)
    assert len(chosen) == 12
    assert (chosen[0].n, chosen[-1].n) == (1, 7)
    assert {point.boundary for point in chosen} >= {boundary for boundary in RUN if boundary.endswith("the store")}
    assert Point(6, "1 before PUT /d") in chosen or Point(6, "1 after PUT /d") in chosen
