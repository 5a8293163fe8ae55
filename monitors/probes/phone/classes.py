"""What became of a call: exactly one class for whatever evidence, and the verdict that follows from it. Pure.

    own fault  >  Q.850 cause  >  tone in the audio  >  SIP status, by whether there was an 18x  >  media

Evidence goes in this order: what the network says of itself is more exact than what a gateway makes of it. Which cause,
tone or status is which class, and what people are told, is in `classes.yaml`; here is the order, and what only a
comparison of times can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from config.source import Contradiction, Strict, read, validate
from journeys import Reason
from monitors.probes.phone.evidence import CallEvidence, EndedBy, Heard, Sound, Stage, Trouble
from monitors.verdict import Cause, Fail, Pass, Unknown, Verdict

Language = Literal["en", "nl"]

SAYS_NOTHING = frozenset({16, 31, 127})
"""Q.850: normal clearing, normal unspecified, interworking unspecified."""
MIN_ACTIVE = 0.02
"""The part of what was heard after the answer that must be more than silence."""
WINDOW = 2.0
"""Seconds of audio that are judged at a time; who hangs up sooner has left nothing to judge."""

_NO_CALL_YET = frozenset({Stage.START, Stage.RESOLVE, Stage.CONNECT, Stage.INVITE})
_QUIET = frozenset({Sound.NOTHING, Sound.SILENCE})


class Passed(StrEnum):
    """How a call can pass."""

    ANSWERED = "answered"
    CLOSED = "closed"


Class = Passed | Cause | Reason
"""What a call can come to: a way to pass, a reason to fail, or why nobody can tell. Which, is in `classes.yaml`."""

_JUDGED: frozenset[Class] = frozenset(
    {
        Passed.ANSWERED, Passed.CLOSED, Cause.TRUNK_DOWN, Reason.LINE_UNREACHABLE, Reason.NO_ANSWER, Reason.NO_PROGRESS,
        Reason.NO_MEDIA, Reason.SILENT_LINE, Reason.CUT_OFF, Reason.WRONG_PROMPT, Reason.NOT_RELEASED,
    }
)  # fmt: skip
"""Classes that the functions below come to without evidence of the table."""

# Evidence that leads to a class in any case, lest some call have none.
_NEEDED: list[tuple[object, ...]] = [("own trouble", trouble) for trouble in Trouble]
_NEEDED += [("status", f"{hundred}xx", progressed) for hundred in range(3, 7) for progressed in (True, False)]


class Words(Strict):
    """The same in both languages."""

    en: str = Field(min_length=1)
    nl: str = Field(min_length=1)

    def of(self, language: Language) -> str:
        """Return one of them."""
        return self.nl if language == "nl" else self.en


class Row(Strict):
    """One class: the evidence that leads to it, and its words.

    `troubles` are those with the prober's own trunk, `far_troubles` those with a trunk that is the line's own. Tones
    are `early` before the answer and `late` after it. `3xx` are the statuses of that hundred which stand nowhere else.
    `missed` are expectations of the script.
    """

    title: Words
    evidence: Words
    troubles: list[Trouble] = Field(default=[])
    far_troubles: list[Trouble] = Field(default=[])
    causes: list[int] = Field(default=[])
    early_tones: list[Sound] = Field(default=[])
    late_tones: list[Sound] = Field(default=[])
    statuses: list[int | Literal["3xx", "4xx", "5xx", "6xx"]] = Field(default=[])
    progressed: bool | None = None
    missed: list[Literal["prompt", "menu", "queue"]] = Field(default=[])

    @property
    def progresses(self) -> tuple[bool, ...]:
        """With an 18x, without one, or both: for which calls causes and statuses count."""
        return (True, False) if self.progressed is None else (self.progressed,)


class Table(Strict):
    """The whole file."""

    classes: dict[Class, Row]
    stages: dict[Stage, Words]
    sounds: dict[Sound, Words]

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that nothing is missing and no evidence leads to two classes."""
        for name, needed, found in (
            ("classes", _JUDGED, set[str](self.classes)),
            ("stages", Stage, set[str](self.stages)),
            ("sounds", Sound, set[str](self.sounds)),
        ):
            missing = [str(each) for each in needed if each not in found]
            if missing:
                yield Contradiction((name,), f"{', '.join(sorted(missing))} too")
        seen: dict[tuple[object, ...], Class] = {}
        for each, row in self.classes.items():
            if each not in _JUDGED and next(_evidence_of(row), None) is None:
                yield Contradiction(("classes", each), "evidence that leads to it")
            for evidence in _evidence_of(row):
                if (other := seen.setdefault(evidence, each)) is not each:
                    yield Contradiction(("classes", each), f"no evidence of {other}: {_told(evidence)}")
        missing = [_told(evidence) for evidence in _NEEDED if evidence not in seen]
        if missing:
            yield Contradiction(("classes",), f"{', '.join(missing)} somewhere")


