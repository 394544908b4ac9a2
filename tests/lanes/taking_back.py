"""What `undo` left behind, by the sandbox's own word and the journal's tables."""

import asyncpg

KINDS = ("module", "test-case", "test-cycle", "test-suite", "test-run", "test-log")
JOURNAL = "SELECT array_agg(journal::text ORDER BY id) FROM journal"
STATES = "SELECT state, count(*) FROM journal GROUP BY state ORDER BY state"


async def sql(url, query):
    """One statement on the store."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def there(move):
    """Ids of all that callers have made, by kind."""
    return {kind: sorted(row["id"] for row in await move.objects(kind)) for kind in KINDS}


def counts(report, word):
    """Of what undo says the kinds with that word, zeros left out."""
    return {kind: row[word] for kind, row in report["kinds"].items() if row[word]}


def numbers(objects):
    """How many objects there are of each kind, zeros left out."""
    return {kind: len(ids) for kind, ids in objects.items() if ids}


NOTHING = dict.fromkeys(KINDS, ())


def assert_as_said(forecast, report):
    """A dry run says what the real one does; that may look less, since the lists have become shorter."""
    assert forecast["dry_run"] and not report["dry_run"]
    for name in ("outcome", "kinds", "spared"):
        assert report[name] == forecast[name]
    assert report["calls"]["deletes"] == forecast["calls"]["deletes"]
    assert 0.7 * forecast["calls"]["looks"] < report["calls"]["looks"] <= forecast["calls"]["looks"]
