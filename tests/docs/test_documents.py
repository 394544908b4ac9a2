"""The documents: links lead somewhere, commands are understood, settings are the ones that there are."""

import ast
import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

import ztoq_async
from ztoq_async.cli.app import app
from ztoq_async.mapping.rules import FIELD_TYPES, Rules, read_rules
from ztoq_async.report.build import EXIT_CODES
from ztoq_async.settings import Settings, load

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    (page, kind, text)
    for page in PAGES
    for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
]
COMMANDS = sorted({command for command in app.resolved_commands() if not command.startswith("-")})
INLINE = re.compile(rf"`((?:{'|'.join(COMMANDS)})(?: [^`]+)?)`")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def block_after(page, mark):
    """The one block of code after `<!-- mark -->`."""
    return page.read_text().partition(f"<!-- {mark} -->\n```")[2].partition("\n")[2].partition("```")[0]


def anchors(page):
    """The anchors of a page's headings, as code hosts make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_page
def test_every_link_within_the_documents_leads_to_a_file_and_a_heading(page):
    """Relative links name files that exist, and their anchors headings in them."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith("https://"):
            name, _, anchor = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            assert file.is_file(), target
            assert not anchor or anchor in anchors(file), target


@each_page
def test_no_document_has_a_path_of_somebodys_machine(page):
    """What is written holds for every reader: no absolute path of a machine on which it was written."""
    assert re.findall(r"(?<![\w.])/(?:work|tmp|root|home|opt)\b", page.read_text()) == []


@pytest.mark.parametrize(("page", "kind", "text"), BLOCKS, ids=[f"{page.name}-{kind}" for page, kind, _ in BLOCKS])
def test_every_block_of_code_is_what_it_says(page, kind, text):
    """TOML, JSON and Python parse; shell lines too, and every command of ours takes the arguments it is given."""
    if kind == "toml":
        tomllib.loads(text)
    elif kind == "json":
        json.loads(text)
    elif kind == "python":
        compile(text, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    else:
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)
        for command in re.findall(r"-m ztoq_async (.*)$", text, re.MULTILINE):
            understood(command)


def understood(command):
    """Fails for a command that the command line refuses; runs nothing."""
    app.parse_args(shlex.split(command), exit_on_error=False, print_error=False)


@each_page
def test_every_command_named_in_a_sentence_is_understood(page):
    """`run --adopt` and its like are commands with flags that exist."""
    for command in INLINE.findall(page.read_text()):
        understood(command)


def test_a_command_that_does_not_exist_would_be_noticed():
    """The check of commands refuses a flag that nobody knows."""
    with pytest.raises(Exception, match="--adapt"):
        understood("run --adapt")


def rows(page, heading):
    """The rows of the first table after a heading, as lists of cells without their quotes."""
    text = (ROOT / "docs" / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def settings_there_are():
    """Name and default of every setting, in the words of the document."""
    for table, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for name, setting in model.model_fields.items():
                yield f"`{table}.{name}`", said(setting.default)


def said(default):
    """A default in the words of the document."""
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, SecretStr) or default == "":
        return "empty"
    return "none" if default is None else f"`{default}`"


def test_every_setting_is_documented_with_its_default_and_no_other():
    """The table of settings names the settings of the code, each with its default."""
    assert [(name, default) for name, _, default, _ in rows("configuration.md", "Settings")] == [*settings_there_are()]


def test_every_part_of_a_mapping_file_is_documented_and_no_other():
    """The table of the mapping file names the fields of the rules; the types of fields are all listed."""
    names = [name.strip("`[]") for name, *_ in rows("configuration.md", "The mapping file")]
    assert names == list(Rules.__struct_fields__)
    assert [kind for kind in FIELD_TYPES if f"`{kind}`" not in (ROOT / "docs" / "configuration.md").read_text()] == []


def test_the_mapping_file_of_the_documents_can_be_read():
    """The example holds every part of a mapping file, and the program takes it."""
    text = block_after_heading("configuration.md", "The mapping file")
    assert list(tomllib.loads(text)) == list(Rules.__struct_fields__)
    assert read_rules(text.encode()).status == {"Approved": "Baselined"}


def block_after_heading(page, heading):
    """The first block of code after a heading."""
    text = (ROOT / "docs" / page).read_text().partition(f"\n## {heading}\n")[2]
    return text.partition("```toml\n")[2].partition("```")[0]


def test_the_readmes_settings_load_with_tokens_from_the_environment(tmp_path, monkeypatch):
    """`ztoq.toml` as the README has it is complete but for the tokens."""
    (tmp_path / "ztoq.toml").write_text(block_after(ROOT / "README.md", "settings"))
    with pytest.raises(ztoq_async.SettingsError, match="token"):
        load(tmp_path / "ztoq.toml")
    monkeypatch.setenv("ZTOQ_ZEPHYR__TOKEN", "one")
    monkeypatch.setenv("ZTOQ_QTEST__TOKEN", "two")
    settings = load(tmp_path / "ztoq.toml")
    assert (settings.zephyr.project, settings.qtest.project) == ("MM", 12345)


@pytest.mark.parametrize("name", ["demo", "test"])
def test_the_readme_has_each_of_its_two_commands_in_one_line(name):
    """The demo and the tests are one line each, which CI takes from there word for word."""
    assert len(block_after(ROOT / "README.md", name).splitlines()) == 1


def test_the_exit_codes_of_the_documents_are_those_of_the_program():
    """Every outcome has its exit code in the table of outcomes."""
    found = {outcome.strip("`"): int(code) for outcome, code, _ in rows("getting-started.md", "Run") if outcome}
    assert found == EXIT_CODES


def rules_in_code():
    """Names of rules: what the mapping passes as the second argument of a Note, or keeps in a name `rule`."""
    for file in (Path(ztoq_async.__file__).parent / "mapping").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Note" and len(node.args) > 1:
                yield from constants(node.args[1])
            elif isinstance(node, ast.Assign) and "rule" in ast.unparse(node.targets[0]).split(", ")[-1:]:
                yield from constants(node.value)


def constants(node):
    """The strings in an expression that look like a rule's name."""
    found = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return (text for text in found if isinstance(text, str) and re.fullmatch(r"[a-z]+(-[a-z]+)+", text))


def test_every_rule_of_the_mapping_is_documented():
    """Each rule that the ledger may count stands in what-goes-where."""
    text = (ROOT / "docs" / "what-goes-where.md").read_text()
    assert [rule for rule in sorted(set(rules_in_code())) if f"`{rule}`" not in text] == []


def test_no_exported_name_of_the_library_page_is_missing():
    """Everything that the page on the library imports is part of the face."""
    imported = re.findall(r"^from ztoq_async import (.*)$", (ROOT / "docs" / "library.md").read_text(), re.MULTILINE)
    names = {name.strip() for line in imported for name in line.split(",")}
    assert names
    assert names <= set(ztoq_async.__all__)
