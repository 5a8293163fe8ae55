"""`piekwacht staging`: run the replica, and break it."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from config.commands import ConfigOption, Exit, JsonOption, load_or_exit, name_and_value

app = typer.Typer(no_args_is_help=True, help="The replica of the estate on this machine, with faults to switch.")
fault_app = typer.Typer(no_args_is_help=True, help="Switch faults of a running replica on and off.")
app.add_typer(fault_app, name="fault")

UrlOption = Annotated[str, typer.Option("--url", help="Where the replica listens.", metavar="URL")]
DoseOption = Annotated[float | None, typer.Option(min=0, help="People admitted per second on this channel.")]
LOCAL = "http://127.0.0.1:8600"
MOST_PORT = 65_500
"""The phone lines take ports a little above it."""


@app.command()
def run(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=MOST_PORT, help="Port to listen on; 0 takes a free one.")] = 8600,
    dose_web: DoseOption = None,
    dose_app: DoseOption = None,
    allow_public: Annotated[bool, typer.Option(help="Allow an address that other machines can reach.")] = False,
    mutual_tls: Annotated[
        bool, typer.Option(help="Let customs take declarations over mutual TLS only, on the port 20 above.")
    ] = False,
    certificates: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            metavar="DIR",
            help="Folder for the certificates of --mutual-tls, made anew at each start (default: a temporary one).",
        ),
    ] = None,
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Run the replica until Ctrl-C.

    Its phone lines answer on this machine only: by the carrier on the port 10
    above, at the platform on the next.

    \b
    Exit code: 0 stopped by Ctrl-C, 2 wrong use or unusable input.
    Examples:
      piekwacht staging run --port 0 --dose-web 20 --dose-app 5
      piekwacht staging run --mutual-tls --certificates build/certificates
    """
    from staging.admin import is_loopback
    from staging.layout import LINES, SYSTEMS
    from staging.settings import Settings

    if not (allow_public or host == "localhost" or is_loopback(host)):
        typer.echo(f"{host} may be reached from other machines; give --allow-public if you mean it", err=True)
        raise typer.Exit(Exit.USAGE)
    if certificates is not None and not mutual_tls:
        typer.echo("--certificates are for --mutual-tls; give both", err=True)
        raise typer.Exit(Exit.USAGE)
    doses: dict[str, Any] = {"dose_web": dose_web, "dose_app": dose_app}
    settings = Settings(mutual_tls=mutual_tls, **{name: dose for name, dose in doses.items() if dose is not None})
    absent = sorted(set(load_or_exit(config).systems) - {*SYSTEMS, *LINES})
    if absent:
        typer.echo(f"The replica does not play these systems of the estate: {', '.join(absent)}", err=True)

    import uvloop

    from staging.authority import CannotCertify
    from staging.serving import serve

    try:
        uvloop.run(serve(settings, host, port, certificates, as_json=as_json))
    except CannotCertify as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None
    except OSError as error:
        why = "the port is taken" if error.errno == errno.EADDRINUSE else error.strerror or error
        typer.echo(f"cannot listen on {error.filename or f'{host} port {port}'}: {why}", err=True)
        raise typer.Exit(Exit.USAGE) from None


@app.command()
def state(url: UrlOption = LOCAL, as_json: JsonOption = False) -> None:
    """Show what happens in a running replica: who waits, who was admitted, what was submitted.

    \b
    Exit code: 0 done, 2 wrong use or unusable input, or no replica answers.
    Example:
      piekwacht staging state --json
    """
    _show(_order("GET", url, "/admin/state"), as_json=as_json)


@app.command()
def dose(web: DoseOption = None, app: DoseOption = None, url: UrlOption = LOCAL, as_json: JsonOption = False) -> None:
    """Change the dose of the waiting room, in people admitted per second; 0 admits no one.

    \b
    Exit code: 0 done, 2 wrong use or unusable input, or no replica answers.
    Example:
      piekwacht staging dose --web 20 --app 5
    """
    doses = {channel: value for channel, value in (("web", web), ("app", app)) if value is not None}
    if not doses:
        typer.echo("give --web, --app or both", err=True)
        raise typer.Exit(Exit.USAGE)
    _show(_order("POST", url, "/admin/dose", doses)["waiting_room"], as_json=as_json)


