"""The page that a person reads: every figure of the report, every text escaped, nothing from elsewhere."""

from collections import Counter

import pytest
from selectolax.lexbor import LexborHTMLParser

from ztoq_async.redaction import Redaction
from ztoq_async.report import build
from ztoq_async.report.html import MEANING, page
from ztoq_async.report.write import write
from ztoq_async.store.ledger import LedgerRow

EVIL = "<script>alert('x')</script><img src=x onerror=y> & \"quoted\""


@pytest.fixture
def report():
    """A report with something in each of its parts."""
    counts = {"test-case": Counter(read=1234, created=1230, verified=1228, different=2, refused=4)}
    ledger = Counter({("test-case", "name", "as it is"): 2345, ("test-case", "status", "status-by-mapping"): 1230})
    row = LedgerRow("test-case", "MM-T1", "steps", "call-flattened", EVIL)
    return {
        "outcome": "degraded",
        "project": {"zephyr": EVIL, "qtest": 77},
        "kinds": build.kind_counts(counts, {"test-case": 3}, {}, verified=True),
        "ledger": {
            **build.ledger(ledger, {"call-flattened": 4300, "refused": 21}),
            "first": [{name: getattr(row, name) for name in row.__struct_fields__}],
        },
        "calls": {"zephyr": 5090, "qtest": 5510, "verify": 14, "refused": 1, "retried": 2},
        "seconds": 3725.0,
        "peak_rss_mb": 90,
        "differences": [{"kind": "test-case", "key": "MM-T2", "fields": ["name", EVIL]}],
        "conflicts": [{"kind": "test-case", "key": "MM-T2", "fields": ["name", EVIL]}],
        "extra": [f"module {EVIL}: id 9"],
        "notes": [EVIL],
        "not_read": ["test cycles", "attachments"],
        "parts": {
            "rows": 1234,
            "first": [
                {
                    "kind": "test-suite",
                    "key": "MM-R1",
                    "holds": {"test-run": 1111, "test-log": 2222},
                    "verified": 3334,
                    "refused": 0,
                    "different": 6,
                    "missing": 0,
                },
                {
                    "kind": "test-suite",
                    "key": EVIL,
                    "holds": {"test-log": 1},
                    "verified": 0,
                    "refused": 7,
                    "different": 0,
                    "missing": 0,
                },
            ],
        },
        "ledger_csv": "/somewhere/reports/ledger.csv",
        "parts_csv": "/somewhere/reports/parts.csv",
        "pass": 2,
        "findings": {"called_steps": "ignored", "empty_steps": False, "tree_descriptions": True},
    }


def cells(tree, css):
    """The texts of what the selector finds."""
    return [node.text(strip=True) for node in tree.css(css)]


def test_the_page_shows_every_figure(report):
    """Counts of each kind, attributes by rule, calls, time and memory stand where a reader looks for them."""
    tree = LexborHTMLParser(page(report))
    head = cells(tree, "table")[0]
    assert head.startswith("readcreatedrecovered")
    row = next(node for node in tree.css("tbody tr") if node.css_first("th"))
    figures = dict(zip(build.WORDS, (node.text() for node in row.css("td")), strict=True))
    assert figures["read"] == "1,234" and figures["different"] == "2" and figures["extra"] == "3"
    tiles = dict(zip(cells(tree, ".tiles dt"), cells(tree, ".tiles dd"), strict=True))
    assert tiles == {
        "records read": "1,234", "verified": "1,228", "losses or refusals": "4,321",
        "calls": "10,614", "time": "1 h 2 min", "most memory": "90 MB",
    }  # fmt: skip
    rules = dict(zip(cells(tree, ".figures dt"), cells(tree, ".figures dd"), strict=True))
    assert rules["as it is"] == "2,345" and rules["status-by-mapping"] == "1,230" and rules["tried again"] == "2"
    assert "The first 1 of 4,321." in tree.text()


def test_what_is_wrong_stands_out(report):
    """Refused, different, missing and extra records are marked when there are any, and only then."""
    tree = LexborHTMLParser(page(report))
    assert cells(tree, "td.bad") == ["4", "2", "3", "6", "7"]
    assert cells(tree, ".outcome") == ["degraded"]
    assert MEANING["degraded"] in tree.text()


def test_every_text_is_escaped(report):
    """Names and messages of the services are shown as they are and do nothing."""
    tree = LexborHTMLParser(page(report))
    assert tree.css("script, img, [onerror]") == []
    assert tree.text().count("alert('x')") >= 6


def test_the_page_needs_nothing_else(report):
    """No address is loaded: the page can be mailed and read without a network. Its links lead to files beside it."""
    text = page(report)
    tree = LexborHTMLParser(text)
    assert tree.css("link, iframe, object, [src], :not(a)[href]") == []
    assert [link.attributes["href"] for link in tree.css("a")] == ["parts.csv", "ledger.csv"]
    assert "@import" not in text and "url(" not in text


def test_findings_are_told_in_words(report):
    """What the probe found is said as a sentence, and what this version does not read is named."""
    text = LexborHTMLParser(page(report)).text()
    assert "Calls to other test cases are not kept" in text
    assert "called_steps" not in text
    assert "test cycles, attachments" in text


def test_a_report_replaces_the_last_one_and_holds_no_secret(report, tmp_path):
    """Both files are there, whole, without the secrets, and nothing else is left beside them."""
    for _ in range(2):
        found = write(
            {**report, "notes": ["qTest said: bad token very&secret"]}, tmp_path / "reports", Redaction(["very&secret"])
        )
    names = sorted(path.name for path in (tmp_path / "reports").iterdir())
    assert names == ["report.html", "report.json"]
    assert found["report"] == str(tmp_path / "reports" / "report.html")
    for name in names:
        text = (tmp_path / "reports" / name).read_text()
        assert "bad token" in text and "very&secret" not in text and "very&amp;secret" not in text


def test_each_suite_says_what_it_holds_and_what_became_of_it(report):
    """A row for each test cycle of Zephyr: its runs and logs, verified, refused, different, missing."""
    tree = LexborHTMLParser(page(report))
    table = next(node for node in tree.css("table") if "test-runs" in node.text())
    assert cells(table, "thead th") == ["", "test-runs", "test-logs", "verified", "refused", "different", "missing"]
    assert cells(table, "tbody tr:first-child > *") == ["MM-R1", "1,111", "2,222", "3,334", "0", "6", "0"]
    assert "Test suites" in cells(tree, "h2")
    assert "The first 2 of 1,234. All of them: parts.csv" in tree.text()


def test_losses_are_counted_by_rule_before_the_first_are_listed(report):
    """The number of rows of each rule, which the list of the first does not show, and where all of them are."""
    tree = LexborHTMLParser(page(report))
    rules = dict(zip(cells(tree, ".figures dt"), cells(tree, ".figures dd"), strict=True))
    assert rules["call-flattened"] == "4,300" and rules["refused"] == "21"
    assert "The first 1 of 4,321. All of them: ledger.csv" in tree.text()
