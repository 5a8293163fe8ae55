"""A run on the terminal: a panel while it lasts, tables of the summary at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from loadtests import wording
from loadtests.summary import Summary, Times, WaitingRoomRow
from loadtests.verdict import Outcome, Result

SYMBOLS: Mapping[Outcome, str] = {"passed": "✔", "failed": "✘", "invalid": "!"}
COLOURS: Mapping[Outcome, str] = {"passed": "green", "failed": "red", "invalid": "yellow"}

SIGNS: Mapping[Result, tuple[str, str]] = {
    "met": ("✔", "green"),
    "missed": ("✘", "red"),
    "not measured": ("?", "yellow"),
}

FAILURES_SHOWN = 10
"""Rows of the table of failures; the report has them all."""


SHOWN_FROM = 1.005
"""Attempts for each journey that passed from which they are worth a line."""


def show(summary: Summary, console: Console) -> None:
    """Print verdict, thresholds, arrivals, journeys, waiting room, failures and connections that were refused."""
    console.print(_verdict(summary))
    steady = summary.steady
    tables = {
        f"Thresholds, judged from second {steady.start} to {steady.end}": _checks(summary),
        "Arrivals": _arrivals(summary),
        "Times": _all_times(summary),
    }
    if summary.journeys:
        tables["Journeys, without thinking time"] = _journeys(summary)
    if summary.waiting_room:
        tables["Waiting room"] = _waiting_room(summary)
    if summary.failures:
        tables["Failures"] = _failures(summary)
    if summary.refusals:
        tables["Connections"] = _connections(summary)
    for title, table in tables.items():
        console.print(Text(f"\n{title}", "bold"))
        console.print(Padding(table, (0, 0, 0, 2), expand=False))


def live_panel(
    *,
    title: str,
    clock: str,
    elapsed: float,
    duration: float,
    planned: float,
    started: int,
    completed: int,
    failed: int,
    dropped: int,
    in_flight: int,
    response_p50: float,
    response_p99: float,
    lateness_p99: float,
    amplification: float | None = None,
    failures: Sequence[tuple[str, int]] = (),
) -> Panel:
    """Return how a run is getting on.

    `clock` is the replayed time of day; `elapsed` and `duration` (until the last arrival) are seconds of the run;
    counts are totals so far; percentiles (seconds) are those of the last seconds, 0 where nothing was measured;
    `amplification` is that of the last seconds too, shown where people try more than once; `failures` are reasons and
    how often each was seen.
    """
    figures = Table.grid(padding=(0, 3, 0, 0))
    figures.add_row(
        _labelled("planned", wording.number(round(planned))),
        _labelled("started", wording.number(started)),
        _labelled("dropped", wording.number(dropped), "red" if dropped else ""),
        _labelled("on their way", wording.number(in_flight)),
    )
    figures.add_row(
        _labelled("completed", wording.number(completed)),
        _labelled("failed", wording.number(failed), "red" if failed else ""),
        _labelled("p50", _measured(response_p50)),
        _labelled("p99", _measured(response_p99)),
        _labelled("start lateness p99", _measured(lateness_p99)),
    )
    parts: list[RenderableType] = [_progress(clock, elapsed, duration), figures]
    if amplification is not None and amplification > SHOWN_FROM:
        parts.append(_labelled("attempts for each that passes", wording.number(round(amplification, 2)), "red"))
    if failures:
        said = ", ".join(f"{reason} {wording.number(count)}" for reason, count in failures)
        parts.append(_labelled("failures", said, "red"))
    return Panel(Group(*parts), title=Text(title), title_align="left", border_style="dim")


def _progress(clock: str, elapsed: float, duration: float) -> Table:
    done = min(max(elapsed, 0.0), duration)
    left = f"{wording.duration(round(duration - done))} left" if done < duration else "waiting for those on their way"
    row = Table.grid(Column(no_wrap=True), Column(ratio=1), Column(no_wrap=True), padding=(0, 2, 0, 0), expand=True)
    row.add_row(Text(clock, "bold"), ProgressBar(total=max(duration, 1e-9), completed=done), Text(left))
    return row


def _verdict(summary: Summary) -> Panel:
    colour = COLOURS[summary.outcome]
    head = Text.assemble((f"{SYMBOLS[summary.outcome]} {summary.outcome.upper()}", f"bold {colour}"), "  ")
    reasons = Table.grid(padding=(0, 1, 0, 0))
    for reason in summary.reasons:
        reasons.add_row("  •", Text(reason))
    parts: list[RenderableType] = [
        head.append(wording.CONCLUSION[summary.outcome]),
        *([reasons] if summary.reasons else []),
    ]
    return Panel(Group(*parts), title=Text(summary.plan.title), title_align="left", border_style=colour)


def _arrivals(summary: Summary) -> Table:
    arrivals = summary.arrivals
    names = ["scheduled", "started", "dropped", "completed", "failed", "unfinished"]
    names += [name for name in ("no_account", "aborted", "lost", "not_due") if getattr(arrivals, name)]
    table = _table(*(name.replace("_", " ") for name in names), left=set())
    counts = [getattr(arrivals, name) for name in names]
    table.add_row(*(wording.number(count) for count in counts))
    table.add_row(*(wording.share(count, arrivals.scheduled) for count in counts), style="dim")
    attempts = summary.attempts
    if attempts.amplification is not None and attempts.amplification > SHOWN_FROM:
        table.caption = Text(_attempts(summary))
    return table


def _attempts(summary: Summary) -> str:
    """Say how often people tried, and when most."""
    attempts = summary.attempts
    if not summary.arrivals.completed:
        return f"{wording.number(attempts.attempts)} attempts, and no journey passed"
    text = f"{wording.number(attempts.attempts)} attempts: "
    text += f"{wording.number(round(attempts.amplification or 1.0, 2))} for each journey that passed"
    if summary.worst is None or summary.worst.amplification is None:
        return text
    worst = wording.number(round(summary.worst.amplification, 2))
    return f"{text}, {worst} in the ten seconds up to second {summary.worst.second + 1}"


def _checks(summary: Summary) -> Table:
    table = _table("", "threshold", "measured", "limit", left={0, 1}, wraps=1)
    for check in summary.checks:
        sign, colour = SIGNS[check.result]
        measured = Text(wording.amount(check.measured, check.unit), "red" if check.result == "missed" else "")
        limit = wording.limit(check.limit, check.unit, lowest=check.lowest)
        table.add_row(Text(sign, colour), Text(check.name), measured, Text(limit))
    return table


def _waiting_room(summary: Summary) -> Table:
    rows = summary.waiting_room
    table = _table("", *(row.channel for row in rows), left={0})
    for name in ("joined", "queued", "admitted", "unqueued", "expired", "lost_place", "gave_up"):
        table.add_row(name.replace("_", " "), *(wording.number(getattr(row, name)) for row in rows))
    waits = (wording.duration(row.waited.p95) if row.waited.count else wording.NOTHING for row in rows)
    table.add_row("waited, p95", *waits)
    if any(row.peak for row in rows):
        doses = (f"{wording.number(row.dose)}/s" if row.dose is not None else wording.NOTHING for row in rows)
        table.add_row("dose", *doses)
        table.add_row("admitted at most", *(_peak(row) for row in rows))
    return table


def _peak(row: WaitingRoomRow) -> str:
    """Return the rate of the seconds with the most admissions above the dose."""
    if row.peak is None or not row.peak.seconds:
        return wording.NOTHING
    return f"{wording.number(round(row.peak.rate, 1))}/s for {row.peak.seconds} s"


def _all_times(summary: Summary) -> Table:
    table = _table("", "p50", "p95", "p99", "max", left={0})
    table.add_row("response time, from intended start", *_times(summary.response))
    table.add_row("start lateness of the generator", *_times(summary.lateness))
    requests, rate = wording.number(summary.requests), wording.number(summary.requests_per_second)
    table.caption = Text(f"the whole run: {requests} requests, {rate} a second, in {wording.duration(summary.seconds)}")
    return table


def _journeys(summary: Summary) -> Table:
    table = _table("journey", "completed", "failed", "unfinished", "p50", "p95", "p99", left={0}, wraps=0)
    for row in summary.journeys:
        counts = (wording.number(count) for count in (row.completed, row.failed, row.unfinished))
        p50, p95, p99, _ = _times(row.duration)
        table.add_row(Text(row.journey), *counts, p50, p95, p99)
    return table


def _failures(summary: Summary) -> Table:
    table = _table("reason", "failed", "journey", "step", "first seen as", left={0, 2, 3, 4}, wraps=4)
    for row in summary.failures[:FAILURES_SHOWN]:
        texts: Iterable[Text] = (Text(row.journey), Text(row.step), Text(row.detail))
        table.add_row(Text(str(row.reason), "red"), wording.number(row.count), *texts)
    more = len(summary.failures) - FAILURES_SHOWN
    if more > 0:
        table.caption = Text(f"and {more} more kinds of failure, in the report")
    return table


def _connections(summary: Summary) -> Table:
    table = _table("new", "refused", "kept", "broken", "most open", "address of", left={5}, wraps=5)
    for row in summary.refusals:
        counts = (row.answered, sum(row.refused.values()), row.kept, row.broken, row.open_max)
        table.add_row(*(wording.number(count) for count in counts), Text(", ".join(row.systems)))
    if summary.unsaid:
        table.caption = Text("\n".join(summary.unsaid))
    return table


def _table(*headers: str, left: set[int], wraps: int | None = None) -> Table:
    """Return an empty table: names and numbers stay whole, and the column `wraps` gives way in a narrow terminal."""
    columns = (
        Column(name, justify="left" if index in left else "right", no_wrap=index != wraps)
        for index, name in enumerate(headers)
    )
    return Table(*columns, box=None, header_style="dim", caption_justify="left", padding=(0, 2, 0, 0))


def _times(times: Times) -> list[str]:
    values = (times.p50, times.p95, times.p99, times.max)
    return [wording.duration(value) if times.count else wording.NOTHING for value in values]


def _labelled(label: str, value: str, style: str = "") -> Text:
    return Text.assemble((f"{label} ", "dim"), (value, f"bold {style}"))


def _measured(seconds: float) -> str:
    return wording.duration(seconds) if seconds > 0 else wording.NOTHING
