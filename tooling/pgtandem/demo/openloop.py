"""An open-loop load for the demo's programs: operations at a fixed rate, whatever they take.

Each operation has an intended time. Its latency counts from there, so that a wait delays, and is
seen in, all operations that should have run meanwhile; a closed loop would hide it.

A program runs as its own process. It reads commands on stdin, a line each: `phase NAME` begins a
new phase of the record, `stop` or the end of the input ends the program, as SIGTERM and SIGINT do.
Once it works it prints one line, `ready`; at its end one JSON object, the summary.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

FIRST_PHASE: Final = "start"
KEPT_MESSAGES: Final = 10
RETRIED: Final = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: a program repeats its transaction, here once."""


class Operations(Protocol):
    """What one worker does; each worker has its own, with its own session."""

    def one(self, draw: random.Random) -> str:
        """Run one transaction; return its kind, such as `update`."""

    def recover(self) -> None:
        """After an error: make the session usable again, open a new one if need be."""

    def close(self) -> None: ...


@dataclass
class PhaseSummary:
    """One phase's figures. Latencies are in ms from the intended time.

    A latency is the wait for a worker that is still busy (`wait`), and the operation (`own`).
    """

    operations: int
    seconds: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    wait_p50_ms: float
    own_p50_ms: float
    own_p99_ms: float
    own_max_ms: float
    errors: int
    retried: int
    kinds: dict[str, int]


@dataclass
class Summary:
    """What a program reports at its end."""

    program: str
    rate: float
    workers: int
    operations: int
    errors: int
    """Operations that failed, a retry included."""
    retried: int
    """Operations repeated once after 40001 or 40P01."""
    mismatches: int
    """Rows that did not read back as they were written."""
    sqlstates: dict[str, int]
    messages: list[str]
    phases: dict[str, PhaseSummary]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Summary:
        parts = json.loads(text)
        phases = {name: PhaseSummary(**phase) for name, phase in parts.pop("phases").items()}
        return cls(phases=phases, **parts)


class Mismatch(Exception):
    """A row did not read back as it was written."""


@dataclass
class _Phase:
    began: float
    ended: float = 0.0
    latencies: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    retried: int = 0


class OpenLoop:
    """Runs workers at a fixed total rate (operations a second) until it is stopped."""

    def __init__(
        self,
        program: str,
        workers: Sequence[Operations],
        rate: float,
        sqlstate: Callable[[Exception], str | None],
        *,
        seed: int = 1,
    ) -> None:
        self._program = program
        self._workers = workers
        self._rate = rate
        self._sqlstate = sqlstate
        self._seed = seed
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._phase_name = FIRST_PHASE
        self._phases = {FIRST_PHASE: _Phase(time.monotonic())}
        self._sqlstates: Counter[str] = Counter()
        self._messages: list[str] = []
        self._mismatches = 0

    def stop(self) -> None:
        self._stop.set()

    def phase(self, name: str) -> None:
        """Operations intended from now on count for this phase."""
        now = time.monotonic()
        with self._lock:
            self._phases[self._phase_name].ended = now
            self._phase_name = name
            self._phases.setdefault(name, _Phase(now))

    def run(self, seconds: float | None = None) -> Summary:
        """Run until `stop`, or for so many seconds."""
        start = time.monotonic()
        threads = [
            threading.Thread(target=self._work, args=(number, worker, start))
            for number, worker in enumerate(self._workers)
        ]
        for thread in threads:
            thread.start()
        self._stop.wait(seconds)
        self._stop.set()
        for thread in threads:
            thread.join()
        self._phases[self._phase_name].ended = time.monotonic()
        return self._summary()

    def _work(self, number: int, worker: Operations, start: float) -> None:
        draw = random.Random(self._seed * 1000 + number)
        every = len(self._workers) / self._rate
        intended = start + every * number / len(self._workers)
        try:
            while not self._stop.wait(max(0.0, intended - time.monotonic())):
                phase = self._phases[self._phase_name]
                self._operate(worker, draw, phase, intended)
                intended += every
        finally:
            worker.close()

    def _operate(
        self, worker: Operations, draw: random.Random, phase: _Phase, intended: float
    ) -> None:
        began = time.monotonic()
        state = draw.getstate()
        retried = False
        while True:
            kind = None
            error: Exception | None = None
            try:
                kind = worker.one(draw)
            except Exception as exc:  # whatever the old program meets is counted and reported
                error = exc
            code = self._sqlstate(error) if error is not None else None
            if error is not None:
                try:
                    worker.recover()
                except Exception as exc:
                    self._note(f"no new session: {exc}")
                    self._stop.wait(0.2)
            if code in RETRIED and not retried:
                retried = True
                draw.setstate(state)
                continue
            break
        ended = time.monotonic()
        with self._lock:
            phase.latencies.append((ended - intended) * 1000)
            phase.waits.append((began - intended) * 1000)
            phase.own.append((ended - began) * 1000)
            phase.retried += retried
            if kind is not None:
                phase.kinds[kind] += 1
            if isinstance(error, Mismatch):
                self._mismatches += 1
            elif error is not None:
                phase.errors += 1
                self._sqlstates[code or type(error).__name__] += 1
        if error is not None:
            self._note(f"{code or type(error).__name__}: {error}".strip())

    def _note(self, message: str) -> None:
        with self._lock:
            if len(self._messages) < KEPT_MESSAGES:
                self._messages.append(message[:500])

    def _summary(self) -> Summary:
        phases = {
            name: PhaseSummary(
                operations=len(phase.latencies),
                seconds=round(phase.ended - phase.began, 3),
                p50_ms=percentile(phase.latencies, 0.5),
                p99_ms=percentile(phase.latencies, 0.99),
                p999_ms=percentile(phase.latencies, 0.999),
                max_ms=percentile(phase.latencies, 1.0),
                wait_p50_ms=percentile(phase.waits, 0.5),
                own_p50_ms=percentile(phase.own, 0.5),
                own_p99_ms=percentile(phase.own, 0.99),
                own_max_ms=percentile(phase.own, 1.0),
                errors=phase.errors,
                retried=phase.retried,
                kinds=dict(sorted(phase.kinds.items())),
            )
            for name, phase in self._phases.items()
        }
        return Summary(
            program=self._program,
            rate=self._rate,
            workers=len(self._workers),
            operations=sum(phase.operations for phase in phases.values()),
            errors=sum(phase.errors for phase in phases.values()),
            retried=sum(phase.retried for phase in phases.values()),
            mismatches=self._mismatches,
            sqlstates=dict(sorted(self._sqlstates.items())),
            messages=self._messages,
            phases=phases,
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile, to three decimals; 0.0 of no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def serve(loop: OpenLoop, seconds: float | None) -> None:
    """Run a program's loop as its process's main work: commands, signals, summary."""

    def stopped(*_: Any) -> None:
        loop.stop()

    signal.signal(signal.SIGTERM, stopped)
    signal.signal(signal.SIGINT, stopped)

    def listen() -> None:
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            if word == "phase" and rest:
                loop.phase(rest)
            elif word == "stop":
                break
        loop.stop()

    threading.Thread(target=listen, daemon=True).start()
    print("ready", flush=True)
    print(loop.run(seconds).to_json(), flush=True)
