"""The archive: records as they came, how far a pass has read, and the ledger's tables."""

import asyncio
from collections import Counter

import pytest

from ztoq_async.errors import FenceError
from ztoq_async.store import passes
from ztoq_async.store.archive import BATCH, Archive, Read, Reading
from ztoq_async.store.tenure import Tenure, tenure


@pytest.fixture
async def archive(store):
    """The archive of the first pass."""
    async with tenure(store, "z", "q", 0.0) as held:
        yield Archive(store, held, await passes.open_pass(store, "all"))


def keys(records):
    return [record.key for record in records]


async def test_one_record_may_be_added_at_the_same_moment(archive):
    """Two that were asked for may be answered with the same record: it is there once."""
    for number in range(20):
        await asyncio.gather(*(archive.add("s", [Read(f"k{number}", b"{}")]) for _ in range(4)))
    assert await archive.count("s") == 20


async def test_a_page_and_its_place_are_one(archive):
    """Records, faults and the cursor come back; a key seen twice is one record with the newest bytes."""
    assert await archive.reading("s") == Reading()
    await archive.add_page("s", [Read("a", b"1"), Read("b", b"2", "bad"), Read("a", b"3")], Reading("7"))
    await archive.add_page("s", [Read("c", b"\x00\xff")], Reading("", complete=True))
    found = [record async for record in archive.records("s")]
    assert [(record.key, record.record, record.fault) for record in found] == [
        ("a", b"3", ""),
        ("b", b"2", "bad"),
        ("c", b"\x00\xff", ""),
    ]
    assert await archive.reading("s") == Reading("", complete=True)
    assert await archive.count("s") == 3
    assert await archive.count("other") == 0


async def test_details_are_asked_for_once(archive):
    """What lacks its detail and what has it are told apart; a fault is asked for again."""
    await archive.add_page("s", [Read("a", b"1"), Read("b", b"2", "bad"), Read("c", b"3")], Reading())
    assert keys([record async for record in archive.records("s", without_detail=True)]) == ["a", "b", "c"]
    await archive.add_details("s", [("a", b"steps", ""), ("c", b"", "gone")])
    assert keys([record async for record in archive.records("s", without_detail=True)]) == ["b", "c"]
    assert keys([record async for record in archive.records("s", with_detail=True)]) == ["a"]
    assert await archive.known("s", ["a", "b", "c", "d"]) == {"a"}


async def test_a_new_pass_sees_only_what_it_has_read(archive, store):
    """What is gone from the source is not read again; details belong to their pass."""
    await archive.add_page("s", [Read("a", b"1"), Read("b", b"2")], Reading("", complete=True))
    await archive.add_details("s", [("a", b"x", ""), ("b", b"y", "")])
    await passes.close_pass(store, archive.number, b"{}")
    later = Archive(store, archive._tenure, await passes.open_pass(store, "all"))
    assert later.number == archive.number + 1
    assert await later.reading("s") == Reading()
    await later.add_page("s", [Read("b", b"3")], Reading())
    assert keys([record async for record in later.records("s")]) == ["b"]
    assert keys([record async for record in later.records("s", without_detail=True)]) == ["b"]


async def test_many_records_come_in_their_order(archive):
    """Batches join without a gap and without a repetition."""
    names = [str(number) for number in range(2 * BATCH + 1)]
    await archive.add_page("s", [Read(name, b"") for name in names], Reading())
    assert keys([record async for record in archive.records("s")]) == names


async def test_an_overtaken_engine_archives_nothing(archive, store):
    """FenceError, and neither records nor the place are kept."""
    stranger = Archive(store, Tenure.none(), archive.number)
    with pytest.raises(FenceError):
        await stranger.add_page("s", [Read("a", b"")], Reading("1"))
    assert await archive.count("s") == 0
    assert await archive.reading("s") == Reading()
    assert Counter(keys([record async for record in archive.records("s")])) == Counter()
