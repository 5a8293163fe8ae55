"""A recording: how many people were counted when, as `piekwacht load import-shape` writes it to `config/shapes/`.

    # source: access log portal.log.gz, 3,214,212 requests
    # gaps: none
    start,seconds,count
    2026-03-01T00:00:00+01:00,60,412
    2026-03-01T00:01:00+01:00,60,398.5

Each slot begins where the one before it ends. Comments say where it came from; they are shown to people, not read.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from config.house import Configuration
from config.shapes import MOST
from config.source import ConfigError, Document, Problem, Strict, read, read_text

FOLDER = "shapes"
HEADER = ("start", "seconds", "count")

LONGEST = 366 * 86_400.0
"""Seconds of the longest recording: a year."""

MAX_SLOTS = 366 * 1440
"""Slots of one recording: a year in minutes."""

LATEST = 7_258_118_400.0
"""Unix seconds of the year 2200: a later time is a mistake."""

MAX_PROBLEMS = 20
"""Problems of one file that are told; a file of another kind would have one in every line."""


class Recording(Strict):
    """Counts in slots: `edges` in Unix seconds, one more than there are `counts`."""

    edges: list[float]
    counts: list[float]

    @property
    def total(self) -> float:
        """Everyone who was counted."""
        return math.fsum(self.counts)

    def of_days(self, days: Collection[date], zone: ZoneInfo) -> Recording:
        """Return the slots that touch the local days from the first to the last of `days`.

        Raises `ValueError` where the recording does not cover all of them.
        """
        start, end = _midnight(min(days), zone), _midnight(max(days) + timedelta(days=1), zone)
        if not (self.edges[0] <= start and end <= self.edges[-1]):
            first, last = (datetime.fromtimestamp(edge, zone).isoformat() for edge in (self.edges[0], self.edges[-1]))
            raise ValueError(f"{first} to {last}, which does not cover {', '.join(map(str, sorted(days)))}")
        inside = [index for index, (left, right) in enumerate(pairwise(self.edges)) if right > start and left < end]
        low, high = inside[0], inside[-1] + 1
        return Recording(edges=self.edges[low : high + 1], counts=self.counts[low:high])


@dataclass(frozen=True, slots=True)
class Row:
    """One slot of a recording, or of a CSV file that is to become one; `line` counts from 1."""

    line: int
    start: float
    seconds: float
    count: float


def path_of(root: Path, name: str) -> Path:
    """Return the file of the recording `name`."""
    return root / FOLDER / f"{name}.csv"


def read_recording(path: Path) -> Recording:
    """Read a recording. Raises `ConfigError` with every problem (the first `MAX_PROBLEMS`)."""
    name = str(path)
    rows, problems = _rows(name, _uncommented(read_text(path, "CSV").split("\n")))
    problems += _disorder(name, rows)
    if not problems and not rows:
        problems.append(Problem(name, 1, "", "no slot", "at least one row below the header"))
    if problems:
        raise ConfigError(sorted(problems)[:MAX_PROBLEMS])
    return Recording(
        edges=[*(row.start for row in rows), rows[-1].start + rows[-1].seconds], counts=[row.count for row in rows]
    )


def as_text(recording: Recording, comments: Sequence[str], zone: ZoneInfo) -> str:
    """Write a recording as the text of its file; each comment stands in a line of its own."""
    lines = [*(f"# {' '.join(comment.split())}" for comment in comments), ",".join(HEADER)]
    for (left, right), count in zip(pairwise(recording.edges), recording.counts, strict=True):
        start = datetime.fromtimestamp(left, zone).isoformat()
        lines.append(f"{start},{_plain(right - left)},{_plain(count)}")
    return "\n".join(lines) + "\n"


def check(configuration: Configuration) -> list[Problem]:
    """Return every problem of the recordings, and of the campaigns that name one."""
    problems: list[Problem] = []
    found: dict[str, Recording | None] = {}
    for path in sorted((configuration.root / FOLDER).glob("*.csv")):
        try:
            found[path.stem] = read_recording(path)
        except ConfigError as error:
            found[path.stem] = None
            problems += error.problems
    for campaign_id, campaign in configuration.campaigns.items():
        document = read(configuration.root / "campaigns" / f"{campaign_id}.yaml")
        zone = ZoneInfo(campaign.timezone)
        for day_id, day in campaign.days.items():
            for stream, recorded in day.recordings.items():
                where = ("days", day_id, "recordings", stream)
                today = recorded.date or day.start.astimezone(zone).date()
                problems += _unusable(document, where, found, recorded.shape, today, zone)
    return problems


def _unusable(
    document: Document,
    where: tuple[str, ...],
    found: dict[str, Recording | None],
    name: str,
    day: date,
    zone: ZoneInfo,
) -> Iterator[Problem]:
    if name not in found:
        known = f"a recording of {FOLDER}/: {', '.join(found)}" if found else f"a file {FOLDER}/{name}.csv"
        yield document.problem((*where, "shape"), f"'{name}'", known)
        return
    try:
        recording = found[name]
        if recording:
            recording.of_days([day], zone)
    except ValueError as error:
        yield document.problem((*where, "shape"), f"'{name}', {error}", "a recording of the whole day")


def _rows(name: str, lines: Iterable[tuple[int, str]]) -> tuple[list[Row], list[Problem]]:
    """Return the rows that could be read, and what is wrong with the others."""
    rows: list[Row] = []
    problems: list[Problem] = []
    header = None
    for line, text in lines:
        fields = tuple(field.strip() for field in text.split(","))
        if header is None:
            header = fields
            if header != HEADER:
                return [], [Problem(name, line, "", f"the header {','.join(fields)[:60]!r}", ",".join(HEADER))]
            continue
        try:
            rows.append(_row(line, fields))
        except ValueError as error:
            problems.append(Problem(name, line, "", *error.args))
        if len(rows) > MAX_SLOTS:
            wanted = "a longer step or a shorter period"
            problems.append(Problem(name, line, "", f"more than {MAX_SLOTS:,} slots", wanted))
        if len(problems) > MAX_PROBLEMS or len(rows) > MAX_SLOTS:
            break
    return rows, problems


def _row(line: int, fields: tuple[str, ...]) -> Row:
    """Return one slot. Raises `ValueError` with what was found and what was expected."""
    if len(fields) != len(HEADER):
        raise ValueError(f"{len(fields)} fields", "three: start, seconds, count")
    return Row(line, moment(fields[0]), number(fields[1], LONGEST, "seconds"), number(fields[2], MOST, "arrivals"))


def moment(text: str) -> float:
    """Return Unix seconds for ISO 8601 text with an offset. Raises `ValueError` (found, expected)."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.utcoffset() is None:
        raise ValueError(f"the time {text[:40]!r}", "a time with its offset, such as 2026-03-01T07:00:00+01:00")
    return unix(parsed)


