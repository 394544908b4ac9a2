"""The result in a few lines for a person; what is zero is left out."""

from __future__ import annotations

from typing import Any

MEANING = {
    "complete": "everything was moved, read back and found equal",
    "degraded": "the run ended, and something was refused or differs",
    "interrupted": "not finished; the same command goes on",
    "failed": "the account does not add up: please report this as a fault of the program",
}


def summary(report: dict[str, Any]) -> str:
    """Outcome, counts of each kind, ledger, calls, time, the report's place."""
    lines = [f"{report['outcome']}: {MEANING[report['outcome']]}{_losses(report)}", *kind_lines(report["kinds"])]
    if "ledger" in report:
        found = report["ledger"]
        lines += [_line("ledger", {"losses or refusals": found["rows"], **_ledger(found)}, zeros=True)]
        lines += [_line("calls", report["calls"], zeros=True)]
        lines += [f"  {'time':<12}{report['seconds']:,.1f} s, at most {report['peak_rss_mb']:,} MB"]
        lines += [f"  {'note':<12}{note}" for note in report["notes"]]
    if "report" in report:
        lines += [f"  {'report':<12}{report['report']}"]
    return "\n".join(lines)


def _losses(report: dict[str, Any]) -> str:
    """What a complete run could not carry: the report names each."""
    rows = report["ledger"]["rows"] if report["outcome"] == "complete" and "ledger" in report else 0
    return f", but for {rows:,} attribute(s) that lost something: see the report" if rows else ""


UNDONE = {
    "complete": "everything that was made is deleted",
    "degraded": "what people changed or use, and what was there before, is spared",
    "interrupted": "not finished; the same command goes on",
}
WOULD = {**UNDONE, "complete": "everything that was made would be deleted"}


def taken_back(report: dict[str, Any]) -> str:
    """What `undo` deleted, or would delete: counts of each kind, the first reasons, calls, notes."""
    meaning = (WOULD if report["dry_run"] else UNDONE)[report["outcome"]]
    lines = [f"{report['outcome']}: {meaning}", *kind_lines(report["kinds"])]
    lines += [f"  {row['kind']} {row['key']} (id {row['id']}) stays: {row['reason']}" for row in report["spared"]]
    lines += [_line("calls", report["calls"], zeros=True)]
    lines += [f"  {'note':<12}{note}" for note in report["notes"]]
    return "\n".join(lines)


def standing(status: dict[str, Any]) -> str:
    """What `status` found."""
    if not status["pass"]:
        return "nothing was moved from this store yet"
    if status["outcome"] == "interrupted":
        words = f"not finished, {status['open']:,} records are planned and not yet in qTest; run goes on"
    else:
        words = f"ended as {status['outcome']}"
    if status["undone"]:
        words += f"; {status['undone']:,} records were undone since"
    lines = [f"pass {status['pass']}: {words}", *kind_lines(status["kinds"]), *_using(status.get("resources"))]
    return "\n".join(lines)


def _using(found: dict[str, Any] | None) -> list[str]:
    """What the engine of the pass uses, or used: as it last said."""
    if found is None:
        return []
    newest, peaks = found["newest"], found["peaks"]
    when = f"at the end of {found['seconds']:,.0f} s" if found["ended"] else f"{found['age_s']:,.0f} s ago"
    queued = ", ".join(f"{lane} {items:,}" for lane, items in _queued(newest).items())
    words = [
        f"{when} {newest['rss_bytes'] / 2**20:,.0f} MB (most {peaks['rss_bytes'] / 2**20:,.0f})",
        f"{newest['connections']:,.0f} connections (most {peaks['connections']:,.0f})",
        *([f"in the queues {queued}"] if queued else []),
    ]
    return [f"  {'resources':<12}{', '.join(words)}", *(f"  {'warning':<12}{warning}" for warning in found["warnings"])]


def _queued(newest: dict[str, float]) -> dict[str, int]:
    """Items in the queue of each lane, in work or waiting."""
    found: dict[str, int] = {}
    for name, value in newest.items():
        if name.startswith("queue."):
            lane = name.split(".")[1]
            found[lane] = found.get(lane, 0) + int(value)
    return found


def kind_lines(kinds: dict[str, dict[str, int]]) -> list[str]:
    """A line for each kind of which there is anything."""
    return [_line(name, row) for name, row in kinds.items() if any(row.values())]


def _ledger(found: dict[str, Any]) -> dict[str, int]:
    return {"by rule": found["by_rule"], "unexplained": found["unexplained"]}


def _line(name: str, figures: dict[str, int], *, zeros: bool = False) -> str:
    words = [f"{word} {number:,}" for word, number in figures.items() if number or zeros]
    return f"  {name:<12}{', '.join(words)}"
