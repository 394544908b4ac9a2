"""The long tables: every loss and refusal and every suite, as CSV that a spreadsheet opens without harm."""

import csv
import tracemalloc

import asyncpg
import pytest

from ztoq_async.redaction import HIDDEN, Redaction
from ztoq_async.report.tables import lines, write_tables
from ztoq_async.resources.database import Database
from ztoq_async.resources.pools import WorkerPools
from ztoq_async.store.embedded import EmbeddedPostgres
from ztoq_async.store.ledger import Ledger, LedgerRow
from ztoq_async.store.schema import upgrade

HEAD = ["kind", "key", "attribute", "rule", "words"]


@pytest.fixture
async def database(tmp_path):
    """A store of its own."""
    async with EmbeddedPostgres(tmp_path / "store") as server, Database(server.dsn) as database:
        await upgrade(database)
        yield database


@pytest.fixture
def ledger(database):
    """Its ledger, which is empty."""
    return Ledger(database)


@pytest.fixture
async def pools():
    """Threads for files."""
    async with WorkerPools(files=1) as pools:
        yield pools


def read(path):
    """The rows of a file, as RFC 4180 has them; its line ends are CR LF."""
    text = path.read_bytes().decode()
    assert text.count("\r\n") >= 1
    return list(csv.reader(text.splitlines(keepends=True), strict=True))


async def test_every_row_is_in_the_file_in_the_order_of_the_account(ledger, pools, tmp_path):
    """More rows than any batch: all of them, once, under their names; the file has replaced the last one."""
    rows = [LedgerRow("test-log", str(number), "*", "undated", f"row {number}") for number in range(2_500)]
    await ledger.add(rows)
    (tmp_path / "ledger.csv").write_text("an older one")
    found = await write_tables(pools, ledger, [], tmp_path, str)
    assert found["ledger_csv"] == str(tmp_path / "ledger.csv")
    head, *body = read(tmp_path / "ledger.csv")
    assert head == HEAD
    assert body == [[row.kind, row.key, row.attribute, row.rule, row.words] for row in rows]
    assert {path.name for path in tmp_path.iterdir()} == {"store", "ledger.csv", "parts.csv"}


async def test_quotes_commas_and_lines_stay_within_their_cell(ledger, pools, tmp_path):
    """What a service or a record says comes back as it was."""
    words = 'a "quoted" text, with commas\nand two lines\r\nor three; ☃'
    await ledger.add([LedgerRow("test-case", "MM-T1", "steps, all", "refused", words)])
    await write_tables(pools, ledger, [], tmp_path, str)
    with (tmp_path / "ledger.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file, strict=True))[1] == ["test-case", "MM-T1", "steps, all", "refused", words]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_calculate_is_a_text(sign):
    """Formulas in names and messages get an apostrophe before them; texts that only hold such a sign do not."""
    (row,) = csv.reader([lines([[f"{sign}cmd|' /C calc'!A0", f"a {sign} b".replace("\r", "")]], str)], strict=True)
    assert row[0].startswith(f"'{sign}")
    assert not row[1].startswith("'")


def test_numbers_are_no_texts():
    """A negative number needs no apostrophe: only texts can be formulas."""
    assert lines([[-1, "x"]], str) == "-1,x\r\n"


async def test_secrets_are_in_no_table(ledger, pools, tmp_path):
    """A token that a service repeats in its message is hidden, also where it begins the cell."""
    await ledger.add([LedgerRow("test-case", "MM-T1", "*", "refused", 'said "tok-en-1"')])
    await write_tables(pools, ledger, [], tmp_path, Redaction(["tok-en-1"]))
    text = (tmp_path / "ledger.csv").read_text()
    assert HIDDEN in text and "tok-en-1" not in text


async def test_suites_have_a_column_for_each_kind_that_they_hold(ledger, pools, tmp_path):
    """One line a suite, in the order given, zeros included."""
    fate = {"verified": 3, "refused": 1, "different": 0, "missing": 0}
    parts = [
        {"kind": "test-suite", "key": "MM-R1", "holds": {"test-run": 1, "test-log": 2}, **fate},
        {"kind": "test-suite", "key": "=MM-R2", "holds": {"test-log": 4}, **fate},
    ]
    await write_tables(pools, ledger, parts, tmp_path, str)
    assert read(tmp_path / "parts.csv") == [
        ["kind", "key", "test-run", "test-log", "verified", "refused", "different", "missing"],
        ["test-suite", "MM-R1", "1", "2", "3", "1", "0", "0"],
        ["test-suite", "'=MM-R2", "0", "4", "3", "1", "0", "0"],
    ]


async def test_memory_does_not_grow_with_the_ledger(ledger, pools, tmp_path):
    """Sixty thousand rows are written with the memory of one batch."""
    for start in range(0, 60_000, 10_000):
        await ledger.add(
            [LedgerRow("test-log", str(at), "*", "undated", "x" * 200) for at in range(start, start + 10_000)]
        )
    tracemalloc.start()
    try:
        await write_tables(pools, ledger, [], tmp_path, str)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "ledger.csv").stat().st_size > 12_000_000
    assert peak < 6_000_000


async def test_a_store_that_fails_leaves_the_last_table_in_place(database, ledger, pools, tmp_path):
    """Where the rows cannot be read there is no half a file under the name of the whole."""
    (tmp_path / "ledger.csv").write_text("the last one")
    async with database.session() as session:
        await session.execute("DROP TABLE ledger_row")
    with pytest.raises(asyncpg.PostgresError):
        await write_tables(pools, ledger, [], tmp_path, str)
    assert (tmp_path / "ledger.csv").read_text() == "the last one"
