"""`piekwacht dashboards`: write the Grafana dashboards of the estate, and preview them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from config.commands import ConfigOption, Exit, JsonOption, load_or_exit
from config.fields import parse_base_url, parse_duration, parse_instant

if TYPE_CHECKING:
    from dashboards.links import Site

_Parsed = TypeVar("_Parsed")

app = typer.Typer(help="Grafana dashboards, generated from the estate and the declared metrics.", no_args_is_help=True)

ScrapeOption = Annotated[
    str, typer.Option("--scrape-interval", help="How often Prometheus scrapes.", metavar="DURATION")
]

MonitorOption = Annotated[
    str,
    typer.Option(
        "--monitor",
        help="The monitor, as a browser reaches it; {vantage} stands for the name of the vantage point.",
        metavar="URL",
    ),
]
RunbooksOption = Annotated[
    str, typer.Option("--runbooks", help="The folder of the runbooks: a link if it is a URL.", metavar="URL|PATH")
]


@app.command()
def build(
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.", metavar="DIR")],
    prometheus: Annotated[str, typer.Option(help="Prometheus, as Grafana reaches it.", metavar="URL")] = (
        "http://127.0.0.1:9090"
    ),
    scrape_interval: ScrapeOption = "15s",
    monitor: MonitorOption = "http://127.0.0.1:9464",
    runbooks: RunbooksOption = "docs/runbooks",
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="Write ConfigMaps for the side-car of Grafana's Helm chart instead.")
    ] = False,
    config_dir: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Write a provisioning folder for Grafana: DIR/dashboards and DIR/datasources; or ConfigMaps of the same.

    \b
    Exit code: 0 done, 2 wrong use or unusable input.
    Examples:
      piekwacht dashboards build --out build/grafana
      GF_PATHS_PROVISIONING=$PWD/build/grafana grafana server
      piekwacht dashboards build --kubernetes --out build/configmaps
      kubectl apply --namespace monitoring --filename build/configmaps
    """
    from config.files import publish
    from dashboards.kubernetes import config_maps
    from dashboards.provisioning import texts

    _parsed("--prometheus", prometheus, parse_base_url)
    _parsed("--scrape-interval", scrape_interval, parse_duration)
    files = texts(load_or_exit(config_dir), prometheus, scrape_interval, _site(monitor, runbooks))
    try:
        publish(out, config_maps(files) if kubernetes else files, as_json=as_json)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None


@app.command()
def push(
    url: Annotated[str, typer.Option("--url", help="Grafana's base URL.", metavar="URL")],
    token: Annotated[
        str,
        typer.Option("--token", help="Where the token of a service account is read.", metavar="file:PATH|env:NAME"),
    ] = "env:GRAFANA_TOKEN",  # noqa: S107 - where it is, not what it is
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    monitor: MonitorOption = "http://127.0.0.1:9464",
    runbooks: RunbooksOption = "docs/runbooks",
    config_dir: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Save every dashboard in a running Grafana, by its HTTP API, and say what changes.

    \b
    Grafana is asked first, about everything: if it would refuse one, none is
    saved. The token needs dashboards:read, dashboards:create, dashboards:write,
    folders:read and folders:create. Exit code:
      0 all are saved, or with --dry-run would be
      1 Grafana refuses, or goes away before all are saved
      2 wrong use or unusable input, or no Grafana answers: nothing was saved

    \b
    Example:
      export GRAFANA_TOKEN=...
      piekwacht dashboards push --url https://grafana.example --dry-run
    """
    from config.grafana import Grafana, GrafanaError, read_token
    from dashboards.provisioning import dashboards
    from dashboards.push import NotSavedError, compare, report
    from dashboards.push import push as save

    address = _parsed("--url", url, parse_base_url)
    reference = _reference(token)
    built = dashboards(load_or_exit(config_dir), _site(monitor, runbooks))
    try:
        grafana = Grafana(address, read_token(reference))
    except GrafanaError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None
    try:
        changes = compare(grafana, built)
        if not dry_run:
            save(grafana, changes)
    except NotSavedError as error:
        for problem in error.problems:
            typer.echo(f"{address}: {problem}", err=True)
        raise typer.Exit(Exit.NO) from None
    except GrafanaError as error:
        typer.echo(f"{address}: {error}", err=True)
        raise typer.Exit(Exit.USAGE) from None
    typer.echo(report(changes, address, dry_run=dry_run, as_json=as_json))


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
    theme: Annotated[
        Literal["auto", "light", "dark"], typer.Option(help="How a page opens; auto: as the browser prefers.")
    ] = "auto",
    config_dir: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Draw every dashboard from live data, without Grafana: one HTML page each, DIR/NAME.html.

    \b
    Exit code:
      0 every panel has data
      1 some have none, or Prometheus refuses a query: named on standard error
      2 wrong use or unusable input, or no Prometheus answers: nothing was drawn

    \b
    Example: the last quarter of an hour
      piekwacht dashboards preview --last 15m --out build/previews
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
            pages[file] = draw(data, View(server, start, end.timestamp(), zone, scrape), width, titles, theme)
        except PrometheusError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(Exit.USAGE) from None
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


def _site(monitor: str, runbooks: str) -> Site:
    """Return what dashboards link to; exit with 2 if it is no address."""
    from dashboards.links import VANTAGE, Site

    for option, url in {"--monitor": monitor, "--runbooks": runbooks}.items():
        if option == "--monitor" or "://" in url:
            _parsed(option, url.replace(VANTAGE, "vantage"), parse_base_url)
    return Site(monitor, runbooks)


def _reference(token: str) -> str:
    """Check where a token is to be read; exit with 2, without what was given: it may be the token itself."""
    from pydantic import TypeAdapter, ValidationError

    from config.fields import SecretReference

    try:
        return TypeAdapter(SecretReference).validate_python(token)
    except ValidationError:
        typer.echo("--token: expected where to read it, file:PATH or env:NAME; what was given is not shown", err=True)
        raise typer.Exit(Exit.USAGE) from None