@fault_app.command("list")
def list_faults(url: UrlOption = LOCAL, as_json: JsonOption = False) -> None:
    """List every fault with its parameters, and which are on.

    \b
    Exit code: 0 done, 2 wrong use or unusable input, or no replica answers.
    Example:
      piekwacht staging fault list
    """
    listing = _order("GET", url, "/admin/faults")
    if as_json:
        typer.echo(json.dumps(listing, indent=2))
        return
    for known in listing["known"]:
        typer.echo(f"{known['fault']}: {known['title']}")
        typer.echo(f"    notices: {known['effect']}")
        for name, parameter in known["parameters"].items():
            default = "required" if parameter["default"] is None else f"default {parameter['default']}"
            typer.echo(f"    {name}=  {parameter['meaning']} ({default})")
    _show_active(listing, as_json=False)


@fault_app.command("on")
def switch_on(
    name: Annotated[str, typer.Argument(metavar="FAULT")],
    parameters: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE")] = None,
    url: UrlOption = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Switch a fault on.

    \b
    Exit code: 0 done, 2 wrong use or unusable input, or no replica answers.
    Examples:
      piekwacht staging fault on maintenance-page
      piekwacht staging fault on added-latency system=digid-app seconds=3
    """
    given = dict(name_and_value(parameter) for parameter in parameters or [])
    listing = _order("POST", url, "/admin/faults", {"fault": name, "parameters": given})
    _show_active(listing, as_json=as_json)


@fault_app.command("off")
def switch_off(
    name: Annotated[str, typer.Argument(metavar="FAULT")], url: UrlOption = LOCAL, as_json: JsonOption = False
) -> None:
    """Switch a fault off, for every system.

    \b
    Exit code: 0 done, 2 wrong use or unusable input, or no replica answers.
    Example:
      piekwacht staging fault off maintenance-page
    """
    from urllib.parse import quote

    _show_active(_order("DELETE", url, f"/admin/faults?fault={quote(name)}"), as_json=as_json)


@fault_app.command("clear")
def clear(url: UrlOption = LOCAL, as_json: JsonOption = False) -> None:
    """Switch every fault off.

    \b
    Exit code: 0 done, 2 wrong use or unusable input, or no replica answers.
    Example:
      piekwacht staging fault clear
    """
    _show_active(_order("DELETE", url, "/admin/faults"), as_json=as_json)


def _order(method: str, url: str, path: str, data: dict[str, Any] | None = None) -> Any:
    """Send an order to a running replica and return its answer; exit with 2 if none answers, or if it refuses."""
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    try:
        place = urlsplit(url)
        connection = HTTPConnection(place.hostname or "", place.port, timeout=10)
        connection.request(method, path, None if data is None else json.dumps(data))
        answer = connection.getresponse()
        content = json.loads(answer.read())
        refusal = "" if answer.status == 200 else str(content["message"])
    except (OSError, ValueError, LookupError, TypeError, HTTPException) as error:
        typer.echo(f"no replica answers on {url} ({error}); start one with: piekwacht staging run", err=True)
        raise typer.Exit(Exit.USAGE) from None
    if refusal:
        typer.echo(refusal, err=True)
        raise typer.Exit(Exit.USAGE)
    return content


def _show_active(listing: dict[str, Any], *, as_json: bool) -> None:
    active = listing["active"]
    if as_json:
        typer.echo(json.dumps({"active": active}))
        return
    for fault in active:
        parameters = " ".join(f"{name}={value}" for name, value in fault["parameters"].items())
        typer.echo(f"on: {fault['fault']} {parameters}".rstrip())
    if not active:
        typer.echo("no fault is on")


def _show(data: dict[str, Any], *, as_json: bool, indent: str = "") -> None:
    """Print nested counters, one a line."""
    if as_json:
        typer.echo(json.dumps(data))
        return
    for name, value in data.items():
        label = f"{indent}{name.replace('_', ' ')}:"
        if isinstance(value, dict):
            typer.echo(label)
            _show(value, as_json=False, indent=indent + "  ")
        else:
            typer.echo(f"{label} {value}")
