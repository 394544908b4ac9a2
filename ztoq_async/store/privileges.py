"""Who runs the embedded server, and in which folder. PostgreSQL refuses to run as root.

A plain user runs it as themselves. Root gives it to `nobody` with the one capability to pass closed folders, so that a
store below a folder of mode 0700 works. Where that cannot be had, the cluster lives under /var/tmp, which `nobody` can
reach, and a file `location` in the store says where.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ztoq_async.errors import StoreError
from ztoq_async.store.processes import Launcher

POINTER = "location"
ELSEWHERE = Path("/var/tmp")  # noqa: S108 - survives a reboot, unlike /tmp; mkdtemp makes the folder ours alone
PROBE_S = 10.0


@dataclass(frozen=True)
class Home:
    """The folder of one cluster (data, socket, log) and the launcher of its programs."""

    path: Path
    launcher: Launcher

    @property
    def data(self) -> Path:
        return self.path / "data"


async def choose_home(store: Path, postgres: Path) -> Home:
    """The home of the store's cluster; the folder exists, and its programs can run there."""
    pointed = _pointed(store)
    path = pointed or store / "postgres"
    if os.geteuid() != 0:
        path.mkdir(mode=0o700, exist_ok=True)
        return Home(path, Launcher())
    uid, gid = _server_user(path)
    capable = _with_capability(uid, gid)
    if capable is not None and _give(path, uid, gid) and await _runs(capable, postgres, path):
        return Home(path, capable)
    plain = Launcher(uid=uid, gid=gid)
    if pointed is None:
        if (path / "data").exists():
            raise StoreError(
                f"the server's user cannot work in {path}: install `setpriv` (util-linux) and keep its rights"
            )
        path = _elsewhere(store, uid, gid)
    if not await _runs(plain, postgres, path):
        raise StoreError(
            f"user {uid} cannot run {postgres}: run as a plain user, set ZTOQ_PG_BIN to programs that every user may"
            " run, or set store.url to a server of your own"
        )
    return Home(path, plain)


def _pointed(store: Path) -> Path | None:
    pointer = store / POINTER
    if not pointer.exists():
        return None
    path = Path(pointer.read_text().strip())
    if not path.is_dir():
        raise StoreError(
            f"{pointer} says that the store's data are in {path}, which is gone: restore it, or use a new store"
        )
    return path


def _server_user(path: Path) -> tuple[int, int]:
    """Who owns the cluster already, else `nobody`."""
    if path.exists() and (owner := path.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return nobody.pw_uid, nobody.pw_gid


def _with_capability(uid: int, gid: int) -> Launcher | None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return None
    change = (f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--inh-caps=+dac_override")
    # The secure bit lets access(2) count the capability, by which initdb looks for `postgres` in a closed environment.
    keep = ("--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup")
    return Launcher((setpriv, *change, *keep), uid, gid)


def _give(path: Path, uid: int, gid: int) -> bool:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, uid, gid)
    except OSError:  # no such right, or a file system without owners
        return False
    return True


async def _runs(launcher: Launcher, postgres: Path, home: Path) -> bool:
    """Whether the launcher's user can run the program and write in the home."""
    command = ["/bin/sh", "-c", '"$0" --version && : > probe', str(postgres)]
    try:
        code, _ = await launcher.run(command, cwd=home, timeout=PROBE_S)
        (home / "probe").unlink(missing_ok=True)
    except (OSError, TimeoutError):
        return False
    return code == 0


def _elsewhere(store: Path, uid: int, gid: int) -> Path:
    path = Path(tempfile.mkdtemp(prefix="ztoq-", dir=ELSEWHERE))
    try:
        os.chown(path, uid, gid)
        new = store / f"{POINTER}.new"
        new.write_text(f"{path}\n")
        new.rename(store / POINTER)
    except OSError:
        path.rmdir()
        raise
    return path
