"""Step results: the frozen steps of an execution against the step logs and the table of its test log."""

import itertools
from collections.abc import Callable, Sequence

from aligning import Flattener, Place, longest, texts, words
from both_sides import Row
from field_values import UNSET
from history_sides import History, Runs
from notes import split, table
from plain_text import collapsed, plain
from reading_steps import Found

Block = tuple[str, Callable[[str], bool], str]
"""A label, what fits below it, and that in words."""


class Results:
    """Judges step results; it counts what is at a step and what is in a table."""

    def __init__(self, history: History, runs: Runs, mapping: Row) -> None:
        self._names = {row["id"]: row["name"] for row in history.statuses}
        self._history, self._runs = history, runs
        self._mapped = mapping.get("execution_status", {})
        self._flattener = Flattener(runs.cases, self._newest, history.scripts)
        self.aligned = self.tabled = 0

    def differences(self, execution: Row, log: Row, version: Row, below: str | None) -> Found:
        """What differs; `below` is the note's block of steps, None if there is none."""
        frozen = self._history.results.get(execution["id"], [])
        places = list(self._flattener.places(version))
        rows = table(below) if below is not None else []
        kept = [row for row in rows if plain(row[0]).isdigit()]
        yield from self._table(kept, below, frozen)
        tabled = {int(plain(row[0])) for row in kept}
        aligned = [step for number, step in enumerate(frozen, start=1) if number not in tabled]
        yield from self._logs(aligned, places, log)
        wanted = least(frozen, places)
        if len(aligned) < wanted:
            yield "steps", f"{len(aligned)} stand at a step, {wanted} could"
        self.aligned += len(aligned)
        self.tabled += len(kept)

    def _newest(self, case: int) -> Row | None:
        versions = self._runs.versions.get(case, {})
        return versions[max(versions)] if versions else None

    def _table(self, rows: list[list[str]], below: str | None, frozen: list[Row]) -> Found:
        if below is not None and not rows:
            yield "[steps]", f"no rows in {below!r}"
        numbers = [int(plain(row[0])) for row in rows]
        if sorted(set(numbers)) != numbers:
            yield "[steps]", f"the places {numbers}"
        for number, row in zip(numbers, rows, strict=True):
            if not 0 < number <= len(frozen):
                yield f"[steps][{number}]", "there is no such step"
                continue
            step = frozen[number - 1]["inline"]
            told = [*words(texts(frozen[number - 1])), plain(step.get("actualResult"))]
            told += [collapsed(self._name(frozen[number - 1])), _number(step.get("testDataRowNumber"))]
            found = [plain(cell) for cell in row[1:]]
            if found != told:
                yield f"[steps][{number}]", f"{found} instead of {told}"

    def _logs(self, aligned: list[Row], places: list[Place], log: Row) -> Found:
        found, last = [], -1
        for number, row in enumerate(log.get("test_step_logs") or [], start=1):
            fitting = [place for place, step in enumerate(places) if _is_at(row, step)]
            last = next((place for place in fitting if place > last), -2 if fitting else -3)
            if last < 0:
                yield f"results[{number}]", "out of order" if last == -2 else "it is at no step of this version"
                return
            found.append((places[last], row))
        found = self._sent(found, aligned) if self._runs.fills else found
        if len(found) != len(aligned):
            yield "results", f"{len(found)} instead of {len(aligned)}"
        for number, (step, (place, row)) in enumerate(zip(aligned, found, strict=False), start=1):
            for where, told in self._log(step, place, row):
                yield f"results[{number}].{where}", told

    def _sent(self, found: list[tuple[Place, Row]], aligned: list[Row]) -> list[tuple[Place, Row]]:
        """Without the rows that the site fills in by itself: blank ones that are not those of the next result."""
        kept: list[tuple[Place, Row]] = []
        for place, row in found:
            blank = not row.get("actual_result") and self._status_of(row) == self._runs.unexecuted
            if not blank or (len(kept) < len(aligned) and not list(self._log(aligned[len(kept)], place, row))):
                kept.append((place, row))
        return kept

    def _status_of(self, row: Row) -> str | None:
        return self._runs.statuses.get((row.get("status") or {}).get("id") or 0)

    def _log(self, step: Row, place: Place, row: Row) -> Found:
        if place.texts is None or words(place.texts) != words(texts(step)):
            yield "step", f"{texts(step)} stands at {place.texts}"
        name = self._name(step)
        wanted = self._mapped.get(name, name)
        found = self._status_of(row)
        if name and found != wanted:
            yield "status", f"{found!r} instead of {wanted!r}"
        yield from self._actual(step["inline"], name if name != wanted else "", row.get("actual_result") or "")

    def _actual(self, step: Row, status: str, found: str) -> Found:
        blocks = [text_block("status", status)] if status else []
        if step.get("testDataRowNumber") is not None:
            blocks.append(text_block("data row", str(step["testDataRowNumber"])))
        orders = [list(_in_order(step.get("actualResult"), one, found)) for one in itertools.permutations(blocks)]
        yield from min(orders, key=len)

    def _name(self, step: Row) -> str:
        return str(self._names.get((step["inline"].get("status") or {}).get("id"), ""))


def least(frozen: list[Row], places: list[Place]) -> int:
    """How many steps must stand at a step: as many as can, of those of one row of test data."""
    rows: dict[int | None, list[object]] = {}
    for step in frozen:
        rows.setdefault(step["inline"].get("testDataRowNumber"), []).append(texts(step))
    return max((longest(steps, [place.texts for place in places]) for steps in rows.values()), default=0)


def blocks_of(text: str, blocks: Sequence[Block]) -> tuple[str, dict[str, str], list[tuple[str, str]]]:
    """The text before all blocks, the content of each, and what differs."""
    contents: dict[str, str] = {}
    differences: list[tuple[str, str]] = []
    for label, fits, told in reversed(blocks):
        text, found = split(text, label, fits)
        if found is None:
            differences.append((f"[{label}]", f"it is missing: {told}"))
        else:
            contents[label] = found
            if not fits(found):
                differences.append((f"[{label}]", f"{found!r} instead of {told}"))
    return text, contents, differences[::-1]


def text_block(label: str, text: str) -> Block:
    """A block of plain text."""
    return label, lambda found: plain(found) == collapsed(text), repr(text)


def _in_order(actual: str | None, blocks: Sequence[Block], found: str) -> Found:
    head, _, differences = blocks_of(found, blocks)
    if plain(head) != plain(actual):
        yield "actualResult", f"{head!r} instead of {actual!r}"
    yield from differences


def _is_at(row: Row, place: Place) -> bool:
    parent = row.get("parent_test_step_id") or place.parent
    return row.get("test_step_id") == place.step and parent == place.parent


def _number(value: int | None) -> str:
    return "" if value in UNSET else str(value)
