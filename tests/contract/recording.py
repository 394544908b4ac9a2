"""Judges recorded requests by a vendor's OpenAPI file: pure, and ignorant of the code that made them.

Stricter than the file: a property that the file does not name is refused in every object, whether or not the file
closes it, and so is one that it marks as read-only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Protocol
from urllib.parse import parse_qsl

from contract_files import Contract, Operation
from openapi_schema_validator import OAS30WriteValidator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

_FORM = "application/x-www-form-urlencoded"


class RecordedCall(Protocol):
    """What a judge must know of a request; `label` is the path's template."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: bytes | None
    content_type: str
    label: str


def violations(contract: Contract, calls: Iterable[RecordedCall]) -> list[str]:
    """Everything in the calls that the contract does not allow, each told once: the call, the place, the reason."""
    return list(dict.fromkeys(line for call in calls for line in _of_call(contract, call)))


def _of_call(contract: Contract, call: RecordedCall) -> Iterator[str]:
    found = contract.find(call.method, call.path)
    if found is None:
        yield f"{call.method} {call.path}: not in the contract"
        return
    operation, values = found
    if call.label != operation.template:
        yield f"{operation}: labelled {call.label}"
    for reason in (
        *_of_path(contract, operation, values),
        *_of_query(contract, operation, call.query),
        *_of_body(contract, operation, call),
    ):
        yield f"{operation}: {reason}"


def _of_path(contract: Contract, operation: Operation, values: dict[str, str]) -> Iterator[str]:
    declared = operation.parameters("path")
    for name, text in values.items():
        yield from _reasons(contract, declared[name]["schema"], _typed(declared[name]["schema"], text), f"path {name}")


def _of_query(contract: Contract, operation: Operation, query: tuple[tuple[str, str], ...]) -> Iterator[str]:
    declared, given = operation.parameters("query"), Counter(name for name, _ in query)
    for name, row in declared.items():
        if row.get("required") and name not in given:
            yield f"query {name}: missing"
    for name, times in given.items():
        if name not in declared:
            yield f"query {name}: unknown"
        elif times > 1 and declared[name]["schema"].get("type") != "array":
            yield f"query {name}: given {times} times"
    for name, text in query:
        if name in declared:
            schema = declared[name]["schema"]
            item = schema["items"] if schema.get("type") == "array" else schema
            yield from _reasons(contract, item, _typed(item, text), f"query {name}")


def _of_body(contract: Contract, operation: Operation, call: RecordedCall) -> Iterator[str]:
    declared = operation.spec.get("requestBody")
    if call.body is None:
        if declared and declared.get("required"):
            yield "body: missing"
        return
    if declared is None:
        yield "body: none is expected"
        return
    media = declared["content"].get(call.content_type)
    if media is None:
        yield f"body: {call.content_type} is not accepted"
        return
    try:
        value = dict(parse_qsl(call.body.decode())) if call.content_type == _FORM else json.loads(call.body)
    except ValueError as error:
        yield f"body: not {call.content_type}: {error}"
        return
    yield from _reasons(contract, media["schema"], value, "body")


def _typed(schema: dict[str, Any], text: str) -> Any:
    """The text of an address in the schema's type; as it is where it is none."""
    match schema.get("type"):
        case "integer" if text.removeprefix("-").isdecimal():
            return int(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
    return text


def _reasons(contract: Contract, schema: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    closed = _closed(contract.document, schema)
    validator = OAS30WriteValidator(closed, registry=_registry(contract), format_checker=oas30_format_checker)
    for error in validator.iter_errors(value):
        yield f"{place}{error.json_path.removeprefix('$')}: {error.message[:300]}"


@cache
def _registry(contract: Contract) -> Registry[Any]:
    schemas = {
        name: _closed(contract.document, schema) for name, schema in contract.document["components"]["schemas"].items()
    }
    document = {"components": {"schemas": schemas}}
    return Registry().with_resource("urn:contract", Resource.from_contents(document, DRAFT4))


def _closed(document: dict[str, Any], node: Any) -> Any:
    """A schema whose objects all refuse what they do not name; `allOf` is merged first, for it cannot be closed."""
    if isinstance(node, list):
        return [_closed(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": "urn:contract" + node["$ref"]}
    if "allOf" in node:
        return _closed(document, _merged(document, node))
    closed = {key: value if key in _LITERAL else _closed(document, value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict):
        closed["properties"] = {name: _closed(document, schema) for name, schema in node["properties"].items()}
        if not isinstance(node.get("additionalProperties"), dict):
            closed["additionalProperties"] = False
    return closed


_LITERAL = ("properties", "required", "enum", "default", "example", "examples")


def _merged(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The parts of `allOf` as one schema: properties united (the later part wins), requirements added."""
    merged: dict[str, Any] = {}
    rest = {key: value for key, value in node.items() if key != "allOf"}
    for given in (*node["allOf"], rest):
        part = _resolved(document, given)
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", ()), *part.get("required", ())]
        merged = {**merged, **part} | ({"properties": properties} if properties else {})
        merged |= {"required": required} if required else {}
    return merged


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        part = document["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return _merged(document, part) if "allOf" in part else part
