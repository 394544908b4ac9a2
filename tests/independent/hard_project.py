"""A project of everything that is awkward to carry and must arrive: texts, names, values, calls."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from both_sides import Row

TEXTS = [
    *("<p>[test data]</p>fake", "text [test data] here", "[test data 2]", "[call] HP-T1", "[zephyr:test-case:1]"),
    *("[~param] and [~ x]", "&#91;~p]", "{x} ${y} {{z}}", "%s %(a)s \\n \\u0041", "a\x00b\x0bc\x7fd"),
    *("<b>unclosed", "<p>a<p>b", "</p>stray", "<table><tr><td>1<td>2</table>", "<br>", "<p></p>", "&nbsp;"),
    *(
        "&amp;lt;b&amp;gt;",
        "&lt;script&gt;alert()&lt;/script&gt;",
        "x < y > z & w &copy &notit;",
        "&#0;&#x1F600;&#128;",
    ),
    *("<a href='javascript:alert(1)'>l</a>", '<a href="https://x/?a=1&b=2&copy=3">l</a>', "javascript: is a language"),
    *("<img src='data:image/png;base64,AAAA' onerror=alert(1)>after", "<script>var a='<p>x</p>'</script>tail"),
    *("on call = nothing", "onclick=foo text", "<!-- hidden --> seen", "   lead and trail  ", "\n\nlines\r\nmore\r"),
    *(
        "\u00a0\u2060\u200b zero",
        "<pre>\n  a\n    b</pre>",
        "😀👨\u200d👩\u200d👧\u200d👦",
        "<style>p{}</style>z",
        "a" * 5000,
    ),
    *("<p>" + "ü" * 3000 + "</p>", "<font color=red>f</font><custom-tag>in</custom-tag>", "<em>a</em> <em>b</em>"),
]
FOLDERS = [
    *("A", "A", " a ", "x\x07y", "0", "\u202eRTL", "<b>bold</b>", "MD-5 A", "[zephyr:module:3]", "e\u0301", "\u00e9"),
    *("tab\tin", "line\nbreak", "\u00a0nb", "z" * 255),
]
NAMES = (" lead", "trail ", "tab\tname", "new\nline", "\u200bzw", "a  b", "<i>n</i> &amp; [~n]", "😀" * 200)
VALUES: list[Row] = [
    {"Status": "mine", "status": "lower", "Zephyr Key": "clash", "zephyr labels": ["q"], "Priority": 4, "Type": ["t"]},
    {"Number": 0, "Truth": False, "Big": 12345678901234567, "Float": 1e-7, "List": ["a, b", "c", "c"]},
    {"Number": 1e21, "Truth": True, "Big": 0.1, "Float": 3.0, "List": ["x[1]", '"q"', '["j"]']},
    {"Mixed": True, "Loose": ["a", "b"], "Name with\ttab": "x", " blank ": "y", "L" * 150: "long", "Blanks": "   "},
    {"Mixed": "maybe", "Loose": "a", "Field 😀": "1", "Lines": "one\ntwo\n\nfour", "Code": "a  b   c", "List": []},
    {"Mixed": 3, "Loose": 5, "Digits": "007", "blank": "other", "BLANK": "third", "Day": "2024-01-01"},
    {"Digits": "1e5", "Moment": "2024-02-28T10:11:12+02:00", "Day": "2024-01-01T23:30:00-05:00"},
    *({"Many": [f"value {40 * part + number}" for number in range(40)]} for part in range(8)),
    {"Many": ["with, comma", "x"]},
    {"Many": ["[a]"]},
]
PROJECT = {"id": 1, "self": "https://z.invalid/v2/projects/1"}


def write(folder: Path) -> Path:
    """Writes the project as a corpus; gives the folder."""
    folder.mkdir()
    cases = [_case(number, **parts) for number, parts in enumerate(_cases(), start=1)]
    named = {"project": PROJECT, "description": None, "index": 0, "default": False}
    tables: dict[str, list[Row]] = {
        "projects": [{"id": 1, "jiraProjectId": 1, "key": "HP", "enabled": True}],
        "folders": [_folder(place, name) for place, name in enumerate(FOLDERS)],
        "statuses": [
            {"id": 10 + place, "name": name, "archived": False, "color": "#fff", "type": "TEST_CASE", **named}
            for place, name in enumerate(("Draft", "draft", "New ", "Baselined"))
        ],
        "priorities": [{"id": 20 + n, "name": name, **named} for n, name in enumerate(("High", 'Ü=\\ "q" #'))],
        "testcases": [case for case, _ in cases],
        "teststeps": [{"testCaseKey": c["key"], "values": told} for c, told in cases if isinstance(told, list)],
        "testscripts": [{"testCaseKey": c["key"], **told} for c, told in cases if isinstance(told, dict)],
    }
    for name, rows in tables.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _folder(place: int, name: str) -> Row:
    above = None if place < 6 else 100 + place - 6
    row: Row = {"id": 100 + place, "parentId": above, "name": name, "index": place * 7 % 5}
    return row | {"folderType": "TEST_CASE", "project": PROJECT}


def _cases() -> Iterator[Row]:
    circle = [[_call("HP-T1")], [_call("HP-T3"), _call("HP-T3")], [_inline("x"), _call("HP-T4")], [_call("HP-T2")]]
    pinned = _call("HP-T1", "https://z.invalid/v2/testcases/HP-T1/versions/2")
    parameters = [{"name": "<n>", "type": "DEFAULT_VALUE", "value": None}]
    parameters.append({"name": "[~m]", "type": "MANUAL_INPUT", "value": "a\nb <i>"})
    fields = {"Col": "<p>c</p>", "Number": 3, "Truth": True, "List": ["a", "b, c"], "None": None, "a<b": "v"}
    others = [pinned, _call("X-T9"), _call("HP-T99999"), _call("HP-T5", parameters=parameters)]
    yield from ({"told": told} for told in [*circle, [_inline("d", "td", "e", fields)], others])
    for text, odd in zip(TEXTS, itertools.cycle((True, False))):
        steps = [_inline(text, text, text), _inline(text), _inline(None, text), _inline(None, None, text)]
        custom = {"Rich": text, "Scalar": text if odd else len(text)}
        yield {"told": steps, "objective": text, "precondition": text, "customFields": custom}
        yield {"told": {"id": 1, "type": "plain", "text": text}}
        yield {"told": {"id": 1, "type": "bdd", "text": text}}
    yield from ({"told": [], "name": name} for name in NAMES)
    for place, values in enumerate(VALUES):
        yield {
            "told": [],
            "customFields": values,
            "labels": [f"label{place}", "LABEL", "label"],
            "estimatedTime": (0, 1, 10**12)[place % 3],
            "owner": {"accountId": f"u:{place}", "self": "x"},
            "component": {"id": place % 3 + 1, "self": "x"},
        }


def _case(number: int, told: Any, **values: Any) -> tuple[Row, Any]:
    row: Row = dict.fromkeys(("objective", "precondition", "estimatedTime", "component", "owner"))
    row |= {"id": number, "key": f"HP-T{number}", "name": f"Case {number}", "project": PROJECT, "labels": []}
    row |= {"createdOn": "2020-02-29T23:59:59Z", "customFields": {}, "links": {"issues": [], "webLinks": []}}
    row |= {"priority": {"id": 20 + number % 2, "self": "x"}, "status": {"id": 10 + number % 4, "self": "x"}}
    row["folder"] = {"id": 100 + number % len(FOLDERS), "self": "x"} if number % 5 else None
    kind = "testscript" if isinstance(told, dict) else "teststeps"
    return row | {"testScript": {"self": f"https://z.invalid/v2/testcases/HP-T{number}/{kind}"}} | values, told


def _inline(description: str | None, data: str | None = None, expected: str | None = None, fields: Any = None) -> Row:
    inline: Row = {"description": description, "testData": data, "expectedResult": expected, "reflectRef": None}
    return {"id": 1, "inline": inline | {"customFields": fields or {}}, "testCase": None}


def _call(key: str, address: str = "", parameters: Any = ()) -> Row:
    called = {"self": address or f"https://z.invalid/v2/testcases/{key}", "testCaseKey": key}
    return {"id": 1, "inline": None, "testCase": {**called, "parameters": list(parameters)}}
