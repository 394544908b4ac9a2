"""What the site makes of HTML and of parameters in texts."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser

_BLOCK = re.compile(r"\s*<(p|div|ul|ol|table|h[1-6]|pre|blockquote)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_PARAMETER = re.compile(r"\[~([^\[\]]+)\]")
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)


class _Editor(HTMLParser):
    """Writes HTML again the way rich text editors do."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inner = "".join(f' {name}="{html.escape(value or "")}"' for name, value in sorted(attrs))
        self.out.append(f"<{tag}{inner}{' /' if tag in _VOID else ''}>")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(html.escape(data, quote=False).replace("\xa0", "&nbsp;"))

    def handle_comment(self, data: str) -> None:
        self.out.append(f"<!--{data}-->")


def normalised(text: str) -> str:
    """Double quotes, sorted attributes, `<br />`, entities as characters but for `& < >` and nbsp, a block around."""
    editor = _Editor()
    editor.feed(text)
    editor.close()
    written = "".join(editor.out)
    return written if not written or _BLOCK.match(written) else f"<p>{written}</p>"


def echo(mode: str, text: str) -> str:
    """The text as the site gives it back (switch `echo`)."""
    if mode == "normalised":
        return normalised(text)
    return html.escape(text, quote=False) if mode == "escaped" else text


def plain(text: str) -> str:
    """`plain_value_text` of a step: its words without HTML."""
    if "<" in text:
        text = _TAG.sub("", text)
    return html.unescape(text) if "&" in text else text


def with_parameters(text: str, identify: Callable[[str], str]) -> str:
    """The text with the name in each `[~name]` replaced by what `identify` says (facts.md 3.8)."""
    return _PARAMETER.sub(lambda found: f"[~{identify(found[1])}]", text)
