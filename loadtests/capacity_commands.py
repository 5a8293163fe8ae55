"""`piekwacht load capacity`: the highest arrival rate of one journey that the system can take."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from config import ConfigError, Configuration, Environment
from config.commands import ConfigOption, Exit, JsonOption, choose, load_or_exit
from config.fields import parse_duration
from loadtests.options import DayOption, EnvironmentOption, SeedOption

if TYPE_CHECKING:
    from loadtests.capacity_report import Forecast, Settings

SAFE_RATE = 100.0
"""Journeys a second that are tried at most, unless told otherwise: a fraction of what one web server takes."""


def capacity_command(
    journey: Annotated[str, typer.Option(help="Journey to be made, such as visit-website.", metavar="NAME")],
    environment: EnvironmentOption = "local",
    channel: Annotated[str, typer.Option(help="Channel that it comes through: web or app.", metavar="web|app")] = "web",
    objective: Annotated[float, typer.Option(min=50, max=100, help="Percent of the journeys that must pass.")] = 99.9,
    p95: Annotated[
        str, typer.Option(help="Limit of the 95th percentile of the response times.", metavar="DURATION")
    ] = "2s",
    from_rate: Annotated[float, typer.Option(min=0.01, help="Journeys a second of the first hold.")] = 1.0,
    to_rate: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help=f"Highest rate to try (default: {SAFE_RATE:g}, or twice the forecast).",
            show_default=False,
        ),
    ] = None,
    hold: Annotated[int, typer.Option(min=2, max=3600, help="Seconds of each hold; half of it in the ramp.")] = 20,
    warm_up: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=3600,
            help="Seconds of each hold that are not judged; at least as long as a journey takes (default: measured).",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[float, typer.Option(min=1, max=100, help="Percent between passing and failing rate.")] = 5.0,
    confirmations: Annotated[int, typer.Option(min=0, max=20, help="Further holds at the answer.")] = 3,
    budget: Annotated[
        int,
        typer.Option(
            min=1,
            help="Failed journeys in all, then the search ends. Looked at twice a second: those who fail until the"
            " next look come on top.",
        ),
    ] = 500,
    recovery: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds that the target gets to become healthy after a hold.")
    ] = 120.0,
    forecast: Annotated[
        float | None, typer.Option(min=0.001, help="Expected journeys a second: is there enough?", show_default=False)
    ] = None,
    campaign: Annotated[
        str | None, typer.Option(help="Take the forecast from the peak of this journey in a campaign.", metavar="NAME")
    ] = None,
    day: DayOption = None,
    think: Annotated[
        float,
        typer.Option(
            min=0, max=1000, help="Multiply thinking time: 0.05 makes holds of a long journey short, 0 skips it."
        ),
    ] = 1.0,
    timeout: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds before a request is given up.")] = 30.0,
    seed: SeedOption = 1,
    processes: Annotated[int, typer.Option(min=1, max=256, help="Generator processes on this machine.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for capacity.json and capacity.html.", metavar="DIR")] = Path(
        "build/capacity"
    ),
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Find the highest arrival rate of a journey that the system can sustain, and the headroom over a forecast.

    \b
    The rate is doubled until a hold fails, then the bracket is halved, then both
    ends are tried again. A hold is broken off as soon as it cannot pass any more,
    and nothing further is sent until the target is healthy again. Exit code:
      0 found, and not below the forecast
      1 below the forecast; even the first rate fails; not healthy at rest
      2 wrong use or unusable input: nothing was sent
      3 not found: the generator was the limit, the budget was spent, the target
        did not recover, or Ctrl-C; what is known is written

    \b
    Example: can the website take the visitors of the first of March?
      piekwacht load capacity --journey visit-website --p95 2s \\
        --campaign aangifte-2023-03-01
    """
    import journeys

    configuration = load_or_exit(config, journeys.known_journeys)
    choose("journey", journey, journeys.definitions())
    choose("environment", environment, configuration.environments)
    choose("channel", channel, ("web", "app"))
    expected = _forecast(configuration, environment, journey, rate=forecast, campaign=campaign, day=day)
    settings = _settings(
        expected,
        journey=journey,
        channel=channel,
        environment=environment,
        limits={"failed_share": round(1 - objective / 100, 12), "p95": _seconds("--p95", p95)},
        from_rate=from_rate,
        to_rate=to_rate,
        hold=hold,
        warm_up=warm_up,
        precision=precision / 100,
        confirmations=confirmations,
        budget=budget,
        recovery=recovery,
        think=think,
        timeout=timeout,
        seed=seed,
        processes=processes,
    )
    _explore(settings, configuration, expected, out=out, as_json=as_json)


