"""Lists and calls of qTest Manager v3 as values (facts.md 3.4)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ztoq_async.resources.calls import Call

PROJECT = "/api/v3/projects/{projectId}"
Paging = Literal["none", "size", "pageSize"]


class Listing(msgspec.Struct, frozen=True):
    """A list to be read to its end: `paging` names the parameter of the page's size, as facts.md 3.4 says.

    `below` is the query by which the same list is read below each of its rows, `{id}` standing for the row. A `body`
    makes it a search.
    """

    path: str
    label: str
    query: tuple[tuple[str, str], ...] = ()
    paging: Paging = "none"
    most: int = 0
    below: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def page(self, number: int, size: int) -> Call:
        """The call for one page of so many rows, counted from 1."""
        pages = () if self.paging == "none" else (("page", str(number)), (self.paging, str(size)))
        if self.body is not None:
            return Call("POST", self.path, self.query + pages, self.body, label=self.label, safe=True)
        return Call("GET", self.path, self.query + pages, label=self.label)

    def under(self, identifier: int) -> Listing:
        """The same list below one of its rows."""
        query = tuple((name, value.replace("{id}", str(identifier))) for name, value in self.below)
        return msgspec.structs.replace(self, query=query)


def project_call(method: str, project: int, rest: str, body: Any = None, *, label: str = "", **query: object) -> Call:
    """A call below a project; `label` is the path's template where it holds ids, None in the query is left out."""
    return Call(
        method,
        f"/api/v3/projects/{project}{rest}",
        tuple((name, str(value)) for name, value in query.items() if value is not None),
        None if body is None else msgspec.json.encode(body),
        label=PROJECT + (label or rest),
    )
