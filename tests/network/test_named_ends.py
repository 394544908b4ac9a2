"""Faults that no run survives, by the command line: exit code, outcome, what it says; and the same command afterwards.

Each says which record, service or setting, that what was done is kept, and what to do; no secret, no traceback.
"""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import pytest
from named_ends import CASES, Scene, ended, scene

STORE = r"PostgreSQL at 127\.0\.0\.1 cannot be used .*see store\.url"
KEPT = "what is done is kept, and the same command goes on with it"
NOTHING = lambda here: None  # noqa: E731


@dataclass(frozen=True)
class End:
    """A fault, when it comes (before the run, or once so many objects are there), and how the command must end."""

    harm: Callable[[Scene], None]
    code: int
    words: str
    kept: str = KEPT
    when: tuple[str, int] | None = ("test-case", 4)
    mend: Callable[[Scene], None] | None = None
    outcome: str = "failed"


def wrong(table, **values):
    """Settings that are wrong from the start, of a new store: one that is known belongs to the move that it holds."""

    def harm(here):
        here.new_store()
        here.settings[table].update(values)

    return harm


ENDS = {
    "zephyr refuses connections": End(
        lambda here: here.lose("zephyr"),
        4,
        r"zephyr: GET \S+ failed: .*is zephyr\.base_url right",
        when=None,
        mend=lambda here: here.restore("zephyr"),
    ),
    "qtest is lost in mid-run": End(
        lambda here: here.lose("qtest"),
        4,
        r"SBX-T\d+: qtest: POST \S+ failed|qtest: .*is qtest\.base_url|qtest fails or is down",
        mend=lambda here: here.restore("qtest"),
    ),
    "no such host": End(
        wrong("zephyr", base_url="http://no-such-host.invalid/v2"),
        4,
        r"no-such-host\.invalid.*is zephyr\.base_url right",
        when=None,
    ),
    "no tls": End(
        lambda here: wrong("qtest", base_url=f"https://127.0.0.1:{here.proxies['qtest'].port}")(here),
        4,
        r"qtest: GET \S+ failed: .*ssl.*is qtest\.base_url right",
        when=None,
    ),
    "zephyr's token is wrong": End(
        wrong("zephyr", token="a.b.c"),
        2,
        r"Zephyr Scale refuses the token: .*\[zephyr\] token",
        when=None,
    ),
    "qtest's token is revoked in mid-run": End(
        lambda here: here.use(qtest={"refuses_token": True}),
        2,
        r"qTest refuses the token: set \[qtest\] token",
        mend=lambda here: here.use(),
    ),
    "the right is taken away in mid-run": End(
        lambda here: here.use(qtest={"read_only": True}),
        4,
        r"test-case SBX-T\d+: qtest: POST \S+ answered 403: .*may not",
        mend=lambda here: here.use(),
    ),
    "429 for ever": End(
        lambda here: here.use(qtest={"month_quota": 1, "retry_after_s": "none"}),
        4,
        r"qtest: \w+ \S+ answered 429: .*quota",
        mend=lambda here: here.use(),
    ),
    "the month runs out": End(
        lambda here: here.use(qtest={"month_quota": 60, "remaining_headers": True}),
        3,
        r"qtest: the month's calls are used up: run the same command again",
        kept="",
        mend=lambda here: here.use(qtest={"month_quota": 100_000, "remaining_headers": True}),
        outcome="interrupted",
    ),
    "the store is not there": End(
        lambda here: here.lose("store"),
        4,
        STORE,
        when=None,
        mend=lambda here: here.restore("store"),
    ),
    "the store is lost in mid-run": End(
        lambda here: here.lose("store"),
        4,
        r"PostgreSQL at 127\.0\.0\.1 (cannot be used|failed) .*",
        mend=lambda here: here.restore("store"),
    ),
    "the store's password is wrong": End(
        wrong("store", url="postgresql://nobody-known:pass-of-the-store@127.0.0.1:9/none"),
        4,
        STORE,
        when=None,
    ),
}
SLOW = (
    "no tls",
    "zephyr's token is wrong",
    "zephyr refuses connections",
    "qtest's token is revoked in mid-run",
    "429 for ever",
    "qtest is lost in mid-run",
    "the right is taken away in mid-run",
    "the store is not there",
    "the store is lost in mid-run",
    "the store's password is wrong",
)


