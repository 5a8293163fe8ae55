"""`piekwacht availability`: the figure, the rule by which it was computed, and how much of the time it covers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic_core import PydanticCustomError

from config import Configuration
from config.commands import ConfigOption, Exit, JsonOption, choose, load_or_exit
from config.fields import parse_duration
from monitors.availability.periods import Period, Unit, calendar
from monitors.record.ledger_commands import DEFAULT_LEDGER, LEDGER_VARIABLE
from monitors.windows.window_commands import known_moment

if TYPE_CHECKING:
    from monitors.availability.report import Report
    from monitors.record.ledger import Ledger

DEFAULT_PERIOD = "30d"
TABLE_WIDTH, TEXT_WIDTH = 150, 120
"""Characters of a line that goes to a file or another program, and of a line of text."""


class By(StrEnum):
    """Into which parts a period is split."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


def availability(
    ledger: Annotated[
        list[Path] | None,
        typer.Option(
            help=f"A monitor's ledger; several are merged. Default: {DEFAULT_LEDGER}.",
            metavar="FILE",
            envvar=LEDGER_VARIABLE,
        ),
    ] = None,
    year: Annotated[str | None, typer.Option(help="A calendar year: 2026.", metavar="YEAR")] = None,
    quarter: Annotated[str | None, typer.Option(help="A quarter: 2026-Q1.", metavar="QUARTER")] = None,
    month: Annotated[str | None, typer.Option(help="A month: 2026-03.", metavar="MONTH")] = None,
    day: Annotated[str | None, typer.Option(help="A day: 2026-03-29.", metavar="DAY")] = None,
    last: Annotated[
        str | None, typer.Option(help=f"A length of time until now. Default: {DEFAULT_PERIOD}.", metavar="DURATION")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="Begin, such as 2026-03-01T00:00+01:00.", metavar="TIME")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="End. Default: now.", metavar="TIME")] = None,
    by: Annotated[By | None, typer.Option(help="Also by parts of the calendar.")] = None,
    system: Annotated[list[str] | None, typer.Option(help="Only this system; may be repeated.", metavar="ID")] = None,
    as_known_on: Annotated[
        str | None, typer.Option(help="What would have been printed at the end of that day.", metavar="DATE")
    ] = None,
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet.")] = False,
) -> None:
    """Print each system's availability with and without planned time, its coverage, and what is left of its budget.

    Days, months, quarters and years are those of Europe/Amsterdam.
    docs/availability.md says how figures are computed.

    \b
    Exit code:
      0 every objective is met
      1 an objective is missed
      2 wrong use or unusable input: no such ledger, no valid configuration
      3 no objective is missed, but a system has no data, or too little

    \b
    Examples:
      piekwacht availability --last 30d
      piekwacht availability --year 2026 --by month
      piekwacht availability --quarter 2026-Q1 --as-known-on 2026-04-15 --json
      piekwacht availability --year 2026 --ledger ams.sqlite --ledger utr.sqlite
    """
    from monitors.availability.view import as_csv, as_data

    configuration = load_or_exit(config)
    for name in system or []:
        choose("system", name, configuration.systems)
    if as_json and csv:
        raise typer.BadParameter("give --json or --csv, not both")
    now, known_at = time.time(), None
    if as_known_on is not None:
        known_at = min(now, known_moment(as_known_on, "--as-known-on"))
        now = known_at
    named = {"year": year, "quarter": quarter, "month": month, "day": day}
    period = _period({unit: text for unit, text in named.items() if text is not None}, since, until, last, now)
    found = _gather(ledger or [DEFAULT_LEDGER], configuration, period, now, known_at, by, system)
    if as_json:
        typer.echo(json.dumps(as_data(found), indent=2))
    elif csv:
        typer.echo(as_csv(found), nl=False)
    else:
        _print(found)
    raise typer.Exit(found.answer)


def _gather(
    paths: Sequence[Path],
    configuration: Configuration,
    period: Period,
    now: float,
    known_at: float | None,
    by: By | None,
    systems: Sequence[str] | None,
) -> Report:
    """Open the ledgers and make the report, or exit with 2."""
    from monitors.availability.report import report
    from monitors.record.ledger import Ledger, LedgerError

    try:
        with ExitStack() as stack:
            ledgers = [stack.enter_context(Ledger.open(path, read_only=True)) for path in paths]
            _refuse_twins(ledgers)
            unit: Unit | None = None if by is None else by.value
            return report(ledgers, configuration, period, now=now, known_at=known_at, by=unit, systems=systems or None)
    except LedgerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None


def _refuse_twins(ledgers: Sequence[Ledger]) -> None:
    """Raise `LedgerError` where two ledgers are of one vantage point: it would vote twice."""
    from monitors.record.ledger import LedgerError

    seen: dict[str, Path] = {}
    for each in ledgers:
        if each.vantage in seen:
            raise LedgerError(f"{seen[each.vantage]} and {each.path} are both of vantage point '{each.vantage}'")
        seen[each.vantage] = each.path


def _period(named: dict[str, str], since: str | None, until: str | None, last: str | None, now: float) -> Period:
    """Return the period that was asked for, or exit with 2."""
    given = [*(f"--{unit}" for unit in named), *(["--from"] if since else []), *(["--last"] if last else [])]
    if len(given) > 1:
        raise typer.BadParameter(f"give {' or '.join(given)}, not both")
    if named:
        ((unit, text),) = named.items()
        if until is not None:
            raise typer.BadParameter(f"give --{unit} or --to, not both")
        try:
            period = calendar(unit, text)  # type: ignore[arg-type]
        except ValueError as error:
            raise typer.BadParameter(f"--{unit}: {error}") from None
    else:
        period = _between(since, until, last, now)
    if not period.start < min(period.end, math.ceil(now / 60)):
        raise typer.BadParameter("the period must begin before it ends, and before now")
    return period


def _between(since: str | None, until: str | None, last: str | None, now: float) -> Period:
    """Return a period between two moments, in whole minutes that it touches."""
    end = now if until is None else _moment(until, "--to")
    if since is not None:
        start = _moment(since, "--from")
    else:
        try:
            start = end - parse_duration(last or DEFAULT_PERIOD)
        except PydanticCustomError as error:
            raise typer.BadParameter(f"--last: expected {error.message()}, not {last!r}") from None
    return Period(last or ("" if since else DEFAULT_PERIOD), int(max(0.0, start) // 60), math.ceil(end / 60))


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

    from monitors.availability.view import as_tables, notes, rules

    console = Console()
    if not console.is_terminal:
        console = Console(width=TABLE_WIDTH)
    for table in as_tables(report):
        console.print(table)
    for text in [*notes(report), *rules(report).values()]:
        console.print(text, width=min(TEXT_WIDTH, console.width))
