"""Arrivals from a Prometheus range query (`/api/v1/query_range`): of a rate, or of a counter that only rises.

    rate      the value at t, times the step, came in (t - step, t]; all series together
    counter   what a series rose between two of its samples; a fall is a restart from 0; all series together

A time without any sample is a gap. A counter knows what came in a gap too, and spreads it evenly there: for that it is
asked when each sample was taken (`timestamp()`), because Prometheus repeats the last one for five minutes.
"""

from __future__ import annotations

import asyncio
import json
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import aiohttp
import numpy as np

from config.recording import LONGEST, MAX_SLOTS
from loadtests.shapes import Floats
from loadtests.sources.counted import Counted, Progress, SourceError

Meaning = Literal["rate", "counter"]

POINTS = 10_000
"""Points asked for at once; Prometheus refuses more than 11,000 for each series."""

MAX_SERIES = 200
MAX_BYTES = 100_000_000

BRIDGE = 300.0
"""Seconds for which Prometheus repeats a sample unless told otherwise; a longer time without one is a gap."""

PATIENCE = 60.0
"""Seconds for one answer, from the first byte sent to the last byte received."""


@dataclass(frozen=True)
class Range:
    """What is asked: a query over [start, end], every `step` seconds, and what its values mean."""

    url: str
    query: str
    start: datetime
    end: datetime
    step: float
    meaning: Meaning


def read_prometheus(
    wanted: Range, *, progress: Progress = lambda _: None, patience: float = PATIENCE, points: int = POINTS
) -> Counted:
    """Ask Prometheus, in parts of `points`. Raises `SourceError` where it does not answer, or not as it should."""
    length = (wanted.end - wanted.start).total_seconds()
    if not wanted.step <= length <= LONGEST:
        raise SourceError(f"--from {wanted.start} to {wanted.end}: not between one step and 366 days")
    if length / wanted.step > MAX_SLOTS:
        raise SourceError(f"more than {MAX_SLOTS:,} steps: choose a longer --step")
    return asyncio.run(_read(wanted, progress, patience, points))