def _evidence_of(row: Row) -> Iterator[tuple[object, ...]]:
    yield from (("own trouble", trouble) for trouble in row.troubles)
    yield from (("far trouble", trouble) for trouble in row.far_troubles)
    yield from (("early tone", tone) for tone in row.early_tones)
    yield from (("late tone", tone) for tone in row.late_tones)
    for progressed in row.progresses:
        yield from (("cause", cause, progressed) for cause in row.causes)
        yield from (("status", status, progressed) for status in row.statuses)
    yield from (("missed", expectation) for expectation in row.missed)


def _told(evidence: tuple[object, ...]) -> str:
    with_18x = {True: "with an 18x", False: "without an 18x"}
    return " ".join(with_18x[part] if isinstance(part, bool) else str(part) for part in evidence)


@cache
def table() -> Table:
    """Return the shipped table."""
    return validate(read(Path(__file__).with_suffix(".yaml")), Table)


@cache
def _lookup() -> Mapping[tuple[object, ...], Class]:
    return {evidence: each for each, row in table().classes.items() for evidence in _evidence_of(row)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the same evidence means different things by.

    `closed`: the call was made outside service hours. `own`: the trunk is the prober's, not the line's. `listening`:
    audio was heard at all; who has a call made by others hears nothing.
    """

    closed: bool = False
    own: bool = True
    listening: bool = True


USUAL = Circumstances()


def classify(evidence: CallEvidence, around: Circumstances = USUAL) -> Verdict:
    """Return the verdict of a call."""
    return verdict_of(class_of(evidence, around), evidence)


def verdict_of(found: Class, evidence: CallEvidence) -> Verdict:
    """Return the verdict of a class; the step is the last stage that was reached, the detail what the class is by."""
    match found:
        case Passed():
            return Pass()
        case Cause():
            return Unknown(found, facts(evidence))
        case Reason():
            step = Stage.TEARDOWN if found is Reason.NOT_RELEASED else evidence.stage
            return Fail(found, step.value, facts(evidence))


def class_of(evidence: CallEvidence, around: Circumstances = USUAL) -> Class:
    """Return the one class of a call."""
    looks: tuple[Callable[[CallEvidence, Circumstances], Class | None], ...] = (
        _own_fault,
        _cause,
        _tone,
        _closing_announcement,
        _refusal,
    )
    for look in looks:
        if (found := look(evidence, around)) is not None:
            break
    else:
        found = _media(evidence, around)
    return Reason.NOT_RELEASED if isinstance(found, Passed) and not evidence.released else found


def _own_fault(evidence: CallEvidence, around: Circumstances) -> Class | None:
    if evidence.trouble is None:
        return None
    own, far = ("own trouble", evidence.trouble), ("far trouble", evidence.trouble)
    return _lookup()[own] if around.own or far not in _lookup() else _lookup()[far]


def _cause(evidence: CallEvidence, around: Circumstances) -> Class | None:  # noqa: ARG001 - one of the looks
    if evidence.cause is None or evidence.cause in SAYS_NOTHING:
        return None
    return _lookup().get(("cause", evidence.cause, evidence.progressed))


def _tone(evidence: CallEvidence, around: Circumstances) -> Class | None:  # noqa: ARG001 - one of the looks
    """Take the first tone: what follows is how the network ends a call that has gone wrong."""
    kinds = (("early tone" if heard.early else "late tone", heard.sound) for heard in evidence.heard)
    return next((found for kind in kinds if (found := _lookup().get(kind)) is not None), None)


def _closing_announcement(evidence: CallEvidence, around: Circumstances) -> Class | None:
    """Accept it before the answer too, free of charge, until the line says 480 or we hang up."""
    may_follow = _is_answered(evidence) or evidence.status in {None, 480, 487}
    spoken = any(heard.sound is Sound.ACTIVE for heard in evidence.heard)
    return Passed.CLOSED if around.closed and spoken and may_follow else None


def _refusal(evidence: CallEvidence, around: Circumstances) -> Class | None:
    """Judge a call that was not answered, or only when patience had ended."""
    if _is_answered(evidence) and not evidence.ring_limit and evidence.missed != "answer":
        return None
    status, progressed = evidence.status, evidence.progressed
    if status is not None and 300 <= status <= 699:
        exact, hundred = ("status", status, progressed), ("status", f"{status // 100}xx", progressed)
        return _lookup()[exact] if exact in _lookup() else _lookup()[hundred]
    if evidence.stage in _NO_CALL_YET:  # not even a 100: timer B would say so, later than we give up
        return Cause.TRUNK_DOWN if around.own else Reason.LINE_UNREACHABLE
    return Reason.NO_ANSWER if progressed else Reason.NO_PROGRESS


def _media(evidence: CallEvidence, around: Circumstances) -> Class:
    """Judge an answered call by what was heard."""
    hung_up = evidence.ended_by is EndedBy.FAR_END and evidence.missed is not None
    if around.listening and not (hung_up and _seconds_answered(evidence) < WINDOW):
        if evidence.received.packets == 0:
            return Reason.NO_MEDIA
        if evidence.missed == "audio" or _is_silent(evidence):
            return Reason.SILENT_LINE
    if hung_up:
        return Reason.CUT_OFF
    if evidence.missed is None:
        return Passed.ANSWERED
    return _lookup().get(("missed", evidence.missed), Reason.WRONG_PROMPT)


def _is_answered(evidence: CallEvidence) -> bool:
    return Stage.ANSWER in evidence.reached or (evidence.status is not None and 200 <= evidence.status < 300)


def _after_answer(evidence: CallEvidence) -> list[Heard]:
    return [heard for heard in evidence.heard if not heard.early]


def _seconds_answered(evidence: CallEvidence) -> float:
    """Return how long an answered call was up, or as far as it was listened to."""
    reached = evidence.reached
    if Stage.ANSWER in reached and Stage.TEARDOWN in reached:
        return reached[Stage.TEARDOWN] - reached[Stage.ANSWER]
    return sum(heard.end - heard.start for heard in _after_answer(evidence))


def _is_silent(evidence: CallEvidence) -> bool:
    """Tell whether next to nothing was heard: active seconds / seconds < 2 %, where a window was heard at all."""
    heard = _after_answer(evidence)
    seconds = sum(each.end - each.start for each in heard)
    active = sum(each.end - each.start for each in heard if each.sound not in _QUIET)
    return seconds >= WINDOW and active < MIN_ACTIVE * seconds


def title(found: Class, language: Language = "en") -> str:
    """Return what a class is called."""
    return table().classes[found].title.of(language)


def facts(evidence: CallEvidence, language: Language = "en") -> str:
    """Return the last stage, the SIP status, the Q.850 cause and the audio in words, without number or phrase."""
    words = table()
    parts = [words.stages[evidence.stage].of(language)]
    if evidence.status is not None:
        parts.append(f"SIP {evidence.status}")
    if evidence.cause is not None:
        parts.append(f"Q.850 {evidence.cause}")
    sounds = dict.fromkeys(heard.sound for heard in evidence.heard)
    if sounds:
        parts.append(", ".join(words.sounds[sound].of(language) for sound in sounds))
    if not evidence.released:
        parts.append({"en": "not released", "nl": "niet vrijgegeven"}[language])
    return "; ".join(parts)


def in_words(found: Class, evidence: CallEvidence, language: Language = "en") -> str:
    """Return class and evidence in one line for people."""
    return f"{title(found, language)} ({facts(evidence, language)})"