def unix(moment: datetime) -> float:
    """Return Unix seconds of an aware moment. Raises `ValueError` where nothing can have been counted then."""
    if not 1970 <= moment.year < 2200:  # the first and the last year of all have no Unix time in some zones
        raise ValueError(f"the year {moment.year}", "a time from 1970 to 2200")
    return from_unix(moment.timestamp())


def from_unix(seconds: float) -> float:
    """Return Unix seconds as they are. Raises `ValueError` where nothing can have been counted then."""
    if not 0 <= seconds < LATEST:
        raise ValueError(f"the time {seconds:g}", "Unix seconds from 1970 to 2200")
    return seconds


def number(text: str, most: float, unit: str) -> float:
    """Return a number from 0 to `most` (seconds: above 0). Raises `ValueError` (found, expected)."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= most or (unit == "seconds" and value == 0):
        least = "above 0" if unit == "seconds" else "of at least 0"
        raise ValueError(f"{text[:40]!r}", f"a number of {unit} {least} and at most {most:g}")
    return value


def _disorder(name: str, rows: Sequence[Row]) -> Iterator[Problem]:
    """Yield the rows that do not begin where the one before ends, and a recording that is too long."""
    for before, row in pairwise(rows):
        end = before.start + before.seconds
        if abs(row.start - end) > 1e-3:
            expected = f"a slot that begins at {datetime.fromtimestamp(end, UTC).isoformat()}, where the last one ends"
            yield Problem(name, row.line, "", datetime.fromtimestamp(row.start, UTC).isoformat(), expected)
    if rows and rows[-1].start + rows[-1].seconds - rows[0].start > LONGEST:
        yield Problem(name, rows[-1].line, "", "a recording of more than 366 days", "a year at most")


def _uncommented(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither empty nor comments, with their numbers."""
    for index, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            yield index, line


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime.combine(day, clock_time(), zone).timestamp()


def _plain(value: float) -> str:
    """Write a number without losing any of it: 60, not 60.0."""
    return str(int(value)) if value == int(value) else repr(value)
