"""Half a run, and the store is gone (protocol rule 12), by the command line with the embedded store."""

import shutil
import signal

from engines import moving
from moves import assert_complete, site_of, stats, writes
from same_content import content, differences, read_objects

from ztoq_async.sandbox import Corpus, Sandbox

LATE = "4 after POST /api/v3/projects/#/test-runs/#/test-logs"


async def undisturbed(nursery, library, folder):
    """What one run makes."""
    async with Sandbox(Corpus(library), seed=1) as sandbox:
        with moving(nursery, site_of(sandbox), folder) as move:
            mapping = await move.propose()
            assert_complete(await move.run())
            return mapping, content(await read_objects(sandbox.qtest.base_url))


async def test_a_lost_store_stops_the_next_run_and_adopting_makes_the_rest(nursery, library, tmp_path):
    """The new store refuses with exit code 2, says how many of what, writes nothing; `--adopt` makes nothing twice."""
    mapping, expected = await undisturbed(nursery, library, tmp_path / "undisturbed")
    async with Sandbox(Corpus(library), seed=1) as sandbox:
        with moving(nursery, site_of(sandbox), tmp_path / "lost") as move:
            move.mapping.write_text(mapping)
            killed = await move.run(CRASH_AT=LATE)
            assert killed.code == -signal.SIGKILL
            server = move.postmaster()
            while (move.folder / "store").exists():  # its server still works in it, and makes files meanwhile
                shutil.rmtree(move.folder / "store", ignore_errors=True)
            before = await stats(sandbox)
            refused = await move.run()
            held = {kind: number for kind, number in before["objects"].items() if number}
            assert refused.code == 2, refused.said
            said = refused.report["error"]
            for kind in ("test-case", "test-suite", "test-run"):
                assert f"{held[kind]} {kind}s" in said, (held, said)
            assert "run --adopt" in said
            assert writes(await stats(sandbox)) == writes(before)
            adopted = await move.run("run", "--adopt")
            assert_complete(adopted)
            kinds = adopted.report["kinds"]
            for kind in ("test-case", "test-run", "test-log"):
                assert kinds[kind]["adopted"] == held[kind]
            assert kinds["test-suite"]["created"] == 0
            assert differences(expected, content(await read_objects(sandbox.qtest.base_url))) == []
            assert (await stats(sandbox))["duplicates"] == []
            once_more = writes(await stats(sandbox))
            assert_complete(await move.run())
            assert writes(await stats(sandbox)) == once_more
            move.end_server(server)
