"""The statements of the journal; `transitions.py` says which of them may follow on which state."""

from __future__ import annotations

from ztoq_async.store.transitions import DONE, DOUBT, GONE, PENDING, REFUSED, SENT, UNDO_FROM, UNDOING

# What is done and planned once more as it was, by an engine that goes on with a pass, is not written again. What was
# refused after a request without an answer may be there, whatever a look has shown: it is looked for once more.
INSERT = f"""
INSERT INTO journal (kind, key, parents, counted, state, reason, pass)
SELECT kind, key, string_to_array(parents, $6), counted,
    CASE reason WHEN '' THEN '{PENDING}' ELSE '{REFUSED}' END, reason, $7
FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::text[]) AS t(kind, key, parents, counted, reason)
ON CONFLICT (kind, key) DO UPDATE SET pass = excluded.pass, counted = excluded.counted,
    lacks = false,
    parents = CASE WHEN journal.state = '{DONE}' AND excluded.reason <> ''
        THEN journal.parents ELSE excluded.parents END,
    target_id = CASE WHEN journal.state = '{GONE}' THEN NULL ELSE journal.target_id END,
    due_at = CASE WHEN journal.state = '{REFUSED}' AND journal.resent THEN now() ELSE journal.due_at END,
    state = CASE WHEN journal.state = '{REFUSED}' AND journal.resent AND excluded.reason = '' THEN '{DOUBT}'
        WHEN journal.state IN ('{REFUSED}', '{GONE}') OR (journal.state = '{DONE}' AND journal.key = ANY($8))
        THEN excluded.state ELSE journal.state END,
    reason = CASE WHEN journal.state IN ('{REFUSED}', '{GONE}', '{DONE}') THEN excluded.reason ELSE journal.reason END
WHERE NOT (journal.state = '{DONE}' AND NOT journal.lacks AND journal.key <> ALL($8)
    AND (journal.pass, journal.counted, journal.parents, journal.reason)
        = (excluded.pass, excluded.counted, excluded.parents, excluded.reason))
RETURNING id, kind, key, state IN ('{PENDING}', '{SENT}', '{DOUBT}') AS open
"""

FORGET_EDGES = "DELETE FROM journal_edge WHERE child = ANY($1::bigint[])"

# OFFSET 0: else each parent is looked up twice.
CONNECT = """
INSERT INTO journal_edge (parent, child, hard) SELECT parent, child, hard FROM (
    SELECT (SELECT id FROM journal p WHERE p.kind = t.kind AND p.key = t.key) AS parent, child, hard
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bool[]) AS t(kind, key, child, hard) OFFSET 0
) AS edge WHERE parent IS NOT NULL ON CONFLICT DO NOTHING
"""

# By ids alone, parent by parent: a join reads the whole table once a row, the index of states all that is pending.
_WAITS = f"""
UPDATE journal c SET waits = (
    SELECT count(*) FROM journal_edge e WHERE e.child = c.id AND (
        SELECT p.state <> '{DONE}' AND (p.state <> '{REFUSED}' OR e.hard) FROM journal p WHERE p.id = e.parent
    )
) WHERE c.state || '' = '{PENDING}' AND c.id = ANY"""

WAITING = _WAITS + "($1::bigint[])"

WAITING_FOR = _WAITS + "(ARRAY(SELECT child FROM journal_edge WHERE parent = ANY($1::bigint[])))"

LACKS = """
UPDATE journal j SET lacks = true WHERE id = ANY($1::bigint[]) AND (
    SELECT a.detail_pass < $3 OR a.fault <> '' FROM archive a WHERE a.source = $2 AND a.key = j.key
)
"""

LATE = f"""
SELECT count(*) FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS t(kind, key, before_kind, before_key)
WHERE (SELECT c.state FROM journal c WHERE c.kind = t.kind AND c.key = t.key) = '{DONE}'
    AND (SELECT p.state FROM journal p WHERE p.kind = t.before_kind AND p.key = t.before_key) = '{PENDING}'
"""

REFRESH = """
UPDATE journal j SET version_id = t.version, step_ids = string_to_array(t.steps, ',')::bigint[]
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS t(id, version, steps) WHERE j.id = t.id
"""

BRIDGE = f"""
WITH RECURSIVE up AS (
    SELECT e.child AS refused, e.parent FROM journal_edge e WHERE e.child = ANY($1::bigint[]) AND NOT e.hard
    UNION
    SELECT up.refused, e.parent FROM up JOIN journal p ON p.id = up.parent AND p.state = '{REFUSED}'
    JOIN journal_edge e ON e.child = p.id AND NOT e.hard
)
INSERT INTO journal_edge (parent, child, hard)
SELECT up.parent, down.child, false FROM up JOIN journal_edge down ON down.parent = up.refused AND NOT down.hard
ON CONFLICT DO NOTHING
"""

READY = f"""
UPDATE journal j SET lacks = false,
    state = CASE WHEN t.fault <> '' AND j.state = '{PENDING}' THEN '{REFUSED}' ELSE j.state END,
    reason = CASE WHEN t.fault <> '' AND j.state IN ('{PENDING}', '{DONE}') THEN t.fault ELSE j.reason END
FROM (
    SELECT (SELECT id FROM journal o WHERE o.kind = $1 AND o.key = u.key) AS id, u.fault
    FROM unnest($2::text[], $3::text[]) AS u(key, fault)
) AS t WHERE j.id = t.id
RETURNING j.id, j.state
"""

UNCLAIM = f"""
UPDATE journal SET state = '{PENDING}' WHERE kind = $1 AND state = '{SENT}' AND epoch = $2 AND id <> ALL($3::bigint[])
"""

