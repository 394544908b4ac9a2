"""Plain text of HTML by the standard library alone: what a person reads, blanks collapsed, links and images kept."""

import re
from functools import lru_cache
from html.parser import HTMLParser

_INLINE = "a abbr b big code del em font i ins kbd label mark q s samp small span strike strong sub sup u"
_BLOCK = """
address article blockquote body br caption center col colgroup dd details div dl dt figure footer form h1 h2 h3 h4 h5 h6
head header hr html img input li main nav ol p pre section summary table tbody td tfoot th thead tr ul
"""
INLINE, BLOCK = frozenset(_INLINE.split()), frozenset(_BLOCK.split())
SILENT = frozenset({"script", "style"})
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self.silent += 1
        elif tag in BLOCK:
            self.parts.append(" ")
        elif tag not in INLINE:
            self.parts.append(self.get_starttag_text() or "")
        for name, value in attrs:
            if name in ("href", "src") and not (value or "").strip().lower().startswith("javascript:"):
                self.parts.append(f" [{value}] ")

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in BLOCK:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(data)


def collapsed(text: str) -> str:
    """The text without control characters, each run of blanks as one."""
    return " ".join(CONTROL.sub("", text).split())


@lru_cache(20_000)
def plain(markup: str | None) -> str:
    """The words of a piece of HTML in their order; a tag that HTML does not know counts as words."""
    reader = _Reader()
    reader.feed(CONTROL.sub("", markup or ""))
    reader.close()
    return collapsed("".join(reader.parts))
