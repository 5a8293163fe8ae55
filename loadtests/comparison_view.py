"""A comparison as people read it: on the terminal, and as Markdown for a comment of a pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from loadtests import wording
from loadtests.comparison import Change, Comparison, Judgement
from loadtests.terminal import COLOURS, SYMBOLS
from loadtests.verdict import Outcome

ANSWERS: Mapping[Outcome, str] = {"passed": "no regression", "failed": "regression", "invalid": "not comparable"}

TITLES: Mapping[Judgement, str] = {
    "regression": "Regressions",
    "improvement": "Improvements",
    "undecided": "Undecided: too much noise to rule a regression out",
    "unchanged": "Unchanged within the tolerance",
}

SHOWN = 10
"""Rows of each table on the terminal, regressions excepted; the JSON and the Markdown have them all."""

_HEADERS = ("", "", "baseline", "current", "change", "interval", "p")


def show(comparison: Comparison, console: Console) -> None:
    """Print the answer, the comparisons by judgement, warnings and method."""
    console.print(_answer(comparison))
    for judgement, title in TITLES.items():
        changes = _ranked(comparison, judgement)
        if changes:
            console.print(Text(f"\n{title}", "bold"))
            console.print(Padding(_table(changes, len(changes) if judgement == "regression" else SHOWN), (0, 0, 0, 2)))
    if comparison.untested:
        console.print(Text("\nNot compared: too few measurements", "bold"))
        _list(console, _untested(comparison))
    if comparison.warnings:
        console.print(Text("\nWarnings", "bold yellow"))
        _list(console, comparison.warnings)
    console.print(Text("\nHow to read this", "bold"))
    _list(console, comparison.method, "dim")


def markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown (GitHub's and GitLab's): what changed in sight, all else folded away."""
    parts = [f"### {SYMBOLS[comparison.outcome]} Load test: {ANSWERS[comparison.outcome]}", _runs(comparison, "`")]
    if comparison.outcome == "invalid":
        parts.append(_bullets(comparison.reasons))
    folded = []
    for judgement, title in TITLES.items():
        changes = _ranked(comparison, judgement)
        if changes and judgement in {"regression", "improvement"}:
            parts += [f"**{title}**", _grid(changes)]
        elif changes:
            folded.append(_folded(f"{title} ({len(changes)})", _grid(changes)))
    if comparison.warnings:
        parts += ["**Warnings**", _bullets(comparison.warnings)]
    parts += folded
    if comparison.untested:
        title = f"Not compared: too few measurements ({len(comparison.untested)})"
        parts.append(_folded(title, _bullets(_untested(comparison))))
    parts.append(_folded("How to read this", _bullets(comparison.method)))
    return "\n\n".join(parts) + "\n"


def _answer(comparison: Comparison) -> Panel:
    colour = COLOURS[comparison.outcome]
    head = Text(f"{SYMBOLS[comparison.outcome]} {ANSWERS[comparison.outcome].upper()}", f"bold {colour}")
    parts: list[RenderableType] = [head]
    if comparison.outcome == "invalid":
        parts.append(_points(comparison.reasons))
    parts.append(Text(_runs(comparison), "dim"))
    return Panel(Group(*parts), title=Text("Load test: is it slower?"), title_align="left", border_style=colour)


def _runs(comparison: Comparison, quote: str = "") -> str:
    baselines = ", ".join(f"{quote}{name}{quote}" for name in comparison.baselines)
    return f"{quote}{comparison.current}{quote} against {baselines}"


def _ranked(comparison: Comparison, judgement: Judgement) -> list[Change]:
    """Return the changes of one kind, the largest first."""
    found = [change for change in comparison.changes if change.judgement == judgement]
    return sorted(found, key=lambda change: -abs(change.change))


def _table(changes: Sequence[Change], most: int) -> Table:
    columns = (
        Column(name, justify="right" if index > 1 else "left", no_wrap=index > 0) for index, name in enumerate(_HEADERS)
    )
    table = Table(*columns, box=None, header_style="dim", caption_justify="left", padding=(0, 2, 0, 0))
    for change in changes[:most]:
        table.add_row(*(Text(cell) for cell in _cells(change)))
    if len(changes) > most:
        table.caption = Text(f"and {len(changes) - most} more, in the JSON and the Markdown")
    return table


def _cells(change: Change) -> Iterator[str]:
    yield change.subject
    if change.metric == "failed_share":
        yield "failed"
        yield from (wording.share(value, 1) for value in (change.baseline, change.current))
        yield f"{_signed(change.change)} pp"
    else:
        yield change.metric
        yield from (wording.duration(value) for value in (change.baseline, change.current))
        yield f"{_signed(change.change)} %"
    yield f"{_signed(change.low)} … {_signed(change.high)}"
    yield "< 0.001" if change.p < 0.001 else f"{change.p:.3f}"


def _signed(share: float) -> str:
    return f"{100 * share:+.{1 if abs(share) >= 0.005 else 2}f}"


def _untested(comparison: Comparison) -> list[str]:
    return [f"{row.subject}: {row.metric}: {row.why}" for row in comparison.untested]


def _list(console: Console, lines: Sequence[str], style: str = "") -> None:
    shown = [*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])]
    console.print(Padding(_points(shown), (0, 0, 0, 2)), style=style)


def _points(lines: Iterable[str]) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    for line in lines:
        grid.add_row("•", Text(line))
    return grid


def _grid(changes: Sequence[Change]) -> str:
    headers = ("what", "", *_HEADERS[2:])
    lines = [headers, ("---", "---", *["---:"] * (len(headers) - 2))]
    rows = [[_plain(cell) for cell in _cells(change)] for change in changes]
    return "\n".join("| " + " | ".join(line) + " |" for line in [*lines, *rows])


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _plain(text: str) -> str:
    """Keep what came from a file from being taken for Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
