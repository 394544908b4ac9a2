"""The query language of `POST search`: `'Id' = 'TC-1' and 'Name' ~ 'login'` (facts.md 3.12)."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from ztoq_async.sandbox.qtest.answers import Refusal

Operator = Literal["=", "<>", "~", "in", ">", "<"]
_TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|(<>|[=~<>(),])|(\w+))")
_OPERATORS: dict[str, Operator] = {"=": "=", "<>": "<>", "~": "~", "in": "in", ">": ">", "<": "<"}


class Clause(NamedTuple):
    """`'field' operator 'value'`; `in` has several values."""

    field: str
    operator: Operator
    values: tuple[str, ...]


Query = list[list[Clause]]
"""Alternatives (or) of clauses that hold together (and)."""


class _Reader:
    """Tokens as ("text", …) for quoted ones and ("word", …) for others."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        end = len(text.rstrip())
        place = 0
        while place < end:
            found = _TOKEN.match(text, place)
            if found is None:
                raise Refusal(400, f"Invalid query at character {place + 1}.")
            place = found.end()
            quoted = found[1]
            word = ("text", re.sub(r"\\(.)", r"\1", quoted)) if quoted is not None else ("word", found[2] or found[3])
            self.tokens.append(word)
        self.tokens.reverse()

    def take(self, kind: str) -> str:
        if not self.tokens or self.tokens[-1][0] != kind:
            raise Refusal(400, f"Invalid query: a {'quoted ' if kind == 'text' else ''}{kind} is missing.")
        return self.tokens.pop()[1]

    def values(self) -> tuple[str, ...]:
        if self.take("word") != "(":
            raise Refusal(400, "Invalid query: 'in' needs a list like ('a', 'b').")
        found = [self.take("text")]
        while (mark := self.take("word")) == ",":
            found.append(self.take("text"))
        if mark != ")":
            raise Refusal(400, "Invalid query: a list ends with ')'.")
        return tuple(found)

    def clause(self) -> Clause:
        field, word = self.take("text"), self.take("word").lower()
        operator = _OPERATORS.get(word)
        if operator is None:
            raise Refusal(400, f"Invalid query: unknown operator {word!r}.")
        return Clause(field, operator, self.values() if operator == "in" else (self.take("text"),))


def parse(text: str) -> Query:
    """The query's alternatives; `and` binds closer than `or`; an empty query is one alternative without clauses."""
    reader = _Reader(text)
    if not reader.tokens:
        return [[]]
    query = [[reader.clause()]]
    while reader.tokens:
        word = reader.take("word").lower()
        if word not in ("and", "or"):
            raise Refusal(400, f"Invalid query: 'and' or 'or' expected, not {word!r}.")
        if word == "or":
            query.append([])
        query[-1].append(reader.clause())
    return query
