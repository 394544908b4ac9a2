"""Texts: what is done to HTML on its way (almost nothing), and when two pieces of HTML are the same.

Decision 7 of the mapping: HTML goes untouched unless its tree holds something forbidden; control characters go.
Protocol rule 17: comparison is by parsed tree with a named tolerance, never by raw text.
"""

from __future__ import annotations

import html
import re

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_ELEMENT = re.compile(r"<\s*(?:script|iframe|object|embed)", re.IGNORECASE)
_HANDLER = re.compile(r"[oO][nN][a-zA-Z]+\s*=")
# Browsers skip blanks and control characters in the scheme of an address.
_SCRIPT = re.compile("[\x00-\x20]*".join(f"[{letter}{letter.upper()}]" for letter in "javascript") + "[\x00-\x20]*:")
_BLANKS = "".join(map(chr, range(0x21)))
_TAG_OR_ENTITY = re.compile(r"<[a-zA-Z/!][^>]*>|&(#\d+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]*);")
_FIRST_LINE = re.compile(r"(<(?:pre|listing|textarea)(?:\s[^<>]*)?>)(?=\n)")
_PARAMETER = re.compile(r"\[~")
_BLOCKS = frozenset({"p", "div", "br"})
_INLINE = frozenset(
    {"a", "b", "big", "code", "del", "em", "font", "i", "ins", "label", "mark", "s"}
    | {"small", "span", "strike", "strong", "sub", "sup", "tt", "u"}
)
_FORBIDDEN = frozenset({"script", "iframe", "object", "embed"})


def is_html(text: str) -> bool:
    """True if the text holds a tag or an entity."""
    return ("<" in text or "&" in text) and _TAG_OR_ENTITY.search(text) is not None


def without_control(text: str) -> str:
    """The text without characters that neither XML nor PostgreSQL can hold."""
    return text if text.isprintable() else _CONTROL.sub("", text)


def holds_forbidden(markup: str) -> bool:
    """True if the tree has a script, an embedded object, an event handler or a `javascript:` address."""
    if "<" not in markup or not _is_suspect(markup):
        return False
    root = LexborHTMLParser(markup).root
    return root is not None and any(_is_forbidden(node) for node in root.traverse())


def _is_suspect(markup: str) -> bool:
    """Whether it is worth a parser's time."""
    found = _ELEMENT.search(markup) or ("=" in markup and _HANDLER.search(markup))
    plain = html.unescape(markup) if "&" in markup else markup
    return bool(found) or (":" in plain and _SCRIPT.search(plain) is not None)


def _is_forbidden(node: LexborNode) -> bool:
    if node.tag in _FORBIDDEN:
        return True
    return any(
        name.startswith("on") or _SCRIPT.match((value or "").lstrip(_BLANKS)) for name, value in node.attributes.items()
    )


def cleaned(markup: str) -> str:
    """The markup without what is forbidden; everything else that it has stays, of an embedded page its address."""
    kept = _without_forbidden(markup)
    if holds_forbidden(kept) or _without_forbidden(kept) != kept:
        return _serialised(nh3.clean(markup))  # two parsers disagree about this markup: only the plainest of it is safe
    return kept


def _without_forbidden(markup: str) -> str:
    parser = LexborHTMLParser(f"<body>{markup}")
    body = parser.body
    assert body is not None
    for node in [node for node in body.traverse() if node.tag in _FORBIDDEN]:
        node.replace_with(node.attributes.get("src") or node.attributes.get("data") or "")
    attributes: dict[str, set[str]] = {}
    for node in body.traverse():
        if node.tag not in _FORBIDDEN and node.tag != "style":
            names = {name for name in node.attributes if name and not name.startswith("on")}
            attributes.setdefault(str(node.tag), set()).update(names)
    return _serialised(
        nh3.clean(
            _serialised(body.inner_html),
            tags=set(attributes),
            attributes=attributes,
            link_rel=None,
            url_schemes=set(nh3.ALLOWED_URL_SCHEMES) | {"data"},
        )
    )


def _serialised(markup: str | None) -> str:
    """What a parser wrote, to be read again: reading drops a line end right after these tags, so it is doubled."""
    return _FIRST_LINE.sub(r"\1\n", markup or "")


def closed(markup: str) -> str:
    """The markup so that what follows it is seen: untouched, unless it leaves an element, comment or quote open."""
    return markup if "<" not in markup or _ends(markup) else balanced(markup)


def balanced(markup: str) -> str:
    """The markup with every element closed, so that it can stand inside another; words where that would lose some."""
    if "<" not in markup:
        return markup
    after = _stranger(markup)
    body = LexborHTMLParser(f"<body>{markup}{after}").body
    if body is None or after not in body.text():
        return as_html(markup)
    found = _serialised(body.inner_html).replace(after, "")
    return found if _ends(found) else as_html(markup)


