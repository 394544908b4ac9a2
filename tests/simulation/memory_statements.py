"""What the store's statements do, in Python: each is known by its text, or by the first words of it.

`on` is a session: `on[name]` is a table as its transaction sees it, `on.own(name)` the same to be changed. Tables:

    journal     id -> row, with the columns of `sql/001_base.sql` and what came later
    names       (kind, key) -> id
    edges       child -> {parent: hard}
    archive     (source, key) -> row
    reading     (pass, source) -> row
    pass        number -> row
    migration   {} or its one row
    orphan      rows

A statement that is not known here is an error: add it, and hold it to a test that runs on both stores.
"""

from __future__ import annotations

import functools

from ztoq_async.store import chains, overview, statements
from ztoq_async.store.transitions import DONE, DOUBT, GONE, PENDING, REFUSED, SENT

NEW = {
    "state": PENDING,
    "waits": 0,
    "lacks": False,
    "attempt": 0,
    "resent": False,
    "epoch": None,
    "sent_at": None,
    "due_at": None,
    "target_id": None,
    "version_id": None,
    "step_ids": [],
    "origin": None,
    "as_made": None,
    "accounted": 0,
    "made_pass": None,
    "reason": "",
    "seen_pass": 0,
    "differences": [],
    "shown": None,
    "touched": False,
    "changing": False,
    "changed_pass": 0,
    "first_sent_at": None,
    "relist": False,
}
_KNOWN = {}


def lock_of(query):
    """How a statement locks the row of the migration: "share", "own" or "" (not at all)."""
    if query.startswith("UPDATE migration"):
        return "own"
    return "share" if query.endswith("FOR SHARE") else ""


def answer_of(query, on, args):
    """Carries out a statement; its rows."""
    return _find(query)(on, *args) or []


@functools.cache
def _find(query):
    text = query.strip()
    for words in sorted(_KNOWN, key=len, reverse=True):
        if text.startswith(words):
            return _KNOWN[words]
    raise AssertionError(f"the store in memory does not know this statement:\n{query}")


def statement(words):
    """The statement that has this text, or begins with it."""

    def known(work):
        _KNOWN[words.strip()] = work
        return work

    return known


def change(on, identifier, **columns):
    """Replaces a row of the journal."""
    rows = on.own("journal")
    rows[identifier] = {**rows[identifier], **columns}
    return rows[identifier]


def named(on, kind, key):
    """The row of the journal with that name, or None."""
    return on["journal"].get(on["names"].get((kind, key)))


# The plan


@statement(statements.INSERT)
def insert(on, kinds, keys, parents, counted, reasons, separator, number, again):
    found = []
    for kind, key, names, counts, reason in zip(kinds, keys, parents, counted, reasons, strict=True):
        planned = {"parents": names.split(separator) if names else [], "counted": counts, "pass": number}
        state = REFUSED if reason else PENDING
        row = named(on, kind, key)
        if row is None:
            identifier = on.next_id()
            on.own("names")[kind, key] = identifier
            row = {"id": identifier, "kind": kind, "key": key, **NEW, **planned, "state": state, "reason": reason}
            on.own("journal")[identifier] = row
        else:
            before = row["state"]
            as_planned = (row["pass"], row["counted"], row["parents"], row["reason"])
            now_planned = (number, counts, planned["parents"], reason)
            if before == DONE and not row["lacks"] and key not in again and as_planned == now_planned:
                continue
            if before == DONE and reason:
                planned["parents"] = row["parents"]
            if before in (REFUSED, GONE) or (before == DONE and key in again):
                planned["state"] = state
            if before == REFUSED and row["resent"]:
                planned.update(state=state if reason else DOUBT, due_at=on.now())
            if before in (REFUSED, GONE, DONE):
                planned["reason"] = reason
            if before == GONE:
                planned["target_id"] = None
            row = change(on, row["id"], lacks=False, **planned)
        found.append({"id": row["id"], "kind": kind, "key": key, "open": row["state"] in (PENDING, SENT, DOUBT)})
    return found


@statement(statements.FORGET_EDGES)
def forget_edges(on, children):
    for child in children:
        on.own("edges").pop(child, None)


@statement(statements.CONNECT)
def connect(on, kinds, keys, children, hards):
    for kind, key, child, hard in zip(kinds, keys, children, hards, strict=True):
        if (kind, key) in on["names"]:
            _join(on, on["names"][kind, key], child, hard=hard)


def _join(on, parent, child, *, hard):
    edges = on.own("edges")
    edges[child] = {parent: hard, **edges.get(child, {})}


