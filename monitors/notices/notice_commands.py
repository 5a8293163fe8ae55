"""`piekwacht notice`: which messages are due, their drafts, publishing them, and the archive of all that was said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from config import ConfigError, Configuration, Environment
from config.commands import ConfigOption, Exit, JsonOption, choose, load_or_exit
from config.hours import ZONE
from monitors.record.ledger_commands import DEFAULT_LEDGER, LedgerOption, reading

if TYPE_CHECKING:
    from monitors.notices.draft import Draft
    from monitors.notices.message import Message
    from monitors.notices.outlook import Outlook
    from monitors.notices.wording import Words
    from monitors.record.ledger import Ledger, Sealed

app = typer.Typer(no_args_is_help=True, help="Messages to the public: what is due, drafts, publishing, the archive.")

EnvOption = Annotated[str, typer.Option("--env", help="Environment whose channels take the message.", metavar="NAME")]
ByOption = Annotated[str, typer.Option("--by", help="Who publishes this; it stands in the archive.", metavar="NAME")]


@app.command()
def due(
    ledger: LedgerOption = DEFAULT_LEDGER, config: ConfigOption = Path("config"), as_json: JsonOption = False
) -> None:
    """List what people must be told, the most urgent first: announced work, and what does not work.

    \b
    Exit code: 0 nothing is overdue, 1 something is, 2 wrong use.
    Examples:
      piekwacht notice due
      piekwacht notice due --json --ledger /var/lib/piekwacht/ledger.sqlite
    """
    from monitors.notices.outlook import urgent

    now = time.time()
    with reading(ledger) as record:
        items = urgent(_everything(record, load_or_exit(config, code=Exit.USAGE), now))
    rows = [
        {
            "case": item.subject.id,
            "systems": list(item.subject.systems),
            "rule": each.rule,
            "kind": each.kind,
            "since": _iso(each.since),
            "deadline": _iso(each.deadline),
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
    ledger: LedgerOption = DEFAULT_LEDGER,
    config: ConfigOption = Path("config"),
) -> None:
    """Write the draft of a message: a short file to fill in. An existing file is never replaced.

    \b
    Example:
      piekwacht notice draft website-20260302T0900Z --out message.yaml
      piekwacht notice publish message.yaml --dry-run
    """
    from monitors.notices.draft import KINDS, propose, template, told
    from monitors.notices.message import file_stem

    now = time.time()
    with reading(ledger) as record:
        item = _find(_everything(record, load_or_exit(config, code=Exit.USAGE), now), case)
    allowed = {str(each) for each in KINDS[type(item.subject.case)]}
    if kind and kind not in allowed:
        _refuse([f"--kind: found '{kind}', expected one of: {', '.join(sorted(allowed))}"])
    if not kind and not item.dues:
        _refuse([f"{case}: all has been said; name the message by --kind: {', '.join(sorted(allowed))}"])
    chosen = next((each for each in KINDS[type(item.subject.case)] if each == kind), None) or item.dues[0].kind
    target = out or Path(f"{file_stem(case, chosen)}.yaml")
    try:
        with target.open("x", encoding="utf-8") as stream:
            stream.write(template(propose(item, chosen, now), told(item, chosen)))
    except OSError as error:
        _refuse([f"{target} cannot be written: {error.strerror}"])
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
    archive: `piekwacht notice deliver`), 2 nothing was published.
    Example:
      piekwacht notice publish message.yaml --by "J. Jansen" --env staging
    """
    from monitors.notices.draft import Draft
    from monitors.record.ledger import Ledger, LedgerError

    configuration = load_or_exit(config, code=Exit.USAGE)
    choose("environment", env, configuration.environments)
    place = configuration.environments[env]
    written = _read_draft(file, Draft)
    try:
        with Ledger.open_to_correct(ledger) as record:
            _at_home(record, place)

            def composed(*, aloud: bool) -> tuple[int, Message]:
                now, channels = time.time(), tuple(place.notices.channels)
                item = _find(_everything(record, configuration, now), written.case)
                ready = _compose(file, written, item, configuration, now, by=by, channels=channels, aloud=aloud)
                return len(item.messages), ready

            said, ready = composed(aloud=True)
            if dry_run:
                return
            if not by.strip():
                _refuse(["--by: found nothing, expected who publishes this"])
            if not yes:
                _confirm(", ".join(place.notices.channels) or "no channel (the archive only)")
                shown, before = said, ready.texts
                said, ready = composed(aloud=False)  # whoever was asked may have taken an hour to answer
                if (said, ready.texts) != (shown, before):
                    _refuse(["Nothing was published: meanwhile something was published or has changed; look again."])
            sealed = _archive(record, ready)
    except LedgerError as error:
        _refuse([str(error)])
    if not _deliver(sealed, place):
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
      2 nothing was published
    Example:
      piekwacht notice automatic --env production
    """
    from monitors.notices.draft import NotReadyError, propose
    from monitors.notices.draft import message as compose
    from monitors.notices.outlook import urgent
    from monitors.notices.protocol import Kind
    from monitors.notices.wording import reasons
    from monitors.record.ledger import Ledger, LedgerError

    configuration = load_or_exit(config, code=Exit.USAGE)
    choose("environment", env, configuration.environments)
    place, now = configuration.environments[env], time.time()
    names, channels = _names(configuration), tuple(place.notices.channels)
    sealed: list[Sealed] = []
    try:
        with Ledger.open_to_correct(ledger) as record:
            _at_home(record, place)
            for item in urgent(_everything(record, configuration, now)):
                kind = item.dues[0].kind
                # What nobody has looked into yet is under investigation.
                kind = Kind.INVESTIGATING if kind is Kind.DISRUPTION else kind
                if kind.value not in place.notices.automatic or item.dues[0].since > now:
                    continue
                try:
                    draft = propose(item, kind, now)
                    ready = compose(draft, item, names, reasons(), now, by="automatic", channels=channels)
                except NotReadyError as error:
                    typer.echo(f"{item.subject.id}: {error}", err=True)
                    continue
                sealed.append(_archive(record, ready))
    except LedgerError as error:
        _refuse([str(error)])
    taken = [_deliver(each, place) for each in sealed]
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
        following = "" if message.next_moment is None else f", next by {_iso(message.next_moment)}"
        typer.echo(
            f"{sealed.number:>4}  {_iso(message.at)}  {message.kind:<18} {sealed.case}  by {message.by}{following}"
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
    where; what can be read is written all the same), 2 wrong use.
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
    Exit code: 0 delivered, 1 a channel did not take it, 2 wrong use.
    Example:
      piekwacht notice deliver 12 --channel website --env production
    """
    from monitors.notices.outlook import message_of

    configuration = load_or_exit(config, code=Exit.USAGE)
    choose("environment", env, configuration.environments)
    place = configuration.environments[env]
    for name in channel or ():
        choose("channel", name, place.notices.channels)
    with reading(ledger) as record:
        found = next((sealed for sealed in record.notices() if sealed.number == number), None)
        if found is not None:
            message_of(found)  # what cannot be read cannot be sent
    if found is None:
        _refuse([f"NUMBER: found {number}, expected a message of the archive: `piekwacht notice list` shows them"])
    if not _deliver(found, place, channel):
        raise typer.Exit(Exit.NO)


