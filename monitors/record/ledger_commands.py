"""`piekwacht ledger`: is the record whole, a copy of it, what is in it, and an older one brought up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from config.commands import Exit, JsonOption
from config.hours import ZONE

if TYPE_CHECKING:
    from monitors.record.ledger import Ledger

app = typer.Typer(no_args_is_help=True, help="Look after the record of a monitor: check it, copy it, describe it.")

DEFAULT_LEDGER = Path("data/ledger.sqlite")
LEDGER_VARIABLE = "PIEKWACHT_LEDGER"
"""Names the ledger where `--ledger` does not; to `availability` several of them, divided as PATH is."""

LedgerOption = Annotated[
    Path, typer.Option("--ledger", help="The ledger of a monitor.", metavar="FILE", envvar=LEDGER_VARIABLE)
]


@app.command()
def check(ledger: LedgerOption = DEFAULT_LEDGER, as_json: JsonOption = False) -> None:
    """Check that a ledger is whole and makes sense, while a monitor may be writing it.

    \b
    Structure: every page, index and reference. Meaning: hours are the sums of
    their minutes, no minute has more runs than were due, counters and minutes
    agree, windows are well-formed. Exit code:
      0 nothing is wrong
      1 something is; each line says what
      2 wrong use or unusable input: no such file

    \b
    Example:
      piekwacht ledger check --ledger /backup/ledger.sqlite
    """
    from monitors.record.ledger import Ledger, LedgerError

    if not ledger.is_file():
        _refuse(f"there is no ledger at {ledger}")
    try:
        with Ledger.open(ledger, read_only=True) as record:
            problems = record.problems()
    except LedgerError as error:
        problems = [str(error)]
    if as_json:
        typer.echo(json.dumps({"ledger": str(ledger), "sound": not problems, "problems": problems}, indent=2))
    else:
        for problem in problems:
            typer.echo(problem, err=True)
        typer.echo(f"{ledger}: {len(problems)} problem(s)" if problems else f"{ledger} is sound")
    raise typer.Exit(Exit.NO if problems else Exit.GOOD)


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="The copy; an older copy there is replaced.", metavar="FILE")],
    ledger: LedgerOption = DEFAULT_LEDGER,
) -> None:
    """Copy a ledger to FILE while the monitor goes on writing: as it was at one moment, whole, or not at all.

    \b
    The copy is checked before it takes its name. Copying ledger.sqlite by
    other means loses what is in ledger.sqlite-wal.
    Exit code: 0 done, 2 wrong use or unusable input.
    Example:
      piekwacht ledger backup /backup/ledger.sqlite
    """
    from monitors.record.ledger import LedgerError

    with reading(ledger) as record:
        try:
            record.copy_to(target)
        except LedgerError as error:
            _refuse(error)
    typer.echo(f"{target}: {target.stat().st_size:,} bytes, checked")


@app.command()
def info(ledger: LedgerOption = DEFAULT_LEDGER, as_json: JsonOption = False) -> None:
    """Print what a ledger holds: vantage point, version, period, probes, runs, windows, size.

    \b
    Exit code: 0 done, 2 wrong use or unusable input.
    Example:
      piekwacht ledger info --json
    """
    with reading(ledger) as record:
        data = _describe(record)
    if as_json:
        typer.echo(json.dumps(data, indent=2))
        return
    for name, value in data.items():
        shown = f"{value:,}" if isinstance(value, int) else "none" if value is None else value
        typer.echo(f"{name.replace('_', ' '):<22}{shown}")


@app.command()
def upgrade(ledger: LedgerOption = DEFAULT_LEDGER) -> None:
    """Bring a ledger of an older version up to date, in one transaction; a monitor does the same when it starts.

    \b
    Take a backup first if you want to keep it as it is: there is no way back.
    Exit code: 0 done, 2 wrong use or unusable input.
    Example:
      piekwacht ledger backup /backup/before.sqlite && piekwacht ledger upgrade
    """
    from monitors.record.ledger import LedgerError, upgrade

    try:
        before, after = upgrade(ledger)
    except LedgerError as error:
        _refuse(error)
    typer.echo(f"{ledger}: version {before}" + ("" if before == after else f" is version {after} now"))


@contextmanager
def reading(path: Path) -> Iterator[Ledger]:
    """Give a ledger for reading, or exit with 2."""
    from monitors.record.ledger import Ledger, LedgerError

    try:
        with Ledger.open(path, read_only=True) as record:
            yield record
    except LedgerError as error:
        _refuse(error)


def _describe(record: Ledger) -> dict[str, Any]:
    totals, first = record.totals(), record.first_scheduled()
    last = max((state.last_run for state in totals.states.values()), default=None)
    files = [record.path.with_name(record.path.name + end) for end in ("", "-wal")]
    return {
        "ledger": str(record.path),
        "vantage": record.vantage,
        "version": record.version,
        "first_scheduled": None if first is None else _iso(first),
        "last_run": None if last is None else _iso(last),
        "probes": len(totals.states),
        "runs": int(sum(totals.runs.values())),
        "failures": int(sum(totals.failures.values())),
        "unknown": int(sum(totals.unknown.values())),
        "not_started": int(sum(totals.skipped.values())),
        "repeated_by_the_clock": int(sum(totals.repeated.values())),
        "windows": len(record.windows()),
        "window_revisions": len(record.window_history()),
        "bytes": sum(file.stat().st_size for file in files if file.exists()),
    }


def _refuse(error: object) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(Exit.USAGE) from None


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, ZONE).isoformat(timespec="seconds")