@statement(statements.WAITING)
def wait(on, children):
    rows = on["journal"]
    for child in children:
        if rows[child]["state"] == PENDING:
            change(on, child, waits=waits_of(on, child))


def waits_of(on, child):
    """For how many others a row waits."""
    states = [(on["journal"][parent]["state"], hard) for parent, hard in on["edges"].get(child, {}).items()]
    return sum(not (state == DONE or (state == REFUSED and not hard)) for state, hard in states)


@statement(statements.WAITING_FOR)
def recount(on, parents):
    wait(on, [child for child, above in on["edges"].items() if not above.keys().isdisjoint(parents)])


@statement(statements.LACKS)
def lack(on, identifiers, source, number):
    for identifier in identifiers:
        record = on["archive"].get((source, on["journal"][identifier]["key"]))
        if record and (record["detail_pass"] < number or record["fault"]):
            change(on, identifier, lacks=True)


@statement(statements.LATE)
def late(on, kinds, keys, before_kinds, before_keys):
    pairs = zip(zip(kinds, keys, strict=True), zip(before_kinds, before_keys, strict=True), strict=True)
    found = [(named(on, *row), named(on, *before)) for row, before in pairs]
    both = [(row["state"], before["state"]) for row, before in found if row and before]
    return [{"count": both.count((DONE, PENDING))}]


@statement(chains._STATES)
def states(on, kind, keys):
    rows = {key: named(on, kind, key) for key in keys}
    return [{"key": key, "state": row and row["state"]} for key, row in rows.items()]


@statement(statements.READY)
def ready(on, kind, keys, faults):
    found = []
    for key, fault in zip(keys, faults, strict=True):
        row = named(on, kind, key)
        if row:
            columns = {"lacks": False}
            if fault and row["state"] == PENDING:
                columns["state"] = REFUSED
            if fault and row["state"] in (PENDING, DONE):
                columns["reason"] = fault
            row = change(on, row["id"], **columns)
            found.append({"id": row["id"], "state": row["state"]})
    return found


@statement("ANALYZE")
def analyse(on):
    pass


# What becomes of rows


@statement("UPDATE journal SET state = 'doubt'")
def take_over(on, epoch, settle_s):
    for row in list(on["journal"].values()):
        if row["state"] == SENT and row["epoch"] < epoch:
            change(on, row["id"], state=DOUBT, due_at=on.now() + settle_s)


@statement(statements.UNCLAIM)
def unclaim(on, kind, epoch, held):
    for row in list(on["journal"].values()):
        if (row["kind"], row["state"], row["epoch"]) == (kind, SENT, epoch) and row["id"] not in held:
            change(on, row["id"], state=PENDING)


@statement(statements.CLAIM)
def claim(on, kind, source, most, epoch, number):
    rows = [row for row in on["journal"].values() if is_ready(row, kind, number)]
    found = []
    for row in sorted(rows, key=lambda row: row["id"])[:most]:
        first = on.now() if row["first_sent_at"] is None else row["first_sent_at"]
        more = {"sent_at": on.now(), "first_sent_at": first, "attempt": row["attempt"] + 1}
        sent = change(on, row["id"], state=SENT, epoch=epoch, **more)
        found.append({name: sent[name] for name in ("id", "key", "parents", "attempt")} | _record(on, source, row))
    return found


def is_ready(row, kind, number):
    """Whether a row can be claimed."""
    open_row = (row["kind"], row["state"], row["pass"]) == (kind, PENDING, number)
    return open_row and row["waits"] == 0 and not row["lacks"]


def _record(on, source, row):
    record = on["archive"].get((source, row["key"]), {})
    return {"record": record.get("record", b""), "detail": record.get("detail", b"")}


@statement(statements.MOVE)
def move(
    on, state, allowed, identifiers, targets, versions, steps, origins, reasons, dues, resents, number, *known_since
):
    as_made, accounted, epoch = known_since
    values = zip(
        identifiers, targets, versions, steps, origins, reasons, dues, resents, as_made, accounted, strict=True
    )
    for identifier, target, version, ids, origin, reason, due, resent, digest, counted in values:
        row = on["journal"].get(identifier)
        if row is None or row["state"] not in allowed:
            continue
        columns = {"state": state, "reason": reason, "resent": row["resent"] or resent, "due_at": None}
        columns["relist"] = row["relist"] or resent
        if state == DONE:
            columns |= {"target_id": target, "version_id": version, "step_ids": _ids(ids)}
            columns |= {"origin": origin, "made_pass": number, "as_made": digest}
        if counted:
            columns["accounted"] = epoch
        if state == DOUBT:
            columns["due_at"] = on.now() + due
        change(on, identifier, **columns)


