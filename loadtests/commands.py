"""`piekwacht load`: replay a campaign, look at its shape, run the smoke test."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from config.commands import ConfigOption, Exit, JsonOption, address_or_exit
from config.fields import parse_base_url
from config.files import publish
from config.thresholds import Abort
from loadtests.capacity_commands import capacity_command
from loadtests.compare_commands import compare_command
from loadtests.health import MAX_IN_FLIGHT
from loadtests.options import (
    CampaignArgument,
    CompressOption,
    DayOption,
    EnvironmentOption,
    EvenOption,
    FromOption,
    GrowthOption,
    KeepOption,
    ScaleOption,
    SeedOption,
    ToOption,
    YearsOption,
    plan_or_exit,
)
from loadtests.shape_commands import import_shape_command, season_command, shape_command

if TYPE_CHECKING:
    from loadtests.announce import Announcer
    from loadtests.plan import Plan
    from loadtests.summary import Summary

app = typer.Typer(help="Replay a campaign against a test environment.", no_args_is_help=True)
app.command("capacity")(capacity_command)
app.command("shape")(shape_command)
app.command("season")(season_command)
app.command("import-shape")(import_shape_command)
app.command("compare")(compare_command)

ThinkOption = Annotated[
    float | None, typer.Option(min=0, help="Multiply thinking time (default: 1 / compress).", show_default=False)
]
ProcessesOption = Annotated[int, typer.Option(min=1, max=256, help="Generator processes on this machine.")]
OutOption = Annotated[
    Path,
    typer.Option(
        help="Folder for summary.json, summary.md, junit.xml and report.html; each run replaces them.", metavar="DIR"
    ),
]
ListenOption = Annotated[
    str | None,
    typer.Option(help="Serve live metrics here, such as 127.0.0.1:9465 (default: not).", metavar="HOST:PORT"),
]

AbortOption = Annotated[
    bool | None,
    typer.Option(
        "--abort/--no-abort",
        help="End early when it is hopeless, or never (default: as the campaign's thresholds say; else never).",
        show_default=False,
    ),
]
PushOption = Annotated[
    str | None, typer.Option(help="Push the final figures to this Pushgateway (default: not).", metavar="URL")
]
AnnotateOption = Annotated[
    str | None,
    typer.Option(
        help="Mark the run on the graphs of this Grafana (default: not). The token is the environment's secret"
        " 'grafana', or else in the variable GRAFANA_TOKEN.",
        metavar="URL",
    ),
]

SMOKE_THINK = 0.05
"""At the real pace whoever reads a return for minutes would not get to its end within the minute of the test."""

MASTER = "127.0.0.1:5557"
"""Where a master waits for workers unless told otherwise: never on a public interface."""


@app.command("run")
def run_command(
    campaign: CampaignArgument,
    environment: EnvironmentOption = "local",
    day: DayOption = None,
    start: FromOption = "00:00",
    end: ToOption = "24:00",
    compress: CompressOption = 1.0,
    keep: KeepOption = "volume",
    scale: ScaleOption = 1.0,
    growth: GrowthOption = None,
    years: YearsOption = 1.0,
    think: ThinkOption = None,
    even: EvenOption = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds before a request is given up.")] = 30.0,
    drain: Annotated[float, typer.Option(min=0, help="Seconds for those on their way after the last arrival.")] = 30.0,
    max_in_flight: Annotated[
        int, typer.Option(min=1, help="Arrivals beyond so many citizens on their way in a process are dropped.")
    ] = MAX_IN_FLIGHT,
    pooled: Annotated[
        bool,
        typer.Option("--pooled", help="Share connections, as clients behind a gateway do."),
    ] = False,
    seed: SeedOption = 1,
    processes: ProcessesOption = 1,
    master: Annotated[bool, typer.Option("--master", help="Have workers elsewhere do it: 'load worker'.")] = False,
    bind: Annotated[str, typer.Option(help="Where a master waits for them.", metavar="HOST:PORT")] = MASTER,
    expect_workers: Annotated[int, typer.Option(min=1, help="Workers that a master waits for; more may join.")] = 1,
    listen: ListenOption = None,
    abort: AbortOption = None,
    push: PushOption = None,
    annotate: AnnotateOption = None,
    out: OutOption = Path("build/load"),
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Replay a part of a campaign in an open model: everyone comes in time, whatever the system does.

    \b
    Exit code:
      0 thresholds met
      1 missed
      2 wrong use or unusable input (too few test accounts): nothing was sent
      3 the measurement is invalid: the generator could not keep its schedule, a
        worker was lost, test accounts ran out, or Ctrl-C
      130 Ctrl-C while it waits for workers
    What --push and --annotate could not tell is said on standard error; it does
    not change the exit code.

    \b
    Example: three hours of the morning in three minutes, with 2 % of the people
      piekwacht load run aangifte-2023-03-01 --from 07:00 --to 10:00 \\
        --compress 60 --scale 0.02
    \b
    Example: would a test have found the limit of March 2023? (docs/incidents.md)
      piekwacht load run march-2023-rehearsal --from 07:00 --to 10:30 \\
        --compress 100 --scale 0.003 --think 0.05
    """
    plan = plan_or_exit(
        config,
        campaign,
        environment,
        day=day,
        start=start,
        end=end,
        compress=compress,
        keep=keep,
        scale=scale,
        growth=growth,
        years=years,
        even=even,
        think=think,
        timeout=timeout,
        drain=drain,
        max_in_flight=max_in_flight,
        pooled=pooled,
        seed=seed,
    )
    if master and processes > 1:
        typer.echo("--processes starts workers on this machine, --master waits for others: use one of them", err=True)
        raise typer.Exit(Exit.USAGE)
    workers, address = (expect_workers, address_or_exit("--bind", bind)) if master else (processes, None)
    _finish(
        plan,
        processes=workers,
        bind=address,
        listen=listen,
        abort=abort,
        push=push,
        annotate=annotate,
        out=out,
        as_json=as_json,
    )


