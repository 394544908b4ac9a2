"""Texts: what is cleaned, when two pieces of HTML are the same, and when they are not."""

import html

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from ztoq_async.mapping import text

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
TAGS = st.sampled_from(["p", "b", "i", "ul", "ol", "li", "pre", "table", "tr", "td", "br", "img", "a", "span", "div"])
ATTRIBUTES = st.sampled_from(["", ' href="x"', " onclick='y()'", ' src="javascript:z"', " title=a&amp;b", " ="])
PIECES = st.one_of(
    WORDS,
    st.builds(lambda tag, attributes: f"<{tag}{attributes}>", TAGS, ATTRIBUTES),
    st.builds(lambda tag: f"</{tag}>", TAGS),
    st.sampled_from(
        ["&nbsp;", "&amp;", "&lt;b&gt;", "<script>x</script>", "<!-- c -->", "[~x]", "\x00\x0b", "\n", "<"]
    ),
    st.sampled_from(["<frameset>", "<template>", "<svg>", "</body>", "<html>", "<style>s</style>", "<textarea>", "<p"]),
)
MARKUP = st.lists(PIECES, max_size=12).map("".join)


@given(MARKUP)
def test_any_markup_is_the_same_as_itself(markup):
    """`same_html` is reflexive and total, and the comparable form is deterministic."""
    assert text.same_html(markup, markup)
    assert text.tree(markup) == text.tree(markup)


@given(MARKUP)
@example("<script>x</script><pre>\n\n\nline</pre>")
def test_cleaning_twice_changes_nothing_more(markup):
    """Control characters, forbidden markup and parameters are gone after the first time."""
    once = text.cleaned(text.without_control(markup))
    assert text.cleaned(once) == once
    assert not text.holds_forbidden(once)
    assert text.without_control(once) == once
    escaped = text.without_parameters(markup)
    assert text.without_parameters(escaped) == escaped
    assert "[~" not in escaped


def test_cleaning_drops_no_empty_line_of_a_preformatted_text():
    """The first line end after `<pre>` is syntax; those after it are the text's."""
    assert text.cleaned("<script>x</script><pre>\n\n\nline</pre>") == "<pre>\n\n\nline</pre>"


@given(MARKUP)
def test_one_escape_by_the_service_is_no_difference(markup):
    """Rule 17, `escaped-once` (facts.md 3.8)."""
    assert text.same_html(markup, html.escape(markup))


@given(WORDS)
def test_plain_text_becomes_html_that_says_the_same(words):
    """`as_html` escapes: no word becomes a tag."""
    kept = " ".join(words.split())
    assert [token for token in text.tree(text.as_html(words)) if token[0] != "words"] == (
        [("text", kept)] if kept else []
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a<br>b", "<p>a</p><p>b</p>"),
        ("a<br/>b<br />", "a<br>b"),
        ("&eacute;&nbsp;x", "é x"),
        ("a \n  b", "a b"),
        ('<a href="x" title="y">z</a>', "<a title='y' href='x'>z</a>"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("", None),
        ("text", "<p>text</p>"),
        ("<pre>a\nb</pre>", "<pre>a<br>b</pre>"),
        ("<pre>a\r\nb</pre>", "<pre>a\nb</pre>"),
    ],
)
def test_what_is_tolerated(one, other):
    """Each named tolerance alone."""
    assert text.same_html(one, other)


