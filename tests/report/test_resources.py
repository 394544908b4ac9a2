"""What the engine used, in the report: few points, no peak lost, a plot that can be read at any length."""

import itertools
import math

import pytest
from selectolax.lexbor import LexborHTMLParser

from ztoq_async.report.plot import HEIGHT, LEFT, RIGHT, WIDTH, Line, plot
from ztoq_async.report.resource_section import resource_section
from ztoq_async.report.resources import POINTS, resources
from ztoq_async.resources.samples import Sample

LINES = {"http.in_use": 4, "http.idle": 3, "queue.read.waiting": 60}


def a_sample(at, *, rss=100 * 2**20, connections=1, **gauges):
    hosts = {"203.0.113.7:443": {"ESTABLISHED": connections}}
    return Sample(float(at), rss, 10, 5, hosts, 7, 0.01, {**LINES, **gauges})


def section(samples):
    """The section of a run with these samples, the last one's figures being the peaks."""
    return LexborHTMLParser(resource_section({"resources": resources(samples, samples[-1].figures())}))


def test_a_long_run_has_few_points_and_every_peak():
    """3,600 samples with one peak between the points that are shown: it is in the series, and in the connections."""
    samples = [a_sample(at) for at in range(3600)]
    samples[1234] = a_sample(1234, rss=900 * 2**20, connections=99)
    found = resources(samples, {})
    assert len(found["seconds"]) <= POINTS
    assert {len(values) for values in found["series"].values()} == {len(found["seconds"])}
    assert (found["seconds"][-1], max(found["series"]["rss_bytes"])) == (3599, 900 * 2**20)
    assert found["connections"] == {"203.0.113.7:443": {"ESTABLISHED": 99}}


def test_a_figure_that_nobody_gave_is_a_gap():
    """A queue that came later, and a gauge that failed or ran away, are null there, not zero."""
    samples = [
        Sample(0.0, 1, 1, 1, {}, 1, 0.0),
        a_sample(1),
        a_sample(2, **{"http.idle": math.nan}),
        a_sample(3, **{"http.idle": math.inf}),
    ]
    series = resources(samples, {})["series"]
    assert (series["queue.read.waiting"], series["http.idle"]) == ([None, 60, 60, 60], [None, 3, None, None])


@pytest.mark.parametrize(
    ("number", "unit"), [(1, "seconds"), (2, "seconds"), (240, "minutes"), (3600, "minutes"), (72_000, "hours")]
)
def test_the_plots_can_be_read_at_any_length(number, unit):
    """Three plots with title, description, units, few ticks that do not run into each other, all inside the picture."""
    tree = section([a_sample(at, rss=(100 + at % 7) * 2**20) for at in range(number)])
    plots = tree.css("svg.plot")
    assert [one.css_first("title").text() for one in plots] == [
        f"{name} over the run" for name in ("Memory", "Connections", "Work queues")
    ]
    for one in plots:
        assert "at most" in one.css_first("desc").text()
        assert one.css_first(".axis").text() == f"{unit} since the start"
        along = [float(text.attributes["x"]) for text in one.css(".along")]
        assert 1 < len(along) < 12
        assert all(later - earlier > 40 for earlier, later in itertools.pairwise(along))
        assert LEFT <= min(along) <= max(along) <= WIDTH - RIGHT
        assert 2 <= len(one.css(".up")) <= 7
        drawn = one.css("path.line") if number > 1 else one.css("circle.dot")
        assert drawn and all(0 <= y <= HEIGHT for shape in drawn for y in heights(shape))


def heights(shape):
    """The heights of a line's or a point's places."""
    if "cy" in shape.attributes:
        return [float(shape.attributes["cy"])]
    return [float(place.split()[1]) for place in shape.attributes["d"].removeprefix("M").split("L")]


def test_the_highest_value_stands_highest_and_zero_at_the_bottom():
    """The picture is drawn from zero up, to a round number that is not below the highest value."""
    tree = LexborHTMLParser(plot("t", "MB", [0, 5, 10], [Line("one", [0, 50, 87])]))
    low, middle, high = heights(tree.css_first("path.line"))
    assert low > middle > high >= 0
    assert [text.text() for text in tree.css(".up")] == ["0", "50", "100"]


def test_gaps_part_a_line_and_a_lone_value_is_a_dot():
    """Two values, a gap, one value: a line and a dot, nothing drawn across the gap."""
    tree = LexborHTMLParser(plot("t", "MB", [0, 1, 2, 3], [Line("one", [1, 2, None, 3])]))
    assert (len(tree.css("path.line")), len(tree.css("circle.dot"))) == (1, 1)
    assert len(heights(tree.css_first("path.line"))) == 2


def test_a_plot_without_values_is_left_out():
    """No queue was seen: the other plots stand alone; without a sample there is no section at all."""
    tree = section([Sample(0.0, 1, 1, 1, {}, 1, 0.0)])
    assert [one.css_first("title").text() for one in tree.css("svg.plot")] == ["Memory over the run"]
    nothing = {"seconds": [], "series": {}, "peaks": {}, "connections": {}}
    assert resource_section({"resources": nothing}) == resource_section({}) == ""


def test_the_peaks_stand_beside_the_plots_with_their_units():
    """Memory in MB, lag in milliseconds, connections by host and state."""
    tree = section([a_sample(0), a_sample(1, rss=300 * 2**20, connections=1234)])
    rows = dict(zip((n.text() for n in tree.css("dt")), (n.text() for n in tree.css("dd")), strict=True))
    assert (rows["memory"], rows["event loop late by"]) == ("300 MB", "10 ms")
    assert rows["203.0.113.7:443 ESTABLISHED"] == "1,234"


def test_nothing_in_the_section_is_markup_of_somebody_else_or_from_elsewhere():
    """A host's name is text; the pictures need no script, no style of their own and no address."""
    evil = Sample(0.0, 1, 1, 1, {"<script>x</script>": {"<b>": 1}}, 1, 0.0)
    text = resource_section({"resources": resources([evil, a_sample(1)], {})})
    assert not any(word in text for word in ("<script", "<b>", "http:", "https:", "href", "style="))
