"""The benchmarks run, each gives a number, and what falls short is said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.page import END, START

ROOT = Path(__file__).parents[2]


def benchmarks(*arguments):
    """`python -m benchmarks` as a user starts it."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)


LONG = ("overhead", "latency", "scale", "peers")
"""Several runs of the engine each, in processes of their own."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in BENCHMARKS])
def test_every_benchmark_gives_its_figures(name):
    """`--quick --json`: each figure is a number with its spread, a bound or none, and a word on what it is."""
    done = benchmarks("--quick", "--json", name)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    assert figures
    for figure in figures:
        assert 0 <= figure["least"] <= figure["value"] <= figure["most"]
        assert figure["what"]
    if name == "resources":
        page = (ROOT / "docs" / "resource-management.md").read_text(encoding="utf-8")
        assert [figure["name"] for figure in figures if f"`{figure['name']}`" not in page] == []
    assert [figure for figure in figures if "at_least" in figure or "at_most" in figure]


def test_every_figure_of_the_page_is_one_that_is_measured():
    """docs/performance.md has a row for each benchmark's figures."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    table = page.partition(START)[2].partition(END)[0]
    assert all(f"`{name}" in table for name in ("overhead-", "rate-", "latency-", "calls-", "memory-", "store-"))


def test_a_figure_that_falls_short_is_named_and_ends_in_1():
    """A bound that is not kept shows in the line, and its name at the end."""
    code = (
        "import sys; from benchmarks import __main__ as main; from benchmarks.measure import Figure\n"
        "main.BENCHMARKS = {'one': lambda size: [Figure('slow', 'a thing', (0.5, 0.7, 0.6), at_least=0.8)]}\n"
        "sys.exit(main.main(['one']))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "falls short: slow")
    assert done.stdout.startswith("SHORT slow")


@pytest.mark.parametrize("arguments", [["nothing"], ["--nothing"], ["--docs", "rate"], ["--docs", "--quick"]])
def test_what_cannot_be_asked_is_refused(arguments):
    """An unknown name ends in 2, with those that there are; so does a page of a part."""
    done = benchmarks(*arguments)
    assert done.returncode == 2
    assert "usage: python -m benchmarks" in done.stderr
