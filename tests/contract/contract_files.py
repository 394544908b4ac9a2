"""The vendors' published contracts as Python objects: operations, their parameters, bodies and answers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

SHARED = Path(os.environ.get("ZTOQ_SHARED") or Path(__file__).resolve().parents[3] / "shared")
ZEPHYR = SHARED / "contracts" / "zephyr-scale-cloud-v2.openapi.yaml"
QTEST = SHARED / "contracts" / "qtest-manager-v3.openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")

needs_contracts = pytest.mark.skipif(
    not (ZEPHYR.exists() and QTEST.exists()),
    reason=f"the vendors' OpenAPI files are not below {SHARED}: set ZTOQ_SHARED to judge against them",
)


@dataclass(frozen=True)
class Operation:
    """One method of one path template; `spec` is the file's own description of it."""

    method: str
    template: str
    spec: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches paths of this template, each parameter a group by its name."""
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.template)))

    def parameters(self, place: str) -> dict[str, dict[str, Any]]:
        """The parameters of the path or the query, by name."""
        return {row["name"]: row for row in self.spec.get("parameters", ()) if row["in"] == place}


class Contract:
    """One OpenAPI document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """All operations, those whose paths have fewer parameters first."""
        return tuple(sorted(self._operations(), key=lambda operation: operation.template.count("{")))

    def _operations(self) -> Iterator[Operation]:
        for template, methods in self.document["paths"].items():
            for method in METHODS:
                if method in methods:
                    yield Operation(method.upper(), template, methods[method])

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], Operation]]:
        return [(operation.pattern, operation) for operation in self.operations]

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a call, and the values of its path's parameters."""
        for pattern, operation in self._patterns:
            if operation.method == method and (match := pattern.fullmatch(path)):
                return operation, match.groupdict()
        return None


@cache
def contract(path: Path) -> Contract:
    """A published file, read once."""
    return Contract(yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
