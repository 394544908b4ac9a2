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
_SUSPECT = re.compile(r"<\s*(script|iframe|object|embed)|\bon[a-z]+\s*=|javascript\s*:", re.IGNORECASE)
_TAG_OR_ENTITY = re.compile(r"<[a-zA-Z/!][^>]*>|&(#\d+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]*);")
_PARAMETER = re.compile(r"\[~")
_BLOCKS = frozenset({"p", "div", "br"})
_FORBIDDEN = frozenset({"script", "iframe", "object", "embed"})


def is_html(text: str) -> bool:
    """True if the text holds a tag or an entity."""
    return _TAG_OR_ENTITY.search(text) is not None


def without_control(text: str) -> str:
    """The text without characters that neither XML nor PostgreSQL can hold."""
    return _CONTROL.sub("", text)


def holds_forbidden(markup: str) -> bool:
    """True if the tree has a script, an embedded object, an event handler or a `javascript:` address."""
    if not _SUSPECT.search(markup):
        return False
    root = LexborHTMLParser(markup).root
    return root is not None and any(_is_forbidden(node) for node in root.traverse())


def _is_forbidden(node: LexborNode) -> bool:
    if node.tag in _FORBIDDEN:
        return True
    return any(
        name.startswith("on") or (value or "").strip().lower().startswith("javascript:")
        for name, value in node.attributes.items()
    )


def cleaned(markup: str) -> str:
    """The markup without what is forbidden; everything a browser shows stays."""
    tags = set(nh3.ALLOWED_TAGS) | {"font", "u", "s", "input", "label"}
    return nh3.clean(markup, tags=tags, link_rel=None, url_schemes=set(nh3.ALLOWED_URL_SCHEMES) | {"data"})


def without_parameters(markup: str) -> str:
    """`[~x]` in a step would create a parameter in the project (facts.md 3.8): the tilde becomes an entity."""
    return _PARAMETER.sub("[&#126;", markup)


def as_html(plain: str) -> str:
    """Plain text as HTML."""
    return html.escape(plain, quote=False)


_Token = tuple[str, ...]


def tree(markup: str | None) -> tuple[_Token, ...]:
    """The comparable form of a piece of HTML: texts and elements in document order.

    Tolerances, each a rule of its own: `br-and-p` (line breaks and paragraphs are one kind of break), `entities` and
    `nbsp` (decoded by the parser, the no-break space is a blank), `blanks` (runs of blanks are one), `attribute-order`.
    """
    if not markup:
        return ()
    if "<" not in markup and "&" not in markup:
        words = " ".join(markup.split())
        return (("text", words),) if words else ()
    body = LexborHTMLParser(f"<body>{markup}</body>").body
    tokens: list[_Token] = []
    if body is not None:
        _walk(body, tokens)
    return tuple(tokens)


def _walk(parent: LexborNode, tokens: list[_Token], *, pre: bool = False) -> None:
    for node in parent.iter(include_text=True):
        if node.is_text_node:
            _add_lines(node.text(deep=False), tokens, pre=pre)
        elif node.tag in _BLOCKS:
            _add_break(tokens)
            _walk(node, tokens, pre=pre)
            _add_break(tokens)
        else:
            attributes = sorted(f"{name}={value or ''}" for name, value in node.attributes.items())
            tokens.append(("open", str(node.tag), *attributes))
            _walk(node, tokens, pre=pre or node.tag == "pre")
            tokens.append(("close", str(node.tag)))


def _add_lines(text: str, tokens: list[_Token], *, pre: bool) -> None:
    if not pre:
        return _add_text(text, tokens)
    for number, line in enumerate(text.splitlines()):
        if number:
            _add_break(tokens)
        _add_text(line, tokens)
    return None


def _add_text(text: str, tokens: list[_Token]) -> None:
    words = " ".join(text.split())
    if not words:
        return
    if tokens and tokens[-1][0] == "text":
        tokens[-1] = ("text", f"{tokens[-1][1]} {words}")
    else:
        tokens.append(("text", words))


def _add_break(tokens: list[_Token]) -> None:
    if tokens and tokens[-1][0] != "break":
        tokens.append(("break",))


def _trimmed(tokens: tuple[_Token, ...]) -> tuple[_Token, ...]:
    return tokens[:-1] if tokens and tokens[-1] == ("break",) else tokens


def same_html(expected: str | None, actual: str | None) -> bool:
    """True if the two are the same text by rule 17; the tolerance `escaped-once` allows for facts.md 3.8's escaping."""
    if (expected or "") == (actual or ""):
        return True
    want = _trimmed(tree(expected))
    return want == _trimmed(tree(actual)) or want == _trimmed(tree(html.unescape(actual or "")))


def same_line(expected: str | None, actual: str | None) -> bool:
    """True if two plain texts are the same but for outer blanks and kinds of line end (`blanks`)."""
    return _lines(expected) == _lines(actual)


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").strip().splitlines()]
