"""Whole projects with their executions, from process to process: all arrives once, nothing is written again."""

import pytest
from both_sides import dump, read_corpus
from moving_twice import moved_twice_with_executions
from two_processes import sandbox

SIZES = [pytest.param(26, 1, marks=pytest.mark.slow, id="26"), pytest.param(60, 5, marks=pytest.mark.slow, id="60")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("cases", "seed"), SIZES)
def test_a_generated_history_arrives_whole(cases, seed, tmp_path):
    """Every shape of execution that the generator knows, under the proposed mapping; few cases run again and again."""
    with sandbox("--cases", str(cases), "--executions", "400", "--seed", str(seed)) as site:
        zephyr = site["zephyr"]
        folder = dump(zephyr["base_url"], zephyr["token"], zephyr["project"], tmp_path / "corpus")
        _, executions, _ = moved_twice_with_executions(site, read_corpus(folder), tmp_path)
    assert executions.logs - executions.undated == 400
    assert executions.results > executions.tabled > 0
