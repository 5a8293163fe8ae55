"""`piekwacht monitor run` and `piekwacht monitor once`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.commands import ConfigOption, Exit, JsonOption, choose, load_or_exit

if TYPE_CHECKING:
    import socket

    from rich.table import Table

    from config import Configuration
    from monitors.ledger import Ledger
    from monitors.probes import Outcome, Target
    from monitors.verdict import Run

app = typer.Typer(no_args_is_help=True, help="Probe the systems of an environment: around the clock, or once.")

EnvironmentOption = Annotated[str, typer.Option("--env", help="The environment to probe.", metavar="NAME")]


@app.command()
def run(
    env: EnvironmentOption = "local",
    ledger: Annotated[Path, typer.Option(help="The file of record; made when missing.", metavar="FILE")] = Path(
        "data/ledger.sqlite"
    ),
    listen: Annotated[str, typer.Option(help="Where to serve /metrics.", metavar="HOST:PORT")] = "127.0.0.1:9464",
    vantage: Annotated[str, typer.Option(help="Where this monitor measures from; fixed for a ledger.")] = "local",
    config: ConfigOption = Path("config"),
) -> None:
    """Probe around the clock, keep the record, and serve /metrics until Ctrl-C.

    \b
    Prints one line whenever a probe says something new. Calendars of announced
    maintenance are read at the start. Example:
        piekwacht monitor run --env local --ledger data/ledger.sqlite
    """
    configuration = _load(config, env)
    with _bind(listen) as listener, _open(ledger, vantage) as record:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"Probing '{env}' from '{vantage}'; metrics on http://{shown}:{port}/metrics, record in {ledger}")
        lost = _serve(configuration, env, record, listener)
    if lost:
        typer.echo(f"{lost} run(s) could not be written to {ledger}", err=True)
        raise typer.Exit(Exit.INVALID)
    typer.echo("Stopped; the record is complete.")


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
    Exits with 0 if all pass, 1 if any fails, 3 if some could not tell and none failed. Examples:
        piekwacht monitor once --env local
        piekwacht monitor once --env staging --probe login-app --json
    """
    import uvloop

    from monitors.probes import targets
    from monitors.verdict import Fail, Unknown

    chosen = targets(_load(config, env), env, "once")
    for name in probe or []:
        choose("probe", name, [target.name for target in chosen])
    chosen = [target for target in chosen if not probe or target.name in probe]
    found = list(zip(chosen, uvloop.run(_measure_all(chosen)), strict=True))
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
    from journeys import definitions

    configuration = load_or_exit(config, definitions())
    choose("environment", env, configuration.environments)
    return configuration


def _bind(listen: str) -> socket.socket:
    """Return a listening socket, or exit with 2."""
    import socket

    from monitors.probes.errors import in_words

    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        typer.echo(f"--listen takes HOST:PORT, such as 127.0.0.1:9464, not '{listen}'", err=True)
        raise typer.Exit(Exit.USAGE)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family)
    except OSError as error:
        typer.echo(f"Cannot listen on {listen}: {in_words(error)}", err=True)
        raise typer.Exit(Exit.USAGE) from None


def _open(path: Path, vantage: str) -> Ledger:
    """Return the ledger opened for writing, or exit with 2."""
    from monitors.ledger import Ledger, LedgerError

    try:
        return Ledger.open(path, vantage=vantage)
    except LedgerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None


def _serve(configuration: Configuration, env: str, record: Ledger, listener: socket.socket) -> int:
    """Run the monitor until SIGINT or SIGTERM; return the number of runs that could not be written."""
    import asyncio
    import signal
    from contextlib import suppress

    import uvloop

    from config import ConfigError
    from monitors.changes import Changes
    from monitors.ledger import LedgerError
    from monitors.service import Monitor

    changes = Changes()

    def tell(run: Run) -> None:
        if line := changes.line(run):
            with suppress(OSError):  # nobody reads any more, and the record goes on
                typer.echo(line)

    async def main() -> int:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return await monitor.run(listener, stop)

    try:
        monitor = Monitor(configuration, env, record, tell)
        return uvloop.run(main())
    except (ConfigError, LedgerError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.NO) from None


async def _measure_all(chosen: list[Target]) -> list[Outcome]:
    import asyncio
    import time

    from monitors.probes import measure

    first = int(time.time() * 1000)
    return await asyncio.gather(*(measure(target, first + index) for index, target in enumerate(chosen)))


def _as_data(target: Target, outcome: Outcome) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "system": target.system,
        "probe": target.name,
        "verdict": type(outcome.verdict).__name__.lower(),
        **asdict(outcome.verdict),
        "duration": round(outcome.duration, 6),
        "phases": {name: round(seconds, 6) for name, seconds in asdict(outcome.phases).items()},
        "trace": [asdict(exchange) | {"seconds": round(exchange.seconds, 6)} for exchange in outcome.trace],
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
