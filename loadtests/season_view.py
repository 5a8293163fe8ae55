"""`piekwacht load season`: how many people come on each day of a season; on the terminal and as data."""

from __future__ import annotations

from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from config.season import SATURDAY, Season
from loadtests import wording

BAR = 30
"""Characters of the longest bar."""


def as_data(name: str, season: Season) -> dict[str, Any]:
    """Return the totals of each stream on each day, for a machine."""
    return {
        "season": name,
        "first": season.first.isoformat(),
        "last": season.last.isoformat(),
        "totals": season.totals,
        "days": [
            {
                "date": day.isoformat(),
                "holiday": season.holiday_names.get(day),
                "totals": {stream: season.total(stream, day) for stream in season.totals},
            }
            for day in season.dates
        ],
    }


def show(name: str, season: Season, console: Console) -> None:
    """Print a line for each day with its total, and a bar."""
    sums = {day: sum(season.total(stream, day) for stream in season.totals) for day in season.dates}
    busiest = max(sums, key=lambda day: sums[day])
    total = wording.number(round(sum(season.totals.values())))
    console.print(Text(f"{name}: {total} arrivals from {season.first} to {season.last}, {season.source}"))
    console.print(Text(f"Busiest day: {busiest:%a %-d %B %Y}, {wording.number(round(sums[busiest]))}"))
    console.print()
    table = Table(
        Column("day", no_wrap=True),
        Column("arrivals", justify="right"),
        Column("", no_wrap=True),
        Column(""),
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
    )
    for day, count in sums.items():
        bar = "█" * round(BAR * count / sums[busiest])
        style = "dim" if day.weekday() >= SATURDAY else ""
        table.add_row(
            Text(f"{day:%a %Y-%m-%d}", style), wording.number(round(count)), Text(bar, "blue"), _remark(season, day)
        )
    console.print(table)


def _remark(season: Season, day: date) -> str:
    if season.rush and day == season.rush.deadline:
        return "deadline"
    return season.holiday_names.get(day, "")
