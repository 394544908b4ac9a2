"""The rules that people decide: the mapping file, a TOML table that `run --propose-mapping FILE` writes in full.

```toml
root_module = "MM"                   # the module that receives everything; default: the Zephyr project's key

[status]                             # Zephyr status = value of the system field Status
"Approved" = "Baselined"
[priority]                           # Zephyr priority = value of the system field Priority
"Normal" = "Medium"
[users]                              # Atlassian account id = qTest user name; "" keeps the id as text only
"557058:0a1b" = "jane@example.org"
[components]                         # Jira component id = its name, which only Jira knows; "" keeps the id
"14314" = "Plugins"
[fields]                             # Zephyr custom field = type, where the values seen should not decide
"Location" = "text"
[required]                           # qTest field that the project requires = the value every test case gets
"Team" = "QA"
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
    notify: bool = False
    status: dict[str, str] = {}
    priority: dict[str, str] = {}
    users: dict[str, str] = {}
    components: dict[str, str] = {}
    fields: dict[str, str] = {}
    required: dict[str, str] = {}


def read_rules(toml: bytes) -> Rules:
    """Decodes a mapping file; raises `msgspec.DecodeError` or its `ValidationError`, which name what is wrong."""
    rules = msgspec.toml.decode(toml, type=Rules)
    for field, kind in rules.fields.items():
        if kind not in FIELD_TYPES:
            raise msgspec.ValidationError(f'[fields] "{field}" = "{kind}": the types are {", ".join(FIELD_TYPES)}')
    return rules
