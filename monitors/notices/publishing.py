"""What the commands of `piekwacht notice` share: whose ledger it is, a draft made a message, its way out.

Each exits with 2 and says why where it cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from config import ConfigError, Configuration, Environment
from config.commands import Exit, choose, load_or_exit
from config.hours import ZONE

if TYPE_CHECKING:
    from monitors.notices.draft import Draft
    from monitors.notices.message import Message
    from monitors.notices.outlook import Outlook
    from monitors.notices.wording import Words
    from monitors.record.ledger import Ledger, Sealed


def environment_of(config: Path, env: str) -> tuple[Configuration, Environment]:
    """Return the configuration, and the environment of that name."""
    configuration = load_or_exit(config)
    choose("environment", env, configuration.environments)
    return configuration, configuration.environments[env]


def read_draft(file: Path, model: type[Draft]) -> Draft:
    """Read a filled-in draft."""
    from config.source import read, validate

    try:
        return validate(read(file), model)
    except ConfigError as error:
        refuse(map(str, error.problems))


def all_there_is(record: Ledger, configuration: Configuration, now: float) -> list[Outlook]:
    """Return everything of which something may have to be said."""
    from monitors.notices.outlook import everything
    from monitors.record.ledger import LedgerError

    try:
        return everything(record, configuration, now)
    except LedgerError as error:
        refuse([str(error)])


def find(items: Iterable[Outlook], case: str) -> Outlook:
    """Return what a case is about."""
    known = {item.subject.id: item for item in items}
    if case not in known:
        there = ", ".join(known) or "nothing to tell"
        refuse([f"CASE: found '{case}', expected one of: {there}"])
    return known[case]


def compose(
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

    names = names_of(configuration)
    try:
        for language in LANGUAGES if aloud else ():
            typer.echo(f"----- {language}")
            typer.echo(wording(draft, item, names, reasons(), language))
        ready = message(draft, item, names, reasons(), now, by=by.strip() or "nobody", channels=channels)
    except NotReadyError as error:
        refuse([f"{file}: {complaint}" for complaint in error.complaints])
    if aloud:
        typer.echo("----- who says what")
        for name, fact in ready.facts.items():
            typer.echo(f"{fact.origin:<9} {name:<13} {' '.join(fact.value.split())}")
    return ready


def at_home(record: Ledger, place: Environment) -> None:
    """Exit with 2 where another monitor keeps the messages of this environment."""
    if keeper := place.notices.elsewhere(record.vantage):
        mine = f"{record.path} is the ledger of '{record.vantage}'"
        refuse([f"{mine}; use that of '{keeper}', which keeps the messages (notices.kept_by)"])


def confirm(where: str) -> None:
    """Ask; exit with 2 for any answer but yes, no answer included."""
    try:
        agreed = typer.confirm(f"Publish this to {where}?")
    except typer.Abort:
        agreed = False
        typer.echo()
    if not agreed:
        refuse(["Nothing was published."])


def names_of(configuration: Configuration) -> Mapping[str, Words]:
    """Return the names of the systems in both languages."""
    from monitors.notices.wording import Words

    return {name: Words(nl=system.name_nl, en=system.name) for name, system in configuration.systems.items()}


def archived(record: Ledger, message: Message) -> Sealed:
    """Seal a message in the ledger and return it as it stands there; another process may have added one since."""
    digest = record.add_notice(message.case, message.model_dump_json())
    return next(sealed for sealed in record.notices() if sealed.digest == digest)


def delivered(sealed: Sealed, place: Environment, only: list[str] | None = None) -> bool:
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


def iso(moment: float) -> str:
    """Return a moment by the clock of the Netherlands, with its offset."""
    return datetime.fromtimestamp(moment, ZONE).isoformat(timespec="minutes")


def refuse(complaints: Iterable[str]) -> NoReturn:
    """Say what is wrong, all of it, and exit with 2."""
    for complaint in complaints:
        typer.echo(complaint, err=True)
    raise typer.Exit(Exit.USAGE)
