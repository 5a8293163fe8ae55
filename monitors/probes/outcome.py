"""What a probe is aimed at, what it leaves behind while it runs, and what comes out."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

from config import Environment, Probe
from journeys import Identities, JourneyFailed
from monitors.probes.masking import Headers
from monitors.probes.phone.evidence import CallEvidence
from monitors.verdict import Called, Cause, Phases, Verdict

if TYPE_CHECKING:
    from monitors.probes.phone.desk import Desk  # it opens TLS as the HTTP client does, which knows this module

Phase = Literal["resolve", "connect", "first_byte", "transfer"]


@dataclass(slots=True)
class Memory:
    """What a probe remembers from run to run; it lives as long as the monitor and its probe.

    `unanswered`: when each message was submitted whose return has not come, by its number, the oldest first (Unix time
    in seconds). `certificate_expires`: when the first certificate of the chain expires (Unix time), once one was seen.
    `call`: what the last call showed.
    """

    unanswered: dict[str, float] = field(default_factory=dict)
    certificate_expires: float | None = None
    call: CallEvidence | None = None

    def oldest_unanswered(self, now: float) -> float:
        """Return the age in seconds of the oldest unanswered message; 0 if there is none."""
        return max(0.0, now - next(iter(self.unanswered.values()), now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One probe of one system in one environment. Times are in seconds and already fitted to the environment.

    Whoever makes targets anew gives a probe that stays the `memory` that it had. `closed` tells whether a moment (Unix
    time) lies outside service hours; `desk` is where calls are made from.
    """

    system: str
    name: str
    probe: Probe
    environment: Environment
    interval: float
    timeout: float
    limit: float
    seed: int = 0
    identities: Identities = field(repr=False, compare=False)
    memory: Memory = field(default_factory=Memory, repr=False, compare=False)
    closed: Callable[[float], bool] = field(default=lambda _: False, repr=False, compare=False)
    desk: Desk | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of a run and what came of it, for people: nothing in it is secret.

    `result` is the status or why there is none; `status` and `headers` are those of the answer, if there was one.
    """

    step: str
    method: str
    url: str
    seconds: float
    result: str
    status: int | None = None
    headers: Headers = ()
    phases: Phases = field(default_factory=Phases)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished run. `duration` is in seconds; `trace` holds every request in order. `called` if it was a call."""

    verdict: Verdict
    duration: float
    phases: Phases
    trace: tuple[Exchange, ...]
    called: Called | None = None


class Undecided(Exception):  # noqa: N818 - a verdict, not an error of the program
    """The prober's own trouble keeps it from a verdict."""

    def __init__(self, cause: Cause, detail: str) -> None:
        self.cause = cause
        self.detail = detail
        super().__init__(f"{cause}: {detail}")


class Track:
    """Where a run is and where its time went, readable at any moment: a run cut off half-way still says where it was.

    Time is charged to the present step, and within an exchange to the present phase.
    """

    def __init__(self) -> None:
        self.step = ""
        self.trace: list[Exchange] = []
        self.called: Called | None = None
        self._start = self._step_since = self._phase_since = time.perf_counter()
        self._phase: Phase | None = None
        self._by_phase: dict[str, float] = {}
        self._by_step: defaultdict[str, float] = defaultdict(float)

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the run."""
        return time.perf_counter() - self._start

    def at(self, step: str) -> None:
        """Begin `step`; what the journey waited before its next request belongs to the step before."""
        now = time.perf_counter()
        self._by_step[self.step or step] += now - self._step_since
        self.step, self._step_since = step, now

    def exchange(self, method: str, url: str) -> Noted:
        """Return the note of an exchange that begins; `url` is shown to people."""
        return Noted(self, method, url)

    def enter(self, phase: Phase) -> None:
        """Begin a phase of the exchange under way."""
        self._leave_phase()
        self._phase = phase

    def _leave_phase(self) -> None:
        now = time.perf_counter()
        if self._phase is not None:
            self._by_phase[self._phase] = self._by_phase.get(self._phase, 0.0) + now - self._phase_since
        self._phase, self._phase_since = None, now

    def take_phases(self) -> Phases:
        """End the exchange under way; return the seconds charged to each of its phases."""
        self._leave_phase()
        spent, self._by_phase = self._by_phase, {}
        return Phases(**spent)

    @property
    def phases(self) -> Phases:
        """The seconds charged to each phase, summed over the exchanges that have ended."""
        first, *others = [each.phases for each in self.trace] or [Phases()]
        return sum(others, first)

    def slowest_step(self) -> str:
        """Return the step that took most of the time."""
        self.at(self.step)
        return max(self._by_step, key=lambda step: self._by_step[step])


class Noted:
    """An exchange under way: `with track.exchange(...) as noted`. However it ends, the track has it then.

    Who leads it says what came of it: `result`, unless it ends as `JourneyFailed` or `Undecided`, which say it
    themselves; and `status` and `headers` if there was an answer.
    """

    __slots__ = ("_method", "_since", "_track", "_url", "headers", "result", "status")

    def __init__(self, track: Track, method: str, url: str) -> None:
        self._track, self._method, self._url = track, method, url
        self.result = "cut off"
        self.status: int | None = None
        self.headers: Headers = ()

    def __enter__(self) -> Self:
        self._since = self._track.elapsed
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, JourneyFailed):
            self.result = error.reason
        elif isinstance(error, Undecided):
            self.result = error.cause
        track, phases = self._track, self._track.take_phases()
        seconds = track.elapsed - self._since
        track.trace.append(
            Exchange(track.step, self._method, self._url, seconds, self.result, self.status, self.headers, phases)
        )
