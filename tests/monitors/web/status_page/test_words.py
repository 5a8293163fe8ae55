"""The page's two languages: nothing without words, and which one a reader gets."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files

import pytest

from journeys import Reason
from monitors.availability import accounting
from monitors.verdict import Cause, Window
from monitors.web.status_page import words
from monitors.web.status_page.view import Level, State
from monitors.web.status_page.words import PHRASES, Text, Words, negotiate
from tests.monitors.web.status_page.sample import ZONE

NOW = datetime(2026, 3, 11, 14, 32, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (Reason, words.REASONS),
        (Cause, words.CAUSES),
        (State, words.STATES),
        (Level, words.LEVELS),
        (Window, words.KINDS),
    ],
)
def test_every_value_has_words_of_its_own(kind: type[StrEnum], table: Mapping[StrEnum, Text]) -> None:
    """Each value in both languages, no two alike: what differs for the engineer on call reads differently."""
    assert list(table) == list(kind)
    for language in range(2):
        said = [text[language] for text in table.values()]
        assert all(said)
        assert len(set(said)) == len(said)


@pytest.mark.parametrize("name", PHRASES)
def test_both_languages_are_filled_in_alike(name: str) -> None:
    """A phrase has the same names in braces in both."""
    fields = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in PHRASES[name]]
    assert fields[0] == fields[1]


def test_no_phrase_is_left_over() -> None:
    """Each is used by the template or the code that fills it."""
    folder = files("monitors.web.status_page")
    used = "".join(folder.joinpath(name).read_text() for name in ("render.py", "templates/page.html.j2"))
    assert [name for name in PHRASES if not re.search(rf"""["']{name}["']""", used)] == []


def test_the_rule_of_the_page_follows_the_rule_of_the_figures() -> None:
    """Whoever changes the rule of accounting brings the page's two versions of it up to date, then this digest."""
    assert hashlib.sha256(accounting.RULE.encode()).hexdigest()[:12] == words.RULE_OF


@pytest.mark.parametrize(
    ("wanted", "accept", "language"),
    [
        (None, "", "en"),
        (None, "nl-NL,nl;q=0.9,en;q=0.8", "nl"),
        (None, "en-GB,nl;q=0.9", "en"),
        (None, "nl;q=0.3, en;q=0.7", "en"),
        (None, "fr, nl;q=0.1", "nl"),
        (None, "nl;q=0", "en"),
        (None, "nl;q=abc, *;q=;;,", "en"),
        (None, "nl;q=nan", "en"),
        ("nl", "en", "nl"),
        ("en", "nl", "en"),
        ("<script>", "nl", "nl"),
    ],
)
def test_which_language(wanted: str | None, accept: str, language: str) -> None:
    """The address goes before the browser's wish; nonsense is no wish."""
    assert negotiate(wanted, accept) == language


@pytest.mark.parametrize(
    ("seconds", "english", "dutch"),
    [
        (0, "0 s", "0 s"),
        (59.9, "59 s", "59 s"),
        (60, "1 min", "1 min"),
        (3600, "1 h", "1 u"),
        (11_159, "3 h 5 min", "3 u 5 min"),
        (86_400, "1 day", "1 dag"),
        (2 * 86_400 + 4 * 3600 + 59, "2 days 4 h", "2 dagen 4 u"),
        (-5, "0 s", "0 s"),
    ],
)
def test_durations(seconds: float, english: str, dutch: str) -> None:
    """Two units at most, cut and not rounded: never longer than it was."""
    assert (Words("en").duration(seconds), Words("nl").duration(seconds)) == (english, dutch)


def test_moments_are_as_brief_as_they_are_clear() -> None:
    """The time today, the day in this year, the year before that."""
    dutch = Words("nl")
    assert dutch.moment(NOW, NOW) == "14:32"
    assert dutch.moment(NOW - timedelta(days=2), NOW) == "ma 9 mrt 14:32"
    assert dutch.moment(NOW - timedelta(days=80), NOW) == "21 dec 2025 14:32"
    assert Words("en").full(NOW) == "Wednesday 11 March 2026, 14:32"


def test_a_deadline_at_midnight_ends_the_day_before() -> None:
    """Nobody takes Thu 12 Mar 00:00 for a day later: 24:00, today or on a day; any other moment begins its day."""
    english, dutch = Words("en"), Words("nl")
    midnight = NOW.replace(hour=0, minute=0) + timedelta(days=1)
    assert english.moment(midnight, NOW) == "Thu 12 Mar 00:00"
    assert english.moment(midnight, NOW, deadline=True) == "24:00"
    assert dutch.moment(midnight + timedelta(days=5), NOW, deadline=True) == "ma 16 mrt 24:00"
    assert english.moment(midnight - timedelta(days=1), NOW, deadline=True) == "Tue 10 Mar 24:00"
    assert english.full(midnight, deadline=True) == "Wednesday 11 March 2026, 24:00"
    assert english.moment(midnight.replace(month=1, day=1), NOW, deadline=True) == "31 Dec 2025 24:00"
    for minutes in (1, 59, 60, 720):
        at = midnight + timedelta(minutes=minutes)
        assert english.moment(at, NOW, deadline=True) == english.moment(at, NOW)


def test_a_period_over_midnight_names_both_days() -> None:
    """Within a day the second is left out."""
    english = Words("en")
    assert english.span(NOW, NOW + timedelta(hours=2)) == f"Wed 11 Mar 14:32{words.DASH}16:32"
    assert english.span(NOW, NOW + timedelta(hours=12)) == f"Wed 11 Mar 14:32 {words.DASH} Thu 12 Mar 02:32"