def _ids(text):
    return [int(word) for word in text.split(",")] if text else []


@statement(statements.BRIDGE)
def bridge(on, refused):
    """What comes after a refused row comes after what that came after."""
    edges, rows = on["edges"], on["journal"]

    def softly_above(child):
        return {parent for parent, hard in edges.get(child, {}).items() if not hard}

    for identifier in refused:
        above, open_ends = set(), softly_above(identifier)
        while open_ends:
            parent = open_ends.pop()
            above.add(parent)
            if rows[parent]["state"] == REFUSED:
                open_ends |= softly_above(parent) - above
        below = [child for child, parents in edges.items() if parents.get(identifier) is False]
        for parent in sorted(above):
            for child in below:
                _join(on, parent, child, hard=False)


@statement(statements.REFUSE_CHILDREN)
def refuse_children(on, group):
    rows, below = on["journal"], {}
    for child, parents in on["edges"].items():
        for parent in (parent for parent, hard in parents.items() if hard):
            below.setdefault(parent, []).append(child)
    names = {}
    waiting = [
        (child, rows[parent])
        for parent, children in below.items()
        if rows[parent]["state"] == REFUSED
        for child in children
        if child in group or parent in group
    ]
    while waiting:
        child, refused = waiting.pop()
        if child not in names:
            names[child] = f"{refused['kind']} {refused['key']}"
            waiting += [(other, refused) for other in below.get(child, ())]
    refused = [child for child in names if rows[child]["state"] == PENDING]
    for child in refused:
        change(on, child, state=REFUSED, reason=f"parent: {names[child]} was refused")
    return [{"id": child} for child in refused]


@statement(statements.REFRESH)
def refresh(on, identifiers, versions, steps):
    for identifier, version, ids in zip(identifiers, versions, steps, strict=True):
        change(on, identifier, version_id=version, step_ids=_ids(ids))


@statement("INSERT INTO orphan")
def note_orphans(on, identifiers, targets, epoch):
    for identifier, target in zip(identifiers, targets, strict=True):
        row = on["journal"][identifier]
        on.own("orphan").append({"kind": row["kind"], "key": row["key"], "target_id": target, "epoch": epoch})


# Questions to the journal


@statement("SELECT id, key FROM journal WHERE kind = $1 AND state = 'pending' AND key = ANY($2)")
def pending_of(on, kind, keys):
    rows = [named(on, kind, key) for key in keys]
    return [{"id": row["id"], "key": row["key"]} for row in rows if row and row["state"] == PENDING]


@statement("SELECT j.kind || ':' || j.key AS name, target_id, version_id, step_ids")
def kept_for_children(on, kinds, keys):
    rows = [named(on, kind, key) for kind, key in zip(kinds, keys, strict=True)]
    return [{**row, "name": f"{row['kind']}:{row['key']}"} for row in rows if row and row["state"] == DONE]


@statement("SELECT j.id, j.key, j.parents, extract(epoch FROM due_at - now())::float8 AS wait")
def doubts(on, kind, source):
    rows = [row for row in on["journal"].values() if (row["kind"], row["state"]) == (kind, DOUBT)]
    rows.sort(key=lambda row: row["id"])
    return [{**row, "wait": row["due_at"] - on.now(), **_record(on, source, row)} for row in rows]


@statement("SELECT count(*) FROM journal WHERE kind = $1 AND state IN ('sent', 'doubt', 'pending')")
def open_rows(on, kind, number):
    rows = [row for row in on["journal"].values() if row["kind"] == kind]
    return [{"count": sum(row["state"] in (SENT, DOUBT) or _is_planned(row, number) for row in rows)}]


def _is_planned(row, number):
    return row["state"] == PENDING and row["pass"] >= number


@statement(overview.BY_KEYS)
def by_keys(on, kind, source, keys, made_by):
    names = ("id", "key", "state", "counted", "parents", "target_id", "version_id", "step_ids", "reason", "as_made")
    names += ("shown", "touched", "changing", "differences", "origin", "resent")
    found = []
    for row in filter(None, (named(on, kind, key) for key in keys)):
        whole = row["epoch"] != made_by or row["as_made"] is None
        record = _record(on, source, row) if whole else {"record": b"", "detail": b""}
        found.append({name: row[name] for name in names} | {"epoch": row["epoch"] or 0} | record)
    return found


# The archive


@statement("SELECT t.key FROM unnest($2::text[]) AS t(key) WHERE (SELECT true FROM archive a")
def known_records(on, source, keys):
    return [{"key": key} for key in keys if (source, key) in on["archive"]]


