"""`piekwacht monitor run` and `piekwacht monitor once`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.commands import ConfigOption, Exit, JsonOption, address_or_exit, choose, load_or_exit
from monitors.record.ledger_commands import DEFAULT_LEDGER, LEDGER_VARIABLE

if TYPE_CHECKING:
    import socket

    from rich.table import Table

    from config import Configuration
    from monitors.log import Log
    from monitors.probes import Outcome, Target
    from monitors.probes.phone.desk import Desk
    from monitors.record.ledger import Ledger
    from monitors.web.web_config import WebConfig

app = typer.Typer(no_args_is_help=True, help="Probe the systems of an environment: around the clock, or once.")


class LogFormat(StrEnum):
    """How the lines of a running monitor are written."""

    TEXT = "text"
    JSON = "json"


EnvironmentOption = Annotated[str, typer.Option("--env", help="The environment to probe.", metavar="NAME")]


@app.command()
def run(
    env: EnvironmentOption = "local",
    ledger: Annotated[
        Path, typer.Option(help="The file of record; made when missing.", metavar="FILE", envvar=LEDGER_VARIABLE)
    ] = DEFAULT_LEDGER,
    listen: Annotated[str, typer.Option(help="Where to serve /metrics.", metavar="HOST:PORT")] = "127.0.0.1:9464",
    vantage: Annotated[
        str, typer.Option(help="Where this monitor measures from; fixed for a ledger.", metavar="NAME")
    ] = "local",
    web_config: Annotated[
        Path | None,
        typer.Option(
            "--web-config", "--web.config.file", help="TLS and users, as Prometheus' exporters have.", metavar="FILE"
        ),
    ] = None,
    log_format: Annotated[LogFormat, typer.Option(help="How lines are written.")] = LogFormat.TEXT,
    config: ConfigOption = Path("config"),
) -> None:
    """Probe around the clock, keep the record, and serve its pages until Ctrl-C.

    \b
    Prints one line whenever a probe says something new. SIGHUP, or POST to
    /-/reload, reads configuration and calendars again; what cannot be used
    changes nothing. Details of runs (/probe, /probes) and reloads are for
    this machine only, unless --web-config names users.
    Exit code: 0 stopped by Ctrl-C, 2 wrong use or unusable input, 3 some runs
    could not be written to the record.
    Examples:
      piekwacht monitor run --env local --ledger data/ledger.sqlite
      piekwacht monitor run --env staging --vantage utrecht --web-config web.yml
    """
    from monitors.log import Log

    configuration = _load(config, env)
    scheme = "https" if _web_config_or_exit(web_config).tls else "http"
    with _bind(listen) as listener, _open(ledger, vantage) as record:
        host, port = listener.getsockname()[:2]
        address = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        log = Log(typer.echo, as_json=log_format is LogFormat.JSON)
        log.event("start", f"Probing '{env}' from '{vantage}'; metrics on {address}/metrics, record in {ledger}")
        if not configuration.environments[env].references:
            log.event(
                "warning",
                f"No `references` in '{env}': trouble of this machine's own network counts as the systems' own.",
            )
        lost = _serve((config, web_config), env, record, listener, log)
    if lost:
        typer.echo(f"{lost} run(s) could not be written to {ledger}", err=True)
        raise typer.Exit(Exit.INVALID)
    log.event("stop", "Stopped; the record is complete.")


@app.command()
def once(
    env: EnvironmentOption = "local",
    probe: Annotated[
        list[str] | None, typer.Option(help="Run this probe only; may be repeated.", metavar="NAME")
    ] = None,
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Run every probe once, all at the same time, and print what each found. Nothing is recorded.

    \b
    Exit code: 0 all pass, 1 some fail, 2 wrong use or unusable input, 3 none
    fails and some cannot tell.
    Examples:
      piekwacht monitor once --env local
      piekwacht monitor once --env staging --probe login-app --json
    """
    import uvloop

    from monitors.probes import targets
    from monitors.probes.phone.desk import Desk
    from monitors.verdict import Fail, Unknown

    configuration = _load(config, env)
    desk = Desk.of(configuration.environments[env])
    chosen = targets(configuration, env, "once", desk=desk)
    for name in probe or []:
        choose("probe", name, [target.name for target in chosen])
    chosen = [target for target in chosen if not probe or target.name in probe]
    found = list(zip(chosen, uvloop.run(_measure_all(chosen, desk)), strict=True))
    if as_json:
        typer.echo(json.dumps([_as_data(*each) for each in found], indent=2))
    else:
        _print_table(found)
    verdicts = [outcome.verdict for _, outcome in found]
    if any(isinstance(verdict, Fail) for verdict in verdicts):
        raise typer.Exit(Exit.NO)
    if any(isinstance(verdict, Unknown) for verdict in verdicts):
        raise typer.Exit(Exit.INVALID)


