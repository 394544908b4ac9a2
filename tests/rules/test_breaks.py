"""The protocol's rules are broken one by one: a test notices each, and the page names it."""

import re
import shutil
import subprocess
import sys

import pytest
from breaks import BREAKS, ROOT

PAGE = ROOT / "docs" / "exactly-once.md"
RULES = range(20)
PATIENCE_S = 300
each = pytest.mark.parametrize("broken", BREAKS, ids=[f"{broken.rule}: {broken.words}" for broken in BREAKS])


def test_every_rule_is_broken():
    """Each of the 19 rules, and the ledger."""
    assert {broken.rule for broken in BREAKS} == set(RULES)


@each
def test_a_break_is_one_of_the_code_as_it_is(broken):
    """What is broken stands once in its file, and the test that should notice it is there, and named on the page."""
    assert (ROOT / broken.file).read_text(encoding="utf-8").count(broken.old) == 1
    file = broken.test.partition("::")[0]
    assert re.search(rf"def {broken.name}\(", (ROOT / file).read_text(encoding="utf-8"))
    assert f"`{broken.name}`" in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_S + 60)
@each
def test_a_broken_rule_is_noticed(broken, tmp_path):
    """In a copy of the code with this rule broken, that test fails; in one with it whole, it passes."""
    for name in ("ztoq_async", "tests", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    assert outcome(tmp_path, broken.test) == 0
    file = tmp_path / broken.file
    file.write_text(file.read_text(encoding="utf-8").replace(broken.old, broken.new), encoding="utf-8")
    assert outcome(tmp_path, broken.test) == 1


def outcome(folder, test):
    """The exit code of pytest: 0 all passed, 1 some failed, others are no outcome of tests."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-x", "-m", "", "-p", "no:cacheprovider", test]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE_S / 2, check=False).returncode
