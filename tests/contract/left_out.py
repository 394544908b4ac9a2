"""The operations that docs/sandbox.md says the sandbox leaves out."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs" / "sandbox.md"


def left_out(service: str) -> set[str]:
    """`METHOD path` of each operation in the block below the heading `### Left out: <service>`."""
    block = re.search(rf"^### Left out: {service}\n+```text\n(.*?)```", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    assert block, f"docs/sandbox.md has no block 'Left out: {service}'"
    rows = [line.split() for line in block[1].splitlines()]
    return {f"{method} {path}" for path, *methods in rows for method in methods}
