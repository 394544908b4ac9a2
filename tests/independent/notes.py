"""The note of a test log taken apart: its comment, its labelled blocks, the table of steps, its last line."""

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser

from both_sides import Row
from plain_text import CONTROL, collapsed, plain

MARK = re.compile(r"\s*(?:<p>)?\s*\[zephyr:test-log:(\d+)\]\s*(?:</p>)?\s*\Z")
LINK = ("type", "issueId", "testPlanId", "target", "url", "description")
BREAK = re.compile(r"<br\s*/?>|</?(?:p|div|li|ul|ol)\b[^>]*>|\n", re.IGNORECASE)


def mark(note: str | None) -> int | None:
    """The id of the execution that the last line of a note names."""
    found = MARK.search(note or "")
    return int(found[1]) if found else None


def without_mark(note: str) -> str:
    """The note above its last line."""
    return MARK.sub("", note)


def split(text: str, label: str, fits: Callable[[str], bool]) -> tuple[str, str | None]:
    """The text before the last block of a label, and the block, None if there is no such.

    A text may hold such a line of its own: of several the last one whose content `fits` counts, else the last.
    """
    name = re.escape(html.escape(CONTROL.sub("", label), quote=False))
    marks = list(re.finditer(rf"<p>\[{name}(?: \d+)?\]</p>", text))
    if not marks:
        return text, None
    found = next((one for one in reversed(marks) if fits(text[one.end() :])), marks[-1])
    return text[: found.start()], text[found.end() :]


def lines(markup: str) -> list[str]:
    """The lines of a block that are not blank, as plain text."""
    return [words for piece in BREAK.split(markup) if (words := plain(piece))]


def links_differ(links: list[Row], told: list[str]) -> bool:
    """True unless each line tells of one link, in order: its kind, its issue or plan, its address, its description."""
    return len(links) != len(told) or not all(map(_tells, links, told))


def _tells(link: Row, line: str) -> bool:
    """True if each word of a link has a place of its own in the line."""
    rest = collapsed(line)
    words = [collapsed(str(link.get(name) or "")) for name in LINK]
    for word in sorted(words, key=len, reverse=True):
        if word not in rest:
            return False
        rest = rest.replace(word, "\0", 1)
    return True


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.rows: list[list[str]] = []
        self.depth = 0
        self.within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.depth += 1
        if self.depth == 1 and tag in ("tr", "td", "th"):
            self.within = tag != "tr"
            if tag == "tr":
                self.rows.append([])
            else:
                self.rows[-1].append("")
        else:
            self._keep(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._keep(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if self.depth == 1 and tag in ("tr", "td", "th", "table"):
            self.within = False
        self._keep(f"</{tag}>")
        if tag == "table":
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        self._keep(data)

    def handle_entityref(self, name: str) -> None:
        self._keep(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._keep(f"&#{name};")

    def _keep(self, text: str) -> None:
        if self.within:
            self.rows[-1][-1] += text


def is_table(markup: str) -> bool:
    """True if a text begins with a table."""
    return markup.lstrip().startswith("<table")


def table(markup: str) -> list[list[str]]:
    """The rows of cells of the table in a text, those of a head too."""
    reader = _Cells()
    reader.feed(markup)
    reader.close()
    return [row for row in reader.rows if row]
