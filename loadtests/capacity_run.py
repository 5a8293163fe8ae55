"""A capacity search against a real target: runs the holds that the search asks for, and sees that nothing breaks.

Before the first hold and after each that failed, a few citizens are sent at the lowest rate until all of them pass: a
system that is still digesting the last hold would fail the next one too. Failed journeys of holds and probes alike
count towards the budget; when it is spent the search ends with what it knows.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from time import monotonic

from config import Campaign, Environment
from journeys import definitions
from loadtests import capacity_report
from loadtests.arrivals import Spacing
from loadtests.capacity import Ask, Search, hopeless, judge, observe
from loadtests.capacity_report import Capacity, End, Forecast, Hold, Probe, Settings
from loadtests.conductor import Conductor
from loadtests.latencies import percentile
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.run import SteadyConsole, check_trust, conducting, follow, interruption, room_for_report

PROBE_CITIZENS = 5
"""Citizens of a probe, evenly spaced at the lowest rate."""

PROBE_PATIENCE = 900.0
"""Seconds that the citizens of a probe get to come to an end: longer than any journey takes."""

LONGEST_PAUSE = 10.0
"""Seconds between probes of a target that does not recover; the first pauses are shorter."""

SHORTEST_WARM_UP = 5
"""Seconds; connections and caches want them however quick the journey is."""


class _EndedError(Exception):
    """The search cannot go on; `end` says why."""

    def __init__(self, end: End) -> None:
        self.end: End = end
        super().__init__(end)


def explore(
    settings: Settings, environment: Environment, forecast: Forecast | None, *, out: Path, command: str
) -> Capacity:
    """Search, write page and data to `out`, and return the result. Progress goes to standard error.

    The first Ctrl-C ends the search and keeps what is known; a second one leaves at once. Raises `RunError` where
    `out` cannot be written to, TLS files cannot be used, or generator processes do not start.
    """
    console = SteadyConsole(stderr=True)
    check_trust(environment)
    began, start = datetime.now(UTC), monotonic()
    with room_for_report(out), conducting(settings.processes) as conductor:
        session = Session(settings, environment, conductor, console)
        with interruption(session.interrupt):
            end = session.search()
    capacity = capacity_report.summarise(
        settings,
        end,
        session.known.passing,
        session.known.failing,
        warm_up=session.warm_up,
        holds=session.holds,
        probes=session.probes,
        forecast=forecast,
        failures=session.failures,
        began=began,
        seconds=monotonic() - start,
        endpoints=dict(environment.endpoints),
        command=command,
        versions={"python": python_version()} | {name: version(name) for name in ("piekwacht", "locust", "uvloop")},
    )
    try:
        paths = capacity_report.write(capacity, out)
    except OSError as error:
        console.print(f"the report could not be written to {out}: {error.strerror or error}", style="bold red")
        return capacity.model_copy(update={"outcome": "invalid"})
    for path in paths:
        console.print(f"written: {path}", soft_wrap=True)
    return capacity


class Session:
    """One search: what it has measured so far is there at any moment."""

    def __init__(
        self, settings: Settings, environment: Environment, conductor: Conductor, console: SteadyConsole
    ) -> None:
        self.settings = settings
        self.known = Search(settings.from_rate, settings.to_rate, settings.precision, settings.confirmations)
        self.warm_up = settings.warm_up or 0
        self.holds: list[Hold] = []
        self.probes: list[Probe] = []
        self.failures = 0
        self._environment = environment
        self._conductor = conductor
        self._console = console
        self._runs = 0
        self._interrupted = threading.Event()

    def interrupt(self) -> None:
        """End the search; the present hold is broken off."""
        self._interrupted.set()
        self._conductor.stop()

    def search(self) -> End:
        """Search until the answer stands or the search cannot go on, and return why it ended."""
        try:
            if not self._recovered():
                return "too-low"
            asks = self.known.run()
            ask = next(asks)
            while True:
                hold = self._hold(ask)
                ask = asks.send(hold.outcome == "passed")
                self._check_budget()
                if hold.outcome == "failed" and not self._recovered():
                    return "not-recovered"
        except StopIteration:
            return "too-low" if self.known.passing is None else "found" if self.known.failing else "at-cap"
        except _EndedError as error:
            return error.end

    # --- holds

    def _hold(self, ask: Ask) -> Hold:
        """Hold a rate; once more if the generator could not keep its schedule."""
        hold = self._hold_once(ask)
        if hold.outcome != "invalid":
            return hold
        if not self._recovered():
            raise _EndedError("not-recovered")
        return self._hold_once(ask, last=True)

    def _hold_once(self, ask: Ask, *, last: bool = False) -> Hold:
        seconds = max(2, self.settings.hold // 2) if ask.phase == "ramp" else self.settings.hold
        rate, limits, steps = ask.rate, self.settings.limits, len(definitions()[self.settings.journey].steps)
        self._say(f"hold {len(self.holds) + 1} ({ask.phase}): {rate:g}/s for {self.warm_up} + {seconds} s")
        plan = self._plan(rate, self.warm_up + seconds, f"{ask.phase}: {rate:g} a second", warm_up=self.warm_up)

        def look(results: Results, _: float) -> str | None:
            seen = observe(results)
            return hopeless(seen, rate, self.warm_up, seconds, limits, steps)

        reason, results = self._run(plan, look)
        hold = self._judged(ask, reason, results)
        self.holds.append(hold)
        self._say(f"  {hold.outcome}" + (f": {'; '.join(hold.reasons)}" if hold.reasons else ""))
        if hold.outcome == "invalid":
            self._check_interruption()
            self._check_budget()
            if last:
                raise _EndedError("generator")
        return hold

    def _judged(self, ask: Ask, reason: str | None, results: Results) -> Hold:
        seen = observe(results)
        outcome, reasons = judge(seen, self.warm_up, self.settings.limits)
        if self._conductor.interrupted:
            outcome, reasons = ("failed", [reason]) if reason else ("invalid", ["broken off"])
        all_ended = results.total_completed + results.total_failed
        trouble = self._trouble()
        if trouble:
            outcome, reasons = "invalid", trouble
        return Hold(
            number=len(self.holds) + 1,
            phase=ask.phase,
            rate=ask.rate,
            warm_up=self.warm_up,
            seconds=seen.seconds,
            outcome=outcome,
            reasons=reasons,
            started=seen.started,
            ended=seen.ended,
            completed=seen.completed,
            failed=seen.failed,
            failed_share=seen.failed_share
            if seen.failed_share is not None
            else results.total_failed / max(1, all_ended),
            p50=percentile(seen.responses, 0.5),
            p95=seen.p95,
            p99=percentile(seen.responses, 0.99),
            in_flight=seen.in_flight,
            lateness_p99=results.lateness.percentile(0.99),
            cpu=float(results.timeline.all()["cpu"].max(initial=0.0)),
            failures={name: count for name, count in results.failed_by_reason().items() if count},
        )

    def _trouble(self) -> list[str]:
        """Return why the figures of the last run are worth nothing; nothing where the generator did its work."""
        summary = self._conductor.summary("", ended_early="judged as a hold")
        return summary.reasons[1:] if summary.outcome == "invalid" else []

    # --- probes

    def _recovered(self) -> bool:
        """Send probes until the target is healthy at rest; tell whether it became so in time.

        Whether it did is not known where the generator itself could not ask.
        """
        deadline, pause = monotonic() + self.settings.recovery, 1.0
        while not self._probe():
            hindered = bool(self._conductor.errors or self._conductor.results.counts["aborted"])
            why = "; ".join(self._trouble()) if hindered else "the target is not healthy yet"
            if monotonic() > deadline:
                self._say(why)
                if hindered:
                    raise _EndedError("generator")
                return False
            self._say(f"{why}; looking again in {pause:g} s")
            self._interrupted.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return True

    def _probe(self) -> bool:
        self._say(f"probe: {PROBE_CITIZENS} citizens at {self.settings.from_rate:g}/s")
        rate = self.settings.from_rate
        seconds = math.ceil(PROBE_CITIZENS / rate)
        plan = self._plan(PROBE_CITIZENS / seconds, seconds, "probe", spacing="even", drain=PROBE_PATIENCE)
        _, results = self._run(plan)
        self._check_interruption()
        p95 = results.response().percentile(0.95)
        started, completed = results.counts["started"], results.total_completed
        healthy = 0 < completed == started and p95 <= self.settings.limits.p95
        self.probes.append(
            Probe(
                after_hold=len(self.holds),
                healthy=healthy,
                started=started,
                completed=completed,
                failed=results.total_failed,
                p95=p95,
                failures={reason: count for reason, count in results.failed_by_reason().items() if count},
            )
        )
        self._check_budget()
        if healthy and not self.warm_up and self.settings.warm_up is None:
            longest = int(results.timeline.all()["completed"].nonzero()[0][-1]) + 1
            self.warm_up = max(SHORTEST_WARM_UP, math.ceil(1.25 * longest))
            self._say(f"a journey takes up to {longest} s: the warm-up is {self.warm_up} s")
        return healthy

    # --- runs

    def _run(
        self, plan: Plan, look: Callable[[Results, float], str | None] = lambda _results, _elapsed: None
    ) -> tuple[str | None, Results]:
        """Run a plan; break it off when it is hopeless (and say why) or when the budget is spent."""
        self._check_interruption()
        spent = False

        def watch(results: Results, elapsed: float) -> str | None:
            nonlocal spent
            reason = look(results, elapsed)
            spent = reason is None and self.failures + results.total_failed >= self.settings.budget
            return "the budget is spent" if spent else reason

        self._conductor.start(plan)
        reason = follow(self._conductor, plan, self._console, watch)
        results = self._conductor.results
        self.failures += results.total_failed
        return None if spent else reason, results

    def _plan(
        self,
        rate: float,
        seconds: int,
        title: str,
        *,
        warm_up: int = 0,
        spacing: Spacing = "poisson",
        drain: float | None = None,
    ) -> Plan:
        """Plan a constant rate of the one journey; every run of the search has a seed of its own."""
        self._runs += 1
        settings = self.settings
        return Plan(
            campaign_id="capacity",
            campaign=constant(settings, rate, f"{settings.journey}, {title}", warm_up),
            environment_id=settings.environment,
            environment=self._environment,
            day="hold",
            start=0.0,
            end=float(seconds),
            seed=settings.seed + self._runs - 1,
            spacing=spacing,
            think=settings.think,
            timeout=settings.timeout,
            drain=settings.timeout if drain is None else drain,
        )

    def _check_interruption(self) -> None:
        if self._interrupted.is_set():
            raise _EndedError("interrupted")

    def _check_budget(self) -> None:
        if self.failures >= self.settings.budget:
            raise _EndedError("budget")

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)


def constant(settings: Settings, rate: float, title: str, warm_up: int) -> Campaign:
    """Return a campaign of one journey at a constant rate; the generator is judged after the warm-up."""
    return Campaign.model_validate(
        {
            "title": title,
            "sources": ["a search for the capacity"],
            "assumptions": ["a constant arrival rate"],
            "timezone": "UTC",
            "days": {
                "hold": {"start": "2026-01-01T00:00:00+00:00", "totals": {"all": rate * 86_400}, "source": "chosen"}
            },
            "hourly_profile": [1] * 24,
            "thresholds": {"warm_up": f"{warm_up}s"},
            "streams": {
                "all": {
                    "title": settings.journey,
                    "split": [{"journey": settings.journey, "share": 1, "channel": settings.channel}],
                }
            },
        }
    )
