"""The report of a run: one HTML file that needs nothing else, made from the summary alone; and the summary itself.

The verdict comes first, then key figures, plots over time, tables, and what is needed to run it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from config.files import write_all
from loadtests import junit, markdown, wording
from loadtests.plots import Plot, Series, figure
from loadtests.summary import SecondRow, Summary


def write(summary: Summary, folder: Path) -> list[Path]:
    """Write the summary to `folder`, for machines (JSON, JUnit XML) and people (HTML, Markdown); return the paths.

    All files or none. Raises `OSError`.
    """
    return write_all(
        {
            folder / "summary.json": summary.model_dump_json(indent=2) + "\n",
            folder / "junit.xml": junit.render(summary),
            folder / "report.html": render(summary),
            folder / "summary.md": markdown.render(summary),
        }
    )


def render(summary: Summary) -> str:
    """Return the report of a run as HTML."""
    steps = [(journey, list(rows)) for journey, rows in groupby(summary.steps, key=lambda row: row.journey)]
    return page(
        "report.html.j2",
        summary=summary,
        conclusion=wording.CONCLUSION[summary.outcome],
        plots=[figure(plot) for plot in _plots(summary)],
        steps=steps,
    )


def page(template: str, **values: object) -> str:
    """Return a page of `loadtests/templates/`; every value is escaped unless the template says otherwise."""
    environment = Environment(
        loader=PackageLoader("loadtests"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "number": wording.number,
        "duration": wording.duration,
        "share": wording.share,
        "size": wording.size,
    }
    environment.globals |= {"nothing": wording.NOTHING, "span": wording.span}
    return environment.get_template(template).render(**values)


def clock_labels(first: datetime, compress: float, duration: float) -> Callable[[float], str]:
    """Return what tells the replayed time of day at an instant of a run of `duration` seconds; "" after its end."""

    def label(instant: float) -> str:
        if instant > duration:
            return ""
        return wording.clock(first + timedelta(seconds=instant * compress))

    return label


@dataclass(frozen=True)
class _Sheet:
    """What all plots of a report share: the seconds of the run on the x axis, its replayed clock, its last arrival."""

    summary: Summary

    def plot(self, key: str, title: str, description: str, *series: Series, time: bool = False) -> Plot:
        plan, rows = self.summary.plan, self.summary.timeline
        duration = (plan.last - plan.first).total_seconds() / plan.compress
        end = max(1.0, duration, rows[-1].second + 1 if rows else 0.0)
        return Plot(
            key=key,
            title=title,
            description=description,
            xs=[row.second + 0.5 for row in rows],
            end=end,
            series=series,
            number=wording.duration if time else wording.brief,
            log=time,
            clock=clock_labels(plan.first, plan.compress, duration),
            mark=(duration, "last arrival") if duration < end - 0.5 else None,
        )

    def values(self, of: Callable[[SecondRow], float]) -> list[float]:
        return [of(row) for row in self.summary.timeline]


def _plots(summary: Summary) -> Iterable[Plot]:
    sheet = _Sheet(summary)
    yield from _plots_of_the_crowd(sheet, dropped=summary.arrivals.dropped > 0)
    yield from _plots_of_the_generator(sheet)


def _plots_of_the_crowd(sheet: _Sheet, *, dropped: bool) -> Iterable[Plot]:
    plot, values = sheet.plot, sheet.values
    yield plot(
        "arrivals",
        "Arrivals per second",
        "Arrivals that the plan asked for and arrivals that were started, per second.",
        Series("started", values(lambda row: row.started), "blue", filled=True),
        Series("planned", values(lambda row: row.planned), "text", "dashed"),
        *([Series("dropped", values(lambda row: row.dropped), "vermillion", "dotted")] if dropped else []),
    )
    yield plot(
        "response",
        "Response time",
        "Percentiles of the response times within each second, counted from the intended start; logarithmic.",
        Series("99th percentile", values(lambda row: row.response_p99), "vermillion", "dashed"),
        Series("median", values(lambda row: row.response_p50), "blue"),
        time=True,
    )
    yield plot(
        "failures",
        "Failed journeys per second",
        "Journeys that failed within each second.",
        Series("failed", values(lambda row: row.failed), "vermillion", filled=True),
    )
    yield plot(
        "in-flight",
        "Citizens on their way",
        "Citizens who had begun a journey and not yet ended it, at the end of each second.",
        Series("on their way", values(lambda row: row.in_flight), "green", filled=True),
    )


def _plots_of_the_generator(sheet: _Sheet) -> Iterable[Plot]:
    plot, values = sheet.plot, sheet.values
    yield plot(
        "lateness",
        "Generator: start lateness",
        "How late the generator started its arrivals, 99th percentile of each second; logarithmic.",
        Series("99th percentile", values(lambda row: row.lateness_p99), "purple"),
        time=True,
    )
    yield plot(
        "cpu",
        "Generator: cores used by its busiest process",
        "Processor time that the busiest generator process used, in cores.",
        Series("busiest process", values(lambda row: row.cpu), "purple", filled=True),
    )
