"""`piekwacht notice`: which messages are due, their drafts, publishing them, and the archive of all that was said."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.commands import ConfigOption, Exit, JsonOption, choose
from monitors.notices.publishing import (
    all_there_is,
    archived,
    at_home,
    compose,
    confirm,
    delivered,
    environment_of,
    find,
    iso,
    names_of,
    read_draft,
    refuse,
)
from monitors.record.ledger_commands import DEFAULT_LEDGER, LedgerOption, reading

if TYPE_CHECKING:
    from monitors.notices.message import Message
    from monitors.record.ledger import Sealed

app = typer.Typer(no_args_is_help=True, help="Messages to the public: what is due, drafts, publishing, the archive.")

EnvOption = Annotated[str, typer.Option("--env", help="Environment, whose channels take the messages.", metavar="NAME")]
ByOption = Annotated[str, typer.Option("--by", help="Who publishes this; it stands in the archive.", metavar="NAME")]


@app.command()
def due(
    env: EnvOption = "local",
    ledger: LedgerOption = DEFAULT_LEDGER,
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """List what people must be told, the most urgent first: announced work, and what does not work.

    \b
    Exit code: 0 nothing is overdue, 1 something is, 2 wrong use or unusable
    input, such as the ledger of another monitor than keeps the messages.

    \b
    Examples:
      piekwacht notice due --env staging
      piekwacht notice due --json --ledger /var/lib/piekwacht/ledger.sqlite
    """
    from monitors.notices.outlook import urgent

    (configuration, place), now = environment_of(config, env), time.time()
    with reading(ledger) as record:
        at_home(record, place)
        items = urgent(all_there_is(record, configuration, now))
    rows = [
        {
            "case": item.subject.id,
            "systems": list(item.subject.systems),
            "rule": each.rule,
            "kind": each.kind,
            "since": iso(each.since),
            "deadline": iso(each.deadline),
            "overdue": each.overdue(now),
            "foreseen": each.since > now,
        }
        for item in items
        for each in item.dues
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        typer.echo("\n".join(map(_row, rows)) or "Nobody has to be told anything.")
    raise typer.Exit(Exit.NO if any(row["overdue"] for row in rows) else Exit.GOOD)


@app.command()
def draft(
    case: Annotated[str, typer.Argument(help="What it is about, as `piekwacht notice due` names it.", metavar="CASE")],
    kind: Annotated[str, typer.Option(help="Which message (default: the one that is due).", metavar="KIND")] = "",
    out: Annotated[Path | None, typer.Option(help="File to write (default: CASE-KIND.yaml).", metavar="FILE")] = None,
    env: EnvOption = "local",
    ledger: LedgerOption = DEFAULT_LEDGER,
    config: ConfigOption = Path("config"),
) -> None:
    """Write the draft of a message: a short file to fill in. An existing file is never replaced.

    \b
    Exit code: 0 done, 2 wrong use or unusable input.
    Example:
      piekwacht notice draft website-20260302T0900Z --out message.yaml
      piekwacht notice publish message.yaml --dry-run
    """
    from monitors.notices.draft import KINDS, propose, template, told
    from monitors.notices.message import file_stem

    (configuration, place), now = environment_of(config, env), time.time()
    with reading(ledger) as record:
        at_home(record, place)
        item = find(all_there_is(record, configuration, now), case)
    allowed = {str(each) for each in KINDS[type(item.subject.case)]}
    if kind and kind not in allowed:
        refuse([f"--kind: found '{kind}', expected one of: {', '.join(sorted(allowed))}"])
    if not kind and not item.dues:
        refuse([f"{case}: all has been said; name the message by --kind: {', '.join(sorted(allowed))}"])
    chosen = next((each for each in KINDS[type(item.subject.case)] if each == kind), None) or item.dues[0].kind
    target = out or Path(f"{file_stem(case, chosen)}.yaml")
    try:
        with target.open("x", encoding="utf-8") as stream:
            stream.write(template(propose(item, chosen, now), told(item, chosen)))
    except OSError as error:
        refuse([f"{target} cannot be written: {error.strerror}"])
    typer.echo(f"wrote {target}; fill it in, then: piekwacht notice publish {quote(str(target))} --dry-run")


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="The draft.", metavar="FILE")],
    by: ByOption = "",
    env: EnvOption = "local",
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: it was confirmed elsewhere.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show both texts and what is missing; publish nothing.")
    ] = (False),
    ledger: LedgerOption = DEFAULT_LEDGER,
    config: ConfigOption = Path("config"),
) -> None:
    """Show a message in both languages, ask, archive it and deliver it to every channel of the environment.

    \b
    Exit code: 0 it is published, 1 a channel did not take it (it is in the
    archive: `piekwacht notice deliver`), 2 wrong use or unusable input, or nobody
    said yes: nothing was published.
    Example:
      piekwacht notice publish message.yaml --by "J. Jansen" --env staging
    """
    from monitors.notices.draft import Draft
    from monitors.record.ledger import Ledger, LedgerError

    configuration, place = environment_of(config, env)
    written = read_draft(file, Draft)
    try:
        with Ledger.open_to_correct(ledger) as record:
            at_home(record, place)

            def composed(*, aloud: bool) -> tuple[int, Message]:
                now, channels = time.time(), tuple(place.notices.channels)
                item = find(all_there_is(record, configuration, now), written.case)
                ready = compose(file, written, item, configuration, now, by=by, channels=channels, aloud=aloud)
                return len(item.messages), ready

            said, ready = composed(aloud=True)
            if dry_run:
                return
            if not by.strip():
                refuse(["--by: found nothing, expected who publishes this"])
            if not yes:
                confirm(", ".join(place.notices.channels) or "no channel (the archive only)")
                shown, before = said, ready.texts
                said, ready = composed(aloud=False)  # whoever was asked may have taken an hour to answer
                if (said, ready.texts) != (shown, before):
                    refuse(["Nothing was published: meanwhile something was published or has changed; look again."])
            sealed = archived(record, ready)
    except LedgerError as error:
        refuse([str(error)])
    if not delivered(sealed, place):
        raise typer.Exit(Exit.NO)


@app.command()
def automatic(
    env: EnvOption = "local", ledger: LedgerOption = DEFAULT_LEDGER, config: ConfigOption = Path("config")
) -> None:
    """Publish what is due and may go out by itself: the kinds that `notices.automatic` of the environment names.

    \b
    For a timer that runs every minute. A message with a gap waits for somebody:
    its line says what is missing. Exit code:
      0 done
      1 a channel did not take a message
      2 wrong use or unusable input
    Example:
      piekwacht notice automatic --env production
    """
    from monitors.notices.draft import NotReadyError, propose
    from monitors.notices.draft import message as written
    from monitors.notices.outlook import urgent
    from monitors.notices.protocol import Kind
    from monitors.notices.wording import reasons
    from monitors.record.ledger import Ledger, LedgerError

    (configuration, place), now = environment_of(config, env), time.time()
    names, channels = names_of(configuration), tuple(place.notices.channels)
    sealed: list[Sealed] = []
    try:
        with Ledger.open_to_correct(ledger) as record:
            at_home(record, place)
            for item in urgent(all_there_is(record, configuration, now)):
                kind = item.dues[0].kind
                # What nobody has looked into yet is under investigation.
                kind = Kind.INVESTIGATING if kind is Kind.DISRUPTION else kind
                if kind.value not in place.notices.automatic or item.dues[0].since > now:
                    continue
                try:
                    draft = propose(item, kind, now)
                    ready = written(draft, item, names, reasons(), now, by="automatic", channels=channels)
                except NotReadyError as error:
                    typer.echo(f"{item.subject.id}: {error}", err=True)
                    continue
                sealed.append(archived(record, ready))
    except LedgerError as error:
        refuse([str(error)])
    taken = [delivered(each, place) for each in sealed]
    if not all(taken):
        raise typer.Exit(Exit.NO)


@app.command("list")
def show(
    case: Annotated[str, typer.Option(help="Only what was said of this.", metavar="CASE")] = "",
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_json: JsonOption = False,
) -> None:
    """List what was published, oldest first: the archive.

    \b
    Exit code: 0 done, 2 wrong use or unusable input.
    Examples:
      piekwacht notice list
      piekwacht notice list --case website-20260302T0900Z --json
    """
    from monitors.notices.channels import as_data
    from monitors.notices.outlook import message_of

    with reading(ledger) as record:
        found = [(sealed, message_of(sealed)) for sealed in record.notices() if case in ("", sealed.case)]
    if as_json:
        typer.echo(json.dumps([as_data(sealed) for sealed, _ in found], indent=2, ensure_ascii=False))
        return
    for sealed, message in found:
        following = "" if message.next_moment is None else f", next by {iso(message.next_moment)}"
        typer.echo(
            f"{sealed.number:>4}  {iso(message.at)}  {message.kind:<18} {sealed.case}  by {message.by}{following}"
        )
    if not found:
        typer.echo("Nothing was published.")


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.", metavar="DIR")],
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_json: JsonOption = False,
) -> None:
    """Write the whole archive into a folder: each message in both languages and as JSON, with its digest.

    \b
    digest(n) = SHA-256(digest(n - 1) + body(n)) is recomputed for each of them.
    Exit code: 0 the archive is what was published, 1 it is not (each line says
    where; what can be read is written all the same), 2 wrong use or unusable
    input.
    Example:
      piekwacht notice export --out archive-2026
    """
    from config.files import publish as write
    from monitors.notices.channels import files_of
    from monitors.record.ledger import LedgerError
    from monitors.record.ledger_notices import problems

    with reading(ledger) as record:
        found = record.notices()
    if not found:
        typer.echo("Nothing was published.", err=True)
    broken = list(problems(found))
    for line in broken:
        typer.echo(line, err=True)
    texts: dict[str, str] = {}
    for sealed in found:
        try:
            texts |= files_of(sealed)
        except LedgerError as error:
            typer.echo(str(error), err=True)
    write(out, texts, as_json=as_json)
    raise typer.Exit(Exit.NO if broken else Exit.GOOD)


@app.command()
def deliver(
    number: Annotated[int, typer.Argument(help="The message, as `piekwacht notice list` counts.", min=1)],
    env: EnvOption = "local",
    channel: Annotated[list[str] | None, typer.Option("--channel", help="Only this one; may be repeated.")] = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    config: ConfigOption = Path("config"),
) -> None:
    """Deliver an archived message again: to a channel that did not take it.

    \b
    Exit code: 0 delivered, 1 a channel did not take it, 2 wrong use or unusable
    input.
    Example:
      piekwacht notice deliver 12 --channel website --env production
    """
    from monitors.notices.outlook import message_of

    _, place = environment_of(config, env)
    for name in channel or ():
        choose("channel", name, place.notices.channels)
    with reading(ledger) as record:
        at_home(record, place)
        found = next((sealed for sealed in record.notices() if sealed.number == number), None)
        if found is not None:
            message_of(found)  # what cannot be read cannot be sent
    if found is None:
        refuse([f"NUMBER: found {number}, expected a message of the archive: `piekwacht notice list` shows them"])
    if not delivered(found, place, channel):
        raise typer.Exit(Exit.NO)


def _row(row: Mapping[str, Any]) -> str:
    state = "OVERDUE" if row["overdue"] else "foreseen" if row["foreseen"] else "due"
    return f"{state:<9} {row['rule']:<4} {row['kind']:<18} by {_by(row['deadline'])}  {row['case']}"


def _by(deadline: str) -> str:
    """Return a deadline for people: midnight ends the day before, and reads as a day later where it begins the next."""
    at = datetime.fromisoformat(deadline)
    if at.hour == at.minute == 0:
        return (at - timedelta(days=1)).isoformat(timespec="minutes").replace("T00:00", "T24:00")
    return deadline
