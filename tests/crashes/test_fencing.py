"""An engine that stands still past its lease is overtaken (rules 1, 3, 8): what it does when it goes on.

Two engines are real processes on the user's own PostgreSQL; the sandbox counts what each has sent. Lease, heartbeat and
margin are shortened by the engines' environment; one long test keeps the real ones.
"""

import asyncio
import signal
from contextlib import asynccontextmanager

import asyncpg
import pytest
from engines import ASKING_S, moving, until
from moves import MADE, assert_adds_up, assert_complete, site_of, stats, use_profile, writes

from ztoq_async.sandbox import Corpus, Generator, Sandbox

SHORT = {"LEASE": "1.2 0.2 0.4"}
CASE = "POST /api/v3/projects/#/test-cases"
PROBED = 3  # test cases that a probe makes first
FENCED_S = 5.0
OVERTAKEN = (
    *("another engine has taken over", "could not renew its lease"),
    *("failed in the middle of a session", "COMMIT got no answer", "the connection was lost before COMMIT"),
)
"""By whichever it notices first: the epoch, the end of its lease, the end of a session that it had open."""


@asynccontextmanager
async def two_engines(nursery, source, folder, url, **limits):
    """A sandbox, and a move whose mapping is proposed already."""
    async with Sandbox(source, seed=1) as sandbox:
        with moving(nursery, site_of(sandbox), folder / "move", url=url, settle_s=0.3, **limits) as move:
            await move.propose()
            yield sandbox, move


async def overtaken(move, boundary, **lease):
    """An engine that stands still at the boundary, and a second one that has come to its end after it."""
    first = move.start("run", STOP_AT=boundary, **lease)
    await first.stopped()
    second = await started_after(move, first, **lease)
    await second.wait()
    return first, second


async def started_after(move, first, **lease):
    """A second engine: refused, with the first one's pid, as long as that one's lease and settling time go on."""
    second = await _begun(move, **lease)
    assert second.code is not None, "nobody has refused the second engine"
    while second.code is not None:
        assert second.code == 4, second.said
        assert f"another engine works on this store, process {first.pid} on" in second.report["error"]
        second = await _begun(move, **lease)
    return second


async def _begun(move, **lease):
    """A second engine that has ended, or has the store."""
    engine = move.start("run", **lease)

    async def begun():
        return engine.code is not None or await epoch(move) > 1

    await until(begun, tick=ASKING_S)
    return engine


async def _has_written(sandbox, number):
    return writes(await stats(sandbox)) >= number


async def asked(move, query):
    """Rows of the store."""
    connection = await asyncpg.connect(move.url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def epoch(move):
    """Counted from the first run on: the proposal had one of its own."""
    return (await asked(move, "SELECT epoch FROM migration"))[0][0] - 1


async def go_on(process):
    """What an overtaken engine says at its end, after SIGCONT."""
    process.send(signal.SIGCONT)
    assert await process.wait(FENCED_S) == 4, process.said
    said = process.report["error"]
    assert any(words in said for words in OVERTAKEN), said


async def test_what_was_claimed_and_not_sent_is_never_sent(nursery, library, own_store, tmp_path):
    """Nothing leaves after the lease: the sandbox counts no call, and the second engine has made everything once."""
    async with two_engines(nursery, Corpus(library), tmp_path, own_store) as (sandbox, move):
        first, second = await overtaken(move, "14 after commit of journal.Journal.claim", **SHORT)
        assert_complete(second)
        before = await stats(sandbox)
        await go_on(first)
        assert await stats(sandbox) == before
        assert before["duplicates"] == []
        assert await asked(move, "SELECT * FROM orphan") == []


async def late_done(nursery, library, own_store, tmp_path, lease):
    """An engine that stands still between an answer and the journal."""
    async with two_engines(nursery, Corpus(library), tmp_path, own_store) as (sandbox, move):
        first, second = await overtaken(move, f"{PROBED + 2} after {CASE}", **lease)
        assert_complete(second)
        recovered = second.report["kinds"]["test-case"]["recovered"]
        assert recovered >= 1
        before = await stats(sandbox)
        await go_on(first)
        assert await stats(sandbox) == before
        assert before["duplicates"] == []
        orphans = await asked(move, "SELECT kind, key, target_id FROM orphan")
        assert len(orphans) == recovered
        kept = await asked(move, "SELECT kind, key, target_id FROM journal WHERE origin = 'recovered'")
        assert sorted(orphans) == sorted(kept)
        assert_complete(await move.run("verify"))


async def test_a_late_done_becomes_an_orphan(nursery, library, own_store, tmp_path):
    """The second engine has found by looking what the first one made; what that one then tells is kept apart."""
    await late_done(nursery, library, own_store, tmp_path, SHORT)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_late_done_becomes_an_orphan_after_the_real_lease(nursery, library, own_store, tmp_path):
    """The same with a lease of thirty seconds."""
    await late_done(nursery, library, own_store, tmp_path, {})


async def test_what_had_passed_the_fence_is_sent_once_and_its_duplicate_is_named(nursery, library, own_store, tmp_path):
    """Stopped between the fence and the first byte: that one request leaves, nothing else, and `verify` names it."""
    async with two_engines(nursery, Corpus(library), tmp_path, own_store) as (sandbox, move):
        first, second = await overtaken(move, f"{PROBED + 2} fenced {CASE}", **SHORT)
        assert_complete(second)
        before = await stats(sandbox)
        await go_on(first)
        after = await stats(sandbox)
        assert writes(after) == writes(before) + 1
        assert sum(row["n"] for row in after["calls"]) == sum(row["n"] for row in before["calls"]) + 1
        (duplicate,) = after["duplicates"]
        key, second_id = duplicate["key"], max(duplicate["ids"])
        orphans = await asked(move, "SELECT kind, key, target_id FROM orphan")
        assert ("test-case", key, second_id) in orphans
        report = (await move.run("verify")).report
        assert report["outcome"] == "degraded"
        assert report["kinds"]["test-case"]["extra"] == 1
        assert report["extra"] == [f"test-case {key}: id {second_id}"]
        assert_adds_up(report)


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 12))])
async def test_two_engines_at_work_at_once_make_nothing_twice_unnamed(seed, nursery, own_store, tmp_path):
    """Stopped from outside with many requests in flight, going on while the second one works."""
    source = Generator(14, executions=40, seed=seed)
    async with two_engines(nursery, source, tmp_path, own_store, in_flight=8) as (sandbox, move):
        await use_profile(sandbox, {"seed": seed, "qtest": {"latency_ms": 25, "jitter_ms": 20}})
        first = move.start("run", **SHORT)
        await until(lambda: _has_written(sandbox, 60 + 25 * (seed % 5)), tick=ASKING_S)
        assert first.send(signal.SIGSTOP)
        second = await started_after(move, first, **SHORT)
        await asyncio.sleep(0.1 * seed % 0.7)
        await go_on(first)
        await second.wait()
        report, found = second.report, await stats(sandbox)
        for kind, row in report["kinds"].items():
            assert row["read"] == sum(row[word] for word in MADE) == row["verified"], (kind, row)
        assert_adds_up(report)
        if found["duplicates"]:
            report = (await move.run("verify")).report
            named = {tuple(words.split(": id ")) for words in report["extra"]}
            for twice in found["duplicates"]:
                assert any((f"{twice['kind']} {twice['key']}", str(one)) in named for one in twice["ids"]), report
        else:
            assert_complete(second)
