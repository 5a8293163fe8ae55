"""The report of a run: one HTML file that needs nothing else, made from the summary alone; and the summary itself.

The verdict comes first, then thresholds, planned and achieved, response times, failures, the generator's health, and
what is needed to run it again.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from config.files import write_all
from loadtests import junit, markdown, wording
from loadtests.plots import figure
from loadtests.report_plots import duration_of, plots_of
from loadtests.summary import Summary


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
        duration_planned=duration_of(summary.plan),
        figures={plot.key: figure(plot) for plot in plots_of(summary)},
        steps=steps,
        worst=summary.worst if summary.arrivals.completed else None,
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
        "rounded": wording.rounded,
        "duration": wording.duration,
        "share": wording.share,
        "size": wording.size,
        "instant": wording.instant,
    }
    environment.globals |= {
        "nothing": wording.NOTHING,
        "span": wording.span,
        "amount": wording.amount,
        "limit": wording.limit,
        "passages": wording.PASSAGES,
    }
    return environment.get_template(template).render(**values)
