"""`piekwacht load`: replay a campaign, look at its shape, run the smoke test."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.commands import ConfigOption, Exit, JsonOption, choose, load_or_exit

if TYPE_CHECKING:
    from loadtests.plan import Plan
    from loadtests.summary import Summary

app = typer.Typer(help="Replay a campaign against a test environment.", no_args_is_help=True)

CampaignArgument = Annotated[str, typer.Argument(help="Campaign of config/campaigns.")]
EnvironmentOption = Annotated[str, typer.Option("--env", help="Environment of config/environments.")]
DayOption = Annotated[str | None, typer.Option("--day", help="Day of the campaign (default: its first).")]
FromOption = Annotated[str, typer.Option("--from", help="First moment of the day, local time.", metavar="HH:MM")]
ToOption = Annotated[str, typer.Option("--to", help="Last moment of the day, local time.", metavar="HH:MM")]
CompressOption = Annotated[
    float, typer.Option(min=1, max=86_400, help="Replay so many times faster, with the same number of arrivals.")
]
ScaleOption = Annotated[float, typer.Option(min=1e-9, max=1000, help="Multiply the number of arrivals.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed: the same seed gives the same arrivals.")]
ThinkOption = Annotated[
    float | None, typer.Option(min=0, help="Multiply thinking time (default: 1 / compress).", show_default=False)
]
ProcessesOption = Annotated[int, typer.Option(min=1, max=256, help="Generator processes on this machine.")]
OutOption = Annotated[Path, typer.Option(help="Folder for summary.json and report.html.")]
ListenOption = Annotated[
    str | None,
    typer.Option(help="Serve live metrics here, such as 127.0.0.1:9465 (default: not).", metavar="HOST:PORT"),
]


@app.command("run")
def run_command(
    campaign: CampaignArgument,
    environment: EnvironmentOption = "local",
    day: DayOption = None,
    start: FromOption = "00:00",
    end: ToOption = "24:00",
    compress: CompressOption = 1.0,
    scale: ScaleOption = 1.0,
    think: ThinkOption = None,
    even: Annotated[bool, typer.Option("--even", help="Space arrivals evenly instead of by chance.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds before a request is given up.")] = 30.0,
    drain: Annotated[float, typer.Option(min=0, help="Seconds for those on their way after the last arrival.")] = 30.0,
    max_in_flight: Annotated[
        int, typer.Option(min=1, help="Citizens on their way at most; more are dropped.")
    ] = 20_000,
    seed: SeedOption = 1,
    processes: ProcessesOption = 1,
    listen: ListenOption = None,
    out: OutOption = Path("build/load"),
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Replay a part of a campaign in an open model: everyone comes in time, whatever the system does.

    Exit code 0: thresholds met; 1: missed; 3: the generator could not keep its schedule, so the figures are worthless.

    \b
    Example: three hours of the morning in three minutes, with 2 % of the people
      piekwacht load run aangifte-2023-03-01 --from 07:00 --to 10:00 --compress 60 --scale 0.02
    """
    plan = _plan(
        config,
        campaign,
        environment,
        day=day,
        start=start,
        end=end,
        compress=compress,
        scale=scale,
        think=think,
        spacing="even" if even else "poisson",
        timeout=timeout,
        drain=drain,
        max_in_flight=max_in_flight,
        seed=seed,
    )
    _finish(plan, processes=processes, listen=listen, out=out, as_json=as_json)


@app.command("smoke")
def smoke_command(
    environment: EnvironmentOption = "local",
    seconds: Annotated[int, typer.Option(min=5, max=3599, help="Length of the test.")] = 60,
    scale: ScaleOption = 1.0,
    seed: SeedOption = 1,
    listen: ListenOption = None,
    out: OutOption = Path("build/smoke"),
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Run every journey for a minute: the release manager's gate.

    \b
    Example: stop a pipeline unless staging holds
      piekwacht load smoke --env staging --json > smoke.json
    """
    end = f"10:{seconds // 60:02d}:{seconds % 60:02d}"
    plan = _plan(config, "smoke", environment, start="10:00", end=end, scale=scale, seed=seed)
    _finish(plan, processes=1, listen=listen, out=out, as_json=as_json)


@app.command("shape")
def shape_command(
    campaign: CampaignArgument,
    environment: EnvironmentOption = "local",
    day: DayOption = None,
    start: FromOption = "00:00",
    end: ToOption = "24:00",
    compress: CompressOption = 1.0,
    scale: ScaleOption = 1.0,
    seed: SeedOption = 1,
    out: Annotated[Path | None, typer.Option(help="Also write a page with a plot to this file.")] = None,
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Show who will come when, before anyone presses start. Sends nothing.

    \b
    Example:
      piekwacht load shape aangifte-2023-03-01 --from 06:00 --to 12:00
    """
    from rich.console import Console

    from loadtests import shape_view

    plan = _plan(
        config, campaign, environment, day=day, start=start, end=end, compress=compress, scale=scale, seed=seed
    )
    if as_json:
        typer.echo(json.dumps(shape_view.as_data(plan), indent=2))
    else:
        shape_view.show(plan, Console())
    if out is not None:
        try:
            shape_view.write(plan, out)
        except OSError as error:
            typer.echo(f"cannot write {out}: {error.strerror or error}", err=True)
            raise typer.Exit(Exit.USAGE) from None
        typer.echo(f"written: {out}", err=True)


def _plan(config: Path, campaign: str, environment: str, **options: object) -> Plan:
    import journeys
    from loadtests.plan import PlanError, make_plan

    configuration = load_or_exit(config, journeys.definitions())
    choose("campaign", campaign, configuration.campaigns)
    choose("environment", environment, configuration.environments)
    try:
        return make_plan(configuration, campaign, environment, **options)  # type: ignore[arg-type]
    except PlanError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None


def _finish(plan: Plan, *, processes: int, listen: str | None, out: Path, as_json: bool) -> None:
    """Run a plan and leave with the exit code of its verdict."""
    from rich.console import Console

    from loadtests import terminal
    from loadtests.run import EXIT_CODES, RunError, run  # Locust patches the standard library: before anything else

    command = shlex.join(["piekwacht", *sys.argv[1:]])
    try:
        summary: Summary = run(
            plan,
            processes=processes,
            out=out,
            command=command,
            listen=_address(listen),
        )
    except RunError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.code) from None
    if as_json:
        typer.echo(summary.model_dump_json(indent=2))
    else:
        terminal.show(summary, Console())
    raise typer.Exit(EXIT_CODES[summary.outcome])


def _address(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65_535:
        typer.echo(f"'{text}' is not HOST:PORT, such as 127.0.0.1:9465", err=True)
        raise typer.Exit(Exit.USAGE)
    return host.strip("[]"), int(port)
