"""A draft: what a person adds to what the monitor saw, and the message that comes of it. Pure.

The file of a draft holds facts and no text, so that both languages say the same; `texts` replaces the wording where the
facts cannot say it, in both languages or in none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from pydantic import Field

from config.fields import Instant
from config.hours import ZONE
from config.source import Strict
from journeys import Reason
from monitors.notices.message import Fact, Message
from monitors.notices.outlook import Outlook
from monitors.notices.protocol import Disruption, Kind, Maintenance
from monitors.notices.wording import LANGUAGES, Entered, Language, Observed, Words, gaps, text

KINDS: Mapping[type, frozenset[Kind]] = {
    Maintenance: frozenset(
        {Kind.PLANNED, Kind.REPAIR, Kind.WITHDRAWN, Kind.OVERRUN, Kind.MAINTENANCE_ENDED},
    ),
    Disruption: frozenset({Kind.INVESTIGATING, Kind.DISRUPTION, Kind.UPDATE, Kind.EMERGENCY, Kind.ENDED}),
}
"""Which messages there are about what."""

FOLLOWED = frozenset({Kind.OVERRUN, Kind.INVESTIGATING, Kind.DISRUPTION, Kind.UPDATE, Kind.EMERGENCY})
"""Messages that must name the next moment; a workaround must, too."""

STEP = 300.0
"""Seconds to which the proposed next moment is rounded down: people name 10:55, not 10:57:12."""


class Draft(Strict):
    """The file of a draft."""

    case: str = Field(min_length=1)
    kind: Kind
    next_moment: Instant | None = None
    facts: Entered = Entered()
    texts: Words | None = None


def template(draft: Draft) -> str:
    """Return a draft as YAML for a person to fill in."""
    facts = "\n".join(f'  {name + ":":<14}{{nl: "", en: ""}}{" " * 6}# {asked}' for name, asked in _ASKED.items())
    moment = "" if draft.next_moment is None else draft.next_moment.isoformat(timespec="minutes")
    return (
        "# A message to the public. Fill in what is known, in both languages, and leave the rest as it is.\n"
        "# What the monitor saw is added by itself. See it: piekwacht notice publish FILE --dry-run\n"
        f"case: {draft.case}\nkind: {draft.kind}\nnext_moment: {moment or 'null'}\nfacts:\n{facts}\n"
        "  expected_end: null                # a time such as 2026-03-02T14:00+01:00, or unknown\n"
        "  emergency: null                   # may the emergency procedure be used: true or false\n"
        "# texts: {nl: ..., en: ...}         # your own wording in place of all this, title first\n"
    )


_ASKED = {
    "processes": "what people cannot do now",
    "changes": "what they do in its place",
    "cause": "the cause, if it is known",
    "news": "what is new since the last message",
    "workaround": "a way around it, while it goes on",
    "messages": "what to do with messages that were sent or buffered",
}
"""The facts that are words, and what is asked."""


class NotReadyError(Exception):
    """A draft cannot be published; `complaints` say everything that is wrong with it."""

    def __init__(self, complaints: list[str]) -> None:
        self.complaints = complaints
        super().__init__("; ".join(complaints))


def propose(item: Outlook, kind: Kind, now: float) -> Draft:
    """Return the draft of a message with what follows from the promise: when the next one is due."""
    moment = None
    if kind in FOLLOWED:
        latest = item.promise.next_update(now)
        moment = datetime.fromtimestamp(max(now + 60, latest - latest % STEP), UTC).astimezone(ZONE)
    return Draft(case=item.subject.id, kind=kind, next_moment=moment)


def message(
    draft: Draft,
    item: Outlook,
    names: Mapping[str, Words],
    reasons: Mapping[Reason, Words],
    now: float,
    *,
    by: str,
    channels: tuple[str, ...],
) -> Message:
    """Return the message that a draft makes at `now`. `names` and `reasons` are what people call systems and reasons.

    Raises `NotReadyError`.
    """
    texts = {language: wording(draft, item, names, reasons, language) for language in LANGUAGES}
    complaints = list(_complaints(draft, item, texts, now))
    if complaints:
        raise NotReadyError(complaints)
    case = item.subject.case
    return Message(
        case=draft.case,
        kind=draft.kind,
        systems=item.subject.systems,
        at=now,
        next_moment=None if draft.next_moment is None else draft.next_moment.timestamp(),
        about=(case.start, case.end) if isinstance(case, Maintenance) else None,
        emergency=draft.kind is Kind.EMERGENCY or draft.facts.emergency is True,
        workaround=draft.facts.workaround is not None,
        facts=dict(_facts(draft, observed(item, names, reasons))),
        texts=texts,
        by=by,
        channels=channels,
    )


def wording(
    draft: Draft, item: Outlook, names: Mapping[str, Words], reasons: Mapping[Reason, Words], language: Language
) -> str:
    """Return the text of a draft in a language, with its gaps. Raises `NotReadyError` for a kind that does not fit."""
    allowed = KINDS[type(item.subject.case)]
    if draft.kind not in allowed:
        raise NotReadyError([f"kind: found '{draft.kind}', expected one of: {', '.join(sorted(allowed))}"])
    if draft.texts is not None:
        return draft.texts.of(language)
    return text(draft.kind, observed(item, names, reasons), draft.facts, draft.next_moment, language)


def observed(item: Outlook, names: Mapping[str, Words], reasons: Mapping[Reason, Words]) -> Observed:
    """Return what the record says of a subject."""
    case, incident = item.subject.case, item.subject.incident
    reason = incident.reason if incident is not None else None
    return Observed(
        systems=[names[system] for system in item.subject.systems],
        start=_local(case.start) if isinstance(case, Maintenance) else None,
        end=_local(case.end) if isinstance(case, Maintenance) else None,
        began=_local(case.began) if isinstance(case, Disruption) else None,
        ended=None if case.ended is None else _local(case.ended),
        reason=None if reason is None else reasons[reason],
        emergency_procedure=item.promise.terms.emergency_procedure,
        emergency_on=any(each.emergency for each in item.messages),
    )


def _complaints(draft: Draft, item: Outlook, texts: Mapping[Language, str], now: float) -> Iterator[str]:
    ending = draft.kind in (Kind.ENDED, Kind.MAINTENANCE_ENDED) and draft.facts.workaround is None
    if ending and item.subject.case.ended is None:
        yield "kind: it has not ended: the probes do not pass yet; a workaround can be told as facts.workaround"
    if draft.next_moment is not None:
        yield from _untimely(draft.next_moment.timestamp(), item, now)
    elif draft.kind in FOLLOWED or draft.facts.workaround is not None:
        yield "next_moment: found nothing, expected the moment of the next message"
    missing = dict.fromkeys(gap for language in LANGUAGES for gap in gaps(texts[language]))
    yield from (f"still to be filled in: {gap}" for gap in missing)


def _untimely(moment: float, item: Outlook, now: float) -> Iterator[str]:
    latest = item.promise.next_update(now)
    if not now < moment <= latest:
        said, most = (_local(each).isoformat(timespec="minutes") for each in (moment, latest))
        yield f"next_moment: found {said}, expected a moment ahead, {most} at the latest, as was promised"


def _facts(draft: Draft, seen: Observed) -> Iterator[tuple[str, Fact]]:
    """Yield every fact with its origin."""
    for name in ("start", "end", "began", "ended"):
        moment: datetime | None = getattr(seen, name)
        if moment is not None:
            yield name, Fact(value=moment.isoformat(timespec="seconds"), origin="observed")
    if seen.reason is not None:
        yield "reason", Fact(value=seen.reason.en, origin="observed")
    for name, value in draft.facts.model_dump(mode="json", exclude_none=True).items():
        yield name, Fact(value=value["en"] if isinstance(value, dict) else str(value).lower(), origin="entered")


def _local(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, ZONE)
