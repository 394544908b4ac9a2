"""A store in the middle of a run: 100,000 rows of the journal with their edges, 100,000 records of the archive."""

from __future__ import annotations

from ztoq_async.resources.database import Database
from ztoq_async.store.schema import upgrade

EPOCH = 7
MODULES, CASES, CYCLES, SUITES, RUNS, LOGS = 500, 10_000, 100, 400, 19_000, 60_000
ROWS = MODULES + 2 * CASES + CYCLES + SUITES + RUNS + LOGS
EXECUTIONS = ROWS - MODULES - CASES - SUITES
OPEN_RUNS, OPEN_LOGS = 18_900, 55_000
"""Numbers from which on runs and logs are still to be made."""
FILL_S = 60.0

# Numbers of logs go to runs, those of runs to suites and test cases, those of test cases to modules.
RUN_OF = f"(1 + (n - 1) * {RUNS} / {LOGS})"
CASE_OF = f"(1 + n % {CASES})"
KINDS = (
    ("module", MODULES, "'M' || n", "CASE WHEN n > 1 THEN ARRAY['module:M' || 1 + n / 10] ELSE '{}' END"),
    ("test-case", CASES, "'MM-T' || n", f"ARRAY['module:M' || 1 + n % {MODULES}]"),
    ("approval", CASES, "'MM-T' || n", "ARRAY['test-case:MM-T' || n]"),
    ("test-cycle", CYCLES, "'C' || n", "'{}'"),
    ("test-suite", SUITES, "'MM-R' || n", f"ARRAY['test-cycle:C' || 1 + n % {CYCLES}]"),
    (
        "test-run",
        RUNS,
        "'R' || n",
        f"ARRAY['test-suite:MM-R' || 1 + n % {SUITES}, 'test-case:MM-T' || {CASE_OF}, 'approval:MM-T' || {CASE_OF}]",
    ),
    (
        "test-log",
        LOGS,
        "n::text",
        f"ARRAY['test-run:R' || {RUN_OF}, 'test-case:MM-T' || 1 + {RUN_OF} % {CASES}]",
    ),
)
ARCHIVED = (
    ("folder", MODULES, "'M' || n", "''"),
    ("test-case", CASES, "'MM-T' || n", "''"),
    ("test-cycle", SUITES, "'MM-R' || n", "''"),
    ("test-execution", EXECUTIONS, "n::text", "'R' || n / 3"),
)
# Records of 400 bytes; every detail is there but those of the last executions.
ARCHIVE = """
INSERT INTO archive (source, key, pass, record, detail, detail_pass, place)
SELECT '{source}', {key}, 1, decode(repeat('{{}}', 200), 'escape'),
    CASE WHEN n <= {most} THEN decode('[]', 'escape') ELSE '' END, CASE WHEN n <= {most} THEN 1 ELSE 0 END, {place}
FROM generate_series(1, {number}) AS n
"""
JOURNAL = """
INSERT INTO journal (kind, key, parents, state, pass, attempt, epoch, sent_at, first_sent_at, target_id, version_id,
    step_ids, origin, made_pass, seen_pass)
SELECT '{kind}', {key}, {parents}, 'done', 1, 1, {epoch}, now(), now(), 1000000 + n, 5000000 + n,
    ARRAY[n, n + 1, n + 2], 'created', 1, n % 2
FROM generate_series(1, {number}) AS n
"""
EDGES = """
INSERT INTO journal_edge (parent, child, hard)
SELECT p.id, c.id, true FROM journal c CROSS JOIN LATERAL unnest(c.parents) AS n(name)
JOIN journal p ON p.kind = split_part(n.name, ':', 1) AND p.key = substr(n.name, strpos(n.name, ':') + 1);
INSERT INTO journal_edge (parent, child, hard)
SELECT id - 1, id, false FROM journal c WHERE kind = 'test-log' AND EXISTS (
    SELECT 1 FROM journal p WHERE p.id = c.id - 1 AND p.kind = c.kind AND p.parents = c.parents);
"""
UNMADE = "attempt = 0, epoch = NULL, target_id = NULL, version_id = NULL, step_ids = '{}', origin = NULL, seen_pass = 0"
# What stands out: a few of everything that partial indexes are for.
STATES = f"""
UPDATE journal SET state = 'pending', {UNMADE}
WHERE kind = 'test-log' AND key::int > {OPEN_LOGS} OR kind = 'test-run' AND substr(key, 2)::int > {OPEN_RUNS};
UPDATE journal SET state = 'sent', attempt = 1, epoch = {EPOCH}
WHERE id IN (SELECT id FROM journal WHERE kind = 'test-run' AND state = 'pending' ORDER BY id LIMIT 64);
UPDATE journal SET lacks = true WHERE state = 'pending' AND id % 5 = 0;
UPDATE journal SET state = 'doubt', due_at = now() WHERE kind = 'test-log' AND key::int BETWEEN 54001 AND 54010;
UPDATE journal SET state = 'undoing' WHERE kind = 'test-log' AND key::int BETWEEN 53001 AND 53010;
UPDATE journal SET state = 'refused', reason = 'no', {UNMADE} WHERE kind = 'test-case' AND substr(key, 5)::int < 50;
WITH RECURSIVE down AS (
    SELECT id FROM journal WHERE state = 'refused'
    UNION
    SELECT child FROM down JOIN journal_edge ON parent = id AND hard
)
UPDATE journal SET state = 'refused', reason = 'parent', {UNMADE} WHERE id IN (SELECT id FROM down);
UPDATE journal c SET waits = (
    SELECT count(*) FROM journal_edge e JOIN journal p ON p.id = e.parent
    WHERE e.child = c.id AND NOT (p.state = 'done' OR p.state = 'refused' AND NOT e.hard)
) WHERE state = 'pending';
UPDATE journal SET differences = '{{name}}' WHERE state = 'done' AND seen_pass = 1 AND id % 1000 = 1;
UPDATE journal SET resent = true, relist = id % 4000 = 2 WHERE state = 'done' AND id % 2000 = 2;
INSERT INTO former (kind, key, until, detail, step_ids)
SELECT kind, key, 3, '', step_ids FROM journal WHERE kind = 'test-case' AND state = 'done' AND id % 100 = 0;
"""


async def fill(dsn: str) -> None:
    """An empty database has this store afterwards, with the statistics that the engine takes after planning."""
    async with Database(dsn) as database:
        async with database.session() as session:
            await session.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await upgrade(database)
        async with database.session() as session:
            for statement in _statements():
                await session.execute(statement, timeout=FILL_S)


def _statements() -> list[str]:
    return [
        # edges are what they should be: looking each of them up takes longer than all the rest
        "SET LOCAL session_replication_role = replica",
        *(f"ALTER TABLE {table} SET (autovacuum_enabled = false)" for table in ("journal", "archive", "journal_edge")),
        f"INSERT INTO migration (zephyr, qtest, epoch) VALUES ('z', 'q', {EPOCH})",
        "INSERT INTO pass (number) VALUES (1)",
        *(
            ARCHIVE.format(source=source, number=number, key=key, place=place, most=OPEN_LOGS)
            for source, number, key, place in ARCHIVED
        ),
        *(
            JOURNAL.format(kind=kind, number=number, key=key, parents=parents, epoch=EPOCH)
            for kind, number, key, parents in KINDS
        ),
        "ANALYZE journal",  # else the edges are found by reading the journal for each
        EDGES,
        "ANALYZE journal_edge",
        STATES,
        "ANALYZE",
    ]
