"""`docs/campaigns.md` and its pictures: who comes when, in every campaign that is shipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from html import escape

from config import Campaign, Configuration
from config.season import Season
from loadtests import wording
from loadtests.plan import Plan, make_plan
from loadtests.plots import INKS, SIZES, STROKES, Plot, Series, svg
from loadtests.shape_view import peak, rates
from tests.conftest import ROOT

CONSTANT = ("smoke", "retry-storm")
"""Campaigns that are as busy at noon as at midnight: nothing to draw."""

PARTS = 144
"""Points of a day's curve: one for ten minutes."""

LEAST = 0.04
"""Part of the arrivals from which on a stream has a line of its own."""

TOP = 30
"""Space above a drawing, for its legend."""

HEAD = """\
# The campaigns

Who comes when, in each file of `config/campaigns/`. A campaign says where its figures come from and what it assumes;
both stand here as they stand in the file. `piekwacht load shape CAMPAIGN --day DAY` shows the same on the terminal,
with the options of a run (a part of the day, scale, growth); `piekwacht load season CAMPAIGN` shows every day of a
season, each of which can be replayed. Two campaigns are not drawn, for they have a constant rate: `smoke`, the
[gate of a release](release-gate.md), and [`retry-storm`](retry-storm.md).

This page and its pictures are generated: `pytest tests/loadtests/test_campaign_page.py --update-golden`.
"""


def files(configuration: Configuration) -> dict[str, str]:
    """Return the page and its pictures by their path below docs/."""
    drawn = {name: campaign for name, campaign in configuration.campaigns.items() if name not in CONSTANT}
    pictures: dict[str, str] = {}
    parts = [HEAD]
    for name, campaign in drawn.items():
        plans = {day: make_plan(configuration, name, "local", day=day) for day in campaign.days}
        pictures |= {_picture(name, day): _drawing(_day_plot(plan)) for day, plan in plans.items()}
        pictures |= {_picture(name, key): _drawing(_season_plot(it)) for key, it in campaign.seasons.items()}
        parts.append("\n".join(_section(name, campaign, plans)))
    return {"campaigns.md": "\n".join(parts), **pictures}


def _picture(campaign: str, what: str) -> str:
    return f"pictures/campaign-{campaign}-{what}.svg"


def _section(name: str, campaign: Campaign, plans: dict[str, Plan]) -> Iterator[str]:
    yield f"\n## {campaign.title}\n\n`config/campaigns/{name}.yaml`\n"
    yield "| day | date | arrivals | peak, a second |\n|---|---|---|---|"
    for day, plan in plans.items():
        top = peak(plan)
        arrivals = wording.number(round(plan.shape.total))
        yield f"| {day} | {plan.clock(0):%-d %B %Y} | {arrivals} | {wording.number(top.rate)} at {top.clock:%H:%M} |"
    yield ""
    for day in plans:
        yield f"![Arrivals a second on the day {day}]({_picture(name, day)})\n"
    for key, season in campaign.seasons.items():
        yield f"The season `{key}`, {season.first:%-d %B} to {season.last:%-d %B %Y}:\n"
        yield f"![Arrivals on each day of the season {key}]({_picture(name, key)})\n"
    yield "Sources:\n"
    yield from (f"- {source}" for source in campaign.sources)
    yield "\nAssumptions:\n"
    yield from (f"- {assumption}" for assumption in campaign.assumptions)


def _day_plot(plan: Plan) -> Plot:
    streams: dict[str, list[float]] = {}
    for kind, shape in zip(plan.kinds, plan.shapes, strict=True):
        so_far = streams.get(kind.stream, [0.0] * PARTS)
        streams[kind.stream] = [one + more for one, more in zip(so_far, rates(shape, PARTS).tolist(), strict=True)]
    hours = plan.duration / 3600
    return Plot(
        key=f"{plan.campaign_id}-{plan.day}",
        title=f"Arrivals a second: {plan.day}",
        description="The planned arrival rate by the clock.",
        xs=[(index + 0.5) * hours / PARTS for index in range(PARTS)],
        end=hours,
        series=_series(rates(plan.shape, PARTS).tolist(), streams),
        number=wording.brief,
        x_number=lambda hour: wording.clock(plan.clock(3600 * hour)),
    )


def _season_plot(season: Season) -> Plot:
    streams = {stream: [season.total(stream, day) for day in season.dates] for stream in season.totals}
    return Plot(
        key=f"season-{season.first}",
        title=f"Arrivals a day: {season.first} to {season.last}",
        description="The arrivals of each day of the season.",
        xs=[float(index) for index in range(len(season.dates))],
        end=float(len(season.dates) - 1),
        series=_series([sum(each) for each in zip(*streams.values(), strict=True)], streams),
        number=wording.brief,
        x_number=lambda index: f"{season.first + timedelta(days=index):%-d %b}",
    )


def _series(total: Sequence[float], streams: dict[str, list[float]]) -> list[Series]:
    """Return the total as an area, and a line for each stream that is large enough to be seen."""
    large = [stream for stream, values in streams.items() if sum(values) >= LEAST * sum(total)]
    lines = [
        Series(stream, streams[stream], INKS[index % len(INKS)], STROKES[index % len(STROKES)])
        for index, stream in enumerate(large, start=1)
    ]
    return [Series("all", total, INKS[0], filled=True), *(lines if len(streams) > 1 else [])]


def _drawing(plot: Plot) -> str:
    """Return a plot as a file of its own: with its style, on white, and a legend above."""
    size = SIZES[0]
    width, height = size.width, size.height + TOP
    inside = svg(plot, size).replace("<svg ", f'<svg y="{TOP}" width="{width:g}" height="{size.height:g}" ', 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {width:g} {height:g}">\n'
        f"<style>\n{_style()}</style>\n"
        f'<path class="paper" d="M0 0H{width:g}V{height:g}H0Z"/>\n{_legend(plot)}\n{inside}\n</svg>\n'
    )


def _legend(plot: Plot) -> str:
    parts, left = [], 60.0
    for series in plot.series:
        parts.append(f'<path class="line {series.stroke} ink-{series.ink}" d="M{left:g} 16h28"/>')
        parts.append(f'<text x="{left + 34:g}" y="20">{escape(series.label)}</text>')
        left += 56 + 7 * len(series.label)
    return "".join(parts)


def _style() -> str:
    """Return what the style sheet of the reports says about plots, by daylight."""
    sheet = (ROOT / "loadtests" / "templates" / "style.css").read_text(encoding="utf-8")
    root = sheet[sheet.index(":root") : sheet.index("}") + 1]
    rules = [
        line for line in sheet.splitlines() if line.startswith((".plot ", ".line", ".dashed", ".dotted", ".dash-dot"))
    ]
    extra = "text { font-family: system-ui, sans-serif; }\n.plot .paper { fill: var(--paper); }"
    return "\n".join([root, *rules, extra]) + "\n"
