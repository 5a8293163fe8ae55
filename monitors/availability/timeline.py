"""Which kind of time each minute was, judged afterwards from what is known of it. Pure.

The class of a minute is never stored: it follows from the windows (as known now, or as known on some day), the service
hours and the first pass after a window's announced end. So a window that is entered or changed afterwards changes
exactly the minutes that it covers. At one moment the first of these that applies holds:

    closed      outside service hours, or in a window that says so: counts nowhere
    aftermath   an announced repair after a disruption: counts as unplanned
    planned     between the announced start and the announced end of planned work
    overrun     from the announced end of planned work up to the minute in which the last probe that measures the system
                has passed: stretched maintenance counts as unplanned
    none        ordinary time

A minute has the class of its first second. The minute in which a system proves to be back is ordinary time, so work
that ends in time has no overrun.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from config.hours import Opening, Span
from monitors.verdict import Window
from monitors.windows.calendars import AnnouncedWindow, opening_at

Stretch = tuple[int, int, Window]
"""[begin, end) in minutes of Unix time, and the class of every minute in it."""
Recovered = Callable[[int], int | None]
"""From a minute on, the first by which every measuring probe has passed again; None: not yet."""

PRIORITY = (Window.CLOSED, Window.AFTERMATH, Window.PLANNED, Window.OVERRUN)
"""Which class holds where several apply."""


def timeline(
    start: int, end: int, windows: Iterable[AnnouncedWindow], service_hours: Opening, recovered: Recovered
) -> list[Stretch]:
    """Return the classes of the minutes [start, end) of one system: stretches in order, without gaps, each maximal.

    `start` and `end` are Unix time // 60, `windows` those of the system. `service_hours` hold where no window says
    which hours do. `recovered` is asked once for each planned window that ended before `end`.
    """
    mine = list(windows)
    layers = {
        Window.CLOSED: [*_spans(mine, "closed"), *_closed(start, end, mine, service_hours)],
        Window.AFTERMATH: _spans(mine, "aftermath"),
        Window.PLANNED: _spans(mine, "planned"),
        Window.OVERRUN: _overruns(end, _spans(mine, "planned"), recovered),
    }
    changes = [(start, Window.NONE, 0), (end, Window.NONE, 0)]
    for kind, spans in layers.items():
        for begin, until in spans:
            a, b = max(start, begin), min(end, until)
            if a < b:
                changes += [(a, kind, 1), (b, kind, -1)]
    return _sweep(sorted(changes))


def at_edges(stretches: Sequence[Stretch], edges: Iterable[int]) -> list[Stretch]:
    """Return the same time cut at `edges` too, for those that lie within it."""
    if not stretches:
        return []
    marks = sorted({*edges, *(stretch[0] for stretch in stretches), stretches[-1][1]})
    found, kinds = [], iter(stretches)
    begin, until, kind = next(kinds)
    for a, b in pairwise(marks):
        if a < begin or b > stretches[-1][1]:
            continue
        if a >= until:
            begin, until, kind = next(kinds)
        found.append((a, b, kind))
    return found


def _sweep(changes: Sequence[tuple[int, Window, int]]) -> list[Stretch]:
    """Walk from change to change, and note the class that holds in between."""
    depth: Counter[Window] = Counter()
    found: list[Stretch] = []
    for (at, kind, step), (following, _, _) in pairwise(changes):
        depth[kind] += step
        if at == following:
            continue
        holds = next((one for one in PRIORITY if depth[one]), Window.NONE)
        if found and found[-1][2] is holds:
            at = found.pop()[0]
        found.append((at, following, holds))
    return found


def _spans(windows: Iterable[AnnouncedWindow], kind: str) -> list[Span]:
    """Return the minutes whose first second lies in a window of that kind."""
    return [(-int(-w.start // 60), -int(-w.end // 60)) for w in windows if w.kind == kind]


def _overruns(end: int, planned: Iterable[Span], recovered: Recovered) -> Iterator[Span]:
    for _, until in planned:
        if until < end:
            back = recovered(until)
            yield until, end if back is None else back


def _closed(start: int, end: int, windows: Sequence[AnnouncedWindow], opening: Opening) -> Iterator[Span]:
    """Yield the closed times of the service hours, each as long as they were in force."""
    begins = [begin for begin, _ in _spans(windows, "hours")]
    marks = sorted({start, end, *(begin for begin in begins if start < begin < end)})
    for a, b in pairwise(marks):
        yield from opening_at(a * 60, windows, opening).closed(a, b)
