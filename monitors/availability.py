"""`piekwacht availability`: the figure, the rule by which it was computed, and how much of the time it covers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic_core import PydanticCustomError

from config import Configuration
from config.commands import ConfigOption, Exit, JsonOption, load_or_exit
from config.fields import parse_duration
from monitors.accounting import RULE, Account, account
from monitors.ledger import Ledger, LedgerError

if TYPE_CHECKING:
    from rich.table import Table

DEFAULT_LEDGER = Path("data/ledger.sqlite")
DEFAULT_PERIOD = "30d"
NO_DATA = "no data"

_HEADINGS = (
    *("Objective", "Excluding\nplanned", "Including\nplanned", "Coverage"),
    *("Budget\nleft", "Minutes\nleft", "Good\nruns", "Bad\nruns", "Met"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """The accounts of every system from `start` to `end` (Unix seconds), as measured from one vantage point."""

    start: float
    end: float
    vantage: str
    accounts: Sequence[Account]

    @property
    def answer(self) -> Exit:
        """NO if a system misses its objective; else INVALID if one has no data, for nobody can tell; else GOOD."""
        met = [item.met for item in self.accounts]
        if False in met:
            return Exit.NO
        return Exit.INVALID if None in met else Exit.GOOD


def report(ledger: Ledger, configuration: Configuration, start: float, end: float, now: float) -> Report:
    """Account for every system of the estate in the whole minutes that [start, end) touches (Unix seconds).

    The period begins at the earliest when the first probe was scheduled, and ends at the latest `now`. Raises
    `LedgerError`.
    """
    start = max(start, ledger.first_scheduled() or start) // 60 * 60
    end = max(start, min(math.ceil(end / 60) * 60, now))
    first, last = int(start // 60), math.ceil(end / 60)
    tallies = ledger.minutes(first, last, now=now, step=max(1, last - first))
    accounts = [
        account(tallies, name, system.objective.measured_by, system.objective.target, (end - start) / 60)
        for name, system in configuration.systems.items()
    ]
    return Report(start, end, ledger.vantage, accounts)


def as_data(report: Report) -> dict[str, Any]:
    """Return the report as plain data for a machine; ratios are 0 to 1, null where there is no data."""
    return {
        "from": _iso(report.start),
        "to": _iso(report.end),
        "vantage": report.vantage,
        "rule": RULE,
        "systems": [
            {
                "system": item.system,
                "objective": item.objective,
                "met": item.met,
                "availability_excluding_planned": item.excluding_planned,
                "availability_including_planned": item.including_planned,
                "coverage": item.coverage,
                "budget_left": item.budget_left,
                "budget_minutes": item.budget_minutes,
                "budget_minutes_left": item.budget_minutes_left,
                "good": item.good,
                "bad": item.bad,
                "unknown": item.unknown,
                "expected": item.expected,
            }
            for item in report.accounts
        ],
    }


def as_table(report: Report) -> Table:
    """Return the report as a table for people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = f"Availability from {_iso(report.start)} to {_iso(report.end)}, seen from {report.vantage}"
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("System", no_wrap=True)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    for item in report.accounts:
        table.add_row(
            item.system,
            f"{item.objective * 100:g} %",
            percent(item.excluding_planned),
            percent(item.including_planned),
            percent(item.coverage, 1),
            *_budget(item),
            f"{item.good:,}",
            f"{item.bad:,}",
            {True: "yes", False: "[bold red]no[/]", None: "?"}[item.met],
        )
    return table


def percent(ratio: float | None, digits: int = 3) -> str:
    """Write a ratio as a percentage, cut and not rounded: 100 % only where nothing is missing."""
    if ratio is None:
        return NO_DATA
    scale = 10 ** (digits + 2)
    return f"{math.floor(ratio * scale + 1e-6) / scale * 100:.{digits}f} %"


def availability(
    ledger: Annotated[Path, typer.Option(help="The ledger of a monitor.", metavar="FILE")] = DEFAULT_LEDGER,
    since: Annotated[
        str | None, typer.Option("--from", help="Begin, such as 2026-03-01T00:00+01:00.", metavar="TIME")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="End; default: now.", metavar="TIME")] = None,
    last: Annotated[
        str | None, typer.Option(help=f"Length, in place of --from; default: {DEFAULT_PERIOD}.", metavar="DURATION")
    ] = None,
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Print each system's availability with and without planned time, its coverage, and what is left of its budget.

    \b
    Exit code:
      0 every objective is met
      1 an objective is missed
      2 wrong use, or no such ledger
      3 no objective is missed, but a system has no data

    \b
    Examples:
      piekwacht availability --last 30d
      piekwacht availability --from 2026-03-01T00:00+01:00 --json
    """
    configuration = load_or_exit(config)
    now = time.time()
    start, end = _period(since, until, last, now)
    try:
        with Ledger.open(ledger, read_only=True) as record:
            found = report(record, configuration, start, end, now)
    except LedgerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None
    if as_json:
        typer.echo(json.dumps(as_data(found), indent=2))
    else:
        _print(found)
    raise typer.Exit(found.answer)


def _period(since: str | None, until: str | None, last: str | None, now: float) -> tuple[float, float]:
    """Return start and end in Unix seconds, or exit with 2."""
    if since is not None and last is not None:
        raise typer.BadParameter("give --from or --last, not both")
    end = now if until is None else _moment(until, "--to")
    if since is not None:
        start = _moment(since, "--from")
    else:
        try:
            start = end - parse_duration(last or DEFAULT_PERIOD)
        except PydanticCustomError as error:
            raise typer.BadParameter(f"--last: expected {error.message()}, not {last!r}") from None
    if not start < min(end, now):
        raise typer.BadParameter("the period must begin before it ends, and before now")
    return max(0.0, start), end


def _moment(text: str, option: str) -> float:
    wanted = f"{option}: expected a time with its offset, such as 2026-03-01T00:00+01:00, not {text!r}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(wanted) from None
    if moment.tzinfo is None:
        raise typer.BadParameter(wanted)
    return moment.timestamp()


def _print(report: Report) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(as_table(report))
    console.print(RULE)


def _budget(item: Account) -> tuple[str, str]:
    """Return what is left of the error budget: its share, and the minutes of all minutes."""
    if item.budget_left is None:
        return NO_DATA, f"of {item.budget_minutes:.2f}"
    return f"{item.budget_left * 100:.1f} %", f"{item.budget_minutes_left:.2f} of {item.budget_minutes:.2f}"


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