@app.command("accounts")
def accounts_command(
    count: Annotated[int, typer.Option(min=1, help="How many.")],
    out: Annotated[Path, typer.Option(help="CSV file to write.", metavar="FILE")],
    seed: SeedOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Write generated test accounts, as the replica knows them, in the form of a pool that an environment names.

    \b
    Exit code: 0 done, 2 wrong use or unusable input.
    Example: a pool for trying out 'accounts' of an environment
      piekwacht load accounts --count 5000 --out config/accounts.csv
    """
    from journeys import Account, Identities

    identities = Identities(seed)
    if count > len(identities):
        _refuse(f"--count {count:,}: there are {len(identities):,} test numbers")
    lines = [",".join(Account._fields), *(",".join(identities.account(number)) for number in range(count))]
    publish(out.parent, {out.name: "\n".join(lines) + "\n"}, as_json=as_json)


@app.command("worker")
def worker_command(
    master: Annotated[str, typer.Option(help="Where 'load run --master' waits.", metavar="HOST:PORT")] = MASTER,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Work for the run of a master, on this or another machine; may join in the middle. Needs no configuration.

    \b
    Exit code: 0 the run is over, 2 wrong use, 3 the master is gone or refuses
    this worker, 130 Ctrl-C while it looks for its master.
    Example: on another machine, once for each core
      piekwacht load worker --master 10.0.0.5:5557
    """
    from loadtests.workers import work

    host, port = address_or_exit("--master", master)

    def say(text: str) -> None:
        if not quiet:
            typer.echo(f"this worker {text}", err=True)

    try:
        if work(host, port, say):
            return
    except ConnectionError:
        pass
    typer.echo(f"no master at {master} any more", err=True)
    raise typer.Exit(Exit.INVALID)


@app.command("smoke")
def smoke_command(
    environment: EnvironmentOption = "local",
    seconds: Annotated[int, typer.Option(min=5, max=3599, help="Length of the test.")] = 60,
    scale: ScaleOption = 1.0,
    seed: SeedOption = 1,
    listen: ListenOption = None,
    abort: AbortOption = None,
    push: PushOption = None,
    annotate: AnnotateOption = None,
    out: OutOption = Path("build/smoke"),
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Run every journey for a minute: the release manager's gate.

    \b
    Exit code:
      0 release
      1 do not: thresholds were missed
      2 wrong use or unusable input: nothing was sent
      3 measure again: the generator was too busy, or the run was interrupted

    \b
    Example: stop a pipeline unless staging holds
      piekwacht load smoke --env staging --json > smoke.json
    """
    end = f"10:{seconds // 60:02d}:{seconds % 60:02d}"
    plan = plan_or_exit(config, "smoke", environment, start="10:00", end=end, scale=scale, seed=seed, think=SMOKE_THINK)
    _finish(plan, processes=1, listen=listen, abort=abort, push=push, annotate=annotate, out=out, as_json=as_json)


def _finish(
    plan: Plan,
    *,
    processes: int,
    listen: str | None,
    abort: bool | None,
    push: str | None,
    annotate: str | None,
    out: Path,
    as_json: bool,
    bind: tuple[str, int] | None = None,
) -> None:
    """Run a plan and leave with the exit code of its verdict."""
    from rich.console import Console

    from loadtests.run import EXIT_CODES, RunError, run  # isort: skip # Locust patches the standard library: first
    from loadtests import hopeless, steady, terminal

    if not steady.seconds_of(plan):
        warm_up = plan.campaign.thresholds.warm_up
        _refuse(f"the warm-up of {warm_up:g} s leaves nothing of a run of {plan.duration:g} s to be judged")
    rules = _rules(plan, abort)
    address = address_or_exit("--listen", listen) if listen else None
    try:
        with _announcer(plan, push, annotate) as announcer:
            summary: Summary = run(
                plan,
                processes=processes,
                out=out,
                command=shlex.join(["piekwacht", *sys.argv[1:]]),
                bind=bind,
                listen=address,
                hopeless=hopeless.watch(plan, rules) if rules else None,
                on_end=announcer.end,
            )
    except RunError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.code) from None
    if as_json:
        typer.echo(summary.model_dump_json(indent=2))
    else:
        terminal.show(summary, Console())
    raise typer.Exit(EXIT_CODES[summary.outcome])


def _rules(plan: Plan, abort: bool | None) -> Abort | None:
    """Return when the run is to end early: what is asked for here comes before what the campaign says."""
    asked = plan.campaign.thresholds.abort
    if abort is None:
        return asked
    return (asked or Abort()) if abort else None


def _announcer(plan: Plan, push: str | None, annotate: str | None) -> Announcer:
    """Return what tells others about the run; a wrong address or a missing token ends the command before it."""
    from loadtests.announce import Annotation, AnnounceError, Announcer, token_of

    gateway = _url("--push", push) if push else None
    annotation = None
    if annotate:
        address = _url("--annotate", annotate)
        try:
            annotation = Annotation(address, token_of(plan.environment.secrets), plan)
        except AnnounceError as error:
            _refuse(str(error))
    return Announcer(plan, gateway, annotation, lambda text: typer.echo(text, err=True))


def _url(option: str, text: str) -> str:
    try:
        return parse_base_url(text)
    except ValueError:
        _refuse(f"{option}: found something else than a base URL such as http://127.0.0.1:9091, without a password")


def _refuse(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(Exit.USAGE)
