"""Arrivals counted from access logs: the common and combined formats of Apache and nginx, JSON lines; plain or gzip.

Every line is checked. Few broken ones (a disk that filled, a rotation) are left out and told; more are an error. Memory
does not grow with the log: only the count of each step is kept.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from config.recording import MAX_PROBLEMS, MAX_SLOTS, from_unix, unix
from loadtests.shapes import Floats
from loadtests.sources.clock import LogClock
from loadtests.sources.counted import Counted, Progress, SourceError, silences

Format = Literal["auto", "common", "combined", "jsonl"]

TIME_KEYS = ("time", "timestamp", "@timestamp", "ts", "time_iso8601", "time_local", "datetime", "msec", "start_time")
PATH_KEYS = ("path", "uri", "request_uri", "url", "request", "RequestPath")
"""Names under which servers log them (nginx, Apache, Traefik, Caddy, Envoy); the first that is there counts."""

BLOCK = 1 << 20
"""Bytes read at once, and the longest line."""

TOLERATED = 0.001
"""Share of broken lines that is left out; with more, this is no such log."""

MILLISECONDS = 1e11
"""Unix times above this are in milliseconds: as seconds they would lie after the year 5000."""

_STAMP = rb"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]"
_QUOTED = rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE = rb"\S+ \S+ .*?" + _STAMP + b" " + _QUOTED + rb" \d{3} (?:\d+|-)"
_COMMON = re.compile(_LINE + rb"(?: .*)?\r?")
_COMBINED = re.compile(_LINE + b" " + _QUOTED + b" " + _QUOTED + rb"(?: .*)?\r?")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_CLF_TIME = re.compile(_STAMP[2:-2].decode().strip("()"))
_MONTHS = {name: month for month, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}

Entry = tuple[float, bytes]
"""When (Unix seconds), and for which path."""


def read_logs(
    paths: Sequence[Path],
    *,
    form: Format = "auto",
    pattern: re.Pattern[bytes] | None = None,
    step: float = 60.0,
    zone: ZoneInfo | None = None,
    progress: Progress = lambda _: None,
) -> Counted:
    """Count the lines of all logs in steps; `pattern` selects those whose path it is found in.

    `zone` is that of times without an offset. Raises `SourceError` with every problem of every log.
    """
    tally = _Tally(step, pattern)
    clock = LogClock(zone)
    problems: list[str] = []
    for path in paths:
        try:
            _Log(path, form, clock, tally, progress).read()
        except SourceError as error:
            problems += error.problems
    if not problems and not tally.slots:
        what = f"no line whose path matches '{tally.wanted}'" if tally.lines else "no line at all"
        problems.append(f"{', '.join(map(str, paths))}: {what}")
    if problems:
        raise SourceError(*problems)
    return tally.counted(", ".join(path.name for path in paths))


class _Tally:
    """What all logs together count: `slots` by number of the step since 1970."""

    def __init__(self, step: float, pattern: re.Pattern[bytes] | None) -> None:
        self.step = step
        self.slots: dict[int, int] = {}
        self.lines = 0
        self.remarks: list[str] = []
        self.wanted = pattern.pattern.decode() if pattern else ""
        self._pattern = pattern

    def add(self, moment: float, path: bytes) -> None:
        """Count one line."""
        if self._pattern is None or self._pattern.search(path):
            slot = int(moment // self.step)
            self.slots[slot] = self.slots.get(slot, 0) + 1
            if len(self.slots) > MAX_SLOTS:
                raise SourceError(f"more than {MAX_SLOTS:,} steps with arrivals: choose a longer --step")

    def counted(self, names: str) -> Counted:
        """Return the counts of every step from the first to the last. Raises `SourceError` where they are too many."""
        first, last = min(self.slots), max(self.slots)
        if last - first >= MAX_SLOTS:
            begin, end = (datetime.fromtimestamp(slot * self.step, UTC).isoformat() for slot in (first, last))
            raise SourceError(f"lines from {begin} to {end}, more than {MAX_SLOTS:,} steps: choose a longer --step")
        counts = np.zeros(last - first + 1)
        for slot, count in self.slots.items():
            counts[slot - first] = count
        chosen = f", {int(counts.sum()):,} of them with a path like {self.wanted}" if self.wanted else ""
        origin = f"access log {names}, {self.lines:,} lines{chosen}"
        edges: Floats = np.arange(first, last + 2, dtype=np.float64) * self.step
        return Counted(edges, silences(counts), origin, tuple(self.remarks))


class _Log:
    """One file on its way into the tally."""

    def __init__(self, path: Path, form: Format, clock: LogClock, tally: _Tally, progress: Progress) -> None:
        self._path = path
        self._form = form
        self._clock = clock
        self._tally = tally
        self._progress = progress
        self._entry: Callable[[bytes], Entry] | None = None
        self._lines = 0
        self._broken = 0
        self._examples: list[str] = []

    def read(self) -> None:
        """Count every line. Raises `SourceError`."""
        self._clock.begin()
        try:
            for lines in self._blocks():
                self._take(lines)
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise SourceError(f"{self._path}: broken off after line {self._lines:,}: {reason}") from None
        self._tally.lines += self._lines
        if self._broken > TOLERATED * self._lines:
            more = self._broken - len(self._examples)
            rest = [f"{self._path}: and {more:,} more broken lines"] if more else []
            raise SourceError(*self._examples, *rest)
        if self._broken:
            remark = f"{self._broken:,} broken lines left out, the first: {self._examples[0]}"
            self._tally.remarks.append(remark)
        self._tally.remarks += [f"{self._path} {doubt}" for doubt in self._clock.doubts()]

    def _take(self, lines: list[bytes]) -> None:
        entry = self._entry = self._entry or self._reader(lines[0])
        add = self._tally.add
        for number, line in enumerate(lines, start=self._lines + 1):
            if not line:
                self._broken_line(number, line, ValueError("an empty line"))
                continue
            try:
                add(*entry(line))
            except ValueError as error:
                self._broken_line(number, line, error)
        self._lines += len(lines)

    def _reader(self, first: bytes) -> Callable[[bytes], Entry]:
        """Return what reads one line; `auto` decides by the first one."""
        form = self._form
        if form == "auto":
            form = "jsonl" if first.lstrip().startswith(b"{") else "common"
        if form == "jsonl":
            return _JsonReader(self._clock)
        return _ClfReader(_COMBINED if form == "combined" else _COMMON)

    def _broken_line(self, number: int, line: bytes, error: ValueError) -> None:
        self._broken += 1
        if len(self._examples) < MAX_PROBLEMS:
            shown = line[:60].decode("utf-8", "replace")
            self._examples.append(f"{self._path}:{number}: {', expected '.join(error.args)}: {shown!r}")

    def _blocks(self) -> Iterator[list[bytes]]:
        """Yield the lines of the file, without their ends, a block at a time."""
        with self._path.open("rb") as raw:
            size, packed = self._path.stat().st_size, raw.peek(2)[:2] == b"\x1f\x8b"  # a pipe cannot go back
            stream: BufferedReader | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if packed else raw
            rest = b""
            while block := stream.read1(BLOCK):  # `read` would lose what stands before the end of half a file
                *lines, rest = (rest + block).split(b"\n")
                if len(rest) > BLOCK:
                    line = self._lines + len(lines) + 1
                    raise SourceError(f"{self._path}:{line}: a line of more than {BLOCK:,} bytes")
                if lines:
                    yield lines
                if size:
                    self._progress(f"{self._path.name}: {raw.tell() / size:.0%}, {self._lines:,} lines")
            if rest:
                yield [rest]


class _ClfReader:
    """Reads lines of the common or the combined format; remembers what a time stamp stands for."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._match = pattern.fullmatch
        self._known: dict[bytes, float] = {}

    def __call__(self, line: bytes) -> Entry:
        """Return one line's time and path. Raises `ValueError` where it is not of this format."""
        match = self._match(line)
        if match is None:
            raise ValueError("not a line of this format")
        stamp, request = match.groups()[:2]
        moment = self._known.get(stamp)
        if moment is None:
            if len(self._known) > 10_000:
                self._known.clear()
            moment = self._known[stamp] = clf_time(stamp)
        return moment, request