def _load(config: Path, env: str) -> Configuration:
    from journeys import known_journeys

    configuration = load_or_exit(config, known_journeys)
    choose("environment", env, configuration.environments)
    return configuration


def _bind(listen: str) -> socket.socket:
    """Return a listening socket, or exit with 2."""
    import socket

    from monitors.probes.errors import in_words

    address = address_or_exit("--listen", listen)
    try:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        return socket.create_server(address, family=family)
    except OSError as error:
        typer.echo(f"Cannot listen on {listen}: {in_words(error)}", err=True)
        raise typer.Exit(Exit.USAGE) from None


def _open(path: Path, vantage: str) -> Ledger:
    """Return the ledger opened for writing, or exit with 2."""
    from monitors.record.ledger import Ledger, LedgerError

    try:
        return Ledger.open(path, vantage=vantage)
    except LedgerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None


def _web_config_or_exit(path: Path | None) -> WebConfig:
    """Return how the pages are served, or print what is wrong and exit with 2."""
    from config import ConfigError
    from monitors.web.web_config import read_web_config

    try:
        return read_web_config(path)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None


def _serve(files: tuple[Path, Path | None], env: str, record: Ledger, listener: socket.socket, log: Log) -> int:
    """Run the monitor until SIGINT or SIGTERM; return the number of runs that could not be written.

    `files`: the folder of the configuration and the web configuration.
    """
    import asyncio
    import signal

    import uvloop

    from config import ConfigError, load
    from journeys import definitions
    from monitors.record.ledger import LedgerError
    from monitors.service import Monitor
    from monitors.web.web_config import read_web_config

    config, web_config = files

    async def main() -> int:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, monitor.reload_soon)
        return await monitor.run(listener, stop)

    try:
        monitor = Monitor(
            lambda: load(config, definitions()),
            env,
            record,
            log.run,
            read_web_config=lambda: read_web_config(web_config),
            log=log,
        )
        return uvloop.run(main())
    except (ConfigError, LedgerError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None


async def _measure_all(chosen: list[Target], desk: Desk) -> list[Outcome]:
    import asyncio
    import time

    from monitors.instruments import LoopLag
    from monitors.own_state import OwnState, References
    from monitors.probes import measure
    from monitors.web.on_demand import excused

    references = next((target.environment.references for target in chosen), [])
    own_state = OwnState(LoopLag(), References(references))
    first = int(time.time() * 1000)

    async def look(number: int, target: Target) -> Outcome:
        return await excused(await measure(target, number), own_state)

    async with desk:
        return await asyncio.gather(*(look(first + index, target) for index, target in enumerate(chosen)))


def _as_data(target: Target, outcome: Outcome) -> dict[str, Any]:
    from monitors.evidence import outcome_data, verdict_data

    return {
        "system": target.system,
        "probe": target.name,
        **verdict_data(outcome.verdict),
        **outcome_data(outcome),
    }


def _print_table(found: list[tuple[Target, Outcome]]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_table(found))
    for target, outcome in found:
        if detail := getattr(outcome.verdict, "detail", ""):
            console.print(f"{target.name}: {detail}", markup=False)


def _table(found: list[tuple[Target, Outcome]]) -> Table:
    from dataclasses import astuple

    from rich import box
    from rich.table import Table

    from monitors.verdict import Fail, Pass, Unknown

    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption="ms: resolve, connect, first byte, transfer",
        caption_justify="right",
    )
    for heading in ("Probe", "Verdict"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Reason, step", overflow="fold")
    table.add_column("Total", justify="right", no_wrap=True)
    table.add_column("Phases (ms)", justify="right", no_wrap=True)
    for target, outcome in found:
        match outcome.verdict:
            case Pass():
                said = ("[green]pass[/]", "")
            case Fail(reason, step):
                said = ("[bold red]FAIL[/]", f"{reason} at {step}")
            case Unknown(cause):
                said = ("[yellow]unknown[/]", cause)
        phases = " ".join(f"{1000 * seconds:4.0f}" for seconds in astuple(outcome.phases))
        table.add_row(target.name, *said, f"{1000 * outcome.duration:.0f} ms", phases)
    return table
