"""The embedded server: it starts fast, survives kills, is shared between processes, and says what is wrong."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest

from ztoq_async.errors import ResourceError, StoreError
from ztoq_async.store.binaries import find_binaries
from ztoq_async.store.embedded import EmbeddedPostgres
from ztoq_async.store.processes import Launcher, server_processes

ROOT = os.geteuid() == 0
ANY_USER = pwd.getpwnam("nobody").pw_uid if ROOT else None  # whose signals reach the server's user
needs_root = pytest.mark.skipif(not ROOT, reason="needs root")
needs_open_programs = pytest.mark.skipif(
    not all(folder.stat().st_mode & 0o001 for folder in find_binaries().parents),
    reason="PostgreSQL's programs are below a closed folder, which no other user passes without the capability",
)
needs_plain = pytest.mark.skipif(ROOT, reason="root passes every mode")
OPENER = """
import asyncio, sys
from pathlib import Path
import asyncpg
from ztoq_async.store.embedded import EmbeddedPostgres

async def main():
    async with EmbeddedPostgres(Path(sys.argv[1])) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("SELECT pg_advisory_lock(1)")  # IF NOT EXISTS of two sessions at once may still clash
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        print("rows", await connection.fetchval("SELECT count(*) FROM kept"), flush=True)
        await connection.close()  # which gives the lock back
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


@asynccontextmanager
async def connected(dsn):
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


async def rows(dsn):
    async with connected(dsn) as connection:
        return await connection.fetchval("SELECT count(*) FROM kept")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store that was made, used and closed."""
    path = tmp_path_factory.mktemp("made") / "store"

    async def make():
        async with EmbeddedPostgres(path) as server, connected(server.dsn) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")

    asyncio.run(make())
    return path


@pytest.fixture
def store(made, tmp_path):
    """A copy of it for one test, with the owners kept."""
    path = tmp_path / "store"
    copy_tree(made, path)
    yield path
    left = server_processes(path / "postgres" / "data")
    for process in left:
        process.kill()
    assert not left, "a server was left running"


class Engine:
    """Another process that opens the store, and leaves it when told to."""

    def __init__(self, path, *prefix):
        command = [*prefix, sys.executable, "-c", OPENER, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def said(self):
        return (await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), 30)).split()

    async def end(self):
        await asyncio.to_thread(self.process.communicate, "\n", 30)  # which closes both pipes
        return self.process.returncode

    def kill(self):
        if not self.process.stdin.closed:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def engine_of():
    """Engines for one test; what is left of them at its end is killed."""
    engines = []

    def start(path, *prefix):
        engines.append(Engine(path, *prefix))
        return engines[-1]

    yield start
    for engine in engines:
        engine.kill()


@contextmanager
def mounted(path, options):
    """A small file system of its own at `path`."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.fixture
def bystander():
    """A process that has nothing to do with us."""
    process = subprocess.Popen(["sleep", "60"], user=ANY_USER)
    yield process
    process.kill()
    process.wait()


def copy_tree(source, target):
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def runs(*command):
    return subprocess.run(command, check=False, cwd="/", stderr=subprocess.DEVNULL).returncode == 0