def _read_draft(file: Path, model: type[Draft]) -> Draft:
    from config.source import read, validate

    try:
        return validate(read(file), model)
    except ConfigError as error:
        _refuse(map(str, error.problems))


def _everything(record: Ledger, configuration: Configuration, now: float) -> list[Outlook]:
    from monitors.notices.outlook import everything
    from monitors.record.ledger import LedgerError

    try:
        return everything(record, configuration, now)
    except LedgerError as error:
        _refuse([str(error)])


def _find(items: Iterable[Outlook], case: str) -> Outlook:
    known = {item.subject.id: item for item in items}
    if case not in known:
        there = ", ".join(known) or "nothing to tell"
        _refuse([f"CASE: found '{case}', expected one of: {there}"])
    return known[case]


def _compose(
    file: Path,
    draft: Draft,
    item: Outlook,
    configuration: Configuration,
    now: float,
    *,
    by: str,
    channels: tuple[str, ...],
    aloud: bool,
) -> Message:
    """Return the message of a draft; exit with 2 and everything that is wrong with it.

    `aloud`: show it in both languages, and who says what: the monitor (observed) or a person (entered).
    """
    from monitors.notices.draft import NotReadyError, message, wording
    from monitors.notices.wording import LANGUAGES, reasons

    names = _names(configuration)
    try:
        for language in LANGUAGES if aloud else ():
            typer.echo(f"----- {language}")
            typer.echo(wording(draft, item, names, reasons(), language))
        ready = message(draft, item, names, reasons(), now, by=by.strip() or "nobody", channels=channels)
    except NotReadyError as error:
        _refuse([f"{file}: {complaint}" for complaint in error.complaints])
    if aloud:
        typer.echo("----- who says what")
        for name, fact in ready.facts.items():
            typer.echo(f"{fact.origin:<9} {name:<13} {' '.join(fact.value.split())}")
    return ready


