"""From facts to texts: every message in Dutch and in English, with what is missing as a visible gap. Pure.

    observed by the monitor     systems, began, ended, reason
    announced with the work     start, end, duration
    entered by a person         processes, changes, cause, news, expected_end, workaround, messages, emergency

Nothing is invented: a line whose fact is not known is left out, or holds a gap ('vul in: wat kunnen mensen niet doen')
where the protocol wants it said. A message with a gap is not published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from babel.dates import format_datetime
from babel.lists import format_list
from jinja2 import Environment, StrictUndefined
from jinja2.meta import find_undeclared_variables
from pydantic import BeforeValidator, Field, model_validator

from config.fields import Instant
from config.hours import ZONE
from config.source import Strict, expected, read, validate
from journeys import Reason
from monitors.notices.protocol import Kind

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = ("nl", "en")
"""All messages are in both (2022-12-douane-communication-protocol)."""


class Words(Strict):
    """The same in both languages."""

    nl: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def of(self, language: Language) -> str:
        """Return it in one of them."""
        return self.nl if language == "nl" else self.en


GAPS: Mapping[str, Words] = {
    "processes": Words(nl="wat kunnen mensen niet doen", en="what people cannot do"),
    "news": Words(nl="wat is er nieuw", en="what is new"),
    "next": Words(nl="moment van het volgende bericht", en="moment of the next message"),
    "emergency": Words(nl="mag de noodprocedure worden gebruikt", en="may the emergency procedure be used"),
    "expected_end": Words(nl="wanneer is het klaar", en="when will it be ready"),
    "ended": Words(nl="het is nog niet voorbij", en="it is not over yet"),
    "messages": Words(
        nl="wat doet men met verzonden en bewaarde berichten", en="what to do with messages sent and buffered"
    ),
}
"""What is asked for where a fact is missing that must be told."""

_OPEN, _CLOSE = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}", "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_FILL_IN = Words(nl="vul in", en="fill in")


Known = Annotated[Words | None, BeforeValidator(lambda value: None if value == {"nl": "", "en": ""} else value)]
"""Words, or what a person left as it was in the file of a draft."""


class Entered(Strict):
    """What a person knows and no monitor can: whatever is left out is not known.

    `expected_end` is 'unknown' where that is the honest answer. `emergency`: whether the emergency procedure may be
    used.
    """

    processes: Known = None
    changes: Known = None
    cause: Known = None
    news: Known = None
    expected_end: Instant | Literal["unknown"] | None = None
    workaround: Known = None
    messages: Known = None
    emergency: bool | None = Field(default=None, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the record says; `reason` is how it shows. `emergency_procedure`: whether the owner has one.

    `emergency_on`: its use has been permitted in an earlier message about the same. `repair`: the work is the repair
    after a disruption.
    """

    systems: Sequence[Words]
    start: datetime | None = None
    end: datetime | None = None
    began: datetime | None = None
    ended: datetime | None = None
    reason: Words | None = None
    emergency_procedure: bool = False
    emergency_on: bool = False
    repair: bool = False


class Line(Strict):
    """One line of a message; see the head of `texts.yaml`."""

    when: str = ""
    must: str = ""
    gap: str = ""
    nl: str = ""
    en: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.gap) == bool(self.nl and self.en) or not {self.must, self.gap} <= {*GAPS, ""}:
            raise expected(f"a text in both languages, or a gap; what must be told is one of {', '.join(GAPS)}")
        return self

    def say(self, language: Language, facts: Mapping[str, Any]) -> str | None:
        """Return the line in a language; None where its fact is not known."""
        if self.when and not facts.get(self.when):
            return None
        missing = self.gap or (self.must if not facts.get(self.must) else "")
        if not missing:
            return _fill(self.nl if language == "nl" else self.en, facts)
        gap = _gap(missing, language)
        if self.gap:
            return gap
        return _fill(self.nl if language == "nl" else self.en, {**facts, missing: gap})


class Wording(Strict):
    """A message: its title and its lines."""

    title: Words
    lines: list[Line] = Field(min_length=1)


class _Texts(Strict):
    """The whole file."""

    messages: dict[Kind, Wording]
    reasons: dict[Reason, Words]


@cache
def _texts() -> _Texts:
    return validate(read(Path(__file__).with_name("texts.yaml")), _Texts)


def wordings() -> Mapping[Kind, Wording]:
    """Return the wording of every kind of message."""
    return _texts().messages


def reasons() -> Mapping[Reason, Words]:
    """Return how each kind of failure shows, in words for everybody."""
    return _texts().reasons


@cache
def tells(kind: Kind) -> frozenset[str]:
    """Return the facts that a person can enter and that a message of this kind tells."""
    used: set[str] = set()
    for line in wordings()[kind].lines:
        used |= {line.when, line.must, line.gap, *find_undeclared_variables(_environment.parse(line.nl))}
    return frozenset(_FOLLOWS_FROM.get(name, name) for name in used) & Entered.model_fields.keys()


