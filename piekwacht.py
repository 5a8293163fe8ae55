"""The front door: one command that mounts the commands of each room. No logic lives here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import config.commands
import dashboards.commands
import demo.commands
import demo.incidents.commands
import loadtests.commands
import monitors.availability.commands
import monitors.call_commands
import monitors.commands
import monitors.notices.notice_commands
import monitors.record.ledger_commands
import monitors.rules.rules_commands
import monitors.windows.window_commands
import staging.commands
from config.commands import ConfigOption, JsonOption

app = typer.Typer(
    help="Piekwacht: load testing and synthetic monitoring for the people who keep a tax administration reachable.",
    epilog="Exit code: 0 yes, 1 no, 2 wrong use or unusable input (nothing was done), "
    "3 the measurement itself is invalid, 130 Ctrl-C with nothing to keep. The help of each command says more.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(staging.commands.app, name="staging")
app.add_typer(loadtests.commands.app, name="load")
app.add_typer(monitors.commands.app, name="monitor")
app.command("call")(monitors.call_commands.call)
app.command("availability")(monitors.availability.commands.availability)
app.add_typer(monitors.record.ledger_commands.app, name="ledger")
app.add_typer(monitors.windows.window_commands.app, name="window")
app.add_typer(monitors.notices.notice_commands.app, name="notice")
app.add_typer(dashboards.commands.app, name="dashboards")
app.add_typer(monitors.rules.rules_commands.app, name="rules")
app.command("demo")(demo.commands.demo)
app.add_typer(demo.incidents.commands.app, name="incident")
app.command("stack")(demo.commands.stack)


@app.command()
def validate(config_dir: ConfigOption = Path("config"), as_json: JsonOption = False) -> None:
    """Check every configuration file; report every error at once, with file and line.

    \b
    Exit code: 0 everything is valid, 1 something is not, 2 wrong use.
    Example:
      piekwacht validate --config config
    """
    import journeys
    from config import recording
    from monitors.windows import calendars

    config.commands.validate(config_dir, journeys.known_journeys, [calendars.check, recording.check], as_json=as_json)


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Let every command share `--version`."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"piekwacht {installed('piekwacht')}")
        raise typer.Exit


if __name__ == "__main__":
    app()
