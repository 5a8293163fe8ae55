"""`piekwacht dashboards`: write the Grafana dashboards of the estate, and preview them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from config.commands import ConfigOption, Exit, JsonOption, load_or_exit
from config.fields import parse_base_url, parse_duration, parse_instant

_Parsed = TypeVar("_Parsed")

app = typer.Typer(help="Grafana dashboards, generated from the estate and the declared metrics.", no_args_is_help=True)

ScrapeOption = Annotated[
    str, typer.Option("--scrape-interval", help="How often Prometheus scrapes.", metavar="DURATION")
]


@app.command()
def build(
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.", metavar="DIR")],
    prometheus: Annotated[str, typer.Option(help="Prometheus, as Grafana reaches it.", metavar="URL")] = (
        "http://127.0.0.1:9090"
    ),
    scrape_interval: ScrapeOption = "15s",
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

    _parsed("--prometheus", prometheus, parse_base_url)
    _parsed("--scrape-interval", scrape_interval, parse_duration)
    publish(out, texts(load_or_exit(config_dir), prometheus, scrape_interval), as_json=as_json)


@app.command()
def preview(
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.", metavar="DIR")],
    prometheus: Annotated[str, typer.Option(help="Prometheus, as this machine reaches it.", metavar="URL")] = (
        "http://127.0.0.1:9090"
    ),
    last: Annotated[
        str | None, typer.Option(help="Time to look back (default: that of each dashboard).", metavar="DURATION")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The last moment to show (default: now).", metavar="TIME")] = None,
    scrape_interval: ScrapeOption = "15s",
    width: Annotated[int, typer.Option(min=800, max=4000, help="Width of the window in pixels.")] = 1920,
    config_dir: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Draw every dashboard from live data, without Grafana: one HTML page each, DIR/NAME.html.

    Exit code 1: panels without data, or queries that Prometheus refuses, named on standard error; 3: no answer at all.

    \b
    Example: the last quarter of an hour
      piekwacht dashboards preview --prometheus http://127.0.0.1:9090 --last 15m --out build/previews
    """
    from datetime import UTC, datetime

    from config.files import publish
    from dashboards.preview.asking import View
    from dashboards.preview.page import draw
    from dashboards.preview.prometheus import Prometheus, PrometheusError
    from dashboards.provisioning import dashboards

    server = Prometheus(_parsed("--prometheus", prometheus, parse_base_url))
    scrape = _parsed("--scrape-interval", scrape_interval, parse_duration)
    period = None if last is None else _parsed("--last", last, parse_duration)
    built = dashboards(load_or_exit(config_dir))
    titles = {f"{name}.html": data["title"] for name, data in built.items()}
    end = datetime.now(UTC) if until is None else _parsed("--until", until, parse_instant)
    zone = end.astimezone().tzinfo
    assert zone is not None, "an aware time has a zone"
    pages = {}
    for file, data in zip(titles, built.values(), strict=True):
        start = end.timestamp() - (period or parse_duration(data["time"]["from"].removeprefix("now-")))
        try:
            pages[file] = draw(data, View(server, start, end.timestamp(), zone, scrape), width, titles)
        except PrometheusError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(Exit.INVALID) from None
    publish(out, {file: page.html for file, page in pages.items()}, as_json=as_json)
    complaints = [f"{file}: {text}" for file, page in pages.items() for text in page.complaints]
    for complaint in complaints:
        typer.echo(complaint, err=True)
    raise typer.Exit(Exit.NO if complaints else Exit.GOOD)


def _parsed(option: str, value: str, parse: Callable[[str], _Parsed]) -> _Parsed:
    """Parse the value of an option; exit with 2 if it is anything else."""
    try:
        return parse(value)
    except ValueError as error:
        typer.echo(f"{option}: found '{value}', expected {error}", err=True)
        raise typer.Exit(Exit.USAGE) from None