CLAIM = f"""
WITH claimed AS (
    UPDATE journal SET state = '{SENT}', epoch = $4, sent_at = now(), attempt = attempt + 1,
        first_sent_at = coalesce(first_sent_at, now()) WHERE id IN (
        SELECT id FROM journal WHERE kind = $1 AND state = '{PENDING}' AND waits = 0 AND NOT lacks AND pass = $5
        ORDER BY id + 0 LIMIT $3
    ) RETURNING id, key, parents, attempt
)
SELECT c.*, a.record, a.detail FROM claimed c LEFT JOIN archive a ON a.source = $2 AND a.key = c.key ORDER BY c.id
"""

MOVE = f"""
UPDATE journal j SET state = $1,
    target_id = CASE WHEN $1 = '{DONE}' THEN t.target ELSE j.target_id END,
    version_id = CASE WHEN $1 = '{DONE}' THEN t.version ELSE j.version_id END,
    step_ids = CASE WHEN $1 = '{DONE}' THEN string_to_array(t.steps, ',')::bigint[] ELSE j.step_ids END,
    origin = CASE WHEN $1 = '{DONE}' THEN t.origin ELSE j.origin END,
    made_pass = CASE WHEN $1 = '{DONE}' THEN $11 ELSE j.made_pass END,
    as_made = CASE WHEN $1 = '{DONE}' THEN t.as_made ELSE j.as_made END,
    accounted = CASE WHEN t.accounted THEN $14 ELSE j.accounted END,
    due_at = CASE WHEN $1 = '{DOUBT}' THEN now() + make_interval(secs => t.due) ELSE NULL END,
    reason = t.reason, resent = j.resent OR t.resent, relist = j.relist OR t.resent
FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::float8[], $10::bool[],
    $12::bytea[], $13::bool[]) AS t(id, target, version, steps, origin, reason, due, resent, as_made, accounted)
WHERE j.id = t.id AND j.state = ANY($2)
"""

# From these rows downwards, edge by edge: a join would read the whole table for a few rows.
REFUSE_CHILDREN = f"""
WITH RECURSIVE above AS (
    SELECT c.id AS child, p.name FROM unnest($1::bigint[]) AS c(id) CROSS JOIN LATERAL (
        SELECT p.kind || ' ' || p.key AS name FROM journal_edge e JOIN journal p ON p.id = e.parent
        WHERE e.child = c.id AND e.hard AND p.state = '{REFUSED}' LIMIT 1
    ) AS p
), refused AS (
    SELECT p.id, p.kind || ' ' || p.key AS name FROM unnest($1::bigint[]) AS r(id) CROSS JOIN LATERAL (
        SELECT id, kind, key FROM journal p WHERE p.id = r.id AND p.state = '{REFUSED}' OFFSET 0
    ) AS p
), down AS (
    SELECT child, name FROM above
    UNION
    SELECT e.child, r.name FROM refused r CROSS JOIN LATERAL (
        SELECT child FROM journal_edge e WHERE e.parent = r.id AND e.hard OFFSET 0
    ) AS e
    UNION
    SELECT e.child, d.name FROM down d CROSS JOIN LATERAL (
        SELECT child FROM journal_edge e WHERE e.parent = d.child AND e.hard OFFSET 0
    ) AS e
)
UPDATE journal j SET state = '{REFUSED}', reason = 'parent: ' || d.name || ' was refused'
FROM down d WHERE j.id = d.child AND j.state = '{PENDING}' RETURNING j.id
"""

LISTED_AGAIN = "UPDATE journal SET relist = false WHERE id = ANY($1::bigint[])"

UNDOES = f"""
UPDATE journal SET state = '{UNDOING}', sent_at = now()
WHERE id = ANY($1::bigint[]) AND state = ANY('{{{",".join(UNDO_FROM[UNDOING])}}}')
"""

STAYS = f"UPDATE journal SET state = '{DONE}' WHERE id = ANY($1::bigint[]) AND state = '{UNDOING}'"

# By edges, and by the key of a parent that was planned later than what has its key, and has no edge to it.
GOES = f"""
UPDATE journal SET state = '{GONE}', version_id = NULL, step_ids = '{{}}', origin = NULL, made_pass = NULL,
    resent = false, relist = false, first_sent_at = NULL, seen_pass = 0, differences = '{{}}', reason = '',
    shown = NULL, touched = false, changing = false, changed_pass = 0
WHERE state = ANY('{{{",".join(UNDO_FROM[GONE])}}}') AND id = ANY(ARRAY(
    SELECT unnest($1::bigint[]) UNION SELECT c.id FROM journal_edge e JOIN journal c ON c.id = e.child
    WHERE e.parent = ANY($1::bigint[]) AND e.hard AND c.kind = ANY($2)
    UNION SELECT c.id FROM unnest($1::bigint[]) AS t(id) JOIN journal p ON p.id = t.id CROSS JOIN LATERAL (
        SELECT id FROM journal c WHERE c.kind = ANY($2) AND c.key = p.key AND p.kind || ':' || p.key = ANY(c.parents)
        OFFSET 0
    ) AS c
))
RETURNING id
"""

UNMADE = f"""
UPDATE archive SET made_detail = NULL WHERE source = $1 AND made_detail IS NOT NULL
    AND key IN (SELECT key FROM journal WHERE id = ANY($2::bigint[]) AND state = '{GONE}')
"""

NEVER_CHANGED = f"""
DELETE FROM former f USING journal j
WHERE j.id = ANY($1::bigint[]) AND j.state = '{GONE}' AND f.kind = j.kind AND f.key = j.key
"""
