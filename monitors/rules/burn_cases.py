"""What is expected of alerts about budgets that burn: when they fire, and above all when they do not. Pure.

The figures are those of an objective of 99.9 % at one run every 15 s: 240 runs an hour, of which more than 1.44 % fail
when 14.4 times the budget goes. So three failed runs an hour (1.25 %) page nobody, and four (1.67 %) do: a minute of
outage spends 2.3 % of the budget of 30 days.
"""

from __future__ import annotations

from collections.abc import Iterator

from config import Configuration
from monitors.metrics import FAILURES, INTERVAL, RUNS, SUCCESS, WINDOW_ACTIVE, WINDOW_END
from monitors.rules.burn_rates import at_least, burn_rates
from monitors.rules.measurement_alerts import SILENCE
from monitors.rules.rule import slowest
from monitors.rules.rule_tests import VANTAGE, Case, Scene, Series, series, stairs

FAST, SLOWLY = "AvailabilityBurnsFast", "AvailabilityBurnsSlowly"
TARGET = 99.9
ELSEWHERE = "there"
LATE = 1.1
"""How much longer than its interval it takes until the next call has ended: some windows of one interval are empty."""


def cases(configuration: Configuration) -> Iterator[Case]:
    """Yield the cases of an estate: of its first system with the usual objective, and of its first slow one."""
    usual = [name for name, system in configuration.systems.items() if system.objective.target == TARGET]
    quick = [name for name in usual if at_least(SILENCE, slowest(configuration, name)) == SILENCE]
    if quick:
        yield from _outages(Scene(configuration, quick[0]))
        yield from _windows(Scene(configuration, quick[0]))
        yield from _odd_counters(Scene(configuration, quick[0]))
    for name in [name for name in usual if name not in quick][:1]:
        yield from _slow(Scene(configuration, name, LATE * slowest(configuration, name)))
    for name in quick:
        if configuration.systems[name].quorum > 1:
            yield from _quorum(Scene(configuration, name), configuration.systems[name].quorum)


def _outages(scene: Scene) -> Iterator[Case]:
    page, ticket = scene.page(FAST), scene.ticket(SLOWLY)
    yield Case(
        "ten minutes of unplanned outage page within two; the page ends after the outage, the ticket stays",
        scene.system,
        scene.seasoned(110) | scene.outage((90, 0), (10, 1), (40, 0)),
        {90: [], 92: [page, ticket], 100: [page, ticket], 132: [ticket]},
    )
    yield Case(
        "sixty seconds of outage page, for they spend 2.3 % of the month's budget in an hour; the page ends by itself",
        scene.system,
        scene.seasoned(70) | scene.outage((90, 0), (1, 1), (9, 0)),
        {90: [], 91: [page], 94: [page], 98: []},
    )
    yield Case(
        "forty-five seconds of outage are quiet: 1.25 % of an hour, less than 14.4 times the budget",
        scene.system,
        scene.seasoned(66) | scene.outage((90, 0), (0.75, 1), (5.25, 0)),
        {91: [], 92: [], 96: []},
    )
    yield Case(
        "a single failed run is quiet, even when little has been measured yet",
        scene.system,
        scene.healthy(20) | scene.first(FAILURES, "none", (2, 0), (0.25, 1), (17.75, 0)),
        {3: [], 10: [], 20: []},
    )
    # One failed run in 200 is 0.5 %: above 3 * 0.1 %, below 6 * 0.1 %. Ten runs a sample show it within the hour.
    yield Case(
        "one failed run in two hundred makes a ticket, not a page",
        scene.system,
        scene.healthy(30) | scene.counts(RUNS, "none", (30, 10)) | scene.outage(*[(4.75, 0), (0.25, 1)] * 6),
        {4: [], 12: [ticket], 28: [ticket]},
    )


