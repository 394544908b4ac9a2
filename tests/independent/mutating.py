"""The mapping broken on purpose: a function of the engine whose result something is done to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

change = msgspec.structs.replace


@dataclass(frozen=True)
class Mutation:
    """`function` of `owner` gives what `broken` makes of its result; `noticed` stands in a difference."""

    owner: Any
    function: str
    broken: Callable[[Any], Any]
    noticed: str

    def apply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Puts the broken function in the place of the sound one."""
        sound = getattr(self.owner, self.function)
        monkeypatch.setattr(self.owner, self.function, lambda *given, **named: self.broken(sound(*given, **named)))
