"""A draft: what a person adds to what the monitor saw, and the message that comes of it. Pure.

The file of a draft holds facts and no text, so that both languages say the same; `texts` replaces the wording where the
facts cannot say it, in both languages or in none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from pydantic import Field

from config.fields import Instant
from config.hours import ZONE
from config.source import Strict
from journeys import Reason
from monitors.notices.message import Fact, Message, Origin
from monitors.notices.outlook import Outlook
from monitors.notices.protocol import Disruption, Kind, Maintenance
from monitors.notices.wording import LANGUAGES, Entered, Language, Observed, Words, gaps, tells, text

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


def template(draft: Draft, told: Collection[str]) -> str:
    """Return a draft as YAML for a person to fill in; `told` are the facts that its message tells."""
    facts = [f"  {name + ':':<14}{empty:<18}  # {asked}" for name, (empty, asked) in _ASKED.items() if name in told]
    moment = "" if draft.next_moment is None else draft.next_moment.isoformat(timespec="minutes")
    return (
        "# A message to the public. Fill in what is known, in both languages, and leave the rest as it is.\n"
        "# What the monitor saw is added by itself. See it: piekwacht notice publish FILE --dry-run\n"
        f"case: {json.dumps(draft.case, ensure_ascii=False)}\nkind: {draft.kind}\nnext_moment: {moment or 'null'}\n"
        + "\n".join(["facts:" if facts else "facts: {}", *facts])
        + "\n# texts: {nl: ..., en: ...}         # your own wording in place of all this, title first\n"
    )


_WORDS = '{nl: "", en: ""}'
_ASKED = {
    "processes": (_WORDS, "what people cannot do, such as: aangifte doen / filing a return"),
    "changes": (_WORDS, "what they do in its place"),
    "cause": (_WORDS, "the cause, if it is known"),
    "news": (_WORDS, "what is new since the last message"),
    "workaround": (_WORDS, "a way around it, while it goes on"),
    "messages": (_WORDS, "what to do with messages that were sent or buffered"),
    "expected_end": ("null", "a time such as 2026-03-02T14:00+01:00, or unknown"),
    "emergency": ("null", "may the emergency procedure be used: true or false"),
}
"""What is asked of a person, as it stands in the file of a draft."""


class NotReadyError(Exception):
    """A draft cannot be published; `complaints` say everything that is wrong with it."""

    def __init__(self, complaints: list[str]) -> None:
        self.complaints = complaints
        super().__init__("; ".join(complaints))


def propose(item: Outlook, kind: Kind, now: float) -> Draft:
    """Return the draft of a message with what follows from the promise: when the next one is due."""
    moment = None
    if kind in FOLLOWED:
        latest = item.promise.next_after(kind, now)
        moment = datetime.fromtimestamp(max(now + 60, latest - latest % STEP), UTC).astimezone(ZONE)
    return Draft(case=item.subject.id, kind=kind, next_moment=moment)


def told(item: Outlook, kind: Kind) -> frozenset[str]:
    """Return the facts that a message of this kind tells about a subject."""
    return tells(kind) - (frozenset() if item.promise.terms.emergency_procedure else {"emergency"})


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
        repair=isinstance(case, Maintenance) and case.kind == "aftermath",
    )


def _complaints(draft: Draft, item: Outlook, texts: Mapping[Language, str], now: float) -> Iterator[str]:
    yield from _untrue(draft, item)
    follows = draft.kind in FOLLOWED or draft.facts.workaround is not None
    if follows and draft.next_moment is None:
        yield "next_moment: found nothing, expected the moment of the next message"
    elif draft.next_moment is not None:
        yield from _untimely(draft, draft.next_moment.timestamp(), item, now, follows=follows)
    yield from _idle(draft, item, now)
    yield from (f"texts.{language}: found nothing, expected text" for language in texts if not texts[language].strip())
    missing = dict.fromkeys(gap for language in LANGUAGES for gap in gaps(texts[language]))
    yield from (f"still to be filled in: {gap}" for gap in missing)


def _untrue(draft: Draft, item: Outlook) -> Iterator[str]:
    """Yield what a message would say that is not so. Whoever knows better than the monitor says it in own words."""
    case, own_words = item.subject.case, draft.texts is not None
    ending = draft.kind in (Kind.ENDED, Kind.MAINTENANCE_ENDED) and draft.facts.workaround is None
    if ending and case.ended is None:
        yield "kind: it has not ended: the probes do not pass yet; a workaround can be told as facts.workaround"
    if not ending and case.ended is not None and not own_words:
        over = Kind.MAINTENANCE_ENDED if isinstance(case, Maintenance) else Kind.ENDED
        yield f"kind: it is over since {_local(case.ended).isoformat(timespec='minutes')}: expected '{over}'"
    if draft.kind is Kind.EMERGENCY and not item.promise.terms.emergency_procedure:
        yield "kind: found 'emergency', but the owner of this system has no emergency procedure"
    if not isinstance(case, Maintenance):
        return
    if case.withdrawn != (draft.kind is Kind.WITHDRAWN):
        done = "was withdrawn: expected 'withdrawn'" if case.withdrawn else "was not withdrawn: see piekwacht window"
        yield f"kind: the work {done}"
    announced = Kind.PLANNED if case.kind == "planned" else Kind.REPAIR
    if draft.kind in (Kind.PLANNED, Kind.REPAIR) and draft.kind is not announced:
        yield f"kind: found '{draft.kind}', expected '{announced}': so the work was entered"


def _untimely(draft: Draft, moment: float, item: Outlook, now: float, *, follows: bool) -> Iterator[str]:
    latest = item.promise.next_after(draft.kind, now)
    said, most = (_local(each).isoformat(timespec="minutes") for each in (moment, latest))
    if not follows:
        yield f"next_moment: found {said}, expected nothing: '{draft.kind}' names no next moment"
    elif not now < moment <= latest:
        yield f"next_moment: found {said}, expected a moment ahead, {most} at the latest, as was promised"


def _idle(draft: Draft, item: Outlook, now: float) -> Iterator[str]:
    """Yield the facts that were entered and that nobody would be told, and an end that has passed."""
    known = told(item, draft.kind)
    for name in draft.facts.model_dump(exclude_none=True):
        if name not in known:
            yield f"facts.{name}: found something, but '{draft.kind}' does not tell it; {_that_do(item, name)}"
    case, end = item.subject.case, draft.facts.expected_end
    after = max(now, case.end) if isinstance(case, Maintenance) else now
    if isinstance(end, datetime) and end.timestamp() <= after:
        said, least = end.astimezone(ZONE).isoformat(timespec="minutes"), _local(after).isoformat(timespec="minutes")
        yield f"facts.expected_end: found {said}, expected a time after {least}, or unknown"


def _that_do(item: Outlook, name: str) -> str:
    kinds = sorted(each for each in KINDS[type(item.subject.case)] if name in told(item, each))
    return f"these do: {', '.join(kinds)}" if kinds else "no message about this does"


def _facts(draft: Draft, seen: Observed) -> Iterator[tuple[str, Fact]]:
    """Yield every fact with its origin. When work begins and ends no monitor can see: somebody announced it."""
    origins: Mapping[str, Origin] = {"start": "entered", "end": "entered", "began": "observed", "ended": "observed"}
    for name, origin in origins.items():
        moment: datetime | None = getattr(seen, name)
        if moment is not None:
            yield name, Fact(value=moment.isoformat(timespec="seconds"), origin=origin)
    if seen.reason is not None:
        yield "reason", Fact(value=seen.reason.en, origin="observed")
    for name, value in draft.facts.model_dump(mode="json", exclude_none=True).items():
        said = value["en"] if isinstance(value, dict) else value
        yield name, Fact(value=said if isinstance(said, str) else json.dumps(said), origin="entered")
    if draft.next_moment is not None:
        yield (
            "next_moment",
            Fact(value=_local(draft.next_moment.timestamp()).isoformat(timespec="seconds"), origin="entered"),
        )
    if draft.texts is not None:
        yield "texts", Fact(value=draft.texts.en, origin="entered")


def _local(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, ZONE)