def clf_time(stamp: bytes) -> float:
    """Return Unix seconds for a stamp such as 01/Mar/2026:07:00:00 +0100. Raises `ValueError`."""
    offset = timedelta(hours=int(stamp[22:24]), minutes=int(stamp[24:26]))
    zone = timezone(-offset if stamp[21:22] == b"-" else offset)
    hour, minute, second = int(stamp[12:14]), int(stamp[15:17]), int(stamp[18:20])
    month = _MONTHS.get(stamp[3:6], 0)
    return unix(datetime(int(stamp[7:11]), month, int(stamp[:2]), hour, minute, second, tzinfo=zone))


class _JsonReader:
    """Reads lines of JSON; remembers under which names the last one had its time and its path."""

    def __init__(self, clock: LogClock) -> None:
        self._clock = clock
        self._time = TIME_KEYS[0]
        self._path = PATH_KEYS[0]

    def __call__(self, line: bytes) -> Entry:
        """Return one line's time and path. Raises `ValueError`."""
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 (wrong is the log, not the program)
        if self._time not in data:
            self._time = next((key for key in TIME_KEYS if key in data), self._time)
        if self._path not in data:
            self._path = next((key for key in PATH_KEYS if key in data), self._path)
        value = data.get(self._time)
        if value is None:
            raise ValueError(f"no time under any of {', '.join(TIME_KEYS)}")
        path = data.get(self._path, "")
        if isinstance(path, dict):  # Caddy's request, an object with all that was asked
            path = path.get("uri", "")
        return json_time(value, self._clock), str(path).encode("utf-8", "replace")


def json_time(value: Any, clock: LogClock) -> float:
    """Return Unix seconds for a number (seconds or milliseconds) or a text (ISO 8601, or as in the common format).

    Raises `ValueError`.
    """
    if isinstance(value, str) and "T" not in value and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < MILLISECONDS * 1000:
            raise ValueError("a time before 1970 or after 2200")
        return from_unix(value / 1000 if value > MILLISECONDS else value)
    if not isinstance(value, str):
        raise ValueError("a time that is neither a number nor a text")  # noqa: TRY004 (as above)
    if "/" in value and _CLF_TIME.fullmatch(value):
        return clf_time(value.encode())
    return clock.read(value)