def _forecast(
    configuration: Configuration,
    environment: str,
    journey: str,
    *,
    rate: float | None,
    campaign: str | None,
    day: str | None,
) -> Forecast | None:
    from loadtests.capacity_report import Forecast, peak_of
    from loadtests.plan import PlanError, make_plan

    if campaign is None:
        if day is not None:
            _refuse("--day belongs to --campaign")
        return Forecast(rate=rate, source="given") if rate is not None else None
    if rate is not None:
        _refuse("--forecast and --campaign exclude each other")
    choose("campaign", campaign, configuration.campaigns)
    try:
        plan = make_plan(configuration, campaign, environment, day=day)
    except PlanError as error:
        _refuse(str(error))
    found = peak_of(plan, journey)
    if found is None:
        _refuse(f"nobody makes the journey {journey} on {plan.day} of {campaign}")
    return found


def _settings(forecast: Forecast | None, *, to_rate: float | None, **options: Any) -> Settings:
    from loadtests.capacity_report import Settings
    from loadtests.plan import MAX_ARRIVALS

    highest = to_rate or (2 * forecast.rate if forecast else SAFE_RATE)
    try:
        settings = Settings.model_validate({**options, "to_rate": highest})
    except ValidationError as error:
        _refuse("; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()))
    if settings.from_rate > highest:
        _refuse(f"--from-rate {settings.from_rate:g} is above the highest rate, {highest:g}")
    if forecast is not None and forecast.rate > highest:
        _refuse(f"--to-rate {highest:g} is below the forecast, {forecast.rate:g}: the search could not tell")
    if highest * ((settings.warm_up or 0) + settings.hold) > MAX_ARRIVALS:
        _refuse(f"a hold at {highest:g} a second has too many arrivals for one run (at most {MAX_ARRIVALS:,})")
    return settings


def _check_accounts(environment: Environment, journey: str) -> None:
    """Make sure that the environment's test accounts can be read and used again and again."""
    from journeys import definitions
    from loadtests.accounts import read_pool

    if environment.accounts is None:
        return
    if environment.accounts.use == "once":
        _refuse("a search runs many times, and the accounts of this environment are used once: lease them instead")
    try:
        read_pool(environment.secrets[environment.accounts.secret], definitions()[journey].needs)
    except ConfigError as error:
        _refuse(str(error))


def _explore(
    settings: Settings, configuration: Configuration, forecast: Forecast | None, *, out: Path, as_json: bool
) -> None:
    """Search and leave with the exit code of the answer."""
    from rich.console import Console

    from loadtests import capacity_report
    from loadtests.capacity_run import explore
    from loadtests.run import EXIT_CODES, RunError

    command = shlex.join(["piekwacht", *sys.argv[1:]])
    environment = configuration.environments[settings.environment]
    _check_accounts(environment, settings.journey)
    try:
        capacity = explore(settings, environment, forecast, out=out, command=command)
    except RunError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.code) from None
    if as_json:
        typer.echo(capacity.model_dump_json(indent=2))
    else:
        capacity_report.show(capacity, Console())
    raise typer.Exit(EXIT_CODES[capacity.outcome])


def _seconds(option: str, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        _refuse(f"{option} {text}: expected {error}")


def _refuse(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(Exit.USAGE)
