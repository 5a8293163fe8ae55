"""The picture of a post-mortem: everything on one axis of time, row by row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from demo.incidents.chronicle import Chronicle, blind
from demo.incidents.duty import Owed
from demo.incidents.script import Script

WIDTH, ROW, CURVE = 1000.0, 20.0, 56.0
"""Of the axis, and the heights of a row and of a curve, in the units of the drawing."""

BIN = 4
"""Seconds of a replay that a point of the crowd's curve stands for."""

APART = 74.0
"""Between two words below the axis, at least."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a row: where, how wide, what it stands for."""

    x: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Area:
    """A curve, filled down to its foot: the points of an SVG polygon, and what it stands for."""

    points: str
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture; with `areas` it is a curve whose highest point is `most`."""

    label: str
    bars: Sequence[Bar] = ()
    areas: Sequence[Area] = ()
    most: str = ""

    @property
    def height(self) -> float:
        """How high it is."""
        return CURVE if self.areas else ROW


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class _Axis:
    """Turns seconds of the replay into places of the drawing."""

    length: float

    def x(self, second: float) -> float:
        return WIDTH * second / self.length

    def bar(self, start: float, end: float, kind: str, title: str) -> Bar:
        return Bar(self.x(start), max(2.0, self.x(end) - self.x(start)), kind, title)

    def area(self, points: Iterable[tuple[float, float]], most: float, kind: str) -> Area:
        """Return steps: each value holds until the next point, the last until the end."""
        path, height = [], CURVE - 10
        known = [*points, (self.length, 0.0)]
        for (second, value), (until, _) in pairwise(known):
            y = height * (1 - value / most) if most else height
            path += [f"{self.x(second):.1f},{y:.1f}", f"{self.x(until):.1f},{y:.1f}"]
        return Area(" ".join([f"0,{height}", *path, f"{WIDTH},{height}"]), kind)


def picture(script: Script, chronicle: Chronicle, owed: Sequence[Owed]) -> list[Group]:
    """Return the groups that have rows."""
    axis = _Axis(chronicle.length)
    groups = [
        Group("What broke", list(_faults(script, chronicle, axis))),
        Group("People", list(_people(chronicle, axis))),
        Group("Probes", list(_probes(chronicle, axis))),
        Group("Alerts", list(_alerts(chronicle, axis))),
        Group("Messages owed to the public", list(_owed(chronicle, owed, axis))),
        Group("A check of status 200", list(_plain(chronicle, axis))),
    ]
    return [group for group in groups if group.rows]


def ticks(script: Script, chronicle: Chronicle) -> list[tuple[float, str]]:
    """Return the events of the course by the clock of the incident, as far as they are not too close together."""
    axis, found = _Axis(chronicle.length), list[tuple[float, str]]()
    for at in sorted({script.start, *(event.at for event in script.course), script.end}):
        x = axis.x(chronicle.timetable.second(at))
        if not found or x - found[-1][0] >= APART:
            found.append((x, f"{at:%a %H:%M}"))
    return found


def _faults(script: Script, chronicle: Chronicle, axis: _Axis) -> Iterator[Row]:
    for work in script.work:
        first, last = (chronicle.timetable.second(at) for at in (work.start, work.end))
        yield Row("announced work", [axis.bar(first, last, "planned", work.summary)])
    for fault, start, end in chronicle.lasting():
        yield Row(fault, [axis.bar(start, end, "fault", fault)])


def _people(chronicle: Chronicle, axis: _Axis) -> Iterator[Row]:
    """Yield how many came a second, and how many of them failed."""
    came, failed = [(0.0, 0.0)], [(0.0, 0.0)]
    for crowd in chronicle.crowds:
        seconds = crowd.summary["timeline"]
        for begin in range(0, len(seconds), BIN):
            part = seconds[begin : begin + BIN]
            came.append((crowd.at + begin, sum(each["started"] for each in part) / len(part)))
            failed.append((crowd.at + begin, sum(each["failed"] for each in part) / len(part)))
        came.append((crowd.at + len(seconds), 0.0))
        failed.append((crowd.at + len(seconds), 0.0))
    most = max(value for _, value in came + failed)
    if most:
        areas = [axis.area(came, most, "crowd"), axis.area(failed, most, "fails")]
        yield Row("a second: came, failed", areas=areas, most=f"{most:.0f}")


def _probes(chronicle: Chronicle, axis: _Axis) -> Iterator[Row]:
    probes = dict.fromkeys(each.probe for each in chronicle.turned)
    failing, points = set[str](), [(0.0, 0.0)]
    for each in chronicle.turned:
        (failing.discard if each.passing else failing.add)(each.probe)
        points.append((each.at, float(len(failing))))
    if most := max(value for _, value in points):
        yield Row(f"failing, of {len(chronicle.every)}", areas=[axis.area(points, most, "fails")], most=f"{most:.0f}")
    for probe in probes:
        yield Row(probe, [axis.bar(start, end, "fails", reason) for start, end, reason in chronicle.spells(probe)])


def _alerts(chronicle: Chronicle, axis: _Axis) -> Iterator[Row]:
    rows: dict[str, list[Bar]] = {}
    for (name, system), start, end in chronicle.alerts():
        label = f"{name} {system}".strip()
        rows.setdefault(label, []).append(axis.bar(start, end, "told", label))
    yield from (Row(label, bars) for label, bars in rows.items())


def _owed(chronicle: Chronicle, owed: Sequence[Owed], axis: _Axis) -> Iterator[Row]:
    rows: dict[str, list[Bar]] = {}
    for each in owed:
        second = chronicle.timetable.second(each.by)
        title = f"{each.rule} {each.kind}: by {each.by:%a %H:%M}"
        rows.setdefault(each.system, []).append(axis.bar(second, second, "owed", title))
    yield from (Row(system, bars) for system, bars in rows.items())


def _plain(chronicle: Chronicle, axis: _Axis) -> Iterator[Row]:
    for system in blind(chronicle):
        checks = [each for each in chronicle.asked if each.system == system]
        said = ((each.at, "content", "200") if each.good else (each.at, "fails", "no 200") for each in checks)
        yield Row(system, [axis.bar(at, at, kind, title) for at, kind, title in said])
