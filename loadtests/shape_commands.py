"""`piekwacht load shape`, `season`, `import-shape`: who will come when, and shapes made of what was counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from config.commands import ConfigOption, Exit, JsonOption, choose, load_or_exit
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
from loadtests.wording import rounded

if TYPE_CHECKING:
    from loadtests.sources.counted import SourceError

QUIET = 2.0
"""Seconds until progress is told, and from then on between two times that it is."""


def shape_command(
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
    even: EvenOption = False,
    seed: SeedOption = 1,
    out: Annotated[
        Path | None, typer.Option(help="Also write a page with a plot to this file.", metavar="FILE")
    ] = None,
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Show who will come when, before anyone presses start. Sends nothing.

    \b
    Exit code: 0 done, 2 wrong use or unusable input.
    Examples: a morning; one more year of the growth from 2022 to 2023
      piekwacht load shape aangifte-2023-03-01 --from 06:00 --to 12:00
      piekwacht load shape aangifte-2023-03-01 --growth app-logins=1.636 \\
        --growth sms-logins=2.333
    """
    from rich.console import Console

    from loadtests import shape_view

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
        seed=seed,
    )
    if as_json:
        typer.echo(json.dumps(shape_view.as_data(plan), indent=2))
    else:
        shape_view.show(plan, Console())
    if out is not None:
        _write(out, lambda: shape_view.write(plan, out))


def season_command(
    campaign: CampaignArgument,
    season: Annotated[
        str | None, typer.Argument(help="Season of the campaign (default: its first).", metavar="SEASON")
    ] = None,
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Show how many people come on each day of a season. Sends nothing.

    \b
    Exit code: 0 done, 2 wrong use or unusable input.
    Example:
      piekwacht load season aangifte-forecast
    """
    from rich.console import Console

    import journeys
    from loadtests import season_view

    configuration = load_or_exit(config, journeys.known_journeys)
    choose("campaign", campaign, configuration.campaigns)
    seasons = configuration.campaigns[campaign].seasons
    if not seasons:
        typer.echo(f"{campaign} has no season", err=True)
        raise typer.Exit(Exit.USAGE)
    name = season or next(iter(seasons))
    choose("season", name, seasons)
    if as_json:
        typer.echo(json.dumps(season_view.as_data(name, seasons[name]), indent=2))
    else:
        season_view.show(name, seasons[name], Console())


def import_shape_command(
    out: Annotated[Path, typer.Option(help="File to write, such as config/shapes/portal-2026.csv.", metavar="FILE")],
    csv: Annotated[
        Path | None, typer.Option(help="Read a CSV file: time,count or start,seconds,count.", metavar="FILE")
    ] = None,
    access_log: Annotated[
        list[Path] | None,
        typer.Option(help="Read an access log, plain or gzip; may be given several times.", metavar="FILE"),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="Of the log: auto, common, combined or jsonl.", metavar="FORMAT")
    ] = "auto",
    path_regex: Annotated[
        str | None,
        typer.Option(help="Count only lines whose request it is found in, such as '^GET /login'.", metavar="REGEX"),
    ] = None,
    prometheus: Annotated[str | None, typer.Option(help="Ask this Prometheus.", metavar="URL")] = None,
    query: Annotated[
        str | None, typer.Option(help="A PromQL query, such as 'sum(rate(logins_total[5m]))'.", metavar="PROMQL")
    ] = None,
    counter: Annotated[bool, typer.Option("--counter", help="The query gives counters that only rise.")] = False,
    rate: Annotated[bool, typer.Option("--rate", help="The query gives arrivals a second.")] = False,
    start: Annotated[str | None, typer.Option("--from", help="Begin of the period.", metavar="TIME")] = None,
    end: Annotated[str | None, typer.Option("--to", help="End of the period.", metavar="TIME")] = None,
    zone: Annotated[
        str, typer.Option(help="Time zone of times without an offset.", metavar="ZONE")
    ] = "Europe/Amsterdam",
    step: Annotated[str, typer.Option(help="Length of a slot of the shape.", metavar="DURATION")] = "60s",
    gaps: Annotated[
        str, typer.Option(help="What came in a gap: interpolate or zero.", metavar="interpolate|zero")
    ] = "interpolate",
    smooth: Annotated[
        str | None,
        typer.Option(help="Smooth over so long, keeping its total (default: keep the noise).", metavar="DURATION"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a shape of what was counted: in a CSV file, access logs, or Prometheus. A run itself needs none of them.

    \b
    Exit code: 0 written, 2 wrong use or unusable input, or no Prometheus answers:
    nothing was written.
    Examples:
      piekwacht load import-shape --csv visits.csv --out config/shapes/visits.csv
      piekwacht load import-shape --access-log access.log.gz \\
        --path-regex '^GET /login' --smooth 5m --out config/shapes/logins.csv
      piekwacht load import-shape --prometheus http://127.0.0.1:9090 \\
        --query logins_total --counter --from 2026-03-01T00:00 \\
        --to 2026-03-02T00:00 --out config/shapes/logins.csv
    """
    from config.files import write_all
    from config.recording import as_text
    from loadtests.sources.counted import SourceError, record
    from loadtests.sources.request import request

    source: dict[str, object] = {"csv": csv, "access_log": access_log, "format": form, "path_regex": path_regex}
    source |= {"prometheus": prometheus, "query": query, "counter": counter, "rate": rate}
    period = {"from": start, "to": end, "zone": zone}
    try:
        asked = request({**source, **period, "step": step, "gaps": gaps, "smooth": smooth})
        imported = record(asked.read(_progress()), asked.wanted)
    except SourceError as error:
        _refuse(error)
    text = as_text(imported.recording, imported.comments, asked.wanted.zone)
    _write(out, lambda: write_all({out: text}))
    data = imported.as_data(asked.wanted.zone)
    if as_json:
        typer.echo(json.dumps(data, indent=2))
        return
    for line in imported.comments:
        typer.echo(f"warning: {line}" if line in imported.warnings else line)
    typer.echo(
        f"{data['first']} to {data['last']}: {data['arrivals']:,.0f} arrivals in {data['slots']:,} slots, "
        f"at most {rounded(data['peak_rate'])} a second at {data['peak']}"
    )


def _refuse(error: SourceError) -> NoReturn:
    for problem in error.problems:
        typer.echo(problem, err=True)
    raise typer.Exit(Exit.USAGE) from None


def _write(out: Path, write: Callable[[], object]) -> None:
    """Write a file and say so; exit with 2 where that is impossible."""
    try:
        write()
    except OSError as error:
        typer.echo(f"cannot write {out}: {error.strerror or error}", err=True)
        raise typer.Exit(Exit.USAGE) from None
    typer.echo(f"written: {out}", err=True)


def _progress() -> Callable[[str], None]:
    """Return what tells, on standard error, how far a source is read; nothing about what takes no time."""
    told = time.monotonic()

    def tell(text: str) -> None:
        nonlocal told
        if time.monotonic() - told > QUIET:
            told = time.monotonic()
            typer.echo(text, err=True)

    return tell
