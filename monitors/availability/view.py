"""The availability report as people and machines read it: tables, JSON, CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from config.hours import ZONE
from monitors.availability.accounting import RULE, Account, Chain
from monitors.availability.minute_states import CHAIN_RULE, QUORUM_RULE
from monitors.availability.report import PACE_RULE, Figure, Line, Report
from monitors.verdict import Window

if TYPE_CHECKING:
    from rich.table import Table

NO_DATA = "no data"

_HEADINGS = (
    *("Objective", "Excluding\nplanned", "Including\nplanned", "Coverage"),
    *("Budget\nleft", "Minutes\nleft", "Good\n{unit}", "Bad\n{unit}", "Met"),
)


def rules(report: Report) -> dict[str, str]:
    """Return the rules by which the figures were computed, in words."""
    found = {"availability": RULE, "chain": CHAIN_RULE, "pace": PACE_RULE}
    return {**found, "quorum": QUORUM_RULE} if report.in_minutes else found


def as_data(report: Report) -> dict[str, Any]:
    """Return the report as plain data for a machine; ratios are 0 to 1, null where there is no data.

    docs/availability.md says what each field means.
    """
    return {
        "period": report.period.name,
        "from": iso(report.period.start),
        "to": iso(report.end),
        "until": iso(report.period.end),
        "vantage_points": list(report.vantages),
        "unit": _unit(report),
        "as_known_at": None if report.known_at is None else iso(report.known_at / 60),
        "rule": RULE,
        "rules": rules(report),
        "systems": [
            {
                **_line(figure),
                "runs_out_at_pace_of_last_24h": _maybe(figure.out_at_day_pace),
                "runs_out_at_pace_of_period": _maybe(figure.out_at_period_pace),
                "parts": [
                    {
                        "period": part.period.name,
                        "from": iso(part.period.start),
                        "to": iso(part.period.end),
                        **_line(part),
                    }
                    for part in figure.parts
                ],
            }
            for figure in report.figures
        ],
    }


def as_csv(report: Report) -> str:
    """Return a row for each system, or for each part of the period and system; ratios are empty without data."""
    rows = [
        {"period": part.period.name, **_flat(part)} for figure in report.figures for part in figure.parts or [figure]
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["period"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_tables(report: Report) -> list[Table]:
    """Return what people read: the figures, and the chains where something was down."""
    found = [_figures(report)]
    if any(line.chain.down for line in _lines(report)):
        found.append(_chains(report))
    return found


def notes(report: Report) -> Iterator[str]:
    """Yield what has to be said of single systems: budgets that run out, and figures that are not judged."""
    for figure in report.figures:
        account = figure.account
        if account.excluding_planned is not None and not account.covered:
            yield (
                f"{account.system}: {percent(account.coverage, 1)} was measured, less than "
                f"{percent(account.floor, 1)}: the figure is shown, not judged."
            )
        paces = {"the last 24 hours": figure.out_at_day_pace, "the period": figure.out_at_period_pace}
        if outs := [f"at the pace of {name} on {local(out)}" for name, out in paces.items() if out is not None]:
            yield f"{account.system}: the error budget runs out {', '.join(outs)}."


def percent(ratio: float | None, digits: int = 3) -> str:
    """Write a ratio as a percentage, cut and not rounded: 100 % only where nothing is missing."""
    if ratio is None:
        return NO_DATA
    scale = 10 ** (digits + 2)
    return f"{math.floor(ratio * scale + 1e-6) / scale * 100:.{digits}f} %"


def iso(minute: float) -> str:
    """Write a minute of Unix time in UTC, for machines."""
    return datetime.fromtimestamp(minute * 60, UTC).isoformat(timespec="seconds")


def local(minute: float) -> str:
    """Write a minute of Unix time by the clock of the Netherlands, for people."""
    return datetime.fromtimestamp(minute * 60, ZONE).strftime("%Y-%m-%d %H:%M %Z")


def _maybe(minute: int | None) -> str | None:
    return None if minute is None else iso(minute)


def _unit(report: Report) -> str:
    return "minutes" if report.in_minutes else "runs"


def _line(line: Line) -> dict[str, Any]:
    item, chain = line.account, line.chain
    counts = item.published
    return {
        "system": item.system,
        "objective": item.objective,
        "met": item.met,
        "availability_excluding_planned": item.excluding_planned,
        "availability_including_planned": item.including_planned,
        "coverage": item.coverage,
        "min_coverage": item.floor,
        "budget_left": item.budget_left,
        "budget_minutes": item.budget_minutes,
        "budget_minutes_left": item.budget_minutes_left,
        "good": counts.good,
        "bad": counts.bad,
        "unknown": counts.unknown,
        "expected": counts.expected,
        "minutes": {kind.value: item.time.get(kind, 0) for kind in Window},
        "counts": {
            kind.value: {"good": part.good, "bad": part.bad, "unknown": part.unknown, "expected": part.expected}
            for kind in Window
            if (part := item.of(kind)).expected
        },
        "chain": _chain(chain),
    }


def _chain(chain: Chain) -> dict[str, Any]:
    causes = chain.causes
    return {
        "availability_excluding_planned": chain.excluding_planned,
        "availability_including_planned": chain.including_planned,
        "coverage": chain.coverage,
        "down_minutes": sum(causes.values()),
        "own_minutes": causes.pop(chain.system, 0),
        "caused_by": causes,
    }


def _flat(line: Line) -> dict[str, Any]:
    data = _line(line)
    del data["counts"]
    minutes, chain = data.pop("minutes"), data.pop("chain")
    caused = " ".join(f"{name}={count}" for name, count in chain.pop("caused_by").items())
    return {
        **data,
        **{f"minutes_{kind}": count for kind, count in minutes.items()},
        **{f"chain_{name}": value for name, value in chain.items()},
        "chain_caused_by": caused,
    }


def _lines(report: Report) -> Iterator[Line]:
    """Yield the parts in order of time, and then the whole."""
    for parts in zip(*(figure.parts for figure in report.figures), strict=True):
        yield from parts
    yield from report.figures


def _figures(report: Report) -> Table:
    seen = f"seen from {', '.join(report.vantages)}"
    known = f", windows as known on {local(report.known_at / 60)}" if report.known_at is not None else ""
    title = f"Availability from {local(report.period.start)} to {local(report.end)}, {seen}{known}"
    headings = [heading.format(unit=_unit(report)) for heading in _HEADINGS]
    table = _table(title, headings, parts=_has_parts(report))
    for line in _lines(report):
        item = line.account
        cells = [
            *(item.system, f"{item.objective * 100:g} %"),
            *(percent(item.excluding_planned), percent(item.including_planned), percent(item.coverage, 1)),
            *_budget(item),
            *(f"{item.published.good:,}", f"{item.published.bad:,}"),
            {True: "yes", False: "[bold red]no[/]", None: "?"}[item.met],
        ]
        table.add_row(*_named(report, line), *cells)
    return table


def _chains(report: Report) -> Table:
    headings = ["Chain excl.\nplanned", "Coverage", "Minutes\ndown", "By\nitself", "Caused by"]
    table = _table("Chains: each system with everything it depends on", headings, parts=_has_parts(report))
    for line in _lines(report):
        chain = _chain(line.chain)
        caused = ", ".join(f"{name} {count:,}" for name, count in chain["caused_by"].items())
        table.add_row(
            *_named(report, line),
            line.chain.system,
            percent(chain["availability_excluding_planned"]),
            percent(chain["coverage"], 1),
            f"{chain['down_minutes']:,}",
            f"{chain['own_minutes']:,}",
            caused,
        )
    return table


def _table(title: str, headings: Sequence[str], *, parts: bool) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD)
    if parts:
        table.add_column("Period", no_wrap=True)
    table.add_column("System", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "Caused by" else "right")
    return table


def _has_parts(report: Report) -> bool:
    return any(figure.parts for figure in report.figures)


def _named(report: Report, line: Line) -> list[str]:
    """Return the cell with the period's name, where there are several."""
    if not _has_parts(report):
        return []
    return ["whole" if isinstance(line, Figure) else line.period.name]


def _budget(item: Account) -> tuple[str, str]:
    """Return what is left of the error budget: its share, and the minutes of all minutes."""
    if item.budget_left is None:
        return NO_DATA, f"of {item.budget_minutes:,.2f}"
    digits = 1 if item.budget_left > -1 else 0
    share = f"{item.budget_left * 100:,.{digits}f} %"
    return share, f"{item.budget_minutes_left:,.2f} of {item.budget_minutes:,.2f}"
