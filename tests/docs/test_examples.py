"""Every example of docs/resource-management.md runs as it stands, and every test that it names is there."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ztoq_async.sandbox import Generator, Sandbox
from ztoq_async.store.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "resource-management.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SETTINGS = """
[zephyr]
base_url = "{zephyr.base_url}"
token = "{zephyr.token}"
project = "{zephyr.project}"
[qtest]
base_url = "{qtest.base_url}"
token = "{qtest.token}"
project = {qtest.project}
settle_s = 0.3
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """A server for the examples that speak with one."""
    embedded = EmbeddedPostgres(tmp_path_factory.mktemp("examples") / "store")
    asyncio.run(embedded.__aenter__())
    yield embedded
    asyncio.run(embedded.__aexit__(None, None, None))


def heading(example):
    """The heading that an example stands under."""
    return re.findall(r"^## (.*)$", PAGE[: PAGE.index(example)], re.MULTILINE)[-1]


@pytest.mark.parametrize("example", EXAMPLES, ids=[heading(example) for example in EXAMPLES])
async def test_every_example_runs_as_it_stands(example, postgres, tmp_path):
    """A script of its own, with the settings file and the database that it names; a warning would be an error."""
    async with Sandbox(Generator(25)) as both:
        (tmp_path / "ztoq.toml").write_text(SETTINGS.format(zephyr=both.zephyr, qtest=both.qtest))
        environment = {**os.environ, "DATABASE_URL": postgres.dsn}
        (tmp_path / "example.py").write_text(example)
        command = [sys.executable, "-W", "error", "example.py"]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_every_test_that_the_page_names_is_there():
    """Each `test_…` of the page is a function of the tests, each `tests/….py` a file."""
    tests = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    there = set(re.findall(r"def (test_\w+)", tests))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 20
    assert named <= there, named - there
    assert [file for file in re.findall(r"`(tests/[\w/]+\.py)`", PAGE) if not (ROOT / file).is_file()] == []


def test_every_promise_of_the_page_has_a_what_a_how_and_an_evidence():
    """One section a promise, each with the three paragraphs."""
    sections = PAGE.split("\n## ")[1:]
    promises = [section for section in sections if section[0].isdigit()]
    assert len(promises) == 9
    for section in promises:
        assert [word for word in ("**What.**", "**How.**", "**Evidence.**") if word not in section] == [], section[:40]
