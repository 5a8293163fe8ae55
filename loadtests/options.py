"""What the commands that plan a run have in common: their options, and the way from these to a plan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.commands import Exit, choose, load_or_exit

if TYPE_CHECKING:
    from loadtests.plan import Plan

CampaignArgument = Annotated[str, typer.Argument(help="Campaign of config/campaigns.", metavar="CAMPAIGN")]
EnvironmentOption = Annotated[str, typer.Option("--env", help="Environment of config/environments.", metavar="NAME")]
DayOption = Annotated[
    str | None,
    typer.Option("--day", help="Day of the campaign, or a date of its season (default: its first day).", metavar="DAY"),
]
FromOption = Annotated[str, typer.Option("--from", help="First moment of the day, local time.", metavar="HH:MM")]
ToOption = Annotated[str, typer.Option("--to", help="Last moment of the day, local time.", metavar="HH:MM")]
CompressOption = Annotated[float, typer.Option(min=1, max=86_400, help="Replay so many times faster; see --keep.")]
KeepOption = Annotated[
    str,
    typer.Option(
        help="What --compress keeps: 'volume' (the rate rises) or 'rate' (fewer arrivals).", metavar="volume|rate"
    ),
]
ScaleOption = Annotated[float, typer.Option(min=1e-9, max=1000, help="Multiply the number of arrivals.")]
GrowthOption = Annotated[
    list[str] | None,
    typer.Option(help="Growth of a year: 1.1 for all, app-logins=1.64 for one stream.", metavar="[STREAM=]FACTOR"),
]
YearsOption = Annotated[float, typer.Option(min=0, max=50, help="Years of --growth.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Of what is left to chance: the same seed draws the same.")]
EvenOption = Annotated[bool, typer.Option("--even", help="Space arrivals evenly instead of by chance.")]


def plan_or_exit(
    config: Path,
    campaign: str,
    environment: str,
    *,
    growth: Sequence[str] | None = None,
    even: bool = False,
    **options: Any,
) -> Plan:
    """Make the plan that the options ask for; on errors print them all and exit."""
    import journeys
    from loadtests.plan import PlanError, make_plan

    configuration = load_or_exit(config, journeys.known_journeys)
    choose("campaign", campaign, configuration.campaigns)
    choose("environment", environment, configuration.environments)
    try:
        factors = growth_factors(growth or [], configuration.campaigns[campaign].streams)
        spacing = "even" if even else "poisson"
        return make_plan(configuration, campaign, environment, growth=factors, spacing=spacing, **options)
    except PlanError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None


def growth_factors(texts: Sequence[str], streams: Iterable[str]) -> dict[str, float]:
    """Return the factor of each stream: `1.1` is for all of them, `app-logins=1.64` for one. Raises `PlanError`."""
    from loadtests.plan import PlanError

    factors: dict[str, float] = {}
    for text in sorted(texts, key=lambda text: "=" in text):
        stream, separator, number = text.rpartition("=")
        try:
            factor = float(number)
        except ValueError:
            factor = math.nan
        if not 0 < factor < math.inf:
            raise PlanError(f"--growth {text}: '{number}' is not a factor such as 1.1")
        factors |= {stream: factor} if separator else dict.fromkeys(streams, factor)
    return factors