def assert_named(here, end, code, found, said):
    """What the last JSON line and the exit code must be, and what must never be said."""
    assert (code, found["outcome"]) == (end.code, end.outcome), said
    words = found.get("error") or " ".join(found["notes"])
    assert re.search(end.words, words), words
    assert end.kept in words, words
    assert "Traceback" not in said
    assert not [secret for secret in here.secrets() if secret in said + (here.folder / "store/ztoq.log").read_text()]


def assert_goes_on(here):
    """The same command completes, and everything is there once."""
    code, found, said = ended(here.start())
    assert (code, found["outcome"]) == (0, "complete"), said
    assert here.stats()["duplicates"] == []
    kinds = found["kinds"]
    assert kinds["test-case"]["read"] == kinds["test-case"]["verified"] >= CASES
    assert kinds["test-log"]["read"] == kinds["test-log"]["verified"] > 0


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in ENDS])
def test_a_fault_that_cannot_be_survived_is_named_and_the_same_command_goes_on(name, postgres, tmp_path):
    """The exit code of the documentation, the words of the table; when the fault is over the same command completes."""
    end = ENDS[name]
    with scene(tmp_path, postgres.dsn) as here:
        if end.when is None:
            end.harm(here)
            process = here.start()
        else:
            here.use(qtest={"latency_ms": 20})
            process = here.start()
            here.wait_for(*end.when)
            end.harm(here)
        assert_named(here, end, *ended(process))
        if end.mend is not None:
            end.mend(here)
            assert_goes_on(here)


@pytest.mark.slow
def test_a_second_engine_is_told_of_the_first(postgres, tmp_path):
    """Exit 4 and the first one's process, at once; the first goes on and completes."""
    with scene(tmp_path, postgres.dsn) as here:
        here.use(qtest={"latency_ms": 40})
        first = here.start()
        here.wait_for("test-case", 2)
        code, found, said = ended(here.start())
        here.use()
        assert (code, found["outcome"]) == (4, "failed"), said
        assert re.search(rf"another engine works on this store, process {first.pid} on .*: wait", found["error"])
        assert "Traceback" not in said
        assert ended(first)[0] == 0


@contextlib.contextmanager
def tiny_disk(folder, megabytes):
    """A file system of so many megabytes, where this user may mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_under_the_store_is_named_and_the_same_command_goes_on(postgres, tmp_path):
    """PostgreSQL has no room for what is read: StoreError says so; with room the same command completes."""
    end = End(NOTHING, 4, r"PostgreSQL at 127\.0\.0\.1 has no room left \(DiskFull.*make some, see store\.url")
    disk = tmp_path / "disk"
    with tiny_disk(disk, 16), scene(tmp_path, postgres.dsn) as here, upon(disk, here, postgres):
        (disk / "filled").write_bytes(b"x" * (shutil.disk_usage(disk).free - 100_000))
        assert_named(here, end, *ended(here.start()))
        (disk / "filled").unlink()
        assert_goes_on(here)


@contextlib.contextmanager
def upon(disk, here, postgres):
    """The move's database lies on that disk."""
    name, place = here.settings["store"]["url"].rpartition("/")[2], disk / "space"
    place.mkdir()
    server = (postgres._path / "postgres" / "data").stat()
    os.chown(place, server.st_uid, server.st_gid)
    here.portal.call(told, postgres.dsn, f"CREATE TABLESPACE tiny LOCATION '{place}'")
    here.portal.call(told, postgres.dsn, f"ALTER DATABASE {name} SET TABLESPACE tiny")
    try:
        yield
    finally:
        here.portal.call(told, postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)")
        here.portal.call(told, postgres.dsn, "DROP TABLESPACE tiny")


async def told(dsn, statement):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
