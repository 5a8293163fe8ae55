"""What people must be told, as of now: read from the ledger of a monitor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from config import Configuration
from monitors.availability.books import Books
from monitors.availability.timeline import Stretch
from monitors.incidents import Incident, classified
from monitors.notices.cases import Subject, subjects
from monitors.notices.message import Message
from monitors.notices.protocol import Due, Promise, dues
from monitors.record.ledger import Ledger, LedgerError, Sealed
from monitors.seen import incidents_of

BEHIND = 14 * 86_400.0
"""Seconds that are looked back: what was over before is not told any more."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """One subject, what its owner has promised, and which messages are owed, the most urgent first."""

    subject: Subject
    promise: Promise
    dues: Sequence[Due]
    messages: Sequence[Message]


def everything(ledger: Ledger, configuration: Configuration, now: float) -> list[Outlook]:
    """Return every subject of the last `BEHIND` seconds and of the future. Raises `LedgerError`."""
    end = int(now // 60) + 1
    start = int((now - BEHIND) // 60)
    books = Books([ledger], configuration, start, end, now)
    timelines = {name: books.timeline(name, start, end) for name in configuration.systems}
    found, _ = incidents_of(ledger, configuration.systems, start * 60.0, now)
    incidents = [classified(each, timelines[each.system], now) for each in found]
    return outlooks(ledger, configuration, incidents, timelines, now)


def outlooks(
    ledger: Ledger,
    configuration: Configuration,
    incidents: Collection[Incident],
    timelines: Mapping[str, Sequence[Stretch]],
    now: float,
) -> list[Outlook]:
    """Return the same from incidents and classes of minutes that are known already. Raises `LedgerError`."""
    messages = [message_of(sealed) for sealed in ledger.notices()]
    seen = subjects(ledger.window_history(), incidents, messages, timelines, now - BEHIND, now)
    return [_outlook(each, configuration, messages, now) for each in seen]


def deadlines(ledger: Ledger, configuration: Configuration, now: float) -> dict[tuple[str, str], float]:
    """Return by when people must be told, by leading system and rule, of all that is due now. Raises `LedgerError`."""
    found: dict[tuple[str, str], float] = {}
    for item in everything(ledger, configuration, now):
        for due in item.dues:
            if due.since <= now:
                key = item.subject.systems[0], str(due.rule)
                found[key] = min(due.deadline, found.get(key, due.deadline))
    return found


def urgent(items: Iterable[Outlook]) -> list[Outlook]:
    """Return those about which something is owed, the most urgent first."""
    return sorted((each for each in items if each.dues), key=lambda each: each.dues[0])


def message_of(sealed: Sealed) -> Message:
    """Return an archived message. Raises `LedgerError` for one that cannot have been published as it is."""
    try:
        return Message.model_validate_json(sealed.body)
    except ValidationError:
        raise LedgerError(f"notice {sealed.number} cannot be read: `piekwacht ledger check` tells more") from None


def _outlook(subject: Subject, configuration: Configuration, messages: Sequence[Message], now: float) -> Outlook:
    leading = subject.systems[0]
    promise = Promise(configuration.owner_of[leading].notices, configuration.office_hours(leading))
    mine = [message for message in messages if message.case == subject.id]
    return Outlook(subject, promise, dues(subject.case, promise, now), mine)
