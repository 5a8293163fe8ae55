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
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection
from time import monotonic
from weakref import ref

import uvloop

from journeys import JourneyFailed, Mark, Passage, Reason
from journeys.core import Exchange
from loadtests.alarm import Alarm
from loadtests.contact import targets_of
from loadtests.dialer import Dialer
from loadtests.health import Cores, memory_in_use, quieten_interpreter, tcp_sockets
from loadtests.http1 import forget_heads
from loadtests.lending import Lending
from loadtests.origin import Origin
from loadtests.plan import Crowd, Plan
from loadtests.schedule import LANES, Order, Schedule
from loadtests.second import FailureKey, Second
from loadtests.spare import use_spare_connection
from loadtests.walk import NEVER, Walk

SWEEP = 0.05
"""Seconds between looks at requests past their time-out; also measures the loop's lag."""

LAST_ANSWERS = 1.0
"""Seconds after the drain in which answers may still come: what an instant cuts off is no failure of the system."""

STARTING = 0.002
"""Seconds spent on starting arrivals before answers get their turn again."""

LETTING_GO = 1.0
"""Seconds at most for connections to close when the run is over."""


class Engine:
    """Runs a share of a plan's arrivals: those of some `lanes`, or all of them.

    An engine that was given lanes may get more, and waits for `close` before it ends; one that has all ends by itself.
    `lending` gives citizens their accounts; it may be left out where these are generated.
    Making it draws the arrivals, which takes a moment for millions.
    """

    def __init__(self, plan: Plan, lanes: Collection[int] | None = None, lending: Lending | None = None) -> None:
        self._plan = plan
        self._zero = 0.0
        self._crowd = Crowd(plan)
        self._schedule = Schedule(plan.arrivals)
        self._schedule.give(range(LANES) if lanes is None else lanes, 0, len(plan.arrivals))
        self._orders: deque[Order] = deque()
        self._closed = lanes is None
        self._due = 0
        self._walks: set[Walk] = set()
        self._away: dict[Walk, JourneyFailed] = {}
        self._spares: set[asyncio.Task[None]] = set()
        self._alarm: Alarm | None = None
        self._deadlines: defaultdict[int, list[ref[Walk]]] = defaultdict(list)
        self._swept = 0
        self._seconds: deque[Second] = deque()
        self._stop = self._over = False
        self.ending = False  # nothing new is begun; who has asked may get an answer
        self._cores = Cores(monotonic())
        self._expected_sweep = 0.0
        self.think_factor = plan.think_factor
        self.timeout = plan.timeout
        self.lending = lending or Lending(plan)
        self.targets = targets_of(plan.environment.endpoints)
        self.second = Second(0)
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self.dialer = Dialer(self.loop, plan.environment, pooled=plan.pooled)
        self.finished = False
        self.error: BaseException | None = None

    @property
    def scheduled(self) -> int:
        """How many arrivals this engine was given."""
        return self._schedule.passed + len(self._schedule)

    @property
    def in_flight(self) -> int:
        """How many citizens are on their way."""
        return len(self._walks)

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

    def order(self, order: Order) -> None:
        """Give or take lanes; a later `Second` says how it was carried out."""
        self._orders.append(order)

    def close(self) -> None:
        """Say that no more orders will come: the engine ends once its last citizen has come to an end."""
        self._closed = True

    def collect(self) -> list[Second]:
        """Take the seconds that are complete."""
        seconds = []
        while self._seconds:
            seconds.append(self._seconds.popleft())
        return seconds

    # --- the thread

    def _run(self) -> None:
        try:
            quieten_interpreter()
            self.loop.call_later(max(0.0, self._zero - monotonic()), self._begin)
            self.loop.run_forever()
            self._let_go()
        except BaseException as error:  # noqa: BLE001 - the thread's last words go to the conductor
            self.error = error
        finally:
            if self._alarm is not None:
                self._alarm.close()
            self.loop.close()
            self._seconds.append(self.second)
            self.finished = True
            gc.unfreeze()

    def _let_go(self) -> None:
        """Give what was cancelled and closed a moment to come to its end, so that no connection is left."""
        self.dialer.close()
        latest = monotonic() + LETTING_GO
        left = True
        while left and monotonic() < latest:
            left = bool(self.dialer.open or asyncio.all_tasks(self.loop))
            self.loop.run_until_complete(asyncio.sleep(0.002))  # also where nothing is left: transports close later

    def _begin(self) -> None:
        self.loop.set_exception_handler(self._unexpected)
        self._cores = Cores(monotonic())
        self._expected_sweep = monotonic() + SWEEP
        self._swept = int(monotonic() / SWEEP)
        self.second = Second(max(0, int(monotonic() - self._zero)))  # above 0 where the run was under way already
        self._alarm = Alarm(self.loop, self._start_due)
        self._start_due()
        self._sweep()
        self.loop.call_later(max(0.001, self.second.index + 1 + self._zero - monotonic()), self._turn_second)

    def _unexpected(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        said = error if isinstance(error, BaseException) else RuntimeError(str(context.get("message")))
        self.error = self.error or said
        self._finish(cut_off=True)

    # --- arrivals

    def _start_due(self) -> None:
        """Start every citizen who is due; then sleep until the next."""
        now = monotonic() - self._zero
        pause = now + STARTING
        while self._schedule.instant <= now and not self._stop and not self._over:
            self._arrive(*self._schedule.pop(), now)
            now = monotonic() - self._zero
            if now > pause:
                self.loop.call_soon(self._start_due)
                return
        if self._schedule.instant < NEVER and not self._stop:
            assert self._alarm is not None
            self._alarm.set(self._zero + self._schedule.instant)

    def _carry_out_orders(self) -> None:
        """Move lanes between two citizens; what has become due is started at once."""
        if not self._orders:
            return
        while self._orders:
            self.second.orders.append(self._schedule.carry_out(self._orders.popleft(), monotonic() - self._zero))
        self._start_due()

    def _drop_overdue(self) -> None:
        """Count those who are due and were not started as dropped."""
        now = monotonic() - self._zero
        while self._schedule.instant <= now:
            self._schedule.pop()
            self.second.dropped += 1

    def _arrive(self, number: int, intended: float, kind: int, now: float) -> None:
        if len(self._walks) >= self._plan.max_in_flight:
            self.second.dropped += 1
            return
        account = self.lending.take(number, now)
        if account is None:
            self.second.no_account += 1
            return
        definition, citizen = self._crowd.citizen(number, kind, account)
        walk = Walk(self, definition, citizen, self._zero + intended, self._crowd.manner(citizen))
        self.second.started += 1
        self.second.lateness.append(now - intended)
        self._set_out(walk)
        delay = walk.manner.second_tab(walk.number) if walk.manner else None
        if delay is not None:
            self.loop.call_later(delay, self._open_second_tab, walk)

    def _set_out(self, walk: Walk) -> None:
        self._walks.add(walk)
        self.second.attempts += 1
        walk.resume()

    def _open_second_tab(self, first: Walk) -> None:
        """Begin the same journey once more, beside the first: unless that has ended or the run does."""
        if first in self._walks and not self._stop and not self.ending:
            self.lending.share(first.number)
            self._set_out(Walk(self, first.definition, first.citizen, monotonic(), first.manner, tab_of=first))

    def _try_again(self, walk: Walk, due: float) -> None:
        """Let a citizen whose attempt failed begin anew; the browser was closed, so cookies are gone."""
        failure = None if self._stop or self.ending else self._away.pop(walk, None)
        if failure is not None:
            self._count_failure(self.second.setbacks, walk, failure)
            due = min(due, monotonic())  # the loop's clock has millisecond steps and may wake a little early
            self._set_out(Walk(self, walk.definition, walk.citizen, due, walk.manner, walk.history))

    # --- what walks ask for and report

    def open_spare(self, origin: Origin, data: bytes, patience: float) -> None:
        """Open a connection that only a bug opens, and send the same request on it."""
        self.second.spare += 1
        task = self.loop.create_task(use_spare_connection(self, origin, data, patience))
        self._spares.add(task)
        task.add_done_callback(self._spares.discard)

    def mark(self, channel: str, mark: Mark) -> None:
        """Count a passage of the waiting room."""
        self.second.passages[channel, mark.passage] += 1
        if mark.passage is Passage.ADMITTED:
            self.second.waits[channel].append(mark.waited)
            self.second.longest_pause[channel] = max(mark.pause, self.second.longest_pause.get(channel, 0.0))

    def watch(self, walk: Walk) -> None:
        """Look at a walk at the sweep of its deadline; a walk is noted once, however many requests it sends."""
        walk.watched = True
        self._deadlines[int(walk.deadline / SWEEP) + 1].append(ref(walk))  # no one stays for being noted

    def measured(self, journey: str, request: Exchange, response: float, service: float, size: int) -> None:
        """Record one answer: seconds from the intended and from the actual start, and bytes."""
        times = self.second.steps[journey, request.step, request.method]
        times.response.append(response)
        times.service.append(service)
        times.received += size

    def completed(self, walk: Walk) -> None:
        """Record a journey that passed; its duration leaves out thinking time."""
        if not walk.second_tab:
            self.second.completed[walk.journey] += 1
            self.second.journeys[walk.journey].append(max(0.0, monotonic() - walk.begun - walk.thought))
        self._forget(walk)

    def failed(self, walk: Walk, failure: JourneyFailed) -> None:
        """Record an attempt that failed, and what the citizen does next."""
        again = None
        if walk.manner is not None and not walk.second_tab and not self.ending:
            again = walk.manner.after_failure(walk.number, walk.history)
        if again is None:
            self._count_failure(self.second.setbacks if walk.second_tab else self.second.failed, walk, failure)
        self._forget(walk, for_good=again is None)
        if again is not None:
            walk.history = again.history
            self._away[walk] = failure
            self.loop.call_later(again.pause, self._try_again, walk, monotonic() + again.pause)

    def _count_failure(self, counts: Counter[FailureKey], walk: Walk, failure: JourneyFailed) -> None:
        key = (walk.journey, failure.step, str(failure.reason))
        counts[key] += 1
        self.second.details.setdefault(key, failure.detail)

    def aborted(self, walk: Walk, error: OSError) -> None:
        """Record a journey that ended for want of descriptors, ports or memory here: the generator's fault."""
        if not walk.second_tab:
            self.second.aborted += 1
        self.second.shortages[error.strerror or str(error)] += 1
        self._forget(walk)

    def bug(self, error: Exception) -> None:
        """End the run: a journey is broken, so the figures are worth nothing."""
        self.error = self.error or error
        self._finish(cut_off=True)

    def _forget(self, walk: Walk, *, for_good: bool = True) -> None:
        walk.close()
        self._walks.discard(walk)
        if for_good:
            self.lending.give_back(walk.number, monotonic() - self._zero)

    # --- housekeeping

    def _sweep(self) -> None:
        """Give up requests past their time-out, notice the end, measure the loop's lag."""
        if self._over:
            return
        now = monotonic()
        self.second.lag = max(self.second.lag, now - self._expected_sweep)
        self._give_up_overdue(now)
        self.dialer.close_idle(now)
        self.second.parted += self.lending.settle(now - self._zero)
        self._carry_out_orders()
        started = self._schedule.instant == NEVER
        over = started and self._closed and not self._walks and not self._away
        overtime = now - self._zero - self._plan.duration - self._plan.drain
        if started and overtime >= 0:
            self.ending = True
            over = over or overtime >= LAST_ANSWERS or all(walk.deadline == NEVER for walk in self._walks)
        if over or self._stop:
            self._finish(cut_off=self._stop)
        else:
            self._expected_sweep = now + SWEEP
            self.loop.call_later(SWEEP, self._sweep)

    def left_off(self, walk: Walk, *, waiting: bool) -> None:
        """Record a citizen whom the end meets: who waits for the system has failed, others are unfinished."""
        if waiting and not walk.second_tab:
            self.failed(walk, JourneyFailed(Reason.TIMEOUT, walk.step, "still waiting when the run ended"))
            return
        if not walk.second_tab:
            self.second.unfinished[walk.journey] += 1
        self._forget(walk)

    def _give_up_overdue(self, now: float) -> None:
        """Let go of requests past their deadline; those noted here who have sent another since are noted again."""
        before, self._swept = self._swept, int(now / SWEEP)
        for sweep in range(before + 1, self._swept + 1):
            for noted in self._deadlines.pop(sweep, ()):
                walk = noted()
                if walk is None:
                    continue
                walk.watched = False
                if walk.deadline <= now:
                    walk.give_up(Reason.TIMEOUT, f"no answer within {walk.patience:.3g}s")
                elif walk.deadline < NEVER:
                    self.watch(walk)

    def _turn_second(self) -> None:
        """Hand over the past second and begin the next."""
        if self._over:
            return
        self._close_second()
        forget_heads()
        index = int(monotonic() - self._zero)
        self._seconds.append(self.second)
        self.second = Second(max(index, self.second.index + 1))
        self.loop.call_later(max(0.001, self.second.index + 1 + self._zero - monotonic()), self._turn_second)

    def _close_second(self) -> None:
        self.second.due, self._due = self._schedule.passed - self._due, self._schedule.passed
        self.second.reached = self._schedule.reached
        self.second.cpu, self.second.stolen = self._cores.look(monotonic())
        second, dialer = self.second, self.dialer
        second.connections, dialer.opened = dialer.opened, 0
        second.closed_early, dialer.closed_early = dialer.closed_early, 0
        second.in_flight, second.open_connections = len(self._walks), dialer.open
        second.memory, second.sockets = memory_in_use(), tcp_sockets()
        contacts = {target.url: target.take() for target in set(self.targets.values())}
        second.contacts = {url: contact for url, contact in contacts.items() if contact}

    def _finish(self, *, cut_off: bool) -> None:
        """End the run. Citizens still thinking are unfinished; those who still wait for the system have failed.

        So have those who would have tried again. If the run is cut off before its end, nobody can tell, and all of
        them are unfinished.
        """
        if self._over:
            return
        self._over = self.ending = True
        self.loop.stop()  # first: it ends after this turn, and whatever may go wrong now cannot keep it going
        if not self._stop:  # else those who came between the request and now are simply not due
            self._drop_overdue()
        for task in self._spares:
            task.cancel()
        for walk in list(self._walks):
            self.left_off(walk, waiting=not walk.thinking and not cut_off)
        for walk, failure in self._away.items():
            if cut_off:
                self.second.unfinished[walk.journey] += 1
            else:
                self._count_failure(self.second.failed, walk, failure)
        self._away.clear()
        self._close_second()