def copy_records(on, table, records, columns):
    """COPY into the archive: a record that is there is an error."""
    assert table == "archive"
    for record in records:
        row = dict(zip(columns, record, strict=True))
        name = row.pop("source"), row.pop("key")
        assert name not in on["archive"], "duplicate key value violates unique constraint"
        on.own("archive")[name] = {"detail": b"", "detail_pass": 0, **row}


@statement("INSERT INTO archive (source, key, pass, record, fault, place)")
def keep_records(on, source, number, keys, records, faults, places):
    table = on.own("archive")
    for key, record, fault, place in zip(keys, records, faults, places, strict=True):
        new = {"record": record, "pass": number, "fault": fault, "place": place}
        table[source, key] = {"detail": b"", "detail_pass": 0, **table.get((source, key), {}), **new}


@statement("INSERT INTO reading")
def keep_reading(on, number, source, cursor, complete):
    on.own("reading")[number, source] = {"cursor": cursor, "complete": complete}


@statement("UPDATE archive a SET\n    detail =")
def keep_details(on, source, number, keys, details, faults):
    table = on.own("archive")
    for key, detail, fault in zip(keys, details, faults, strict=True):
        if (source, key) in table:
            kept = {} if fault else {"detail": detail}
            table[source, key] = {**table[source, key], **kept, "detail_pass": number, "fault": fault}


# Passes, and who may write


@statement("UPDATE pass SET finished_at = now() WHERE finished_at IS NULL AND chosen <> $1 AND report IS NULL")
def end_other_choices(on, chosen):
    for number, row in list(on["pass"].items()):
        if not row["finished"] and row["chosen"] != chosen and row["report"] is None:
            on.own("pass")[number] = {**row, "finished": True}


@statement("SELECT max(number) FROM pass WHERE finished_at IS NULL")
def unfinished_pass(on):
    return [{"max": max((number for number, row in on["pass"].items() if not row["finished"]), default=None)}]


@statement("INSERT INTO pass (number, chosen)")
def new_pass(on, chosen):
    number = max(on["pass"], default=0) + 1
    on.own("pass")[number] = {"chosen": chosen, "finished": False, "report": None}
    return [{"number": number}]


@statement("UPDATE pass SET finished_at = now(), report = $2 WHERE number = $1")
def close_pass(on, number, report):
    on.own("pass")[number] = {**on["pass"][number], "finished": True, "report": report}


@statement("SELECT pg_try_advisory_lock($1)")
def try_lock(on, number):
    return [{"locked": on.try_lock()}]


@statement("SELECT count(pg_terminate_backend(")
def end_sessions(on, *silent):
    """Nobody's session outlives its engine here, and one that stands still keeps its lock."""
    return [{"count": 0}]


@statement("INSERT INTO migration")
def new_migration(on, zephyr, qtest):
    if not on["migration"]:
        row = {"zephyr": zephyr, "qtest": qtest, "epoch": 0, "holder": "", "beat_at": on.now(), "adopting": False}
        on.own("migration").update(row)
        return [row]
    return []


@statement("SELECT holder FROM migration")
def holder_of(on):
    return [{"holder": on["migration"]["holder"]}]


@statement("SELECT zephyr, qtest FROM migration")
@statement("SELECT epoch FROM migration")
@statement("SELECT holder, beat_at, extract(epoch FROM now() - beat_at)::float8 AS age FROM migration")
def migration(on):
    row = on["migration"]
    return [{"epoch": row["epoch"], **row, "age": on.now() - row["beat_at"]}] if row else []


@statement("UPDATE migration SET epoch = epoch + 1, holder = $1, beat_at = now() WHERE beat_at = $2 RETURNING epoch")
def next_epoch(on, holder, seen):
    if on["migration"]["beat_at"] != seen:
        return []
    return _update(on, epoch=on["migration"]["epoch"] + 1, holder=holder, beat_at=on.now())


@statement("UPDATE migration SET beat_at = now() WHERE epoch = $1 RETURNING epoch")
def beat(on, epoch):
    return _update(on, beat_at=on.now()) if on["migration"]["epoch"] == epoch else []


@statement("UPDATE migration SET holder = '' WHERE epoch = $1")
def say_goodbye(on, epoch):
    return _update(on, holder="") if on["migration"]["epoch"] == epoch else []


@statement("UPDATE migration SET adopting = false")
def end_adopting(on):
    return _update(on, adopting=False)


def _update(on, **columns):
    on.own("migration").update(columns)
    return [{"epoch": on["migration"]["epoch"]}]
