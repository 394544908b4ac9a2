"""The report as one page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from ztoq_async.lanes.parts import WORDS as OF_PARTS
from ztoq_async.lanes.parts import held
from ztoq_async.lanes.run import plural
from ztoq_async.report.build import WORDS
from ztoq_async.report.elements import bullets, cell, figures, first_of, number_cell, row_name, table
from ztoq_async.report.resource_section import resource_section

Report = dict[str, Any]

MEANING = {
    "complete": "Every record was moved, read back and found equal. What rules changed on the way is counted below.",
    "degraded": "The run ended, but something was refused, differs, is missing or should not be there.",
    "interrupted": "The run is not finished. The same command goes on where it ended; nothing was read back yet.",
    "failed": "The account does not add up: some attributes have no explanation. This is a fault of the program.",
}
PARTS = {
    "as_is": "carried as they are",
    "by_rule": "carried or accounted for by a named rule",
    "refused": "of refused records",
    "unexplained": "unexplained",
}
FINDINGS: dict[str, dict[Any, str]] = {
    "called_steps": {
        "id": "A call to another test case is kept as a link to it.",
        "expanded": "A call to another test case is kept as a link, and the called steps are shown below it.",
        "ignored": "Calls to other test cases are not kept, so they are written as text.",
    },
    "empty_steps": {
        True: "A step without a text is kept.",
        False: "A step without a text is refused or dropped, so it is written with a placeholder.",
    },
    "tree_descriptions": {
        True: "The tree of modules shows their descriptions, so modules are found again in one list.",
        False: "The tree of modules hides their descriptions, so each level of modules is read by itself.",
    },
    "drafts_run": {
        True: "Drafts can be run: no test case is approved.",
        False: "Only approved versions can be run: test cases that have runs are approved.",
    },
}
BAD = {"refused", "different", "missing", "extra", "unexplained"}


def page(report: Report) -> str:
    """A complete HTML document; every text of the report is escaped."""
    body = "\n".join(text for section in SECTIONS if (text := section(report)))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_title(report)}: {escape(report['outcome'])}</title>\n<style>\n{_style()}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _title(report: Report) -> str:
    project = report["project"]
    return f"Zephyr Scale {escape(str(project['zephyr']))} → qTest project {escape(str(project['qtest']))}"


def _style() -> str:
    return files(__package__).joinpath("page.css").read_text(encoding="utf-8")


def _head(report: Report) -> str:
    outcome, calls = report["outcome"], report["calls"]
    tiles = {
        "records read": f"{_sum(report, 'read'):,}",
        "verified": f"{_sum(report, 'verified'):,}",
        "losses or refusals": f"{report['ledger']['rows']:,}",
        "calls": f"{calls['zephyr'] + calls['qtest'] + calls['verify']:,}",
        "time": _duration(report["seconds"]),
        "most memory": f"{report['peak_rss_mb']:,} MB",
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles.items())
    return (
        f'<h1>{_title(report)}</h1>\n<p class="outcome {escape(outcome)}">{escape(outcome)}</p>\n'
        f'<p>{escape(MEANING[outcome])}</p>\n<dl class="tiles">{shown}</dl>'
    )


def _sum(report: Report, word: str) -> int:
    return sum(row[word] for row in report["kinds"].values())


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _kinds(report: Report) -> str:
    kinds = {name: row for name, row in report["kinds"].items() if any(row.values())}
    rows = [
        [row_name(name), *(number_cell(row[word], bad=word in BAD) for word in WORDS)] for name, row in kinds.items()
    ]
    return "<h2>Records</h2>\n" + table(["", *WORDS], rows, numbers=True) if rows else ""


def _parts(report: Report) -> str:
    """A table for each kind that others belong to: what each of its rows holds, and what became of that."""
    first, total = report["parts"]["first"], report["parts"]["rows"]
    beside = _beside(report, "parts_csv")
    return "\n".join(
        f"<h2>{escape(plural(kind).replace('-', ' ').capitalize())}</h2>\n{first_of(len(first), total, beside)}"
        "<p>What each holds, and what became of it and of all that it holds.</p>\n"
        + _part_table([part for part in first if part["kind"] == kind])
        for kind in dict.fromkeys(part["kind"] for part in first)
    )


def _part_table(parts: list[dict[str, Any]]) -> str:
    kinds = held(parts)
    rows = [
        [
            row_name(part["key"] or "in none"),
            *(number_cell(part["holds"].get(kind, 0)) for kind in kinds),
            *(number_cell(part[word], bad=word in BAD) for word in OF_PARTS),
        ]
        for part in parts
    ]
    return table(["", *map(plural, kinds), *OF_PARTS], rows, numbers=True)


def _beside(report: Report, name: str) -> str:
    """The name of a file that stands beside the page, "" where none was written."""
    return Path(report[name]).name if name in report else ""


def _account(report: Report) -> str:
    ledger = report["ledger"]
    if not ledger["read"]:
        return ""
    parts = [name for name in PARTS if ledger[name] or name == "unexplained"]
    bar = "".join(f'<span class="{name}" style="flex:{ledger[name]}"></span>' for name in parts)
    keys = "".join(f'<li class="key {name}">{ledger[name]:,} {PARTS[name]}</li>' for name in parts)
    rules = sorted(ledger["rules"].items(), key=lambda rule: (-rule[1], rule[0]))
    return (
        f'<h2>Attributes</h2>\n{_verdict(ledger)}\n<div class="bar">{bar}</div>\n<ul class="keys">{keys}</ul>\n'
        f"<h3>By rule</h3>\n{figures(rules)}"
    )


def _verdict(ledger: dict[str, Any]) -> str:
    if ledger["unexplained"]:
        return f'<p class="bad">{ledger["unexplained"]:,} of {ledger["read"]:,} attributes have no explanation.</p>'
    return f"<p>{ledger['read']:,} attributes were read, and each is accounted for.</p>"


def _losses(report: Report) -> str:
    first, total = report["ledger"]["first"], report["ledger"]["rows"]
    if not first:
        return "<h2>Losses and refusals</h2>\n<p>None.</p>" if report["ledger"]["read"] else ""
    columns = ("kind", "key", "attribute", "rule", "words")
    rows = [[cell(row[column]) for column in columns] for row in first]
    return (
        f"<h2>Losses and refusals</h2>\n{figures(report['ledger']['lost'].items())}\n"
        + first_of(len(first), total, _beside(report, "ledger_csv"))
        + table([*columns[:-1], "what happened"], rows)
    )


def _differences(report: Report) -> str:
    found = report["differences"]
    theirs = {(row["kind"], row["key"]) for row in report["conflicts"]}
    rows = [
        [
            *(cell(words) for words in (row["kind"], row["key"], ", ".join(row["fields"]))),
            cell("changed in qTest since it was found equal" if (row["kind"], row["key"]) in theirs else ""),
        ]
        for row in found
    ]
    total = _sum(report, "different")
    columns = ["kind", "key", "fields", "conflict"]
    return f"<h2>Differences</h2>\n{first_of(len(rows), total)}" + table(columns, rows) if rows else ""


def _extra(report: Report) -> str:
    found = report["extra"]
    return (
        f"<h2>In qTest and not in Zephyr</h2>\n{first_of(len(found), _sum(report, 'extra'))}{bullets(found)}"
        if found
        else ""
    )


def _calls(report: Report) -> str:
    calls = report["calls"]
    words = {
        "to Zephyr Scale": calls["zephyr"],
        "to qTest": calls["qtest"],
        "to qTest, to read back": calls["verify"],
        "refused by a service": calls["refused"],
        "tried again": calls["retried"],
    }
    return f"<h2>Calls</h2>\n{figures(words.items())}"


def _findings(report: Report) -> str:
    found = dict(report["findings"])
    if not found.pop("runs_probed", True):
        found.pop("drafts_run", None)
    status = found.pop("approved_status", "")
    words = [FINDINGS[name].get(value, f"{name}: {value}") for name, value in found.items()]
    words += [f"Approving a test case sets its Status to {status}."] if status else []
    return "<h2>What this qTest project does</h2>\n" + bullets(words) if words else ""


def _rest(report: Report) -> str:
    notes = "<h2>Notes</h2>\n" + bullets(report["notes"]) if report["notes"] else ""
    return f"{notes}<h2>Not read by this version</h2>\n<p>{escape(', '.join(report['not_read']))}.</p>"


def _foot(report: Report) -> str:
    return (
        f"<footer>ztoq-async {escape(version('ztoq-async'))}, pass {report['pass']} of this store. "
        "The same figures for a program: report.json, beside this page.</footer>"
    )


SECTIONS = (
    _head,
    _kinds,
    _parts,
    _account,
    _losses,
    _differences,
    _extra,
    _calls,
    resource_section,
    _findings,
    _rest,
    _foot,
)