def socket_folder(path):
    return Path((path / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[4])


def exists(path):
    return path.exists()


def postmaster(path):
    pid = int((path / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    return psutil.Process(pid)


async def gone(process):
    for _ in range(500):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_cold_and_warm_start_are_fast_and_rows_stay(tmp_path):
    """A new store opens in seconds at worst, a made one in well under one, and its rows are there."""
    started = time.perf_counter()
    async with EmbeddedPostgres(tmp_path / "new" / "store") as server, connected(server.dsn) as connection:
        cold = time.perf_counter() - started
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    started = time.perf_counter()
    async with EmbeddedPostgres(tmp_path / "new" / "store") as server:
        warm = time.perf_counter() - started
        assert await rows(server.dsn) == 1
    assert cold < 5
    assert warm < 1.5


def mode(path):
    """The mode of a file."""
    return Path(path).stat().st_mode


async def test_server_is_durable_and_listens_on_no_port(store):
    """fsync and synchronous commit are on, and only the unix socket is open."""
    async with EmbeddedPostgres(store) as server, connected(server.dsn) as connection:
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert not [c for c in postmaster(store).net_connections("inet") if c.status == psutil.CONN_LISTEN]
        (folder,) = parse_qs(urlsplit(server.dsn).query)["host"]  # beside the data, or elsewhere where that is too long
        assert mode(folder) & 0o077 == 0


async def test_server_does_not_get_the_engines_environment(store, monkeypatch):
    """A token in the environment is not handed on to the server's processes."""
    monkeypatch.setenv("ZTOQ_ZEPHYR__TOKEN", "secret")
    monkeypatch.setenv("PGDATA", "/nowhere")
    async with EmbeddedPostgres(store):
        assert not {"ZTOQ_ZEPHYR__TOKEN", "PGDATA"} & postmaster(store).environ().keys()


async def test_nothing_of_the_server_remains_after_the_block(store):
    """After the block no process and no pid file is left."""
    async with EmbeddedPostgres(store):
        process = postmaster(store)
    assert await gone(process)
    assert not (store / "postgres" / "data" / "postmaster.pid").exists()


async def test_dsn_outside_the_block_is_a_named_error(store):
    """Use before and after the block is a ResourceError, not a connection that fails."""
    server = EmbeddedPostgres(store)
    with pytest.raises(ResourceError, match="async with"):
        _ = server.dsn
    async with server:
        with pytest.raises(ResourceError, match="already open"):
            await server.__aenter__()
    with pytest.raises(ResourceError, match="async with"):
        _ = server.dsn


async def test_a_killed_server_is_revived_in_place_with_every_row(store):
    """kill -9 of the postmaster in mid-run: revive() brings it back under the same DSN."""
    async with EmbeddedPostgres(store) as server:
        dsn = server.dsn
        async with connected(dsn) as connection:
            await connection.execute("INSERT INTO kept VALUES (2)")
        postmaster(store).kill()
        started = time.perf_counter()
        await server.revive()
        assert time.perf_counter() - started < 5
        assert server.dsn == dsn
        assert await rows(dsn) == 2


async def test_revive_leaves_a_healthy_server_alone(store):
    """revive() of a server that answers starts nothing."""
    async with EmbeddedPostgres(store) as server:
        before = postmaster(store)
        await server.revive()
        assert postmaster(store) == before


async def test_a_server_killed_before_the_end_does_not_spoil_the_next_start(store):
    """kill -9 of the postmaster, the block ends, and the store opens again."""
    async with EmbeddedPostgres(store):
        postmaster(store).kill()
    async with EmbeddedPostgres(store) as server:
        assert await rows(server.dsn) == 1


async def test_orphan_of_a_killed_engine_is_adopted_and_stopped(store, engine_of):
    """kill -9 of the engine leaves a server; the next one uses it, and stops it at the end."""
    engine = engine_of(store)
    assert await engine.said() == ["rows", "2"]
    engine.kill()
    orphan = postmaster(store)
    async with EmbeddedPostgres(store) as server:
        assert postmaster(store) == orphan
        assert await rows(server.dsn) == 2
    assert await gone(orphan)


async def test_engine_and_server_both_killed(store, engine_of):
    """kill -9 of both at once: the stale pid file is not believed and the rows are there."""
    engine = engine_of(store)
    assert await engine.said() == ["rows", "2"]
    orphan = postmaster(store)
    engine.kill()
    orphan.kill()
    async with EmbeddedPostgres(store) as server:
        assert await rows(server.dsn) == 2


async def test_pid_file_that_names_another_live_process_is_not_believed(store, bystander):
    """After a reboot the pid may be anybody's: the server starts, and that process is not touched."""
    data, socket = store / "postgres" / "data", store / "postgres" / "socket"
    lines = f"{bystander.pid}\n{data}\n1\n5432\n{socket}\n"
    (data / "postmaster.pid").write_text(f"{lines}\n1 1\nready\n")
    socket.mkdir()
    (socket / ".s.PGSQL.5432.lock").write_text(lines)
    for path in (data / "postmaster.pid", socket, socket / ".s.PGSQL.5432.lock"):
        shutil.chown(path, data.stat().st_uid)
    async with EmbeddedPostgres(store) as server:
        assert await rows(server.dsn) == 1
    assert bystander.poll() is None


@pytest.mark.parametrize("name", ["store", "with, comma"])
async def test_copy_of_a_store_does_not_open_or_disturb_the_original(tmp_path, name):
    """A store copied while it was open has the original's pid file; the copy gets a server of its own."""
    store, copy = tmp_path / name, tmp_path / f"{name} copy"
    async with EmbeddedPostgres(store) as server:
        copy_tree(store, copy)
        async with EmbeddedPostgres(copy) as other:
            assert other.dsn != server.dsn
            assert postmaster(copy) != postmaster(store)
        async with connected(server.dsn) as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_two_processes_share_one_server_and_the_last_one_stops_it(store, engine_of):
    """The second process uses the first one's server; when the first leaves, the second goes on."""
    engine = engine_of(store)
    assert await engine.said() == ["rows", "2"]
    process = postmaster(store)
    async with EmbeddedPostgres(store) as server:
        assert postmaster(store) == process
        assert await engine.end() == 0
        assert await rows(server.dsn) == 2
    assert await gone(process)


async def test_leaving_while_another_process_works_does_not_disturb_it(store, engine_of):
    """Whoever started the server may leave first."""
    async with EmbeddedPostgres(store):
        engine = engine_of(store)
        assert await engine.said() == ["rows", "2"]
        process = postmaster(store)
    assert process.is_running()
    assert await engine.end() == 0
    assert await gone(process)


async def test_many_processes_may_open_a_new_store_at_once(tmp_path, engine_of):
    """Four engines race to make one store: one makes it, all use it."""
    engines = [engine_of(tmp_path / "store") for _ in range(4)]
    said = [await engine.said() for engine in engines]
    assert sorted(said) == [["rows", str(n)] for n in (1, 2, 3, 4)]
    assert [await engine.end() for engine in engines] == [0] * 4
    assert not server_processes(tmp_path / "store" / "postgres" / "data")


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1, 0.3, 0.6])
async def test_cancelled_start_leaves_no_server_and_no_lock(tmp_path, delay):
    """A start that is cancelled at any time leaves nothing running, and the store opens afterwards."""
    path = tmp_path / "store"

    async def hold():
        async with EmbeddedPostgres(path):
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await asyncio.sleep(delay)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not server_processes(path / "postgres" / "data")
    async with EmbeddedPostgres(path) as server, connected(server.dsn) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_half_made_cluster_is_made_anew(tmp_path):
    """A crash within initdb leaves a folder that is never taken for a cluster."""
    half = tmp_path / "store" / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(tmp_path / "store") as server, connected(server.dsn) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert not list(half.parent.glob("data.new*"))


@pytest.mark.parametrize("name", ["d" * 90, "with, comma", "with space", "ünïcode"])
async def test_deep_and_odd_paths_work_and_leave_no_socket_folder(tmp_path, name):
    """A socket's path has 107 bytes and no comma; such a store has its socket elsewhere, also when it is revived."""
    path = tmp_path / name / "store"
    async with EmbeddedPostgres(path) as server:
        dsn = server.dsn
        postmaster(path).kill()
        await server.revive()
        assert server.dsn == dsn
        socket = socket_folder(path)
        async with connected(server.dsn) as connection:
            assert await connection.fetchval("SELECT 1") == 1
    assert not exists(socket)


async def test_log_is_cut_at_the_start(store):
    """The server's log does not grow over the runs."""
    log = store / "postgres" / "log"
    log.write_bytes(b"x" * 2_000_000)
    async with EmbeddedPostgres(store) as server, connected(server.dsn) as connection:
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.execute("SELECT secret FROM nowhere")
    assert log.stat().st_size < 10_000
    assert b"secret" not in log.read_bytes()


async def test_a_path_that_is_a_file_is_a_clear_error(tmp_path):
    """StoreError names the path and store.path."""
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreError, match=rf"{tmp_path}/store .*store\.path"):
        await EmbeddedPostgres(tmp_path / "store").__aenter__()


