"""`piekwacht window`: announced windows entered, changed and withdrawn by hand, and all that was ever entered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic_core import PydanticCustomError

from config.commands import ConfigOption, Exit, JsonOption, load_or_exit
from config.fields import parse_instant
from config.hours import ZONE
from monitors.record.ledger_commands import DEFAULT_LEDGER, LedgerOption, reading
from monitors.windows.calendars import FOREVER

if TYPE_CHECKING:
    from monitors.record.ledger import Ledger, WindowRevision
    from monitors.windows.calendars import AnnouncedWindow, WindowKind

app = typer.Typer(no_args_is_help=True, help="Enter and correct announced windows in a ledger; nothing is ever erased.")


class Kind(StrEnum):
    """What a window is."""

    PLANNED = "planned"
    AFTERMATH = "aftermath"
    CLOSED = "closed"


SystemsOption = Annotated[
    list[str] | None, typer.Option("--system", help="A system it holds for; may be repeated.", metavar="NAME")
]
KindOption = Annotated[
    Kind | None, typer.Option(help="Agreed work, an announced repair after a disruption, or a time without service.")
]
FromOption = Annotated[
    str | None, typer.Option("--from", help="Its start, such as 2026-03-01T00:00+01:00.", metavar="TIME")
]
ToOption = Annotated[str | None, typer.Option("--to", help="Its announced end.", metavar="TIME")]
SummaryOption = Annotated[str | None, typer.Option(help="What is done, in a few words.", metavar="TEXT")]
ByOption = Annotated[str, typer.Option("--by", help="Who enters this.", metavar="NAME")]
WhyOption = Annotated[str, typer.Option("--why", help="Why; an auditor reads it a year later.", metavar="TEXT")]
Uid = Annotated[str, typer.Argument(help="The window, as `piekwacht window list` names it.", metavar="UID")]


@app.command()
def add(
    systems: SystemsOption = None,
    start: FromOption = None,
    end: ToOption = None,
    summary: SummaryOption = None,
    by: ByOption = "",
    why: WhyOption = "",
    kind: KindOption = Kind.PLANNED,
    ledger: LedgerOption = DEFAULT_LEDGER,
    config: ConfigOption = Path("config"),
) -> None:
    """Enter a window and print its name. It may lie in the past: then every figure that covers it changes.

    \b
    A monitor may be running on the ledger; it takes notice.
    Exit code: 0 entered, 2 wrong use or unusable input: nothing was entered.
    Example:
      piekwacht window add --system website --from 2026-03-01T00:00+01:00 \\
        --to 2026-03-01T08:00+01:00 --summary "Release 26.3" \\
        --by "J. Jansen" --why "left out of the calendar; see the release plan"
    """
    given = _Given(systems, kind, start, end, summary, by, why)
    known = load_or_exit(config).systems

    def entered(_: Ledger, taken: Collection[str]) -> AnnouncedWindow:
        from monitors.windows.calendars import AnnouncedWindow

        first, last = given.moments()
        uid = _unused(f"{given.systems[0]}-{datetime.fromtimestamp(first, UTC):%Y%m%dT%H%MZ}", taken)
        return AnnouncedWindow(first, last, uid, given.kind, given.systems, given.summary)

    _enter(ledger, given, given.complaints(known, complete=True), entered)


@app.command()
def revise(
    uid: Uid,
    systems: SystemsOption = None,
    start: FromOption = None,
    end: ToOption = None,
    summary: SummaryOption = None,
    by: ByOption = "",
    why: WhyOption = "",
    kind: KindOption = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    config: ConfigOption = Path("config"),
) -> None:
    """Change a window; what is not given stays. What was known before can still be asked for.

    \b
    A withdrawn window holds again.
    Exit code: 0 entered, 2 wrong use or unusable input: nothing was entered.
    Example:
      piekwacht window revise website-20260228T2300Z \\
        --to 2026-03-01T09:00+01:00 --by "J. Jansen" --why "agreed on 20 February"
    """
    given = _Given(systems, kind, start, end, summary, by, why)
    known = load_or_exit(config).systems
    _enter(ledger, given, given.complaints(known, complete=False), lambda record, _: given.changed(_last(record, uid)))


@app.command()
def withdraw(
    uid: Uid,
    by: ByOption = "",
    why: WhyOption = "",
    ledger: LedgerOption = DEFAULT_LEDGER,
) -> None:
    """Take a window back, as if it had never been announced; the history keeps it.

    \b
    Exit code: 0 entered, 2 wrong use or unusable input: nothing was entered.
    Example:
      piekwacht window withdraw website-20260228T2300Z --by "J. Jansen" \\
        --why "entered for the wrong system"
    """
    given = _Given(None, None, None, None, None, by, why)
    complaints = given.complaints((), complete=False)
    _enter(ledger, given, complaints, lambda record, _: _last(record, uid).window, withdrawn=True)


@app.command("read")
def read_calendars(
    since: Annotated[str, typer.Option(help="Windows from that day or moment on: 2026-03-01.", metavar="DAY")],
    by: ByOption = "",
    why: WhyOption = "",
    ledger: LedgerOption = DEFAULT_LEDGER,
    config: ConfigOption = Path("config"),
) -> None:
    """Read the calendars again, windows that have begun included: a correction of what was announced.

    \b
    A monitor reads them too, but changes no window that has begun. A window that
    is no longer in a calendar stays; withdraw it.
    Exit code: 0 entered, 2 wrong use or unusable input: nothing was entered.
    Example:
      piekwacht window read --since 2026-03-01 --by "J. Jansen" --why "wrong end"
    """
    from config import ConfigError
    from monitors.record.ledger import Ledger, LedgerError
    from monitors.windows.announcements import HORIZON
    from monitors.windows.calendars import announced_by_file

    first, now = known_moment(since, "--since", whole_day=False), time.time()
    complaints = _Given(None, None, None, None, None, by, why).complaints((), complete=False)
    try:
        found = announced_by_file(load_or_exit(config), first, now + HORIZON)
        with Ledger.open_to_correct(ledger) as record:
            if complaints:
                _refuse(complaints)
            changed = [
                window
                for file, window in found.values()
                if record.add_window(window, now, by=f"{by}, reading {file}", why=why)
            ]
            for window in changed:
                typer.echo(f"{window.uid}: {window.kind}, {_iso(window.start)} to {_iso(window.end)}")
            if not changed:
                typer.echo(f"nothing has changed: {len(found)} windows from then on are as the ledger has them")
    except (ConfigError, LedgerError) as error:
        _refuse([*complaints, str(error)])


@app.command("list")
def show(
    as_known_on: Annotated[
        str | None,
        typer.Option(
            help="As known at the end of that day, or at that moment: 2026-03-01, or with time and offset.",
            metavar="DATE|TIME",
        ),
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Every revision, in the order of entry.")] = False,
    system: Annotated[str | None, typer.Option(help="Only windows of this system.", metavar="NAME")] = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_json: JsonOption = False,
) -> None:
    """List the windows of a ledger, in order of time: as known now, as known on some day, or all that was entered.

    \b
    Exit code: 0 done, 2 wrong use or unusable input.
    Examples:
      piekwacht window list
      piekwacht window list --as-known-on 2026-03-31
      piekwacht window list --history --json
    """
    moment = None if as_known_on is None else known_moment(as_known_on, "--as-known-on")
    with reading(ledger) as record:
        revisions = [
            revision
            for revision in record.window_history()
            if (moment is None or revision.known_at <= moment) and (system is None or system in revision.window.systems)
        ]
    if not history:
        revisions = [revision for revision in _newest(revisions).values() if not revision.withdrawn]
        revisions.sort(key=lambda revision: revision.window)
    if as_json:
        typer.echo(json.dumps([_as_data(revision) for revision in revisions], indent=2))
    else:
        typer.echo("\n\n".join(map(_in_words, revisions)) or "no windows")


def known_moment(text: str, option: str, *, whole_day: bool = True) -> float:
    """Return the end (else the start) of a day in the Netherlands, or a moment with its offset, in Unix seconds.

    Exits with 2 for anything else.
    """
    from datetime import date, timedelta

    from monitors.availability.periods import midnight

    try:
        return float(midnight(date.fromisoformat(text) + timedelta(days=whole_day)) * 60)
    except (ValueError, OverflowError):
        pass
    try:
        return _moment(text)
    except ValueError:
        wanted = "a day such as 2026-03-01, or a time with its offset such as 2026-03-01T12:00+01:00"
        raise typer.BadParameter(f"{option}: expected {wanted}, not {text!r}") from None


@dataclass(frozen=True)
class _Given:
    """What the command line says of a window; None where it says nothing."""

    given_systems: list[str] | None
    given_kind: Kind | None
    start: str | None
    end: str | None
    given_summary: str | None
    by: str
    why: str

    @property
    def systems(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.given_systems or ()))

    @property
    def kind(self) -> WindowKind:
        return self.given_kind.value if self.given_kind else Kind.PLANNED.value

    @property
    def summary(self) -> str:
        return self.given_summary or ""

    def moments(self) -> tuple[float, float]:
        """Return start and end in Unix seconds; both are valid by now."""
        return _moment(self.start), _moment(self.end)

    def changed(self, revision: WindowRevision) -> AnnouncedWindow:
        """Return a known window with what is given in place of what was."""
        window = revision.window
        if self.given_systems:
            window = replace(window, systems=self.systems)
        if self.given_kind:
            window = replace(window, kind=self.kind)
        if self.given_summary is not None:
            window = replace(window, summary=self.given_summary)
        if self.start is not None:
            window = replace(window, start=_moment(self.start))
        if self.end is not None:
            window = replace(window, end=_moment(self.end))
        return window

    def complaints(self, known: Collection[str], *, complete: bool) -> list[str]:
        """Return everything that is wrong by itself; `complete`: nothing may be missing."""
        found = [] if self.systems or not complete else ["--system: found nothing, expected a system of the estate"]
        found += [
            f"--system: found '{system}', expected one of: {', '.join(sorted(known))}"
            for system in self.systems
            if system not in known
        ]
        for option, text in (("--from", self.start), ("--to", self.end)):
            found += _complaints_about_time(option, text, complete=complete)
        if complete and not self.summary.strip():
            found.append("--summary: found nothing, expected what is done, in a few words")
        if not self.by.strip():
            found.append("--by: found nothing, expected who enters this")
        if not self.why.strip():
            found.append("--why: found nothing, expected a reason that an auditor understands")
        return found


def _moment(text: str | None) -> float:
    """Return the Unix time of an aware moment between 1970 and 3000. Raises `ValueError` for anything else."""
    try:
        moment = parse_instant(text).timestamp()
    except (PydanticCustomError, OverflowError) as error:
        raise ValueError(str(error)) from None
    if not 0 <= moment <= FOREVER:
        raise ValueError("out of range")
    return moment


def _complaints_about_time(option: str, text: str | None, *, complete: bool) -> Iterator[str]:
    if text is None:
        if complete:
            yield f"{option}: found nothing, expected a time with its offset"
        return
    try:
        _moment(text)
    except ValueError:
        yield f"{option}: found '{text}', expected a time with its offset, such as 2026-03-01T00:00+01:00"


def _enter(
    path: Path,
    given: _Given,
    complaints: list[str],
    entered: Callable[[Ledger, Collection[str]], AnnouncedWindow],
    *,
    withdrawn: bool = False,
) -> None:
    """Add a revision to the ledger and print it, or say everything that is wrong and exit with 2."""
    from monitors.record.ledger import Ledger, LedgerError

    try:
        with Ledger.open_to_correct(path) as record:
            if complaints:
                _refuse(complaints)
            window = entered(record, _newest(record.window_history()))
            if not window.start < window.end:
                _refuse([f"--to: found {_iso(window.end)}, expected an end after the start, {_iso(window.start)}"])
            added = record.add_window(window, time.time(), by=given.by, why=given.why, withdrawn=withdrawn)
    except LedgerError as error:
        _refuse([*complaints, str(error)])
    said = "withdrawn" if withdrawn else f"{window.kind}, {', '.join(window.systems)}"
    known = "" if added else " (known already; nothing was changed)"
    typer.echo(f"{window.uid}: {said}, {_iso(window.start)} to {_iso(window.end)}{known}")


def _last(record: Ledger, uid: str) -> WindowRevision:
    newest = _newest(record.window_history())
    if uid not in newest:
        _refuse([f"UID: found '{uid}', expected a window of the ledger: `piekwacht window list` shows them"])
    return newest[uid]


def _newest(revisions: Sequence[WindowRevision]) -> dict[str, WindowRevision]:
    """Return the last revision of each window."""
    return {revision.uid: revision for revision in revisions}


def _unused(uid: str, taken: Collection[str]) -> str:
    number, name = 1, uid
    while name in taken:
        number += 1
        name = f"{uid}-{number}"
    return name


def _refuse(complaints: Sequence[str]) -> NoReturn:
    for complaint in complaints:
        typer.echo(complaint, err=True)
    raise typer.Exit(Exit.USAGE)


def _as_data(revision: WindowRevision) -> dict[str, Any]:
    window = revision.window
    return {
        "uid": revision.uid,
        "kind": window.kind,
        "systems": list(window.systems),
        "from": _iso(window.start),
        "to": _iso(window.end),
        "summary": window.summary,
        "known_at": _iso(revision.known_at),
        "by": revision.by,
        "why": revision.why,
        "withdrawn": revision.withdrawn,
    }


def _in_words(revision: WindowRevision) -> str:
    data = _as_data(revision)
    return (
        f"{data['uid']}  {'withdrawn' if revision.withdrawn else data['kind']}\n"
        f"    {data['from']} to {data['to']}: {', '.join(data['systems'])}\n"
        f"    {data['summary']}\n"
        f"    entered {data['known_at']} by {data['by'] or '?'}" + (f": {data['why']}" if data["why"] else "")
    )


def _iso(moment: float) -> str:
    """Return a moment by the clock of the Netherlands, with its offset."""
    return datetime.fromtimestamp(moment, ZONE).isoformat(timespec="seconds")
