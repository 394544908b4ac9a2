"""The structure that lets a new kind be one module and one row."""

import ast
from pathlib import Path

import pytest

import ztoq_async
from ztoq_async.kinds import KINDS, REPORTED

PACKAGE = Path(ztoq_async.__file__).parent
NAMES = {kind.name for kind in KINDS} | set(REPORTED)
FREE_OF_NAMES = sorted([*(PACKAGE / "lanes").glob("*.py"), *(PACKAGE / "report").glob("*.py")])


def names_in(source: str) -> list[str]:
    """The kinds' names among the string constants of a module, docstrings left out."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return [node.value for node in constants if isinstance(node.value, str) and node.value in NAMES]


@pytest.mark.parametrize("module", FREE_OF_NAMES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_lane_and_no_report_knows_a_kind_by_its_name(module):
    """Lanes and report work on the table of kinds: none of their strings is a kind's name."""
    assert names_in(module.read_text()) == []


def test_a_kinds_name_in_a_lane_would_be_noticed():
    """The search finds a name in code and passes over one in a docstring."""
    assert names_in('"""module"""\nif kind == "test-case":\n    pass\n') == ["test-case"]