async def _read(wanted: Range, progress: Progress, patience: float, points: int) -> Counted:
    count = int((wanted.end - wanted.start).total_seconds() // wanted.step)
    instants: Floats = wanted.start.timestamp() + wanted.step * np.arange(count + 1, dtype=np.float64)
    total = _Counter(instants) if wanted.meaning == "counter" else _Rate(instants)
    warnings: dict[str, None] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as session:
        for first in range(0, count + 1, points):
            part = instants[first : first + points]
            progress(f"{wanted.url}: {first / (count + 1):.0%}")
            parameters = {"query": wanted.query, "start": repr(float(part[0])), "end": repr(float(part[-1]))}
            parameters["step"] = repr(wanted.step)
            answer = await _ask(session, wanted.url, parameters)
            if wanted.meaning == "counter":
                taken = await _ask(session, wanted.url, {**parameters, "query": f"timestamp({wanted.query}\n)"})
                answer = _when_taken(answer, taken)
            warnings |= dict.fromkeys(answer.warnings)
            for name, samples in answer.series.items():
                total.add(name, samples)
    if not total.names:
        raise SourceError(f"{wanted.url} has nothing for {wanted.query} from {wanted.start} to {wanted.end}")
    remarks = [f"Prometheus warns: {warning}" for warning in warnings] + total.remarks
    origin = f"Prometheus {wanted.url}, the {wanted.meaning} {wanted.query}, {len(total.names)} series"
    return Counted(instants, total.counts(), origin, tuple(remarks))


@dataclass
class _Answer:
    """The series of one answer by their labels: rows of (time, value)."""

    series: dict[str, Floats] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class _Total(ABC):
    """Sums series over the steps between `instants`. Only sums are kept, so memory does not grow with the series."""

    def __init__(self, instants: Floats) -> None:
        self._instants = instants
        self._step = float(instants[1] - instants[0])
        self._counts = np.zeros(len(instants) - 1)
        self._known = np.zeros(len(instants) - 1, dtype=bool)
        self.names: set[str] = set()

    @abstractmethod
    def add(self, name: str, samples: Floats) -> None:
        """Add the next samples of one series."""

    @property
    def remarks(self) -> list[str]:
        """What people must know."""
        return []

    def counts(self) -> Floats:
        """Return the arrivals in each step, NaN where no series says anything."""
        return np.where(self._known, self._counts, np.nan)


class _Rate(_Total):
    def add(self, name: str, samples: Floats) -> None:
        self.names.add(name)
        samples = samples[~np.isnan(samples[:, 1])]
        slots = np.rint((samples[:, 0] - self._instants[0]) / self._step).astype(int) - 1
        inside = slots >= 0
        self._counts[slots[inside]] += samples[inside, 1] * self._step
        self._known[slots[inside]] = True


class _Counter(_Total):
    def __init__(self, instants: Floats) -> None:
        super().__init__(instants)
        self._last: dict[str, Floats] = {}
        self._resets = 0
        self._bridged = 0.0

    def add(self, name: str, samples: Floats) -> None:
        self.names.add(name)
        samples = samples[~np.isnan(samples[:, 1])]
        if name in self._last:
            later = samples[:, 0] > self._last[name][0]
            samples = np.concatenate((self._last[name][None], samples[later]))
        if len(samples):
            self._last[name] = samples[-1]
        if len(samples) < 2:
            return
        times = samples[:, 0]
        risen = np.diff(samples[:, 1])
        resets = risen < 0
        risen[resets] = samples[1:, 1][resets]
        self._resets += int(resets.sum())
        apart = np.diff(times)
        self._bridged += float(apart[apart > max(BRIDGE, 2 * self._step)].sum())
        first = int(np.searchsorted(self._instants, times[0], side="right")) - 1
        last = int(np.searchsorted(self._instants, times[-1]))
        part = slice(max(first, 0), min(last, len(self._counts)) + 1)
        came = np.interp(self._instants[part], times, np.concatenate(([0.0], np.cumsum(risen))))
        slots = slice(part.start, part.stop - 1)
        self._counts[slots] += np.diff(came)
        self._known[slots] = True

    @property
    def remarks(self) -> list[str]:
        said = []
        if self._resets:
            lost = f"what came in up to {self._step:g} s before each is not known; a shorter --step loses less"
            said.append(f"{self._resets} counter resets: {lost}")
        if self._bridged:
            said.append(f"{self._bridged:,.0f} s without samples: what the counters rose meanwhile is spread evenly")
        return said


def _when_taken(answer: _Answer, taken: _Answer) -> _Answer:
    """Return the samples of counters at the times at which they were taken, each sample once.

    A time that is not shortly before the one asked for (of an offset, an expression) is not that of a sample.
    """
    stamps = {_without_name(name): dict(samples.tolist()) for name, samples in taken.series.items()}
    series = {}
    for name, samples in answer.series.items():
        known = stamps.get(_without_name(name), {})
        times = np.array([known.get(time, time) for time in samples[:, 0].tolist()])
        late = samples[:, 0] - times
        times = np.where((late >= 0) & (late <= BRIDGE), times, samples[:, 0])
        first = np.diff(times, prepend=-np.inf) > 0
        series[name] = np.column_stack((times, samples[:, 1]))[first]
    return _Answer(series, answer.warnings)


def _without_name(metric: str) -> str:
    labels = json.loads(metric)
    return json.dumps({key: labels[key] for key in labels if key != "__name__"}, sort_keys=True)


async def _ask(session: aiohttp.ClientSession, url: str, parameters: Mapping[str, str]) -> _Answer:
    """Return one answer, checked. Redirects are not followed: only the URL that was given is asked."""
    # POST, as Prometheus's own pages do: a query may be longer than a URL
    asked = session.post(f"{url}/api/v1/query_range", data=parameters, allow_redirects=False)
    async with _told(url), asked as response:
        body = bytearray()
        async for chunk in response.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > MAX_BYTES:
                raise SourceError(f"{url}: an answer of more than {MAX_BYTES:,} bytes: choose a longer --step")
        if 300 <= response.status < 400:
            target = response.headers.get("Location", "nowhere")[:200]
            raise SourceError(f"{url} sends to {target}: give that URL if it is the right one")
        return _checked(url, response.status, bytes(body), parameters)


@asynccontextmanager
async def _told(url: str) -> AsyncIterator[None]:
    """Turn what can go wrong on the way into words."""
    try:
        yield
    except TimeoutError:
        raise SourceError(f"{url}: no complete answer in time") from None
    except aiohttp.ClientConnectorError as error:
        raise SourceError(f"{url}: cannot be reached: {error.os_error.strerror or error}") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise SourceError(f"{url}: the answer broke off or is no HTTP: {error}") from None


def _checked(url: str, status: int, body: bytes, parameters: Mapping[str, str]) -> _Answer:
    """Return the series of an answer. Raises `SourceError` where it is not one of Prometheus's."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict) and data.get("status") == "error":
        raise SourceError(f"{url} refuses the query ({data.get('errorType')}): {str(data.get('error'))[:300]}")
    if status != 200:
        raise SourceError(f"{url}: status {status}, not an answer of Prometheus: {body[:80]!r}")
    result = data.get("data") if isinstance(data, dict) and data.get("status") == "success" else None
    if not isinstance(result, dict) or not isinstance(result.get("result"), list):
        raise SourceError(f"{url}: not an answer of Prometheus: {body[:80]!r}")
    if result.get("resultType") != "matrix":
        raise SourceError(f"{url}: the query gives a {result.get('resultType')}, not series over time")
    if len(result["result"]) > MAX_SERIES:
        raise SourceError(f"{url}: more than {MAX_SERIES} series; put sum() around a rate")
    warnings = data.get("warnings")
    answer = _Answer(warnings=[str(warning)[:300] for warning in warnings] if isinstance(warnings, list) else [])
    first, last, step = (float(parameters[key]) for key in ("start", "end", "step"))
    problems = []
    for series in result["result"]:
        try:
            samples = _samples(series["values"], first, last, step)
            answer.series[json.dumps(dict(series["metric"]), sort_keys=True)] = samples
        except (ValueError, TypeError, KeyError) as error:
            name = json.dumps(series.get("metric") if isinstance(series, dict) else None)[:200]
            problems.append(f"{url}: the series {name} is of no use: {error}")
    if problems:
        raise SourceError(*problems[:20])
    return answer


def _samples(values: Any, first: float, last: float, step: float) -> Floats:
    """Return the samples of one series as rows (time, value). Raises `ValueError`."""
    samples = np.array([(float(time), float(value)) for time, value in values], dtype=np.float64).reshape(-1, 2)
    times = samples[:, 0]
    if not np.all((times >= first - 1) & (times <= last + 1)):
        raise ValueError("it has times that were not asked for")
    if np.any(np.diff(np.rint((times - first) / step)) < 1):
        raise ValueError("its times do not rise from step to step")
    for value in samples[:, 1].tolist():
        if math.isinf(value) or value < 0:
            raise ValueError(f"the value {value:g}, neither a rate nor a counter")
    return samples
