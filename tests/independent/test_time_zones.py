"""The engine and the services in different time zones: every instant stays what it was."""

import tomllib

import pytest
from both_sides import dump, read_corpus
from history_reader import with_unlisted
from history_sides import read_history
from moving_twice import assert_nothing_bad, read, read_executions
from two_processes import Migration, sandbox

ZONES = [
    ("America/New_York", "Asia/Kolkata"),
    pytest.param("Pacific/Chatham", "America/New_York", marks=pytest.mark.slow),
]
CHANGES = {
    "2021-03-28T00:59:59Z",
    "2021-03-28T01:00:00Z",
    "2021-10-31T00:30:00Z",
    "2021-10-31T01:30:00Z",
    "2021-11-07T05:30:00Z",
    "2021-11-07T06:30:00Z",
    "2020-02-29T12:00:00Z",
    "2019-12-31T23:59:59Z",
}
"""Around changes of the clocks in Europe and New York, a leap day, the end of a year."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("engine", "services"), ZONES)
def test_instants_do_not_depend_on_the_time_zone(engine, services, tmp_path):
    """Starts, ends, planned dates and dates of creation, around changes of the clocks: all are equal."""
    with sandbox("--cases", "60", "--executions", "150", "--seed", "6", zone=services) as site:
        zephyr = site["zephyr"]
        folder = dump(zephyr["base_url"], zephyr["token"], zephyr["project"], tmp_path / "corpus")
        corpus = read_corpus(folder)
        history = read_history(zephyr["base_url"], zephyr["token"], corpus)
        assert {row.get("actualEndDate") for row in history.executions} >= CHANGES
        migration = Migration(site, tmp_path, zone=engine)
        mapping = tomllib.loads(migration.propose_mapping())
        assert_nothing_bad(migration.run())
        found = read_executions(history, site, mapping)
        assert found.differences == []
        assert found.logs - found.undated == 150
        assert read(with_unlisted(corpus, history), site, mapping).differences == []
