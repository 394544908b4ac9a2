"""Circuit breakers against a small model, and their registry."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ztoq_async.errors import CircuitOpen, ResourceError
from ztoq_async.resources.breaker import LONGEST_OPEN, CircuitBreaker, CircuitEvent, Circuits, State

WINDOW, ENOUGH, OPEN_FOR = 4, 2, 1.0


class Model:
    """What a circuit should do, in the plainest words."""

    def __init__(self) -> None:
        self.now, self.state, self.last, self.until, self.open_for, self.round = 0.0, "closed", [], 0.0, OPEN_FOR, 0

    def admits(self) -> bool:
        return self.state == "closed" or (self.state == "open" and self.now >= self.until)

    def admit(self) -> int:
        if self.state == "open":
            self.state, self.round = "half-open", self.round + 1
        return self.round

    def end(self, begun: int, healthy: bool | None) -> None:
        if begun != self.round or (self.state == "closed" and healthy is None):
            return
        self.last = [*self.last, healthy][-WINDOW:]
        if self.state == "half-open" and healthy:
            self.state, self.last, self.open_for, self.round = "closed", [], OPEN_FOR, self.round + 1
        elif self.state == "half-open" or self.last.count(False) >= ENOUGH:
            if self.state == "half-open" and healthy is False:
                self.open_for = min(2 * self.open_for, LONGEST_OPEN)
            if healthy is False:
                self.until = self.now + self.open_for
            self.state, self.last, self.round = "open", [], self.round + 1


class CircuitMachine(RuleBasedStateMachine):
    """Calls begin, end in any order, and time passes: circuit and model agree at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.events: list[CircuitEvent] = []
        self.circuit = CircuitBreaker(
            "GET /x",
            window=WINDOW,
            threshold=ENOUGH / WINDOW,
            open_for=OPEN_FOR,
            clock=lambda: self.model.now,
            on_change=self.events.append,
        )
        self.running: list[tuple[int, int]] = []

    @rule()
    def begin(self) -> None:
        if self.model.admits():
            self.running.append((self.circuit.admit(), self.model.admit()))
        else:
            with pytest.raises(CircuitOpen) as caught:
                self.circuit.admit()
            assert 0 < caught.value.retry_after <= LONGEST_OPEN

    @precondition(lambda self: self.running)
    @rule(data=st.data(), healthy=st.sampled_from([True, False, False, None]))
    def end(self, data: st.DataObject, healthy: bool | None) -> None:
        index = data.draw(st.integers(0, len(self.running) - 1))
        ours, models = self.running.pop(index)
        self.circuit.record(ours, healthy)
        self.model.end(models, healthy)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.model.now += seconds

    @invariant()
    def agree(self) -> None:
        assert self.circuit.state.value == self.model.state
        assert self.circuit.is_idle == (self.model.state == "closed" and not self.running)
        states = [State.CLOSED, *(event.after for event in self.events)]
        assert [event.before for event in self.events] == states[:-1]
        assert states[-1] is self.circuit.state


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


async def test_cleaning_up_removes_only_closed_circuits_that_idle() -> None:
    """An open circuit, one with a call on its way and one used lately all stay."""
    now = 0.0
    circuits = Circuits(lambda name: CircuitBreaker(name, window=1, threshold=1.0, clock=lambda: now), lambda: now)
    circuits.of("idle")
    circuits.of("busy").admit()
    opened = circuits.of("open")
    opened.record(opened.admit(), False)
    recent = circuits.of("recent")
    now = 301.0
    recent.record(recent.admit(), True)
    assert CircuitBreaker.cleanup_idle_circuits() == 1
    assert {circuit.name for circuit in circuits} == {"busy", "open", "recent"}
    assert CircuitBreaker.cleanup_idle_circuits() == 0


def test_cleaning_up_outside_a_loop_is_a_named_error() -> None:
    """There is nothing to clean where no loop runs, and saying so is better than doing nothing."""
    with pytest.raises(ResourceError, match=r"asyncio\.run"):
        CircuitBreaker.cleanup_idle_circuits()
