"""Reading a disruption notice: where it stands on a page, and which moment it names for its next update. Pure.

A notice is the element that has the marked attribute (`role=alert`). Its next update is the first moment after the
words that announce it: a `<time datetime>` or a date and a time as people write them, the date before or after:

    Volgende update: 1 maart 2023 om 14.30 uur          Next update: 14:30 on 1 March 2023
    Volgende update om 14.30 uur                        Next update: <time datetime="2023-03-01T14:30:00+01:00">

Times without an offset are those of the Netherlands. A time without a date is the last one of its kind that lies no
more than `AHEAD` in the future: nobody announces the next update for so much later.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from config.hours import ZONE
from journeys.markup import Markup

AHEAD = timedelta(hours=6)
_REACH = 120
"""Characters after the announcing words within which the moment must stand."""

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_MONTHS = (
    ("januari", "january"),
    ("februari", "february"),
    ("maart", "march"),
    ("april",),
    ("mei", "may"),
    ("juni", "june"),
    ("juli", "july"),
    ("augustus", "august"),
    ("september",),
    ("oktober", "october"),
    ("november",),
    ("december",),
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_ISO = re.compile(r"\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:z|[+-]\d\d:?\d\d)?")
_CLOCK = re.compile(r"\b([01]?\d|2[0-3])[.:]([0-5]\d)\b")
_DATE = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+({'|'.join(_MONTH)})\b(?:\s+(\d{{4}}))?")


class _Notice(Markup):
    """Collects the text of the first element that has the attribute; a `<time datetime>` counts as what it says."""

    def __init__(self, attribute: str, value: str) -> None:
        super().__init__()
        self._attribute, self._value = attribute, value
        self._depth = self._inside_time = 0
        self.texts: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if self._depth:
            self._depth += tag not in _VOID
            if tag == "time" and found.get("datetime") and self.texts is not None:
                self._inside_time = self._depth
                self.texts.append(f" {found['datetime']} ")
        elif self.texts is None and "hidden" not in found and self._value in (found.get(self._attribute) or "").split():
            self.texts, self._depth = [], int(tag not in _VOID)

    def handle_endtag(self, tag: str) -> None:
        if self._depth and tag not in _VOID:
            if self._inside_time == self._depth:
                self._inside_time = 0
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._depth and not self._inside_time and self.texts is not None:
            self.texts.append(data)


def notice_of(page: str, marker: str) -> str | None:
    """Return the text of the notice on a page, or None if there is none that people see."""
    attribute, _, value = marker.partition("=")
    reader = _Notice(attribute, value)
    reader.feed(page)
    return None if reader.texts is None else " ".join("".join(reader.texts).split())


def next_update(notice: str, words: str, now: datetime) -> datetime | None:
    """Return the moment that a notice names after the announcing words, or None if it names none. `now` is aware."""
    _, found, rest = notice.lower().partition(words.lower())
    return _moment(rest[:_REACH], now.astimezone(ZONE)) if found else None


def _moment(text: str, now: datetime) -> datetime | None:
    try:
        if iso := _ISO.search(text):
            written = datetime.fromisoformat(iso[0].upper())
            return written if written.tzinfo else written.replace(tzinfo=ZONE)
        clock, date = _CLOCK.search(text), _DATE.search(text)
        if clock is None:
            return None
        moment = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        if date:
            year = int(date[3] or now.year)
            return moment.replace(year=year, month=_MONTH[date[2]], day=int(date[1]))
    except ValueError:  # 31 february
        return None
    if moment - now > AHEAD:
        return moment - timedelta(days=1)
    return moment + timedelta(days=1) if moment - now <= AHEAD - timedelta(days=1) else moment
