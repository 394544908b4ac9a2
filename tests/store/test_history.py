"""What executions need of the store: places of records, rows that lack details, versions, families, upgrades."""

import contextlib
import random

import pytest
from store_tables import rows_of

from ztoq_async.mapping.kind import Item, Made
from ztoq_async.plan import Row
from ztoq_async.resources.database import Database
from ztoq_async.store import passes
from ztoq_async.store.archive import BATCH, Archive, Read, Reading
from ztoq_async.store.journal import Journal
from ztoq_async.store.overview import Overview
from ztoq_async.store.schema import FOLDER, upgrade
from ztoq_async.store.tenure import tenure
from ztoq_async.store.transitions import DONE, PENDING, REFUSED, Transition


@contextlib.asynccontextmanager
async def opened(store):
    """Archive, journal and overview of the pass to work on."""
    async with tenure(store, "zephyr", "qtest", 0.0) as held:
        number = await passes.open_pass(store, "all")
        yield Archive(store, held, number), Journal(store, held, number), Overview(store, number)


async def states(store):
    return {key: row["state"] for key, row in (await rows_of(store)).items()}


async def made(journal, kind, source="s", most=9):
    """Claims what is ready and marks it as made; the keys."""
    rows = await journal.claim(kind, source, most)
    for row in rows:
        journal.hand_over(Transition(row.id, DONE, Made(row.id), "created"))
    await journal.flush()
    return [row.key for row in rows]


async def test_records_come_by_place_then_as_they_were_read(store):
    """Over any number of batches, by bytes and not by a language's rules, whatever order the list had."""
    chance = random.Random(1)
    places = [chance.choice(["", "A", "a", "B", "Ä", "a\x1fb", "a-b", "ab"]) for _ in range(2 * BATCH + 3)]
    async with opened(store) as (archive, _, _):
        for start in range(0, len(places), 400):
            page = [Read(str(n), b"", "", places[n]) for n in range(start, min(start + 400, len(places)))]
            await archive.add_page("s", page, Reading())
        found = [int(record.key) async for record in archive.records("s")]
        assert found == sorted(range(len(places)), key=lambda n: (places[n].encode(), n))
        await archive.add_page("s", [Read("7", b"", "", "\x00")], Reading())
        assert sorted([int(record.key) async for record in archive.records("s")]) == list(range(len(places)))


async def test_a_row_is_ready_when_its_details_are_there(either):
    """Until then it is not claimed; a fault refuses it and what hangs on it; the others go on."""
    async with opened(either) as (archive, journal, _):
        await archive.add_page("s", [Read(key, b"{}") for key in "abc"], Reading("", complete=True))
        await journal.plan([Row("k", key) for key in "abc"], "s")
        await journal.plan([Row("child", "of b", ("k:b",)), Row("child", "of c", ("k:c",))])
        assert await made(journal, "k") == []
        await archive.add_details("s", [("a", b"1", ""), ("b", b"", "gone")])
        await journal.ready("k", [("a", ""), ("b", "gone")])
        assert await made(journal, "k") == ["a"]
        assert await states(either) == {"a": DONE, "b": REFUSED, "c": PENDING, "of b": REFUSED, "of c": PENDING}
        await journal.ready("k", [("c", "")])
        assert await made(journal, "k") == ["c"]
        assert await made(journal, "child") == ["of c"]


async def test_details_that_an_earlier_start_has_read_are_not_waited_for(either):
    """A resumed pass plans such rows ready; a new pass waits for its own."""
    async with opened(either) as (archive, journal, _):
        await archive.add_page("s", [Read(key, b"{}") for key in "ab"], Reading("", complete=True))
        await archive.add_details("s", [("a", b"1", "")])
        await journal.plan([Row("k", "a"), Row("k", "b")], "s")
        assert await made(journal, "k") == ["a"]
        await passes.close_pass(either, archive.number, b"{}")
    async with opened(either) as (archive, journal, _):
        await archive.add_page("s", [Read("b", b"{}"), Read("a", b"{}")], Reading("", complete=True))
        await journal.plan([Row("k", "a"), Row("k", "b")], "s")
        assert await made(journal, "k") == []
        await archive.add_details("s", [("b", b"1", "")])
        await journal.ready("k", [("b", "")])
        assert await made(journal, "k") == ["b"]


