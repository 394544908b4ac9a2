"""The sandbox in one process, the engine in another, both by the command line, as a person would start them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "ztoq_async"]
DEADLINE_S = 1_200
CONFIG = """
[zephyr]
base_url = "{zephyr[base_url]}"
project = "{zephyr[project]}"
[qtest]
base_url = "{qtest[base_url]}"
project = {qtest[project]}
settle_s = 1
[store]
path = "store"
[limits]
zephyr_per_minute = 600000
qtest_per_minute = 600000
"""


def in_zone(zone: str) -> dict[str, str]:
    """The environment of a process whose clock shows the time of a zone; "" leaves it as it is."""
    return {**os.environ, "TZ": zone} if zone else {**os.environ}


@contextlib.contextmanager
def sandbox(*flags: str, zone: str = "") -> Iterator[dict[str, Any]]:
    """Serves until the block ends; gives the line that the process prints when it is ready."""
    command = [*COMMAND, "sandbox", *flags, "--json"]
    with subprocess.Popen(command, env=in_zone(zone), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


class Migration:
    """Runs of the engine with one settings file and one store in `folder`; the tokens go through the environment."""

    def __init__(self, site: dict[str, Any], folder: Path, *, zone: str = "") -> None:
        self._config = folder / "ztoq.toml"
        self._config.write_text(CONFIG.format(**site))
        tokens = {f"ZTOQ_{name.upper()}__TOKEN": site[name]["token"] for name in ("zephyr", "qtest")}
        self._environment = {**in_zone(zone), **tokens}

    def propose_mapping(self) -> str:
        """The text of the proposed mapping file, which the runs from now on use."""
        file = self._config.with_name("mapping.toml")
        self._run("--propose-mapping", str(file))
        self._config.write_text(f'{self._config.read_text()}[mapping]\nfile = "mapping.toml"\n')
        return file.read_text()

    def run(self) -> dict[str, Any]:
        """The report of one run, which must end with 0."""
        report: dict[str, Any] = json.loads(self._run("--json").splitlines()[-1])
        return report

    def _run(self, *flags: str) -> str:
        command = [*COMMAND, "run", "--config", str(self._config), *flags]
        ended = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
        return ended.stdout