def _windows(scene: Scene) -> Iterator[Case]:
    page, ticket = scene.page(FAST), scene.ticket(SLOWLY)
    will_overrun, overruns = scene.page("MaintenanceWillOverrun"), scene.page("MaintenanceOverruns")
    planned = {
        **scene.counts(RUNS, "none", (10, 1), (15, 0), (10, 1)),
        **scene.counts(RUNS, "planned", (10, 0), (15, 1), (10, 0)),
        **scene.outage((10, 0), (15, 1), (10, 0), window="planned"),
    }
    yield Case(
        "an outage in a planned window is quiet",
        scene.system,
        scene.healthy(35) | planned,
        {20: [], 25: [], 35: []},
    )
    yield Case(
        "a single failed run right after a planned window is quiet",
        scene.system,
        scene.healthy(35) | planned | scene.first(FAILURES, "none", (25, 0), (0.25, 1), (9.75, 0)),
        {25: [], 26: [], 27: [], 35: []},
    )
    yield Case(
        "planned work that overruns by thirty minutes pages: half an hour before its end, at its end, and as an outage",
        scene.system,
        scene.healthy(90) | _overrun(scene),
        {14: [], 17: [will_overrun], 44: [will_overrun], 48: [page, overruns, ticket], 74: [page, overruns, ticket],
         77: [page, ticket]},
    )  # fmt: skip
    yield Case(
        "planned work whose system is back before its end is quiet, though it failed all the time until then",
        scene.system,
        scene.healthy(55) | _ends_in_time(scene),
        {12: [], 17: [], 30: [], 47: [], 55: []},
    )
    aftermath = {
        **scene.counts(RUNS, "none", (10, 1), (10, 0)),
        **scene.counts(RUNS, "aftermath", (10, 0), (10, 1)),
        **scene.outage((10, 0), (10, 1), window="aftermath"),
    }
    yield Case(
        "an outage in an announced aftermath pages: it counts as unplanned",
        scene.system,
        scene.healthy(20) | aftermath,
        {10: [], 12: [page, ticket], 20: [page, ticket]},
    )


def _overrun(scene: Scene) -> Series:
    """Planned from minute 5 to 45, back at minute 75."""
    return {
        **scene.counts(RUNS, "none", (5, 1), (70, 0), (15, 1)),
        **scene.counts(RUNS, "planned", (5, 0), (40, 1), (45, 0)),
        **scene.counts(RUNS, "overrun", (45, 0), (30, 1), (15, 0)),
        **scene.outage((5, 0), (40, 1), (45, 0), window="planned"),
        **scene.outage((45, 0), (30, 1), (15, 0), window="overrun"),
        **scene.each(SUCCESS, stairs((5, 1), (70, 0), (15, 1))),
        **_window(scene, "planned", (5, 0), (40, 1), (45, 0)),
        **_window(scene, "overrun", (45, 0), (30, 1), (15, 0)),
        series(WINDOW_END, system=scene.system): f"_x{4 * 5} {stairs((70, 45 * 60))} stale",
    }


def _ends_in_time(scene: Scene) -> Series:
    """Planned from minute 5 to 45, back at minute 14."""
    return {
        **scene.counts(RUNS, "none", (5, 1), (40, 0), (10, 1)),
        **scene.counts(RUNS, "planned", (5, 0), (40, 1), (10, 0)),
        **scene.outage((5, 0), (9, 1), (41, 0), window="planned"),
        **scene.each(SUCCESS, stairs((5, 1), (9, 0), (41, 1))),
        **_window(scene, "planned", (5, 0), (40, 1), (10, 0)),
        **_window(scene, "overrun", (45, 0), (0.25, 1), (9.75, 0)),
        series(WINDOW_END, system=scene.system): f"_x{4 * 5} {stairs((40, 45 * 60))} stale",
    }


def _window(scene: Scene, kind: str, *stretches: tuple[float, float]) -> Series:
    return {series(WINDOW_ACTIVE, system=scene.system, window=kind): stairs(*stretches)}