async def test_wrong_binaries_setting_is_a_clear_error(tmp_path, monkeypatch):
    """StoreError names ZTOQ_PG_BIN and its value."""
    monkeypatch.setenv("ZTOQ_PG_BIN", str(tmp_path))
    with pytest.raises(StoreError, match=f"ZTOQ_PG_BIN={tmp_path}"):
        await EmbeddedPostgres(tmp_path / "store").__aenter__()


async def test_data_of_another_version_is_a_clear_error(store):
    """StoreError quotes what PostgreSQL says, and nothing is left running."""
    (store / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StoreError, match="incompatible"):
        await EmbeddedPostgres(store).__aenter__()


async def test_what_a_server_said_is_quoted_though_it_ended_at_once(store, monkeypatch):
    """A busy machine comes back to us only after the server has written and ended."""
    start = Launcher.start

    def started(self, *args, **options):
        child = start(self, *args, **options)
        child.wait(60)
        return child

    monkeypatch.setattr(Launcher, "start", started)
    (store / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StoreError, match="incompatible"):
        await EmbeddedPostgres(store).__aenter__()


@needs_root
async def test_full_disk_is_a_clear_error(tmp_path):
    """StoreError says that no space is left, and where."""
    path = tmp_path / "small"
    with mounted(path, "size=8m"), pytest.raises(StoreError, match=f"(?s){path}.*No space left"):
        await EmbeddedPostgres(path / "store").__aenter__()


