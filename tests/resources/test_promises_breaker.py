"""Circuit breakers held to a model of a few lines, written from the words of the promise."""

import asyncio
import contextlib
import gc

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from ztoq_async import CircuitBreaker, CircuitOpen

WINDOW, SHARE, OPEN_FOR = 4, 0.5, 1.0


class Model:
    """Closed, open, half open with one probe; a sliding window of the last calls."""

    def __init__(self):
        self.state, self.calls, self.until, self.wait, self.era = "closed", [], 0.0, OPEN_FOR, 0

    def admit(self, now):
        """Whether a call may go, and then in which era it belongs."""
        if self.state == "half-open" or (self.state == "open" and now < self.until):
            return None
        self.state = "half-open" if self.state == "open" else self.state
        return self.era

    def record(self, era, healthy, now):
        """A call of a former era says nothing; a probe decides; else the window does."""
        if era != self.era:
            return
        if self.state == "half-open":
            self.turn("closed" if healthy else "open", now, min(self.wait * 2, 30.0) if healthy is False else self.wait)
            self.until = now if healthy is None else self.until
        elif healthy is not None:
            self.calls = [*self.calls, healthy][-WINDOW:]
            if self.calls.count(False) >= SHARE * WINDOW:
                self.turn("open", now, OPEN_FOR)

    def turn(self, state, now, wait):
        """A new state begins a new era, and an empty window."""
        self.state, self.calls, self.era = state, [], self.era + 1
        self.wait, self.until = (wait, now + wait) if state == "open" else (OPEN_FOR, 0.0)


class Circuit(RuleBasedStateMachine):
    """Calls that begin and end in any order, while time goes on."""

    calls = Bundle("calls")

    def __init__(self):
        super().__init__()
        self.now, self.model, self.events, self.open_calls = 0.0, Model(), [], set()
        self.circuit = CircuitBreaker(
            "GET /x",
            window=WINDOW,
            threshold=SHARE,
            open_for=OPEN_FOR,
            clock=lambda: self.now,
            on_change=self.events.append,
        )

    @rule(target=calls)
    def begin(self):
        expected = self.model.admit(self.now)
        try:
            call = (len(self.open_calls), self.circuit.admit(), expected)
        except CircuitOpen as error:
            assert expected is None
            assert 0 <= error.retry_after <= 30
            return None
        assert expected is not None
        self.open_calls.add(call)
        return call

    @rule(call=calls, healthy=st.sampled_from([True, False, False, None]))
    def end(self, call, healthy):
        if call in self.open_calls:
            self.open_calls.remove(call)
            self.circuit.record(call[1], healthy)
            self.model.record(call[2], healthy, self.now)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.0, 31.0]))
    def later(self, seconds):
        self.now += seconds

    @invariant()
    def the_states_agree(self):
        shown = str(getattr(self.circuit.state, "value", self.circuit.state))
        assert shown == self.model.state
        assert [event.after for event in self.events] == [event.before for event in self.events[1:]] + (
            [self.circuit.state] if self.events else []
        )


TestCircuit = Circuit.TestCase
TestCircuit.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def opened(**options):
    """A circuit that is open: two failures of two."""
    circuit = CircuitBreaker("GET /x", **{"window": 2, "threshold": 1.0, "open_for": 0.05, **options})
    for _ in range(2):
        circuit.record(circuit.admit(), healthy=False)
    return circuit


async def test_of_many_that_wait_exactly_one_is_the_probe():
    """A hundred callers at a half-open circuit: one goes, the others wait, and all go once it has closed."""
    circuit = opened()
    await asyncio.sleep(0.06)
    probes, refused = [], 0
    for _ in range(100):
        try:
            probes.append(circuit.admit())
        except CircuitOpen:
            refused += 1
    assert (len(probes), refused) == (1, 99)
    circuit.record(probes[0], healthy=True)
    for _ in range(100):
        circuit.admit()


async def test_a_probe_that_was_cancelled_makes_room_for_another():
    """A probe that ends without a word about the endpoint does not keep the circuit half open for ever."""
    circuit = opened()
    await asyncio.sleep(0.06)
    circuit.record(circuit.admit(), healthy=None)
    for _ in range(40):
        try:
            circuit.record(circuit.admit(), healthy=True)
            break
        except CircuitOpen as error:
            await asyncio.sleep(min(error.retry_after, 0.05) + 0.001)
    circuit.admit()
    circuit.admit()


async def test_late_news_from_before_it_opened_neither_close_nor_reopen_it():
    """Calls that began in a closed circuit end after its probe began: the probe alone decides."""
    circuit = CircuitBreaker("GET /x", window=2, threshold=1.0, open_for=0.02)
    early = [circuit.admit() for _ in range(6)]
    for call in early[:2]:
        circuit.record(call, healthy=False)
    await asyncio.sleep(0.03)
    probe = circuit.admit()
    circuit.record(early[2], healthy=True)
    with pytest.raises(CircuitOpen):
        circuit.admit()
    circuit.record(early[3], healthy=False)
    circuit.record(probe, healthy=True)
    circuit.record(early[4], healthy=False)
    circuit.record(early[5], healthy=False)
    circuit.admit()


async def test_only_idle_closed_circuits_are_forgotten():
    """Neither an open circuit nor one with a call on its way goes; cleaning up again finds nothing more."""
    gc.collect()
    CircuitBreaker.cleanup_idle_circuits(idle=0.0)
    idle, busy, broken = CircuitBreaker("idle"), CircuitBreaker("busy"), opened()
    idle.record(idle.admit(), healthy=True)
    call = busy.admit()
    assert CircuitBreaker.cleanup_idle_circuits(idle=60.0) == 0
    assert (idle.is_idle, busy.is_idle, broken.is_idle) == (True, False, False)
    busy.record(call, healthy=True)
    with pytest.raises(CircuitOpen):
        broken.admit()


async def test_who_waits_for_a_circuit_wakes_when_it_closes():
    """Nobody polls: all who wait go on at the moment that the probe succeeds, and no later than they said."""
    circuit = opened()
    await asyncio.sleep(0.06)
    probe = circuit.admit()
    waiting = [asyncio.create_task(circuit.wait(5.0)) for _ in range(20)]
    await asyncio.sleep(0.02)
    assert not any(task.done() for task in waiting)
    circuit.record(probe, healthy=True)
    await asyncio.wait_for(asyncio.gather(*waiting), 0.5)
    async with asyncio.timeout(0.5):
        await opened(open_for=20.0).wait(0.05)


async def test_a_listener_that_fails_does_not_break_the_circuit():
    """An event's listener is a guest: its error neither loses the change of state nor the probe."""

    def fails(event):
        raise RuntimeError(event.after)

    circuit = CircuitBreaker("GET /x", window=1, threshold=1.0, open_for=0.02, on_change=fails)
    with contextlib.suppress(RuntimeError):
        circuit.record(circuit.admit(), healthy=False)
    for _ in range(20):
        await asyncio.sleep(0.03)
        with contextlib.suppress(RuntimeError, CircuitOpen):
            circuit.record(circuit.admit(), healthy=True)
    assert circuit.state == "closed"
