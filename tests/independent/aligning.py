"""Steps of an execution against the steps that its test case has: flattened, and aligned by what a person reads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from both_sides import Row
from plain_text import plain
from reading_steps import own_steps

DEEPEST = 40
Texts = tuple[str, str, str]


@dataclass(frozen=True)
class Place:
    """A step of a test case, calls flattened: its qTest id, the calling step's, and what Zephyr says there."""

    step: int
    parent: int | None
    texts: tuple[str | None, str | None, str | None] | None


def texts(step: Row) -> tuple[str | None, str | None, str | None]:
    """Description, test data and expected result of a Zephyr step, frozen or not; a script's text is a description."""
    inline = step.get("inline") or step
    return inline.get("description") or step.get("text"), inline.get("testData"), inline.get("expectedResult")


def words(raw: tuple[str | None, str | None, str | None]) -> Texts:
    """The three texts as a person reads them."""
    return plain(raw[0]), plain(raw[1]), plain(raw[2])


class Flattener:
    """The steps of test cases with the steps of those that they call, however deep.

    `keys` are Zephyr keys by qTest id; `newest` gives a qTest test case by id; `scripts` Zephyr's steps by key.
    """

    def __init__(
        self, keys: dict[int, str], newest: Callable[[int], Row | None], scripts: dict[str, list[Row]]
    ) -> None:
        self._keys, self._newest, self._scripts = keys, newest, scripts

    def places(self, case: Row, parent: int | None = None, depth: int = 0) -> Iterator[Place]:
        """The steps of a version of a test case in order; a call that is a link stands for what it calls."""
        sources = self._scripts.get(self._keys.get(case["id"], ""), [])
        for position, row in enumerate(own_steps(case)):
            called = self._newest(row.get("called_test_case_id") or 0)
            if called is not None and depth < DEEPEST:
                yield from self.places(called, row["id"], depth + 1)
            else:
                source = sources[position] if position < len(sources) else {"testCase": {}}
                yield Place(row["id"], parent, None if source.get("testCase") is not None else texts(source))


def longest(first: Sequence[object], second: Sequence[object]) -> int:
    """The length of the longest sequence that is in both, in order."""
    same = next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    row = [0] * (len(second) - same + 1)
    for item in first[same:]:
        above, row = row, [0]
        for place, other in enumerate(second[same:]):
            row.append(above[place] + 1 if item == other else max(row[-1], above[place + 1]))
    return same + row[-1]
