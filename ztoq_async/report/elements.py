"""The elements of the page: tables, lists, figures; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

LONG = 30


def first_of(shown: int, total: int, file: str = "") -> str:
    """How many of how many are shown, and the file beside the page that has them all."""
    words = [f"The first {shown:,} of {total:,}."] if shown < total else []
    words += [f'All of them: <a href="{escape(file)}">{escape(file)}</a>'] if file else []
    return f'<p class="soft">{" ".join(words)}</p>\n' if words else ""


def row_name(text: str) -> str:
    """The first cell of a row."""
    return f'<th scope="row">{escape(text)}</th>'


def cell(text: object) -> str:
    """A cell of a row."""
    return f"<td>{escape(str(text))}</td>"


def number_cell(number: int, *, bad: bool = False) -> str:
    """A cell with a number; `bad` ones stand out, zeros stand back."""
    look = "zero" if not number else "bad" if bad else ""
    return f'<td class="number {look}">{number:,}</td>'


def bullets(lines: Iterable[object]) -> str:
    """A list."""
    return '<ul class="plain">' + "".join(f"<li>{escape(str(line))}</li>" for line in lines) + "</ul>"


def figures(rows: Iterable[tuple[str, int | str]]) -> str:
    """Names and numbers (with a unit: as text), side by side where there is room."""
    shown = "".join(f"<div><dt>{escape(name)}</dt><dd>{_figure(number)}</dd></div>" for name, number in rows)
    return f'<dl class="figures">{shown}</dl>'


def _figure(number: int | str) -> str:
    return escape(number) if isinstance(number, str) else f"{number:,}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    """A table of finished cells; with `numbers` all columns but the first are aligned as such. A long one scrolls."""
    look = ' class="number"' if numbers else ""
    titles = "".join(f'<th scope="col"{look if at else ""}>{escape(title)}</th>' for at, title in enumerate(head))
    lines = [f"<tr>{''.join(row)}</tr>" for row in rows]
    place = '<div class="wide long" tabindex="0">' if len(lines) > LONG else '<div class="wide">'
    body = "\n".join(lines)
    return f"{place}<table><thead><tr>{titles}</tr></thead>\n<tbody>{body}</tbody></table></div>"