_FOLLOWS_FROM = {
    "expected_end_unknown": "expected_end",
    "expected_end_open": "expected_end",
    "emergency_yes": "emergency",
    "emergency_no": "emergency",
    "emergency_open": "emergency",
    "messages_open": "messages",
}
"""What is computed of an entered fact alone, and that fact."""


def text(kind: Kind, observed: Observed, entered: Entered, next_moment: datetime | None, language: Language) -> str:
    """Return a message: its title, an empty line, and a line for each thing it says."""
    wording = wordings()[kind]
    facts = _facts(observed, entered, next_moment, language)
    lines = (line.say(language, facts) for line in wording.lines)
    return "\n".join([_fill(wording.title.of(language), facts), "", *(line for line in lines if line)]) + "\n"


def gaps(message: str) -> list[str]:
    """Return what is still to be filled in."""
    return [part.partition(_CLOSE)[0].partition(": ")[2] for part in message.split(_OPEN)[1:]]


def _facts(
    observed: Observed, entered: Entered, next_moment: datetime | None, language: Language
) -> dict[str, str | bool]:
    """Return every fact that is known, in the words of a language; and what follows from it."""
    facts: dict[str, str | bool] = dict(_told(observed, entered, next_moment, language))
    allowed, has = entered.emergency, observed.emergency_procedure
    facts |= {
        "repair": observed.repair,
        "solved": entered.workaround is None,
        "messages_open": has and entered.workaround is None and entered.messages is None,
        "expected_end_unknown": entered.expected_end == "unknown",
        "expected_end_open": entered.expected_end is None,
        "emergency_yes": has and allowed is True,
        "emergency_no": has and allowed is False,
        "emergency_open": has and allowed is None,
        "emergency_over": observed.emergency_on and entered.workaround is None,
    }
    return facts


def _told(
    observed: Observed, entered: Entered, next_moment: datetime | None, language: Language
) -> Iterator[tuple[str, str]]:
    yield "systems", format_list([name.of(language) for name in observed.systems], locale=language)
    for name in ("processes", "changes", "cause", "news", "workaround", "messages"):
        said: Words | None = getattr(entered, name)
        if said is not None:
            yield name, said.of(language).strip().rstrip(".")
    if observed.reason is not None:
        yield "reason", observed.reason.of(language)
    for name, at in (("began", observed.began), ("start", observed.start)):
        if at is not None:
            yield name, moment(at, language)
    ended = observed.ended
    yield "ended", _gap("ended", language) if ended is None else moment(ended, language, after=observed.began)
    if observed.start is not None and observed.end is not None:
        yield "end", moment(observed.end, language, after=observed.start)
        yield "end_in_full", moment(observed.end, language)
        yield "duration", duration((observed.end - observed.start).total_seconds(), language)
    if isinstance(entered.expected_end, datetime):
        yield "expected_end", moment(entered.expected_end, language)
    if next_moment is not None:
        yield "next", moment(next_moment, language)


def moment(at: datetime, language: Language, after: datetime | None = None) -> str:
    """Write a moment by the clock of the Netherlands, without its day where that is the day of `after`."""
    at = at.astimezone(ZONE)
    time = "HH.mm 'uur'" if language == "nl" else "HH:mm"
    on = "'om'" if language == "nl" else "'at'"
    if after is not None and after.astimezone(ZONE).date() == at.date():
        return format_datetime(at, time, locale=language)
    return format_datetime(at, f"EEEE d MMMM y {on} {time}", locale=language)


_UNITS: Sequence[tuple[int, Words, Words]] = (
    (1440, Words(nl="dag", en="day"), Words(nl="dagen", en="days")),
    (60, Words(nl="uur", en="hour"), Words(nl="uur", en="hours")),
    (1, Words(nl="minuut", en="minute"), Words(nl="minuten", en="minutes")),
)
"""Minutes of each unit, and its name for one and for more."""


def duration(seconds: float, language: Language) -> str:
    """Write a duration in words with its two largest units: 8 uur, 1 uur en 30 minuten, 2 days and 4 hours."""
    parts = []
    rest = max(1, round(seconds / 60))
    for minutes, one, more in _UNITS:
        count, rest = divmod(rest, minutes)
        if count:
            parts.append(f"{count} {(one if count == 1 else more).of(language)}")
    return format_list(parts[:2], locale=language)


def _gap(name: str, language: Language) -> str:
    return f"{_OPEN}{_FILL_IN.of(language)}: {GAPS[name].of(language)}{_CLOSE}"


_environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - plain text
_compiled = cache(_environment.from_string)


def _fill(template: str, facts: Mapping[str, Any]) -> str:
    return _compiled(template).render(facts)
