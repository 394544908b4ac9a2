"""The texts that an execution freezes: the steps of the test case, those of the cases it calls in their place."""

from typing import Protocol

import msgspec

Texts = dict[str, str | None]
"""`description`, `testData`, `expectedResult`"""


class Scripts(Protocol):
    """What must be known of test cases."""

    def position(self, key: str) -> int | None: ...

    def steps(self, position: int) -> bytes: ...

    def script(self, position: int) -> bytes | None: ...


class _Inline(msgspec.Struct, rename="camel"):
    description: str | None = None
    test_data: str | None = None
    expected_result: str | None = None


class _Called(msgspec.Struct):
    key: str = msgspec.field(name="testCaseKey")


class _Step(msgspec.Struct):
    inline: _Inline | None = None
    called: _Called | None = msgspec.field(name="testCase", default=None)


class _Script(msgspec.Struct):
    text: str


_STEPS = msgspec.json.Decoder(list[_Step])
_SCRIPT = msgspec.json.Decoder(_Script)


def flattened(cases: Scripts, position: int, callers: tuple[int, ...] = ()) -> list[Texts]:
    """The texts of a case, those of called cases in their place; a script is one text. A call back is left out."""
    script = cases.script(position)
    if script is not None:
        return [texts_of(_SCRIPT.decode(script).text, None, None)]
    rows: list[Texts] = []
    for step in _STEPS.decode(cases.steps(position)):
        if step.called is not None:
            called = cases.position(step.called.key)
            if called is not None and called not in (*callers, position):
                rows += flattened(cases, called, (*callers, position))
        elif step.inline is not None:
            rows.append(texts_of(step.inline.description, step.inline.test_data, step.inline.expected_result))
    return rows


def texts_of(description: str | None, data: str | None, expected: str | None) -> Texts:
    """One text."""
    return {"description": description, "testData": data, "expectedResult": expected}
