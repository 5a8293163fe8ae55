"""The result of a run as Markdown that fits a comment on a merge request: the verdict first.

Whatever a server sent stands in code spans, in which GitHub and GitLab find no links, no markup and no names to notify.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from loadtests import wording
from loadtests.summary import Summary
from loadtests.verdict import Outcome, Result

SIGNS: dict[Outcome | Result, str] = {
    "passed": "✅",
    "failed": "❌",
    "invalid": "⚠️",
    "met": "✅",
    "missed": "❌",
    "not measured": "❔",
}

REASONS_SHOWN, FAILURES_SHOWN = 20, 10
"""Rows at most; a comment may have 65,536 characters."""

LONGEST = 300
"""Characters of a text of unknown origin."""

_MARKUP = re.compile(r"[\\`*_\[\]#|~$@]|:(?=//)|(?<=www)\.|^[-+=>]|(?<=^\d)[.)]", re.IGNORECASE)
"""Characters that may begin something: markup, a link, at the start of a line also a list or a quotation."""


def render(summary: Summary) -> str:
    """Return the text; its link to the report is relative, to the file beside it."""
    return "\n".join([*_verdict(summary), *_checks(summary), *_failures(summary), *_footer(summary)]) + "\n"


def _verdict(summary: Summary) -> Iterator[str]:
    yield f"## {SIGNS[summary.outcome]} {summary.outcome.upper()}: {plain(summary.plan.title)}"
    yield ""
    yield wording.CONCLUSION[summary.outcome]
    yield ""
    yield from _cut([f"- {plain(reason)}" for reason in summary.reasons], REASONS_SHOWN, "- and {} more, in the report")
    if summary.reasons:
        yield ""


def _checks(summary: Summary) -> Iterator[str]:
    steady = summary.steady
    yield f"### Thresholds, judged from second {steady.start} to {steady.end}"
    yield ""
    rows = (
        (
            SIGNS[check.result],
            plain(check.name),
            wording.amount(check.measured, check.unit),
            wording.limit(check.limit, check.unit, lowest=check.lowest),
        )
        for check in summary.checks
    )
    yield from _table(("", "threshold", "measured", "limit"), rows)
    yield ""


def _failures(summary: Summary) -> Iterator[str]:
    yield from (line for sentence in summary.unsaid for line in (plain(sentence), ""))
    if not summary.failures:
        return
    yield "### Failures by reason"
    yield ""
    ended = summary.arrivals.completed + summary.arrivals.failed
    rows = [
        (
            code(failure.reason),
            wording.number(failure.count),
            wording.share(failure.count, ended),
            code(f"{failure.journey}/{failure.step}"),
            code(failure.detail),
        )
        for failure in summary.failures[:FAILURES_SHOWN]
    ]
    yield from _table(("reason", "failed", "of all", "journey and step", "first seen as"), rows)
    more = len(summary.failures) - FAILURES_SHOWN
    if more > 0:
        yield ""
        yield f"and {more} more kinds of failure, in the report"
    yield ""


def _footer(summary: Summary) -> Iterator[str]:
    arrivals, plan = summary.arrivals, summary.plan
    yield (
        f"{wording.number(arrivals.started)} of {wording.number(arrivals.scheduled)} arrivals started against"
        f" {code(plan.environment)}: {wording.number(arrivals.completed)} passed, {wording.number(arrivals.failed)}"
        f" failed, in {wording.duration(summary.seconds)}."
    )
    yield ""
    yield "Report: [report.html](report.html), data: [summary.json](summary.json)"


def plain(text: str) -> str:
    """Write a text so that nothing in it is markup, and no @name notifies anyone."""
    text = _one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return _MARKUP.sub(r"\\\g<0>", text).replace("@", "@\N{ZERO WIDTH SPACE}")


def code(text: str) -> str:
    """Write a text as a code span; `|` is escaped, because it stands in a table."""
    text = _one_line(text)
    if not text:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    inner = f" {text} " if "`" in (text[0], text[-1]) else text
    return f"{fence}{inner}{fence}".replace("|", "\\|")


def _one_line(text: str) -> str:
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _cut(lines: Sequence[str], most: int, rest: str) -> Iterator[str]:
    yield from lines[:most]
    if len(lines) > most:
        yield rest.format(len(lines) - most)
