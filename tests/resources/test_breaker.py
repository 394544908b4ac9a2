"""Circuit breakers against a small model, and their registry."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ztoq_async.errors import CircuitOpen, ResourceError
from ztoq_async.resources.breaker import (
    CLEANUP_SECONDS,
    IDLE_SECONDS,
    LONGEST_OPEN,
    CircuitBreaker,
    CircuitEvent,
    Circuits,
    State,
)

WINDOW, ENOUGH, OPEN_FOR = 4, 2, 1.0
ENDPOINTS = "GET /x", "GET /y"


class Model:
    """One endpoint in the words of the promise: a call counts in the state in which it began, and in no later one."""

    def __init__(self) -> None:
        self.wait, self.until, self.used = OPEN_FOR, 0.0, 0.0
        self.on_their_way: set[int] = set()
        self.turn("closed")

    def turn(self, state: str) -> None:
        self.state, self.window, self.current = state, [], set[int]()

    def begins(self, call: int, now: float) -> bool:
        self.used = now
        if self.state == "open" and now >= self.until:
            self.turn("half-open")
        elif self.state != "closed":
            return False
        self.current.add(call)
        self.on_their_way.add(call)
        return True

    def ends(self, call: int, healthy: bool | None, now: float) -> None:
        self.on_their_way.discard(call)
        if call not in self.current:
            return
        self.window = [*self.window, *([] if healthy is None else [healthy])][-WINDOW:]
        if self.state == "half-open" and healthy:
            self.wait = OPEN_FOR
            self.turn("closed")
        elif self.state == "half-open" or self.window.count(False) >= ENOUGH:
            self.wait = min(2 * self.wait, LONGEST_OPEN) if self.state == "half-open" and self.window else self.wait
            self.until = now + self.wait if self.window else self.until
            self.turn("open")

    def may_go(self, before: float) -> bool:
        return self.state == "closed" and not self.on_their_way and self.used <= before


class CircuitMachine(RuleBasedStateMachine):
    """Calls to two endpoints begin and end in any order, idle circuits are cleaned up, and time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.cleaned = 0.0
        self.models: dict[str, Model] = {}
        self.events: list[CircuitEvent] = []
        self.running: list[tuple[int, str, CircuitBreaker, int]] = []
        self.calls = itertools.count()
        self.circuits = Circuits(self.make, lambda: self.now)
        self.circuits.on_change = self.events.append
        self.runner = asyncio.Runner()

    def make(self, name: str) -> CircuitBreaker:
        settings = {"window": WINDOW, "threshold": ENOUGH / WINDOW, "open_for": OPEN_FOR}
        return CircuitBreaker(name, **settings, clock=lambda: self.now)

    def in_loop(self, work: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return work()

        return self.runner.run(run())

    def teardown(self) -> None:
        self.runner.close()

    def forget(self, idle: float) -> int:
        gone = [name for name, model in self.models.items() if model.may_go(self.now - idle)]
        for name in gone:
            del self.models[name]
        self.cleaned = self.now
        return len(gone)

    @rule(name=st.sampled_from(ENDPOINTS))
    def begin(self, name: str) -> None:
        if name not in self.models and self.now >= self.cleaned + CLEANUP_SECONDS:
            self.forget(IDLE_SECONDS)
        model, call = self.models.setdefault(name, Model()), next(self.calls)
        circuit = self.in_loop(lambda: self.circuits.of(name))
        if model.begins(call, self.now):
            self.running.append((call, name, circuit, circuit.admit()))
        else:
            with pytest.raises(CircuitOpen) as caught:
                circuit.admit()
            assert 0 < caught.value.retry_after <= LONGEST_OPEN

    @precondition(lambda self: self.running)
    @rule(data=st.data(), healthy=st.sampled_from([True, False, False, None]))
    def end(self, data: st.DataObject, healthy: bool | None) -> None:
        index = data.draw(st.integers(0, len(self.running) - 1))
        call, name, circuit, admitted = self.running.pop(index)
        circuit.record(admitted, healthy)
        self.models[name].ends(call, healthy, self.now)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.0, 40.0, 301.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(idle=st.sampled_from([0.0, 1.5, 300.0]))
    def clean_up(self, idle: float) -> None:
        assert self.in_loop(lambda: CircuitBreaker.cleanup_idle_circuits(idle)) == self.forget(idle)

    @invariant()
    def agree(self) -> None:
        assert {circuit.name: circuit.state for circuit in self.circuits} == {
            name: model.state for name, model in self.models.items()
        }
        for name, model in self.models.items():
            told = [event for event in self.events if event.name == name]
            assert [event.before for event in told] == ["closed", *(event.after for event in told)][:-1]
            assert model.state == (told[-1].after if told else "closed")


TestCircuit = CircuitMachine.TestCase
TestCircuit.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


async def test_exactly_one_probe_passes_at_half_open() -> None:
    """Of many callers after the pause one gets through, the others are told to wait."""
    now = 0.0
    circuit = CircuitBreaker("x", window=2, threshold=1.0, open_for=1.0, clock=lambda: now)
    for _ in range(2):
        circuit.record(circuit.admit(), False)
    now = 1.0
    probe = circuit.admit()
    for _ in range(50):
        with pytest.raises(CircuitOpen):
            circuit.admit()
    circuit.record(probe, True)
    assert circuit.state is State.CLOSED


async def test_a_cancelled_probe_makes_room_for_the_next() -> None:
    """A probe that was cancelled says nothing: the next caller probes at once."""
    now = 0.0
    circuit = CircuitBreaker("x", window=1, threshold=1.0, open_for=1.0, clock=lambda: now)
    circuit.record(circuit.admit(), False)
    now = 1.0
    circuit.record(circuit.admit(), None)
    circuit.record(circuit.admit(), True)
    assert circuit.state is State.CLOSED


async def test_the_pause_doubles_while_probes_fail_and_is_short_again_after_a_success() -> None:
    """A second, two, four … at most 30; once closed, the next opening begins with a second."""
    now = 0.0
    circuit = CircuitBreaker("x", window=1, threshold=1.0, open_for=1.0, clock=lambda: now)
    for healthy, pause in [
        (False, 1),
        (False, 2),
        (False, 4),
        (False, 8),
        (False, 16),
        (False, 30),
        (False, 30),
        (True, 0),
    ]:
        circuit.record(circuit.admit(), healthy)
        if pause:
            with pytest.raises(CircuitOpen) as caught:
                circuit.admit()
            assert caught.value.retry_after == pause
            now += pause
    circuit.record(circuit.admit(), False)
    now += 1.0
    circuit.admit()


async def test_those_who_wait_are_woken_when_the_circuit_closes() -> None:
    """Waiting ends with the probe's success, not with the time-out."""
    now = 0.0
    circuit = CircuitBreaker("x", window=1, threshold=1.0, open_for=1.0, clock=lambda: now)
    circuit.record(circuit.admit(), False)
    waiting = [asyncio.create_task(circuit.wait(30)) for _ in range(3)]
    await asyncio.sleep(0)
    now = 1.0
    circuit.record(circuit.admit(), True)
    await asyncio.wait_for(asyncio.gather(*waiting), 1)


async def test_a_new_circuit_lets_those_go_that_idle() -> None:
    """Endpoints without number leave no circuits without number: those long unused make room."""
    now = 0.0
    circuits = Circuits(lambda name: CircuitBreaker(name, clock=lambda: now), lambda: now)
    for number in range(2000):
        now += 1.0
        circuits.of(str(number))
    assert len(list(circuits)) <= IDLE_SECONDS + CLEANUP_SECONDS


async def test_a_listener_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The change has happened, the probe is let through, and the log tells of the listener."""
    now = 0.0

    def fails(event: CircuitEvent) -> None:
        raise ValueError(event.after)

    circuit = CircuitBreaker("x", window=1, threshold=1.0, open_for=1.0, clock=lambda: now, on_change=fails)
    circuit.record(circuit.admit(), False)
    now = 1.0
    circuit.record(circuit.admit(), True)
    assert circuit.state is State.CLOSED
    assert caplog.text.count("a listener failed") == 3


async def test_circuits_belong_to_one_loop() -> None:
    """Use from another loop, or from a thread without one, is a named error; so is cleaning up where no loop runs."""
    circuits = Circuits()
    circuits.of("x")
    with pytest.raises(ResourceError, match="another event loop or thread"):
        await asyncio.to_thread(circuits.of, "x")
    with pytest.raises(ResourceError, match=r"asyncio\.run"):
        await asyncio.to_thread(CircuitBreaker.cleanup_idle_circuits)
