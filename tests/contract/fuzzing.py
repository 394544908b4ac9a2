"""Schemathesis against a running service, told which ids exist: its own program, its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from contract_files import Contract, Operation

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@dataclass(frozen=True)
class Known:
    """What exists on the service: values of parameters by name, or for one operation; a body that it must accept."""

    values: dict[str, list[Any]]
    of: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)


def told(contract: Contract, known: Known, operations: set[str]) -> dict[str, Any]:
    """The contract of these operations alone, its parameters narrowed to what exists, its bodies with an example."""
    document = deepcopy(contract.document)
    for operation in Contract(document).operations:
        if str(operation) in operations:
            _tell(operation, known)
        else:
            del document["paths"][operation.template][operation.method.lower()]
    return document


def _tell(operation: Operation, known: Known) -> None:
    values = known.values | known.of.get(str(operation), {})
    for row in operation.spec.get("parameters", ()):
        if row["name"] in values:
            row["schema"] = {"enum": values[row["name"]]}
            row.pop("example", None)
    if str(operation) in known.bodies:
        ((kind, media),) = operation.spec["requestBody"]["content"].items()
        operation.spec["requestBody"]["content"] = {kind: media | {"example": known.bodies[str(operation)]}}


def fuzz(document: dict[str, Any], base_url: str, authorization: str, folder: Path, phases: str, examples: int) -> str:
    """Why schemathesis fails the service; empty where it does not. One worker; the same cases each time."""
    file = folder / "contract.json"
    file.write_text(json.dumps(document, default=str))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", base_url, "--workers", "1"]
    options = ["--header", f"Authorization: {authorization}", "--checks", CHECKS, "--phases", phases]
    options += ["--max-examples", str(examples), "--generation-deterministic"]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, timeout=1500, check=False)
    return "" if done.returncode == 0 else done.stdout[-20_000:] + done.stderr[-2000:]


def answered(root: str) -> dict[str, set[int]]:
    """The statuses that each operation has given so far, as the sandbox counts them."""
    with urlopen(f"{root}/sandbox/stats", timeout=10) as answer:
        calls = json.load(answer)["calls"]
    statuses: dict[str, set[int]] = {}
    for call in calls:
        statuses.setdefault(f"{call['method']} {call['path']}", set()).add(call["status"])
    return statuses
