"""Issue and web links of test cycles and executions: made by a numeric issue or an address, a second one is refused."""

from typing import Any

import msgspec

from ztoq_async.sandbox.source import CLOUD
from ztoq_async.sandbox.zephyr.answers import ApiError
from ztoq_async.sandbox.zephyr.inputs import Id, Strict

_FIRST_ID = 700_000_000
_ISSUES = "https://example.atlassian.net/rest/api/2/issue"


class IssueInput(Strict):
    """Body of POST …/links/issues."""

    issue_id: Id


class WebInput(Strict):
    """Body of POST …/links/weblinks."""

    url: str
    description: str = ""


ISSUE = msgspec.json.Decoder(IssueInput)
WEB = msgspec.json.Decoder(WebInput)


def with_issue(row: dict[str, Any], given: IssueInput) -> dict[str, Any]:
    """The links of a row with one to an issue; 400 where there is one (facts.md 1.10)."""
    link = {"issueId": given.issue_id, "target": f"{_ISSUES}/{given.issue_id}", "type": "COVERAGE"}
    return _with(row, "issues", "issueId", link)


def with_web(row: dict[str, Any], given: WebInput) -> dict[str, Any]:
    """The links of a row with one to a page; 400 for what is no address, and where there is one."""
    if not given.url.startswith(("http://", "https://")):
        raise ApiError(400, "url: an address that begins with http:// or https:// was expected")
    return _with(row, "webLinks", "url", {"url": given.url, "description": given.description, "type": "RELATED"})


def _with(row: dict[str, Any], kind: str, same: str, link: dict[str, Any]) -> dict[str, Any]:
    links = row["links"]
    if any(held[same] == link[same] for held in links[kind]):
        raise ApiError(400, f"{same}: the link exists")
    identity = max([_FIRST_ID, *(held["id"] for held in links[kind])]) + 1
    made = {"id": identity, "self": f"{CLOUD}/links/{identity}"} | link
    return row | {"links": links | {kind: [*links[kind], made]}}