def _ends(markup: str) -> bool:
    """True if a paragraph after the markup stands beside it, not in it."""
    after = _stranger(markup)
    body = LexborHTMLParser(f"<body>{markup}<p>{after}</p>").body
    last = None if body is None else body.last_child
    return last is not None and last.tag == "p" and last.text() == after


def _stranger(markup: str) -> str:
    """A word that the markup does not hold: real texts hold every character that one might think free."""
    word, said = "after", markup + (html.unescape(markup) if "&" in markup else "")
    while word in said:
        word += "r"
    return word


def without_parameters(markup: str) -> str:
    """`[~x]` in a step would create a parameter in the project (facts.md 3.8): the tilde becomes an entity."""
    return _PARAMETER.sub("[&#126;", markup)


def as_html(plain: str) -> str:
    """Plain text as HTML."""
    return html.escape(plain, quote=False)


_Token = tuple[str, ...]


def tree(markup: str | None) -> tuple[_Token, ...]:
    """The comparable form of a piece of HTML: its words by lines, then texts and elements in document order.

    Tolerances, each a rule of its own: `br-and-p` (line breaks and paragraphs are one kind of break), `entities` and
    `nbsp` (decoded by the parser, the no-break space is a blank), `blanks` (runs of blanks are one, but in `pre`),
    `attribute-order`.
    """
    if not markup:
        return ()
    if "<" not in markup and "&" not in markup:
        words = " ".join(markup.split())
        return (("words", words), ("text", words)) if words else ()
    body = LexborHTMLParser(f"<body>{markup}").body
    reading = _Reading()
    try:
        if body is not None:
            reading.walk(body)
    except RecursionError:  # hundreds of elements in each other: what the parser makes of it must do
        return (("deep", body.inner_html or "" if body else ""),)
    lines = [" ".join(line.split()) for line in "".join(reading.words).split("\n")]
    said = ("words", *(line for line in lines if line))
    return (said, *reading.tokens) if reading.tokens else ()


class _Reading:
    """One walk through a tree: `words` tells `Log in` from `Login` whatever tags stand between them."""

    def __init__(self) -> None:
        self.tokens: list[_Token] = []
        self.words: list[str] = []

    def walk(self, parent: LexborNode, *, pre: bool = False) -> None:
        for node in parent.iter(include_text=True):
            if node.is_text_node:
                self._add_text(node.text(deep=False), pre=pre)
            elif node.tag in _BLOCKS:
                self._add_break(pre=pre)
                self.walk(node, pre=pre)
                if node.tag != "br":
                    self._add_break(pre=pre)
            else:
                self._add_element(node, pre=pre)

    def _add_element(self, node: LexborNode, *, pre: bool) -> None:
        attributes = sorted(f"{name}={value or ''}" for name, value in node.attributes.items())
        self.tokens.append(("open", str(node.tag), *attributes))
        self.words.append("" if node.tag in _INLINE else "\n")
        if node.tag == "template":  # its content stands outside the tree
            self.tokens.append(("template", str(node.html)))
        self.walk(node, pre=pre or node.tag == "pre")
        while node.tag == "pre" and self.tokens[-1] == ("break",):
            self.tokens.pop()
        self.tokens.append(("close", str(node.tag)))
        self.words.append("" if node.tag in _INLINE else "\n")

    def _add_text(self, text: str, *, pre: bool) -> None:
        if not pre:
            self.words.append(" ".join(text.split("\n")))
            self._add_words(" ".join(text.split()), " ")
            return
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n")):
            if number:
                self._add_break(pre=True)
            self.words.append(line)
            self._add_words(line.replace("\xa0", " ").rstrip(), "")

    def _add_words(self, words: str, joint: str) -> None:
        if words and self.tokens and self.tokens[-1][0] == "text":
            self.tokens[-1] = ("text", f"{self.tokens[-1][1]}{joint}{words}")
        elif words:
            self.tokens.append(("text", words))

    def _add_break(self, *, pre: bool) -> None:
        self.words.append("\n")
        if pre or (self.tokens and self.tokens[-1] != ("break",)):
            self.tokens.append(("break",))


def comparable(markup: str | None) -> tuple[_Token, ...]:
    """The tree without a break at its end: equal for texts that are the same."""
    tokens = tree(markup)
    return tokens[:-1] if tokens and tokens[-1] == ("break",) else tokens


def same_html(expected: str | None, actual: str | None) -> bool:
    """True if the two are the same text by rule 17; the tolerance `escaped-once` allows for facts.md 3.8's escaping."""
    if (expected or "") == (actual or ""):
        return True
    want = comparable(expected)
    return want == comparable(actual) or want == comparable(html.unescape(actual or ""))


def same_line(expected: str | None, actual: str | None) -> bool:
    """True if two plain texts are the same but for outer blanks and kinds of line end (`blanks`)."""
    return _lines(expected) == _lines(actual)


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").strip().splitlines()]
