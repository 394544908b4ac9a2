"""The report of a run as data: the JSON object that scripts rely on (its shape never loses a name)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from ztoq_async.kinds import KINDS, REPORTED
from ztoq_async.lanes.accounting import UNEXPLAINED, totals
from ztoq_async.lanes.run import Run
from ztoq_async.mapping.account import REFUSED
from ztoq_async.mapping.context import Context
from ztoq_async.report.resources import resources
from ztoq_async.resources.gateway import GatewayStatistics
from ztoq_async.resources.monitor import ResourceMonitor
from ztoq_async.store.ledger import Counts, LedgerRow
from ztoq_async.store.transitions import DOUBT, PENDING, SENT

Report = dict[str, Any]

MOST_ROWS = 1000
FIRST_RULES = (UNEXPLAINED, REFUSED)
PLANS = "test plans"
NOT_READ = (
    PLANS,
    "attachments",
    "older versions of test cases",
)

WORDS = (
    "read",
    "created",
    "recovered",
    "adopted",
    "updated",
    "unchanged",
    "refused",
    "verified",
    "different",
    "missing",
    "extra",
    "removed",
)
EXIT_CODES = {"complete": 0, "degraded": 1, "interrupted": 3, "failed": 4}


def not_read(context: Context | None) -> list[str]:
    """What this version does not read; how often cycles name a test plan is all that is known of plans."""
    plans = context.source.seen_cycles.plans if context else 0
    return [
        f"{words} ({plans:,} links of test cycles name one)" if words == PLANS and plans else words
        for words in NOT_READ
    ]


def kind_counts(
    counts: Mapping[str, Counter[str]], extra: Mapping[str, int], removed: Mapping[str, int], *, verified: bool
) -> dict[str, dict[str, int]]:
    """For every kind of the report every word, zeros included.

    `missing` is what was made and not seen again, and what an interrupted repair has still to make again.

    `removed` are late duplicates that were deleted (protocol rule 7).
    """
    found = {name: dict.fromkeys(WORDS, 0) for name in REPORTED}
    unmade: Counter[str] = Counter()
    for kind in KINDS:
        for word, number in counts.get(kind.name, {}).items() if kind.reported else ():
            if word in WORDS:
                found[kind.reported][word] += number
            elif word in (PENDING, SENT, DOUBT):
                unmade[kind.reported] += number
    for name, row in found.items():
        there = sum(row[word] for word in ("created", "recovered", "adopted", "updated", "unchanged"))
        row["missing"] = there + unmade[name] - row["verified"] - row["different"] if verified else 0
        row["extra"] = extra.get(name, 0)
        row["removed"] = removed.get(name, 0)
    return found


def ledger(counts: Counts, lost: Mapping[str, int]) -> dict[str, Any]:
    """The ledger in figures: `by_rule` counts attributes that a named rule changed, `rows` are losses and refusals.

    `lost` has the rows of each rule.
    """
    by_kind = totals(counts)
    everything = sum(by_kind.values(), Counter[str]())
    rules: Counter[str] = Counter()
    for (_, _, rule), number in counts.items():
        rules[rule] += number
    return {
        "rows": sum(lost.values()),
        "by_rule": everything["by_rule"],
        "unexplained": everything["unexplained"],
        "read": everything["read"],
        "as_is": everything["as_is"],
        "refused": everything["refused"],
        "kinds": {kind: dict(counter) for kind, counter in sorted(by_kind.items())},
        "rules": dict(sorted(rules.items())),
        "lost": dict(lost),
    }


def calls(zephyr: GatewayStatistics, qtest: GatewayStatistics, verify: int) -> dict[str, int]:
    """Requests that went over the wire; `verify` is the part of qTest's that read back, not counted under `qtest`."""
    return {
        "zephyr": sum(zephyr.calls.values()),
        "qtest": sum(qtest.calls.values()) - verify,
        "verify": verify,
        "refused": zephyr.refused + qtest.refused,
        "retried": zephyr.retried + qtest.retried,
    }


def outcome(
    kinds: Mapping[str, Mapping[str, int]], ledger: Mapping[str, Any], *, different: int, kept: int, stopped: bool
) -> str:
    """`failed` if the account does not add up, `degraded` if something was refused or differs, else `complete`.

    `different` counts every object of ours that differs, also those that no record stands behind; `kept` those of them
    that the settings leave as people made them.
    """
    if stopped:
        return "interrupted"
    if ledger["unexplained"]:
        return "failed"
    bad = sum(row[word] for row in kinds.values() for word in ("refused", "missing", "extra"))
    return "degraded" if bad or different > kept or ledger["refused"] else "complete"


def report(
    run: Run,
    *,
    kinds: dict[str, dict[str, int]],
    ledger: dict[str, Any],
    calls: dict[str, int],
    rows: Sequence[LedgerRow],
    parts: Sequence[Mapping[str, Any]],
    differences: Sequence[tuple[str, str, list[str]]],
    different: int,
    seconds: float,
    monitor: ResourceMonitor,
    verified: bool,
) -> Report:
    """The whole report; everything beside the names that scripts rely on is for people."""
    settings = run.settings
    return {
        "outcome": outcome(kinds, ledger, different=different, kept=run.kept, stopped=not verified),
        "project": {"zephyr": settings.zephyr.project, "qtest": settings.qtest.project},
        "kinds": kinds,
        "ledger": {**ledger, "first": [structs.asdict(row) for row in rows]},
        "calls": calls,
        "seconds": seconds,
        "peak_rss_mb": round(monitor.peaks["rss_bytes"] / 2**20),
        "resources": resources(monitor.samples, monitor.peaks),
        "differences": [{"kind": kind, "key": key, "fields": names} for kind, key, names in differences],
        "conflicts": [{"kind": kind, "key": key, "fields": names} for kind, key, names in run.conflicts],
        "extra": run.extras[:MOST_ROWS],
        "parts": {"rows": len(parts), "first": parts[:MOST_ROWS]},
        "notes": [*run.notes, *monitor.warnings()],
        "not_read": not_read(run.known),
        "pass": run.archive.number,
        "read_back": verified,
        "findings": structs.asdict(run.known.target.findings) if run.known else {},
    }