@needs_root
async def test_read_only_folder_is_a_clear_error(tmp_path):
    """StoreError names the path and that its file system is read-only."""
    path = tmp_path / "ro"
    with mounted(path, "ro"), pytest.raises(StoreError, match=f"{path}/store .*Read-only"):
        await EmbeddedPostgres(path / "store").__aenter__()


@needs_root
async def test_root_uses_a_store_below_a_closed_folder(tmp_path):
    """As root, below a folder of mode 0700, the server runs as another user and its data stay in the store."""
    (tmp_path / "closed").mkdir(mode=0o700)
    path = tmp_path / "closed" / "store"
    async with EmbeddedPostgres(path):
        assert postmaster(path).uids().real != 0
    assert (path / "postgres" / "data" / "PG_VERSION").exists()


@needs_root
async def test_root_uses_programs_below_a_closed_folder(tmp_path, monkeypatch):
    """As root the programs too may be below a folder of mode 0700, as in an environment in root's own home."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    programs = find_binaries()
    package = programs.parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.is_dir():
            shutil.copytree(folder, closed / folder.name, symlinks=True)
    monkeypatch.setenv("ZTOQ_PG_BIN", str(closed / package.name / programs.relative_to(package)))
    async with EmbeddedPostgres(tmp_path / "store") as server, connected(server.dsn) as connection:
        assert await connection.fetchval("SELECT 1") == 1


@needs_root
@needs_open_programs
async def test_root_without_setpriv_keeps_the_data_elsewhere(tmp_path, monkeypatch):
    """Where the capability is missing, the file `location` says where the data are, and a second start finds them."""
    (tmp_path / "closed").mkdir(mode=0o700)
    path = tmp_path / "closed" / "store"
    monkeypatch.setenv("PATH", "/nowhere")
    home = None
    try:
        async with EmbeddedPostgres(path) as server, connected(server.dsn) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
            home = Path((path / "location").read_text().strip())
            assert (home / "data" / "PG_VERSION").exists()
        async with EmbeddedPostgres(path) as server:
            assert await rows(server.dsn) == 1
    finally:
        if home is not None:
            shutil.rmtree(home)
    with pytest.raises(StoreError, match=f"{home}, which is gone"):
        await EmbeddedPostgres(path).__aenter__()


@needs_root
async def test_plain_user_runs_the_server_themselves(tmp_path_factory, engine_of):
    """A plain user needs no rights beyond a folder of their own; root may use that store later."""
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv here")
    path = tmp_path_factory.mktemp("plain")
    for folder in (path, *path.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    user = pwd.getpwnam("daemon")  # initdb refuses a user without a name
    os.chown(path, user.pw_uid, user.pw_gid)
    prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if not runs(*prefix, sys.executable, "-c", "import ztoq_async, asyncpg"):
        pytest.skip("a plain user cannot read this installation")
    engine = engine_of(path / "store", *prefix)
    assert await engine.said() == ["rows", "1"]
    assert postmaster(path / "store").uids().real == user.pw_uid
    assert await engine.end() == 0
    async with EmbeddedPostgres(path / "store") as server:
        assert postmaster(path / "store").uids().real == user.pw_uid
        assert await rows(server.dsn) == 1


@needs_plain
async def test_folder_without_the_right_to_write_is_a_clear_error(tmp_path):
    """StoreError names the path."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match=f"{tmp_path}/store .*Permission denied"):
            await EmbeddedPostgres(tmp_path / "store").__aenter__()
    finally:
        tmp_path.chmod(0o700)


async def test_terminal_interrupt_does_not_reach_the_server(store):
    """Ctrl-C goes to the engine's process group; the server is not in it."""
    async with EmbeddedPostgres(store):
        assert os.getpgid(postmaster(store).pid) != os.getpgid(0)