def _at_home(record: Ledger, place: Environment) -> None:
    """Exit with 2 where another monitor keeps the messages of this environment."""
    if keeper := place.notices.elsewhere(record.vantage):
        mine = f"{record.path} is the ledger of '{record.vantage}'"
        _refuse([f"{mine}; use that of '{keeper}', which keeps the messages (notices.kept_by)"])


def _confirm(where: str) -> None:
    """Ask; exit with 2 for any answer but yes, no answer included."""
    try:
        agreed = typer.confirm(f"Publish this to {where}?")
    except typer.Abort:
        agreed = False
        typer.echo()
    if not agreed:
        _refuse(["Nothing was published."])


def _names(configuration: Configuration) -> Mapping[str, Words]:
    from monitors.notices.wording import Words

    return {name: Words(nl=system.name_nl, en=system.name) for name, system in configuration.systems.items()}


def _archive(record: Ledger, message: Message) -> Sealed:
    """Seal a message in the ledger and return it as it stands there; another process may have added one since."""
    digest = record.add_notice(message.case, message.model_dump_json())
    return next(sealed for sealed in record.notices() if sealed.digest == digest)


def _deliver(sealed: Sealed, place: Environment, only: list[str] | None = None) -> bool:
    """Deliver to each channel and say so; return whether all took it."""
    from monitors.notices.channels import DeliveryError, secrets_of
    from monitors.notices.channels import deliver as send

    typer.echo(f"number {sealed.number} of the archive, {sealed.digest[:16]}")
    refused = []
    for name, channel in place.notices.channels.items():
        if only and name not in only:
            continue
        try:
            typer.echo(f"{name}: {send(channel, sealed, secrets_of(place.secrets))}")
        except DeliveryError as error:
            refused.append(name)
            typer.echo(f"{name}: not delivered: {error}", err=True)
    if refused:
        to = " ".join(f"--channel {name}" for name in refused)
        typer.echo(f"Once it works: piekwacht notice deliver {sealed.number} {to}", err=True)
    return not refused


def _row(row: Mapping[str, Any]) -> str:
    state = "OVERDUE" if row["overdue"] else "foreseen" if row["foreseen"] else "due"
    return f"{state:<9} {row['rule']:<4} {row['kind']:<18} by {row['deadline']}  {row['case']}"


def _iso(moment: float) -> str:
    """Return a moment by the clock of the Netherlands, with its offset."""
    return datetime.fromtimestamp(moment, ZONE).isoformat(timespec="minutes")


def _refuse(complaints: Iterable[str]) -> NoReturn:
    for complaint in complaints:
        typer.echo(complaint, err=True)
    raise typer.Exit(Exit.USAGE)
