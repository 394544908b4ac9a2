"""Names, HTML, steps and scripts of generated test cases: pure functions of the case's number and its random source."""

import random
from html.entities import html5
from typing import Any

from ztoq_async.sandbox.generated_lists import BROWSERS, DELETED_OWNERS, OWNERS, PROJECT_KEY, TEAMS
from ztoq_async.sandbox.source import CLOUD

ENTITIES = tuple(sorted(name for name in html5 if name.endswith(";")))
_VERBS = ("Open", "Change", "Delete", "Search", "Export", "Share", "Undo", "Print")
_THINGS = ("an invoice", "the profile", "a report", "two channels", "the basket", "an old order", "a draft")
_MARKUP = (
    "<p>Check <strong>{0}</strong> and <em>nothing else</em>.</p>",
    "First line<br />second line with <code>a &lt; b &amp;&amp; c</code><br />{0}",
    "<ol><li>{0}</li><li>again, <u>slowly</u></li></ol>",
    '<p>See <a href="https://example.org/a?b=1&amp;c=2">the page</a> for {0}.</p>',
    "<table><tbody><tr><th>what</th><td>{0}</td></tr><tr><th>how</th><td>&nbsp;</td></tr></tbody></table>",
    "Plain text without any markup about {0} 🙂 ✅ 検査 naïve",
    "<ul><li>outer<ul><li>{0}</li></ul></li></ul><pre>  kept\n  lines</pre>",
)


def phrase(rng: random.Random) -> str:
    """A few words such as a tester writes."""
    return f"{rng.choice(_VERBS)} {rng.choice(_THINGS)}"


def markup(rng: random.Random) -> str:
    """A piece of HTML as Zephyr's editor leaves it."""
    return rng.choice(_MARKUP).format(phrase(rng).lower())


def name(number: int, rng: random.Random) -> str:
    """The case's name; every twenty cases hold one of 255 characters, one with outer blanks, and two that are equal."""
    text = f"{phrase(rng)} ({number})"
    match number % 20:
        case 1:
            return f"{text} {'with a name as long as a name may be, ' * 9}"[:254] + "."
        case 2:
            return f"  {text}   "
        case 3 | 4:
            return f"The same name twice ({number // 20})"
        case 5:
            return f'{text} 🚀 «ünïcödé» 検査 <b>& "quotes"</b>'
    return text


def entities(number: int, cases: int) -> str:
    """The case's share of HTML's named characters, so that all cases together show every one."""
    share = max(3, -(-len(ENTITIES) // cases))
    first = number * share % (-(-len(ENTITIES) // share) * share)
    return " ".join(f"&{entity}" for entity in ENTITIES[first : first + share])


def steps(number: int, case_id: int, call: int | None, rng: random.Random) -> list[dict[str, Any]]:
    """Steps of a case; `call` is the number of the case that the second step calls."""
    rows = [_inline(markup(rng), _data(rng), markup(rng)) for _ in range(_count(number, rng))]
    if number % 20 == 6:
        rows.insert(1, _inline("", "", ""))
        rows.append(_inline(None, None, None))
    if number % 20 in {11, 12, 13}:
        rows[0]["inline"]["description"] = "Enter {Amount} of {Currency} &#123;braces&#125; and {not a parameter"
    if call is not None:
        rows.insert(1, _call(call, rng))
    return [{"id": case_id * 100 + n} | row for n, row in enumerate(rows)]


def script(number: int, rng: random.Random) -> dict[str, str] | None:
    """The plain-text or BDD script of every eighth and ninth case of twenty."""
    if number % 20 == 8:
        return {"type": "plain", "text": f"1. {phrase(rng)}<br />2. {phrase(rng)} &amp; wait<br /><br />3. Done & gone"}
    if number % 20 == 9:
        given, when = phrase(rng).lower(), phrase(rng).lower()
        table = "| amount | currency |\n      | <1>    | €        |"
        return {"type": "bdd", "text": f"Given I {given}\n  When I {when}\n  Then I see\n      {table}"}
    return None


def custom_fields(number: int, rng: random.Random) -> dict[str, Any]:
    """One value of every type of custom field, or null (facts.md 1.10)."""
    values = {
        "Reference": f"REQ-{number} & <more>",
        "Notes": markup(rng),
        "Sprint count": rng.randrange(-5, 1_000),
        "Risk factor": round(rng.random() * 10, 3),
        "Regulated": rng.random() < 0.5,
        "Reviewed on": f"2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}T00:00:00Z",
        "Team": rng.choice(TEAMS),
        "Browsers": rng.sample(BROWSERS, rng.randrange(len(BROWSERS) + 1)),
        "Tester": rng.choice(OWNERS + DELETED_OWNERS),
        "Never used": None,
    }
    return {key: None if number and rng.random() < 0.2 else value for key, value in values.items()}


def links(number: int, key: str, rng: random.Random) -> dict[str, Any]:
    """Issue and web links of every seventeenth case of twenty."""
    found: dict[str, Any] = {"self": f"{CLOUD}/testcases/{key}/links", "issues": [], "webLinks": []}
    if number % 20 == 17:
        issues = [10_000 + rng.randrange(5_000), 20_000 + rng.randrange(5_000)]
        site = "https://example.atlassian.net/rest/api/2/issue"
        found["issues"] = [
            _link(number * 4 + n, {"issueId": issue, "target": f"{site}/{issue}", "type": kind})
            for n, (issue, kind) in enumerate(zip(issues, ("COVERAGE", "RELATED"), strict=True))
        ]
        page = {"url": f"https://example.org/page?id={number}&x=<y>", "description": phrase(rng), "type": "RELATED"}
        found["webLinks"] = [_link(number * 4 + 2, page)]
    return found


def _link(number: int, rest: dict[str, Any]) -> dict[str, Any]:
    return {"id": 1_000 + number, "self": f"{CLOUD}/links/{1_000 + number}"} | rest


def _count(number: int, rng: random.Random) -> int:
    return {7: 0, 18: 50}.get(number % 20, rng.randrange(1, 5))


def _data(rng: random.Random) -> str | None:
    return rng.choice((None, "", f"user{rng.randrange(100)} / secret", "<p>a&nbsp;b</p>", "1;2;3"))


def _inline(description: str | None, data: str | None, expected: str | None) -> dict[str, Any]:
    texts = {"description": description, "testData": data, "expectedResult": expected}
    return {"inline": texts | {"customFields": {}, "reflectRef": None}, "testCase": None}


def _call(number: int, rng: random.Random) -> dict[str, Any]:
    key = f"{PROJECT_KEY}-T{number + 1}"
    parameters = [
        {"name": "Amount", "type": "MANUAL_INPUT", "value": str(rng.randrange(1_000))},
        {"name": "Currency", "type": "DEFAULT_VALUE", "value": "€ <EUR>"},
    ]
    address = f"{CLOUD}/testcases/{key}"
    return {"inline": None, "testCase": {"self": address, "testCaseKey": key, "parameters": parameters}}
