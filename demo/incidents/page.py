"""The post-mortem: one page that needs nothing else. One axis of time, then what was noticed, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from demo.incidents.chronicle import Chronicle, Finding, blind
from demo.incidents.script import Script

WIDTH, ROW = 1000.0, 22.0
"""Of the axis, and the height of a row, in the units of the drawing."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a row: where, how wide, what it stands for."""

    x: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture."""

    label: str
    bars: Sequence[Bar]


def render(script: Script, chronicle: Chronicle, found: Sequence[Finding]) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("demo.incidents"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    rows = list(_rows(script, chronicle))
    return environment.get_template("post-mortem.html.j2").render(
        script=script,
        chronicle=chronicle,
        found=found,
        rows=rows,
        ticks=list(_ticks(script)),
        width=WIDTH,
        row=ROW,
        blind=blind(chronicle),
    )


def _rows(script: Script, chronicle: Chronicle) -> Iterator[Row]:
    scale = WIDTH / chronicle.length

    def bar(start: float, end: float, kind: str, title: str) -> Bar:
        return Bar(start * scale, max(2.0, (end - start) * scale), kind, title)

    for work in script.work:
        first, last = (script.seconds(at, chronicle.length) for at in (work.start, work.end))
        yield Row("announced work", [bar(first, last, "planned", work.summary)])
    for fault, start, end in chronicle.lasting():
        yield Row(fault, [bar(start, end, "fault", fault)])
    if chronicle.summary is not None:
        yield Row("load: failed", list(_crowd(chronicle, scale)))
    for probe in dict.fromkeys(each.probe for each in chronicle.turned):
        yield Row(probe, [bar(start, end, "fails", reason) for start, end, reason in chronicle.failing(probe)])
    yield Row(
        "messages delivered",
        [bar(each.at, each.at, "told" if each.firing else "resolved", each.text) for each in chronicle.told],
    )
    for system in blind(chronicle):
        checks = [each for each in chronicle.asked if each.system == system]
        yield Row(
            f"status 200: {system}",
            [
                bar(each.at, each.at + 2, "content" if each.good else "fails", "200" if each.good else "no 200")
                for each in checks
            ],
        )


def _crowd(chronicle: Chronicle, scale: float) -> Iterator[Bar]:
    """Yield the seconds in which people failed, the darker the more of them."""
    assert chronicle.summary is not None
    for second in chronicle.summary["timeline"]:
        ended = second["completed"] + second["failed"]
        if second["failed"]:
            share = second["failed"] / max(1, ended)
            kind = "crowd-most" if share > 0.5 else "crowd-some"
            yield Bar(second["second"] * scale, max(1.0, scale), kind, f"{share:.0%} of {ended} failed")


def _ticks(script: Script) -> Iterator[tuple[float, str]]:
    """Yield some moments of the axis by the clock of the incident."""
    whole = script.end - script.start
    for part in range(9):
        at = script.start + part / 8 * whole
        yield part / 8 * WIDTH, f"{at:%a %H:%M}"
