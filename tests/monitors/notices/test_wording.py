"""The texts of messages, in Dutch and in English: nothing that must be told is left out, and nothing is invented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hours import ZONE
from journeys import Reason
from monitors.notices.protocol import Kind
from monitors.notices.wording import (
    GAPS,
    LANGUAGES,
    Entered,
    Language,
    Observed,
    Words,
    duration,
    gaps,
    moment,
    reasons,
    text,
)


def at(local: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZONE)


def words(nl: str, en: str) -> Words:
    return Words(nl=nl, en=en)


OBSERVED = Observed(
    systems=[words("Douaneberichten", "Customs messages"), words("Mijn Douane", "My Customs")],
    start=at("2026-05-10T00:00"),
    end=at("2026-05-10T08:00"),
    began=at("2026-03-02T10:00"),
    ended=at("2026-03-02T13:37"),
    reason=words("u krijgt geen retourbericht", "you do not receive a return message"),
    emergency_procedure=True,
    emergency_on=True,
)
EVERYTHING = Entered(
    processes=words("invoer en uitvoer aangeven", "submitting import and export declarations"),
    changes=words("u doet aangifte op papier", "you hand in declarations on paper"),
    cause=words("een fout in de berichtenpoort", "a fault in the message gateway"),
    news=words("de leverancier heeft de fout gevonden", "the supplier has found the fault"),
    expected_end=at("2026-03-02T14:00"),
    messages=words("stuur berichten van na 10.00 uur opnieuw", "send messages from after 10:00 again"),
    emergency=True,
)
NEXT = at("2026-03-02T11:00")


@pytest.mark.parametrize("kind", Kind)
def test_every_message_reads_as_its_golden_file(kind: Kind, golden: Callable[[str, str], None]) -> None:
    """With every fact and with none, in both languages."""
    parts = [
        f"===== {language}, {known}\n{text(kind, OBSERVED, entered, following, language)}"
        for known, entered, following in (("everything known", EVERYTHING, NEXT), ("nothing entered", Entered(), None))
        for language in LANGUAGES
    ]
    golden(f"{kind}.txt", "\n".join(parts))


def test_a_workaround_is_told_as_one_and_names_the_next_moment(golden: Callable[[str, str], None]) -> None:
    """The title does not say 'solved', and without a next moment the message has a gap."""
    around = EVERYTHING.model_copy(update={"workaround": words("gebruik de website", "use the website")})
    golden("workaround.txt", "\n".join(text(Kind.ENDED, OBSERVED, around, NEXT, language) for language in LANGUAGES))
    assert gaps(text(Kind.ENDED, OBSERVED, around, None, "nl")) == [GAPS["next"].nl]


MUST_SAY = {
    Kind.PLANNED: {"processes", "emergency"},
    Kind.REPAIR: {"processes", "emergency"},
    Kind.WITHDRAWN: set(),
    Kind.OVERRUN: {"expected_end", "next"},
    Kind.MAINTENANCE_ENDED: set(),
    Kind.INVESTIGATING: {"next"},
    Kind.DISRUPTION: {"processes", "next"},
    Kind.UPDATE: {"news", "next"},
    Kind.EMERGENCY: {"processes", "next"},
    Kind.ENDED: {"messages"},
}
"""What the protocol wants said and only a person knows."""


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_must_be_told_and_is_not_known_is_a_gap(kind: Kind, language: Language) -> None:
    """As many gaps as things to tell; with all of them told, none is left."""
    missing = gaps(text(kind, OBSERVED, Entered(), None, language))
    assert sorted(missing) == sorted(GAPS[name].of(language) for name in MUST_SAY[kind])
    assert gaps(text(kind, OBSERVED, EVERYTHING, NEXT, language)) == []


def test_who_has_no_emergency_procedure_is_not_asked_about_it() -> None:
    """It belongs to customs; elsewhere nobody would understand the question."""
    elsewhere = replace(OBSERVED, emergency_procedure=False, emergency_on=False)
    for kind in set(Kind) - {Kind.EMERGENCY}:
        assert "noodprocedure" not in text(kind, elsewhere, EVERYTHING, NEXT, "nl")


def test_every_kind_of_failure_has_words_for_everybody() -> None:
    """None is missing where it is needed at night, and none says what only a technician understands."""
    assert set(reasons()) == set(Reason)
    said = " ".join(f"{words.nl} {words.en}" for words in reasons().values())
    assert not {"handshake", "certificaat", "hostnaam", "codec", "HTTP", "TLS"} & set(said.split())


@pytest.mark.parametrize("kind", [Kind.WITHDRAWN, Kind.OVERRUN, Kind.MAINTENANCE_ENDED])
def test_a_repair_is_called_one_to_its_end(kind: Kind) -> None:
    """Whoever read of a repair reads of its end, not of maintenance."""
    repair = replace(OBSERVED, repair=True)
    assert "nderhoud" not in text(kind, repair, EVERYTHING, NEXT, "nl")
    assert "aintenance" not in text(kind, repair, EVERYTHING, NEXT, "en")
    assert "nderhoud" in text(kind, OBSERVED, EVERYTHING, NEXT, "nl")


def test_an_end_that_nobody_knows_is_told_as_such() -> None:
    """An honest 'we do not know' is no gap."""
    unknown = EVERYTHING.model_copy(update={"expected_end": "unknown"})
    said = text(Kind.OVERRUN, OBSERVED, unknown, NEXT, "nl")
    assert "Wij weten nog niet wanneer wij klaar zijn." in said
    assert gaps(said) == []


@pytest.mark.parametrize(
    ("seconds", "nl", "en"),
    [
        (20, "1 minuut", "1 minute"),
        (3600, "1 uur", "1 hour"),
        (5400, "1 uur en 30 minuten", "1 hour and 30 minutes"),
        (86_400 + 4 * 3600 + 60, "1 dag en 4 uur", "1 day and 4 hours"),
        (2 * 86_400, "2 dagen", "2 days"),
    ],
)
def test_durations_are_written_as_people_say_them(seconds: float, nl: str, en: str) -> None:
    assert (duration(seconds, "nl"), duration(seconds, "en")) == (nl, en)


def test_moments_are_local_and_name_the_day_once() -> None:
    """Midnight UTC is one or two o'clock in the Netherlands; the end of the same day is a time only."""
    start = datetime.fromisoformat("2026-05-09T22:00:00+00:00")
    assert moment(start, "nl") == "zondag 10 mei 2026 om 00.00 uur"
    assert moment(start, "en") == "Sunday 10 May 2026 at 00:00"
    assert moment(at("2026-05-10T08:00"), "nl", after=start) == "08.00 uur"
    assert moment(at("2026-05-11T08:00"), "en", after=start) == "Monday 11 May 2026 at 08:00"


@given(st.sampled_from(LANGUAGES), st.text(), st.text())
def test_whatever_a_person_enters_stands_in_the_text_as_it_is(language: Language, nl: str, en: str) -> None:
    """Braces, percent signs and angle brackets are no commands; what is empty is not known."""
    entered = Entered(processes=words(nl or " ", en or " "))
    value = (nl if language == "nl" else en).strip().rstrip(".")
    said = text(Kind.EMERGENCY, OBSERVED, entered, NEXT, language)
    assert value in said
    assert value or gaps(said) == [GAPS["processes"].of(language)]