def _odd_counters(scene: Scene) -> Iterator[Case]:
    page, ticket = scene.page(FAST), scene.ticket(SLOWLY)
    restarted = {
        **scene.each(RUNS, "90000+1x60 0+1x60", window="none"),
        **scene.each(FAILURES, "700+0x60 0+0x60", window="none"),
    }
    yield Case(
        "counters that begin anew page nobody",
        scene.system,
        scene.healthy(30) | restarted,
        {14: [], 16: [], 20: [], 30: []},
    )
    with_past = {
        **scene.each(RUNS, "_x60 90000+1x60", window="none", vantage=ELSEWHERE),
        **scene.each(FAILURES, "_x60 700+0x60", window="none", vantage=ELSEWHERE),
        **scene.each(INTERVAL, "_x60 15+0x60", vantage=ELSEWHERE),
    }
    yield Case(
        "labels never seen before, with a past of their own, page nobody",
        scene.system,
        scene.healthy(30) | with_past,
        {14: [], 16: [], 20: [], 30: []},
    )
    failing = {
        **scene.each(RUNS, "_x60 0+1x60", window="none", vantage=ELSEWHERE),
        **scene.each(FAILURES, "_x60 0+1x60", window="none", vantage=ELSEWHERE),
        **scene.each(INTERVAL, "_x60 15+0x60", vantage=ELSEWHERE),
    }
    yield Case(
        "labels never seen before that begin at 0 miss no failure",
        scene.system,
        scene.healthy(30) | failing,
        # With a quorum above 1 it takes more than one of two vantage points.
        {14: [], 18: [page, ticket] if scene.configuration.systems[scene.system].quorum == 1 else [ticket]},
    )


def _slow(scene: Scene) -> Iterator[Case]:
    """Cases of a system with one run every `interval`; times are given in runs."""
    page, ticket = scene.page(FAST), scene.ticket(SLOWLY)
    run = scene.interval / 60
    third = round(7 * run)
    fitted = [pair.fitted(scene.interval / LATE) for pair in burn_rates().pairs]
    quickest = next(pair for pair in fitted if pair)
    of_pair = f'ALERTS{{alertname="{FAST}", alertstate="firing", pair="{quickest.long}/{quickest.short}"}}'
    yield Case(
        f"a run every {run:g} minutes: the third failed run pages, and the page lasts between runs",
        scene.system,
        scene.healthy(14 * run) | scene.first(FAILURES, "none", (4 * run, 0), (4 * run, 1), (6 * run, 0)),
        {
            third - 1: [],
            **{minute: [page, ticket] for minute in range(third + 1, third + 1 + round(2 * run))},
        },
        values={of_pair: 1},
    )
    yield Case(
        f"a run every {run:g} minutes: two failed runs are quiet, and so is the time between runs",
        scene.system,
        scene.healthy(10 * run) | scene.first(FAILURES, "none", (4 * run, 0), (2 * run, 1), (4 * run, 0)),
        {minute: [] for minute in range(round(4 * run), round(10 * run), 3)},
    )


def _quorum(scene: Scene, quorum: int) -> Iterator[Case]:
    """With one vantage point more than the quorum: too few see an outage, enough do, or the others are blind."""
    page, ticket = scene.page(FAST), scene.ticket(SLOWLY)
    others = [f"{ELSEWHERE}-{number}" for number in range(1, quorum + 1)]
    name = scene.system

    def seen_by(failing: int) -> Series:
        found = scene.healthy(20)
        for number, vantage in enumerate([VANTAGE, *others], start=1):
            found |= scene.healthy(20, vantage)
            if number <= failing:
                found |= scene.outage((10, 0), (10, 1), vantage=vantage)
        return found

    yield Case(
        f"{name}: an outage that {quorum - 1} of {quorum + 1} vantage points see is a ticket, not a page",
        name,
        seen_by(quorum - 1),
        {10: [], 20: [ticket]},
    )
    yield Case(
        f"{name}: an outage that {quorum} of {quorum + 1} vantage points see pages",
        name,
        seen_by(quorum),
        {10: [], 20: [page, ticket]},
    )
    blind = seen_by(1)
    for vantage in others:
        blind |= scene.counts(RUNS, "none", (20, 0), vantage=vantage)
    yield Case(
        f"{name}: a vantage point that is blind has no vote, and the one that sees decides alone",
        name,
        blind,
        {10: [], 20: [page, ticket]},
    )
