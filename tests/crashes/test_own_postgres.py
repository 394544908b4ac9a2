"""A PostgreSQL of the user's own by `[store] url`: separately installed, on TCP, with a password."""

from engines import moving
from moves import assert_complete, site_of, stats, writes

from ztoq_async.sandbox import Corpus, Sandbox


async def test_a_move_with_ones_own_server_needs_no_other_and_keeps_the_password(
    nursery, library, own_postgres, own_store, tmp_path
):
    """Complete, and complete again without a write; no embedded server is there, and the password is in no file."""
    async with Sandbox(Corpus(library), seed=1) as sandbox:
        with moving(nursery, site_of(sandbox), tmp_path / "move", url=own_store) as move:
            await move.propose()
            assert_complete(await move.run())
            before = writes(await stats(sandbox))
            assert_complete(await move.run())
            assert writes(await stats(sandbox)) == before
            assert (await move.run("status")).report["outcome"] == "complete"
            files = [path for path in move.folder.rglob("*") if path.is_file()]
            assert not (move.folder / "store/postgres").exists()
            assert files
            assert [path for path in files if own_postgres.password in path.read_text(errors="replace")] == []


async def test_a_wrong_password_is_named_without_it(nursery, library, own_store, tmp_path):
    """Exit code 4, the server and the setting are named, the password is not."""
    async with Sandbox(Corpus(library), seed=1) as sandbox:
        url = own_store.replace("mover:", "mover:no")
        with moving(nursery, site_of(sandbox), tmp_path / "move", url=url) as move:
            failed = await move.run("status")
            assert failed.code == 4
            assert "store.url" in failed.report["error"]
            assert url.split(":")[2].split("@")[0] not in failed.said
