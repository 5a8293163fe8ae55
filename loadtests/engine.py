"""The muscle of a load test: starts every arrival at its instant and walks thousands of citizens on one event loop.

The engine runs a uvloop event loop in a native thread of its own, beside gevent's hub: Locust has patched `threading`,
so the thread is started with the original `_thread` function. The two sides share nothing but a queue of finished
seconds (`collect`) and two flags.

It is an open model: arrivals start whether or not the system keeps up. One timer serves all arrivals; it starts every
citizen who is due and sleeps until the next. An arrival that cannot be started is counted as dropped, never forgotten.
"""

from __future__ import annotations

import _thread
import asyncio
import gc
import resource
import ssl
import sys
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from time import monotonic

import uvloop

from journeys import JourneyFailed, Reason, Request
from loadtests.http1 import Connection, Origin, split_url
from loadtests.plan import Crowd, Plan
from loadtests.statistics import Second
from loadtests.walk import NEVER, Walk

SWEEP = 0.05
"""Seconds between looks at requests past their time-out; also measures the loop's lag."""

STARTING = 0.002
"""Seconds spent on starting arrivals before answers get their turn again."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests to a system go."""

    origin: Origin
    path: str


class Engine:
    """Runs one share of a plan's arrivals; making it draws them, which takes a moment for millions."""

    def __init__(self, plan: Plan, index: int, count: int) -> None:
        share = plan.arrivals.share(index, count)
        self._plan = plan
        self._zero = 0.0
        self._crowd = Crowd(plan)
        self._instants = array("d", share.instants.tobytes())
        self._numbers = array("q", share.numbers.tobytes())
        self._kinds = array("h", share.kinds.tobytes())
        self._next = 0
        self._due = 0
        self._walks: set[Walk] = set()
        self._deadlines: list[tuple[float, int, Walk]] = []
        self._seconds: deque[Second] = deque()
        self._stop = False
        self._drain_until = NEVER
        self._cpu = 0.0
        self._expected_sweep = 0.0
        self._tls = _tls_context(plan)
        self.think_factor = plan.think_factor
        self.timeout = plan.timeout
        self.targets = {name: _target(url) for name, url in plan.environment.endpoints.items()}
        self.second = Second(0)
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self.finished = False
        self.error: BaseException | None = None

    @property
    def scheduled(self) -> int:
        """How many arrivals this engine was given."""
        return len(self._instants)

    # --- from outside the engine's thread

    def start(self, zero: float, start_thread: Callable[..., object] = _thread.start_new_thread) -> None:
        """Begin; the plan's time starts at the instant `zero` of `time.monotonic`.

        `start_thread` starts a function in a native thread; under gevent it must be the unpatched one.
        """
        self._zero = zero
        start_thread(self._run, ())

    def stop(self) -> None:
        """Ask for the end: no more arrivals, citizens on their way are counted as unfinished."""
        self._stop = True

    def collect(self) -> list[Second]:
        """Take the seconds that are complete."""
        seconds = []
        while self._seconds:
            seconds.append(self._seconds.popleft())
        return seconds

    # --- the thread

    def _run(self) -> None:
        try:
            _raise_descriptor_limit()
            _quieten_interpreter()
            self._cpu = _cpu_seconds()
            self.loop.call_later(max(0.0, self._zero - monotonic()), self._begin)
            self.loop.run_forever()
        except BaseException as error:  # noqa: BLE001 - the thread's last words go to the conductor
            self.error = error
        finally:
            self.loop.close()
            self._seconds.append(self.second)
            self.finished = True
            gc.unfreeze()

    def _begin(self) -> None:
        self.loop.set_exception_handler(self._unexpected)
        self._cpu = _cpu_seconds()
        self._expected_sweep = monotonic() + SWEEP
        self._start_due()
        self._sweep()
        self.loop.call_later(1.0, self._turn_second)

    def _unexpected(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        self.error = error if isinstance(error, BaseException) else RuntimeError(str(context.get("message")))
        self._finish(cut_off=True)

    # --- arrivals

    def _start_due(self) -> None:
        """Start every citizen who is due; then sleep until the next."""
        now = monotonic() - self._zero
        pause = now + STARTING
        while self._next < len(self._instants) and self._instants[self._next] <= now and not self._stop:
            self._arrive(self._next, now)
            self._next += 1
            now = monotonic() - self._zero
            if now > pause:
                self.loop.call_soon(self._start_due)
                return
        if self._next == len(self._instants):
            self._drain_until = self._zero + self._plan.duration + self._plan.drain
        elif not self._stop:
            # uvloop's timers have steps of a millisecond: round up, never start early.
            wait = self._instants[self._next] - now
            self.loop.call_later(int(wait * 1000 + 1) / 1000, self._start_due)

    def _arrive(self, position: int, now: float) -> None:
        intended = self._instants[position]
        if len(self._walks) >= self._plan.max_in_flight:
            self.second.dropped += 1
            return
        definition, citizen = self._crowd.citizen(self._numbers[position], self._kinds[position])
        walk = Walk(self, definition, citizen, self._zero + intended)
        self._walks.add(walk)
        self.second.started += 1
        self.second.lateness.append(now - intended)
        walk.resume()

    # --- what walks ask for and report

    def allows(self, host: str) -> bool:
        """Tell whether the environment allows traffic to a host."""
        return host in self._plan.environment.allow

    async def connect(self, origin: Origin) -> Connection:
        """Open a connection. Raises `OSError`; refuses hosts that the environment does not allow."""
        if not self.allows(origin.host):
            raise PermissionError(f"{origin.host} is not allowed")
        connection = Connection()
        context = self._tls if origin.secure else None
        await self.loop.create_connection(lambda: connection, origin.host, origin.port, ssl=context)
        self.second.connections += 1
        return connection

    def watch(self, walk: Walk) -> None:
        """Look at a walk when its deadline is due; a walk is in the queue once, however many requests it sends."""
        walk.watched = True
        heappush(self._deadlines, (walk.deadline, walk.number, walk))

    def measured(self, journey: str, request: Request, response: float, service: float, size: int) -> None:
        """Record one answer: seconds from the intended and from the actual start, and bytes."""
        times = self.second.steps[journey, request.step, request.method]
        times.response.append(response)
        times.service.append(service)
        times.received += size

    def completed(self, walk: Walk) -> None:
        """Record a journey that passed; its duration leaves out thinking time."""
        self.second.completed[walk.journey] += 1
        self.second.journeys[walk.journey].append(max(0.0, monotonic() - walk.begun - walk.thought))
        self._forget(walk)

    def failed(self, walk: Walk, failure: JourneyFailed) -> None:
        """Record a journey that failed."""
        key = (walk.journey, failure.step, str(failure.reason))
        self.second.failed[key] += 1
        self.second.details.setdefault(key, failure.detail)
        self._forget(walk)

    def aborted(self, walk: Walk, error: OSError) -> None:
        """Record a journey that ended for want of descriptors, ports or memory here: the generator's fault."""
        self.second.aborted += 1
        self.second.details.setdefault((walk.journey, "connect", "generator"), error.strerror or str(error))
        self._forget(walk)

    def bug(self, error: Exception) -> None:
        """End the run: a journey is broken, so the figures are worth nothing."""
        self.error = error
        self._finish(cut_off=True)

    def _forget(self, walk: Walk) -> None:
        walk.close()
        self._walks.discard(walk)

    # --- housekeeping

    def _sweep(self) -> None:
        """Give up requests past their time-out, notice the end, measure the loop's lag."""
        now = monotonic()
        self.second.lag = max(self.second.lag, now - self._expected_sweep)
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, walk = heappop(self._deadlines)
            walk.watched = False
            if walk.deadline <= now:
                walk.give_up(Reason.TIMEOUT, f"no answer within {self.timeout:g}s")
            elif walk.deadline < NEVER:
                self.watch(walk)
        over = self._next == len(self._instants) and not self._walks
        if over or self._stop or now >= self._drain_until:
            self._finish(cut_off=self._stop)
        else:
            self._expected_sweep = now + SWEEP
            self.loop.call_later(SWEEP, self._sweep)

    def _turn_second(self) -> None:
        """Hand over the past second and begin the next."""
        self._close_second()
        index = int(monotonic() - self._zero)
        self._seconds.append(self.second)
        self.second = Second(max(index, self.second.index + 1))
        self.loop.call_later(max(0.001, self.second.index + 1 + self._zero - monotonic()), self._turn_second)

    def _close_second(self) -> None:
        now = monotonic()
        self.second.due, self._due = self._next - self._due, self._next
        cpu = _cpu_seconds()
        elapsed = max(0.001, now - self._zero - self.second.index)
        self.second.cpu, self._cpu = (cpu - self._cpu) / elapsed, cpu
        self.second.in_flight = len(self._walks)

    def _finish(self, *, cut_off: bool) -> None:
        """End the run. Citizens still thinking are unfinished; those who still wait for the system have failed.

        If the run is cut off before its end, nobody can tell, and all of them are unfinished.
        """
        for walk in list(self._walks):
            if walk.thinking or cut_off:
                self.second.unfinished[walk.journey] += 1
                self._forget(walk)
            else:
                self.failed(walk, JourneyFailed(Reason.TIMEOUT, walk.step, "still waiting when the run ended"))
        self._close_second()
        self.loop.stop()


def _quieten_interpreter() -> None:
    """Keep pauses short: the collector looks at the last thousand objects only, a thread waits 0.5 ms for its turn.

    Citizens leave no cycles behind, so looking at older objects would find nothing and stop everyone for 100 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(1000, 1_000_000, 1_000_000)
    sys.setswitchinterval(0.0005)


def _target(url: str) -> Target:
    origin, path = split_url(url)
    return Target(origin, path.rstrip("/"))


def _tls_context(plan: Plan) -> ssl.SSLContext | None:
    """One context for all citizens: a context of its own would cost each 800 KiB."""
    secure = any(url.startswith("https:") for url in plan.environment.endpoints.values())
    return ssl.create_default_context() if secure else None


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