async def test_rows_that_were_made_before_others_that_belong_before_them_are_counted(either):
    """Only what is still to be made counts, and only behind what is made."""
    async with opened(either) as (_, journal, _):
        assert await journal.plan([Row("k", "2"), Row("k", "4", after=("k:2",))]) == 0
        assert await made(journal, "k") == ["2"]
        assert await made(journal, "k") == ["4"]
        later = [
            Row("k", "1"),
            Row("k", "2", after=("k:1",)),
            Row("k", "4", after=("k:2",)),
            Row("k", "5", after=("k:4",)),
        ]
        assert await journal.plan(later) == 1
        assert await made(journal, "k") == ["1"]  # the fifth comes after it, whatever is made between them
        assert await made(journal, "k") == ["5"]
        assert await journal.plan(later) == 0


async def test_children_get_versions_and_steps_as_they_are_now(either):
    """What approving has changed is kept; what was remembered before is forgotten; ids stay."""
    async with opened(either) as (_, journal, overview):
        await journal.plan([Row("k", "a"), Row("k", "b")])
        for row in await journal.claim("k", "", 9):
            journal.hand_over(Transition(row.id, DONE, Made(70, 1, (5, 6)), "created"))
        await journal.flush()
        assert await journal.refs(["k:a", "k:b"]) == {"k:a": Made(70, 1, (5, 6)), "k:b": Made(70, 1, (5, 6))}
        (row,) = (await overview.by_keys("k", "", ["a"])).values()
        await journal.refresh([(row.id, Made(0, 2, (7, 8, 9)))])
        assert await journal.refs(["k:a", "k:b"]) == {"k:a": Made(70, 2, (7, 8, 9)), "k:b": Made(70, 1, (5, 6))}


async def test_a_family_reaches_through_parents_of_its_kinds_only(store):
    """Called cases of called cases, each once and with its record; no modules, and no end in a circle."""
    async with opened(store) as (archive, journal, overview):
        await archive.add_page("s", [Read(key, key.encode()) for key in "abc"], Reading())
        await archive.add_details("s", [("c", b"steps", "")])
        rows = [Row("m", "top"), Row("k", "c", ("m:top",)), Row("k", "b", ("m:top", "k:c", "k:a"))]
        await journal.plan([*rows, Row("k", "a", ("k:b", "k:c")), Row("k", "other"), Row("stub", "x:y")])
        found = await overview.family({"k": "s", "stub": "t"}, {"k:a", "stub:x:y", "k:none"})
        assert found == {
            "k:a": Item("a", ("k:b", "k:c"), b"a"),
            "k:b": Item("b", ("m:top", "k:c", "k:a"), b"b"),
            "k:c": Item("c", ("m:top",), b"c", b"steps"),
            "stub:x:y": Item("x:y"),
        }


async def test_another_choice_of_executions_begins_a_pass_of_its_own(store):
    """The same choice goes on with what is unfinished; a finished pass is never gone on with."""
    assert await passes.open_pass(store, "all") == await passes.open_pass(store, "all") == 1
    assert await passes.open_pass(store, "last") == 2
    assert await passes.open_pass(store, "last") == 2
    await passes.close_pass(store, 2, b"{}")
    assert await passes.open_pass(store, "last") == 3


@pytest.fixture
async def older(postgres, tmp_path):
    """A store of the version before executions, in the middle of a pass."""
    (tmp_path / "001_base.sql").write_text((FOLDER / "001_base.sql").read_text(encoding="utf-8"), encoding="utf-8")
    async with Database(postgres.dsn) as opened_store:
        async with opened_store.session() as session:
            await session.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await upgrade(opened_store, tmp_path)
        async with opened_store.session() as session:
            await session.execute(
                "INSERT INTO pass (number) VALUES (1);"
                "INSERT INTO reading (pass, source, cursor, complete) VALUES (1, 'test-case', '', true);"
                "INSERT INTO archive (source, key, pass, record) "
                "VALUES ('test-case', 'b', 1, 'B'), ('test-case', 'a', 1, 'A');"
                "INSERT INTO journal (kind, key, pass, state, target_id, origin, made_pass) VALUES "
                "('test-case', 'a', 1, 'done', 7, 'created', 1), ('test-case', 'b', 1, 'pending', NULL, NULL, NULL)"
            )
        yield opened_store


async def test_a_store_of_the_version_before_is_gone_on_with(older):
    """Its rows stay, in their order; what was made stays made, and what was open can be claimed."""
    await upgrade(older)
    async with opened(older) as (archive, journal, overview):
        assert archive.number == 1
        assert [record.key async for record in archive.records("test-case")] == ["b", "a"]
        assert await archive.reading("test-case") == Reading("", complete=True)
        assert [row.key for row in await journal.claim("test-case", "test-case", 9)] == ["b"]
        assert (await overview.counts())["test-case"]["created"] == 1
