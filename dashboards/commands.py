"""`piekwacht dashboards`: write the Grafana dashboards of the estate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.commands import ConfigOption, Exit, JsonOption, load_or_exit
from config.fields import parse_base_url, parse_duration

app = typer.Typer(help="Grafana dashboards, generated from the estate and the declared metrics.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `build` a sub-command: Typer would fold a single command into its parent."""


@app.command()
def build(
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.", metavar="DIR")],
    prometheus: Annotated[str, typer.Option(help="Prometheus, as Grafana reaches it.", metavar="URL")] = (
        "http://127.0.0.1:9090"
    ),
    scrape_interval: Annotated[str, typer.Option(help="How often Prometheus scrapes.", metavar="DURATION")] = "15s",
    config_dir: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Write a provisioning folder for Grafana: DIR/dashboards and DIR/datasources.

    \b
    Example:
      piekwacht dashboards build --out build/grafana
      GF_PATHS_PROVISIONING=$PWD/build/grafana grafana server
    """
    from config.files import publish
    from dashboards.provisioning import texts

    for option, value, parse in (
        ("--prometheus", prometheus, parse_base_url),
        ("--scrape-interval", scrape_interval, parse_duration),
    ):
        try:
            parse(value)
        except ValueError as error:
            typer.echo(f"{option}: found '{value}', expected {error}", err=True)
            raise typer.Exit(Exit.USAGE) from None
    publish(out, texts(load_or_exit(config_dir), prometheus, scrape_interval), as_json=as_json)
