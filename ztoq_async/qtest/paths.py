"""The calls of qTest Manager v3 that the engine makes, as values (its OpenAPI file; facts.md 3.4 to 3.8)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ztoq_async.resources.calls import Call

PROJECT = "/api/v3/projects/{projectId}"
MOST_TEST_CASES = 1000
Paging = Literal["none", "size", "pageSize"]


class Listing(msgspec.Struct, frozen=True):
    """A list to be read to its end: `paging` names the parameter of the page's size, as facts.md 3.4 says.

    `below` names the parameter by which the same list is read below each of its rows.
    """

    path: str
    label: str
    query: tuple[tuple[str, str], ...] = ()
    paging: Paging = "none"
    most: int = 0
    below: str = ""

    def page(self, number: int) -> Call:
        """The call for one page, counted from 1."""
        pages = () if self.paging == "none" else (("page", str(number)), (self.paging, str(self.most)))
        return Call("GET", self.path, self.query + pages, label=self.label)


def _call(method: str, project: int, rest: str, body: Any = None, *, label: str = "", **query: object) -> Call:
    return Call(
        method,
        f"/api/v3/projects/{project}{rest}",
        tuple((name, str(value)) for name, value in query.items() if value is not None),
        None if body is None else msgspec.json.encode(body),
        label=PROJECT + (label or rest),
    )


def fields(project: int) -> Listing:
    """All fields of test cases, inactive ones too: a bare array without pages."""
    rest = "/settings/test-cases/fields"
    return Listing(
        f"/api/v3/projects/{project}{rest}", f"{PROJECT}/settings/{{objectType}}/fields", (("includeInactive", "true"),)
    )


def create_field(project: int, body: Any) -> Call:
    """Answers 201 and the field."""
    return _call("POST", project, "/settings/test-cases/fields", body, label="/settings/{objectType}/fields")


def create_values(project: int, field_id: int, body: Any) -> Call:
    """At most 100 values a call."""
    rest = f"/settings/test-cases/fields/{field_id}/allowed-values"
    return _call("POST", project, rest, body, label="/settings/{objectType}/fields/{fieldId}/allowed-values")


def activate_fields(project: int, body: Any) -> Call:
    """May switch off what it omits (facts.md 8)."""
    rest = "/settings/test-cases/custom-fields/active"
    return _call("POST", project, rest, body, label="/settings/{objectType}/custom-fields/active")


def modules(project: int, parent_id: int | None) -> Listing:
    """The modules directly below one, or below the root."""
    query = () if parent_id is None else (("parentId", str(parent_id)),)
    return Listing(f"/api/v3/projects/{project}/modules", f"{PROJECT}/modules", query)


def module_tree(project: int) -> Listing:
    """All modules, nested."""
    return Listing(f"/api/v3/projects/{project}/modules", f"{PROJECT}/modules", (("expand", "descendants"),))


def module_walk(project: int) -> Listing:
    """All modules, level by level: for sites whose nested rows lack descriptions."""
    return Listing(f"/api/v3/projects/{project}/modules", f"{PROJECT}/modules", below="parentId")


def module(project: int, identifier: int) -> Call:
    """One module."""
    return _call("GET", project, f"/modules/{identifier}", label="/modules/{moduleId}")


def create_module(project: int, parent_id: int | None, body: Any) -> Call:
    """Answers 201 and the module."""
    return _call("POST", project, "/modules", body, parentId=parent_id)


def delete_module(project: int, identifier: int) -> Call:
    """Only an empty module: never with force (protocol rule 19)."""
    return _call("DELETE", project, f"/modules/{identifier}", label="/modules/{moduleId}")


def test_cases(project: int, parent_id: int | None) -> Listing:
    """Test cases with steps and properties: direct children of a module, or the whole project."""
    query: tuple[tuple[str, str], ...] = (("expandSteps", "true"), ("showParamIdentifier", "true"))
    if parent_id is not None:
        query = (("parentId", str(parent_id)), *query)
    path = f"/api/v3/projects/{project}/test-cases"
    return Listing(path, f"{PROJECT}/test-cases", query, "size", MOST_TEST_CASES)


def test_case(project: int, identifier: int) -> Call:
    """One test case with its steps."""
    rest = f"/test-cases/{identifier}"
    return _call("GET", project, rest, label="/test-cases/{testCaseId}", expand="teststep")


def create_test_case(project: int, body: Any) -> Call:
    """Answers 200 and the test case, version 0.1."""
    return _call("POST", project, "/test-cases", body)


def delete_test_case(project: int, identifier: int) -> Call:
    """Deletes one test case."""
    return _call("DELETE", project, f"/test-cases/{identifier}", label="/test-cases/{testCaseId}")


def users(project: int) -> Listing:
    """The members of the project, inactive ones too: a bare array without pages."""
    return Listing(f"/api/v3/projects/{project}/users", f"{PROJECT}/users")


def project(identifier: int) -> Call:
    """One project."""
    return _call("GET", identifier, "")


def profile(project: int) -> Call:
    """What the token's user may do in the project."""
    return _call("GET", project, "/user-profiles/current")
