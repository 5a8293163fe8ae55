"""What `piekwacht load import-shape` is asked: one source, how to read it, and how to make a recording of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from config.fields import BaseUrl, Duration, TimeZone
from config.source import ConfigError, Contradiction, Document, Problem, Strict, expected, validate
from loadtests.sources.access_log import Format, read_logs
from loadtests.sources.counted import Counted, Gaps, Progress, SourceError, Wanted
from loadtests.sources.csv_file import read_csv
from loadtests.sources.prometheus import Meaning, Range, read_prometheus

SOURCES = ("csv", "access_log", "prometheus")


def _time(text: str) -> str:
    try:
        year = datetime.fromisoformat(text).year
    except ValueError:
        year = 0
    if not 1970 <= year < 2200:
        raise expected("a time such as 2026-03-01T07:00 or 2026-03-01T07:00:00+01:00")
    return text


Time = Annotated[str, AfterValidator(_time)]


def _regex(text: str) -> re.Pattern[bytes]:
    try:
        return re.compile(text.encode())
    except (re.error, UnicodeEncodeError, OverflowError, RecursionError) as error:  # x{9999999999}, ((((…
        raise expected(f"a regular expression ({error})") from None


Regex = Annotated[re.Pattern[bytes], BeforeValidator(_regex)]
"""Of bytes, as lines of a log are."""


class Request(Strict):
    """The options of the command, each under its own name."""

    csv: Path | None = None
    access_log: list[Path] = Field(default=[])
    format: Format = "auto"
    path_regex: Regex | None = None
    prometheus: BaseUrl | None = None
    query: str | None = None
    counter: bool = False
    rate: bool = False
    start: Time | None = Field(default=None, alias="from")
    end: Time | None = Field(default=None, alias="to")
    zone: TimeZone = "Europe/Amsterdam"
    step: Annotated[Duration, Field(ge=1, le=86_400)] = 60.0
    gaps: Gaps = "interpolate"
    smooth: Duration | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that there is one source, with what it needs."""
        given = [name for name in SOURCES if getattr(self, name)]
        if len(given) != 1:
            words = " and ".join(map(_option, given)) or "no source"
            yield Contradiction((), f"one of {', '.join(map(_option, SOURCES))}", words)
        if self.prometheus:
            for name, value in (("query", self.query), ("from", self.start), ("to", self.end)):
                if not value:
                    yield Contradiction((name,), "a value: --prometheus needs one", "nothing")
            if self.counter == self.rate:
                found = "both" if self.rate else "neither"
                yield Contradiction((), "--rate or --counter: what the query gives", found)
        if self.smooth is not None and self.smooth < 2 * self.step:
            yield Contradiction(("smooth",), f"at least two steps, {2 * self.step:g}s", f"{self.smooth:g}s")

    @property
    def wanted(self) -> Wanted:
        """What the recording is to be like."""
        return Wanted(
            zone=ZoneInfo(self.zone),
            step=self.step,
            gaps=self.gaps,
            smooth=self.smooth,
            start=self._moment(self.start),
            end=self._moment(self.end),
        )

    def read(self, progress: Progress) -> Counted:
        """Read the source. Raises `SourceError`."""
        wanted = self.wanted
        if self.csv:
            return read_csv(self.csv, wanted.zone)
        if self.access_log:
            return read_logs(
                self.access_log,
                form=self.format,
                pattern=self.path_regex,
                step=self.step,
                zone=wanted.zone,
                progress=progress,
            )
        assert self.prometheus
        assert self.query
        assert wanted.start
        assert wanted.end
        meaning: Meaning = "counter" if self.counter else "rate"
        asked = Range(self.prometheus, self.query, wanted.start, wanted.end, self.step, meaning)
        return read_prometheus(asked, progress=progress)

    def _moment(self, text: str | None) -> datetime | None:
        if text is None:
            return None
        moment = datetime.fromisoformat(text)
        return moment if moment.utcoffset() is not None else moment.replace(tzinfo=ZoneInfo(self.zone))


def request(options: Mapping[str, Any]) -> Request:
    """Return the request that options make; those left out are None. Raises `SourceError` with every mistake."""
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return validate(Document("options", given), Request)
    except ConfigError as error:
        raise SourceError(*map(_explain, error.problems)) from None


def _explain(problem: Problem) -> str:
    where = f"{_option(problem.path)}: " if problem.path else ""
    return f"{where}found {problem.found}, expected {problem.expected}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
