"""Counts from a CSV file: `time,count` or `start,seconds,count`, with commas or semicolons.

Times are ISO 8601 with an offset, without one in the zone that is given, or Unix seconds. An empty count is a gap.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from config.recording import LONGEST, MAX_PROBLEMS, Row, from_unix, number
from config.shapes import MOST
from loadtests.sources.clock import NEVER, RowClock
from loadtests.sources.counted import Counted, SourceError, joined

TIMES, COUNTS = {"time", "start", "timestamp"}, {"count", "value"}

MAX_ROWS = 5_000_000
"""Rows of one file; all of them are held in memory."""

REGULAR = 1.5
"""A row that comes later than this many times the usual distance after the one before leaves a gap."""

_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
"""What `surrogateescape` makes of such bytes: where they stand is known without holding or reading twice the file."""


def read_csv(path: Path, zone: ZoneInfo | None) -> Counted:
    """Read a file. Raises `SourceError` with every problem (the first `MAX_PROBLEMS`) and its line."""
    clock = RowClock(zone)
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            rows = _Reader(path, clock).read(stream)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None
    edges, counts = joined(_spans(rows))
    remarks = (f"{path} {clock.doubt}",) if clock.doubt else ()
    return Counted(edges, counts, f"CSV {path.name}, {len(rows):,} rows", remarks)


class _Reader:
    """Reads rows and gathers what is wrong with them."""

    def __init__(self, path: Path, clock: RowClock) -> None:
        self._path = path
        self._clock = clock
        self._problems: list[str] = []
        self._last = NEVER

    def read(self, lines: Iterator[str]) -> list[Row]:
        """Return every row of data."""
        wanted = self._wanted(lines)
        line, header = next(wanted, (1, ""))
        delimiter = ";" if ";" in header else ","
        try:
            width = _columns(_fields(header, delimiter))
        except ValueError as error:
            self._complain(line, *error.args)
            raise SourceError(*self._problems) from None
        rows: list[Row] = []
        for line, text in wanted:
            try:
                rows.append(self._row(line, _fields(text, delimiter), width))
            except ValueError as error:
                self._complain(line, *error.args)
            if len(self._problems) >= MAX_PROBLEMS:
                raise SourceError(*self._problems, f"{self._path}: and perhaps more; no further line was read")
            if len(rows) > MAX_ROWS:
                raise SourceError(f"{self._path}:{line}: more than {MAX_ROWS:,} rows")
        if not self._problems and len(rows) < 4 - width:
            self._complain(line, f"{len(rows)} rows of data", "rows below the header; two or more if it has no seconds")
        if self._problems:
            raise SourceError(*self._problems)
        return rows

    def _wanted(self, lines: Iterator[str]) -> Iterator[tuple[int, str]]:
        """Yield the lines that are neither empty nor comments, with their numbers."""
        for line, text in enumerate(lines, start=1):
            if _NOT_UTF_8.search(text):
                self._complain(line, "bytes that are not UTF-8", "CSV in UTF-8")
                raise SourceError(*self._problems)
            if text.strip() and text[0] != "#":
                yield line, text

    def _complain(self, line: int, found: str, wanted: str) -> None:
        self._problems.append(f"{self._path}:{line}: found {found}, expected {wanted}")

    def _row(self, line: int, fields: Sequence[str], width: int) -> Row:
        if len(fields) != width:
            raise ValueError(f"{len(fields)} fields", f"{width}, as in the header")
        if re.fullmatch(r"\d+(\.\d+)?", fields[0]):
            start = from_unix(float(fields[0]))
        else:
            start = self._clock.read(fields[0], self._last)
        if start <= self._last:
            raise ValueError(f"the time {fields[0]!r}, not after the one before", "times that rise")
        self._last = start
        seconds = number(fields[1], LONGEST, "seconds") if width == 3 else 0.0
        count = math.nan if not fields[-1] else number(fields[-1], MOST, "arrivals")
        if width == 3:
            self._last = start + seconds - 1e-3
        return Row(line, start, seconds, count)


def _fields(text: str, delimiter: str) -> list[str]:
    """Return the fields of a line. Raises `ValueError` (found, expected)."""
    try:
        return [field.strip() for field in next(csv.reader([text], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        raise ValueError(f"broken CSV ({error})", "fields, in double quotes where needed") from None


def _columns(header: Sequence[str]) -> int:
    """Return how many columns there are. Raises `ValueError` (found, expected)."""
    if not any(header):
        raise ValueError("an empty file", "the header time,count or start,seconds,count")
    names = [name.lower() for name in header]
    right = len(names) in {2, 3} and names[0] in TIMES and names[-1] in COUNTS
    if not right or (len(names) == 3 and names[1] != "seconds"):
        raise ValueError(f"the header {','.join(header)[:60]!r}", "time,count or start,seconds,count")
    return len(names)


def _spans(rows: Sequence[Row]) -> list[tuple[float, float, float]]:
    """Return start, end and count of each row; without seconds a row lasts until the next, if that is not late."""
    if rows[0].seconds:
        return [(row.start, row.start + row.seconds, row.count) for row in rows]
    distances = [later.start - row.start for row, later in pairwise(rows)]
    usual = median(distances)
    lengths = [distance if distance <= REGULAR * usual else usual for distance in distances]
    return [(row.start, row.start + length, row.count) for row, length in zip(rows, [*lengths, usual], strict=True)]
