"""The rules that people decide: the mapping file, a TOML table that `run --propose-mapping FILE` writes in full.

```toml
root_module = "MM"                   # the module that receives everything; default: the Zephyr project's key

root_cycle = "MM"                    # the test cycle that receives all suites; default likewise

[status]                             # Zephyr status = value of the system field Status
"Approved" = "Baselined"
[priority]                           # Zephyr priority = value of the system field Priority
"Normal" = "Medium"
[execution_status]                   # Zephyr execution status = status of test runs
"Pass" = "Passed"
[users]                              # Atlassian account id = qTest user name; "" keeps the id as text only
"557058:0a1b" = "jane@example.org"
[components]                         # Jira component id = its name, which only Jira knows; "" keeps the id
"14314" = "Plugins"
[versions]                           # Jira version id = its name, likewise
"10012" = "2.4"
[fields]                             # Zephyr custom field = type, where the values seen should not decide
"Location" = "text"
[required]                           # qTest field that the project requires = the value every test case gets
"Team" = "QA"
[required_suites]                    # the same for test suites
[required_runs]                      # the same for test runs
```
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ztoq_async.qtest.records import DataType

FIELD_TYPES: Mapping[str, DataType] = {
    "text": DataType.TEXT,
    "text-area": DataType.TEXT_AREA,
    "combo": DataType.COMBO,
    "date": DataType.DATE,
    "rich-text": DataType.RICH_TEXT,
    "number": DataType.NUMBER,
    "date-time": DataType.DATE_TIME,
    "multi-select": DataType.MULTI_SELECT,
}


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mapping file as data. Names are compared exactly: both services are case sensitive (facts.md 1.9)."""

    root_module: str = ""
    root_cycle: str = ""
    notify: bool = False
    status: dict[str, str] = {}
    priority: dict[str, str] = {}
    execution_status: dict[str, str] = {}
    users: dict[str, str] = {}
    components: dict[str, str] = {}
    versions: dict[str, str] = {}
    fields: dict[str, str] = {}
    required: dict[str, str] = {}
    required_suites: dict[str, str] = {}
    required_runs: dict[str, str] = {}

    def required_of(self, object_type: str) -> dict[str, str]:
        """The values that every object of a type gets."""
        return {"test-suites": self.required_suites, "test-runs": self.required_runs}.get(object_type, self.required)


def read_rules(toml: bytes) -> Rules:
    """Decodes a mapping file; raises `msgspec.DecodeError` or its `ValidationError`, which name what is wrong."""
    rules = msgspec.toml.decode(toml, type=Rules)
    for field, kind in rules.fields.items():
        if kind not in FIELD_TYPES:
            raise msgspec.ValidationError(f'[fields] "{field}" = "{kind}": the types are {", ".join(FIELD_TYPES)}')
    return rules