DIFFERENT = [
    ("one two", "one"),
    ("one two", "two one"),
    ("<ul><li>a</li><li>b</li></ul>", "<ul><li>a</li></ul>"),
    ("<ul><li>a</li><li>b</li></ul>", "<ul><li>b</li><li>a</li></ul>"),
    ("<ul><li>a</li><li>b</li></ul>", "<ul><li>a b</li></ul>"),
    ("<ol><li>a</li></ol>", "<ul><li>a</li></ul>"),
    ('<a href="x">y</a>', "<a>y</a>"),
    ('<a href="x">y</a>', '<a href="z">y</a>'),
    ('<img src="a">', '<img src="b">'),
    ('<img src="a">', ""),
    ("<table><tr><td>1</td></tr><tr><td>2</td></tr></table>", "<table><tr><td>1</td></tr></table>"),
    ("<table><tr><td>1</td><td>2</td></tr></table>", "<table><tr><td>12</td></tr></table>"),
    ("<pre>a\nb</pre>", "<pre>a b</pre>"),
    ("<pre>a\n<b>b</b></pre>", "<pre>a<b>b</b></pre>"),
    ("<pre>a\n\nb</pre>", "<pre>a\nb</pre>"),
    ("<pre>if x:\n  y</pre>", "<pre>if x:\ny</pre>"),
    ("<p>a</p><p>b</p>", "<p>ab</p>"),
    ("a<br>b", "a b"),
    ("<b>a</b>", "a"),
    ("a &lt;b&gt; c", "a <b> c"),
    ("a &lt;b&gt; c", "a c"),
    ("a &amp;lt; c", "a &lt; c"),
    ("lost", ""),
    ("", "surplus"),
    ("<frameset>lost words", ""),
    ("<template>lost</template>", "<template></template>"),
    ("<template><p>lost</p></template>", ""),
    ("a <!-- lost? -->", "b"),
    ("<b>Login</b> page", "<b>Login</b>page"),
    ("Log in", "Login"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_is_not_tolerated(one, other):
    """Lost words, items, rows, order, attributes and line breaks are differences, in both directions."""
    assert not text.same_html(one, other)


@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=6), st.data())
def test_a_lost_or_swapped_item_is_always_seen(items, data):
    """In lists, tables, paragraphs and preformatted lines."""
    shape = data.draw(
        st.sampled_from(
            ["<ul>{}</ul>|<li>{}</li>", "<table>{}</table>|<tr><td>{}</td></tr>", "{}|<p>{}</p>", "<pre>{}</pre>|{}\n"]
        )
    )
    outer, inner = shape.split("|")
    whole = outer.format("".join(inner.format(item) for item in items))
    place = data.draw(st.integers(0, len(items) - 1))
    fewer = items[:place] + items[place + 1 :]
    assert not text.same_html(whole, outer.format("".join(inner.format(item) for item in fewer)))
    if items[::-1] != items:
        assert not text.same_html(whole, outer.format("".join(inner.format(item) for item in items[::-1])))


@pytest.mark.parametrize(
    "markup",
    [
        "<script>x</script>",
        "<p onclick='x()'>a</p>",
        "<a href='javascript:x'>a</a>",
        "<a href=' JavaScript:x'>a</a>",
        "<iframe src=x></iframe>",
        "<a href='java&#115;cript:x'>a</a>",
        "<a href='java\tscript:x'>a</a>",
        "<p/onclick=x>a</p>",
        "<svg><script>x</script></svg>",
    ],
)
def test_forbidden_markup_is_found_and_cleaned(markup):
    """What a browser would execute never reaches qTest; the words around it do."""
    assert text.holds_forbidden(markup)
    kept = text.cleaned(f"before {markup} after")
    assert not text.holds_forbidden(kept)
    assert "before" in kept
    assert "after" in kept


def test_words_about_scripts_are_left_alone():
    """Only the tree decides: text that speaks of scripts, or of `on…=`, is not forbidden."""
    for words in ("click on = button", "&lt;script&gt;", "say javascript: loudly", "condition='a'"):
        assert not text.holds_forbidden(words)


@pytest.mark.parametrize(
    ("markup", "kept"),
    [
        ("<svg onload=x><text>words</text></svg>", "<svg><text>words</text></svg>"),
        (
            '<video src="https://a/b.mp4" onplay=x controls></video>',
            '<video src="https://a/b.mp4" controls=""></video>',
        ),
        ('<p class="c" style="color:red" onclick=x>a</p>', '<p class="c" style="color:red">a</p>'),
        ('a <iframe src="https://a.b/c">t</iframe> b', "a https://a.b/c b"),
        ('<a href="https://ok" rel="x" onclick=x>k</a>', '<a href="https://ok" rel="x">k</a>'),
    ],
)
def test_cleaning_takes_what_is_forbidden_and_nothing_else(markup, kept):
    """Pictures, styles and films stay; of an embedded page its address stays."""
    assert text.same_html(kept, text.cleaned(markup))
    assert ("https:" in markup) == ("https:" in text.cleaned(markup))


def test_markup_of_any_depth_can_be_compared():
    """Thousands of elements in each other are compared by what the parser makes of them, and end no run."""
    assert text.same_html("<b>" * 2000 + "x", "<b>" * 2000 + "x" + "</b>" * 2000)
    assert not text.same_html("<b>" * 2000 + "x", "<b>" * 2000 + "y")


@pytest.mark.parametrize(
    "markup", ["<ul><li>\uf8ffiOS</li></ul>", "<b>\uf8ff", "<p>after afterr</p>", "<i>after<i>&#97;fter"]
)
def test_closing_markup_takes_no_character_from_it(markup):
    """Whatever stands in a text stays in it: a real library uses even characters for private use."""
    words = LexborHTMLParser(f"<body>{markup}").body.text()
    assert LexborHTMLParser(f"<body>{text.balanced(markup)}").body.text() == words
    assert LexborHTMLParser(f"<body>{text.closed(markup)}").body.text() == words
