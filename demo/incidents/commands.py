"""`piekwacht incident`: the two historical incidents, replayed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.commands import ConfigOption, Exit, JsonOption, choose, load_or_exit

if TYPE_CHECKING:
    from config import Configuration
    from demo.incidents.chronicle import Chronicle, Finding
    from demo.incidents.script import Script

app = typer.Typer(
    help="The incidents that Piekwacht was written after, replayed against the replica.", no_args_is_help=True
)


@app.command("list")
def show() -> None:
    """List the incidents that can be replayed.

    \b
    Exit code: 0 done, 2 wrong use.
    Example:
      piekwacht incident list
    """
    from demo.incidents.script import names, script

    for name in names():
        typer.echo(f"{name:<16} {script(name).title}")


@app.command()
def replay(
    name: Annotated[str, typer.Argument(help="Which one; `piekwacht incident list` names them.", metavar="NAME")],
    seconds: Annotated[
        float | None,
        typer.Option(
            min=60, max=7200, help="How long it takes; longer where probes need it (default: as its script says)."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for everything that is written.", metavar="DIR")] = Path(
        "build/incident"
    ),
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Break the replica along the published course of an incident, and see whether it is noticed.

    \b
    Writes DIR/post-mortem.html and DIR/chronicle.json. Talks to 127.0.0.1 only.
    Exit code:
      0 all was noticed that had to be
      1 something was not, or a part of it failed
      2 wrong use or unusable input, or a package of Debian is missing
      3 it was stopped
    Examples:
      piekwacht incident replay march-2023
      piekwacht incident replay november-2022 --seconds 240
    """
    from rich.console import Console

    from demo.commands import ending
    from demo.incidents.replay import replay as play

    chosen, configuration = _chosen(name, config)
    console = Console(stderr=as_json)
    with ending(Exit.INVALID):
        chronicle = play(
            chosen,
            configuration,
            out,
            seconds or chosen.length,
            lambda text: console.print(text, highlight=False, soft_wrap=True),
        )
        found = _written(chosen, configuration, chronicle, out)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
    for each in found:
        verdict = "[green]yes[/]" if each.passed else "[bold red]NO [/]"
        console.print(f"  {verdict}  {each.what}: {each.seen}", soft_wrap=True)
    console.print(f"\n{out}/post-mortem.html", highlight=False)
    raise typer.Exit(Exit.GOOD if all(each.passed for each in found) else Exit.NO)


def _chosen(name: str, config: Path) -> tuple[Script, Configuration]:
    """Return a script whose every name exists. Exits with all that is wrong with it."""
    import journeys
    from demo.incidents.script import FOLDER, names, script
    from staging.faults import Fault

    choose("incident", name, names())
    configuration = load_or_exit(config, journeys.known_journeys)
    chosen = script(name)
    if problems := chosen.problems(configuration, list(Fault), str(FOLDER / f"{name}.yaml")):
        for problem in problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(Exit.USAGE)
    return chosen, configuration


def _written(chosen: Script, configuration: Configuration, chronicle: Chronicle, out: Path) -> list[Finding]:
    """Write the page and the record; return the findings."""
    from config.files import write_all
    from demo.incidents.chronicle import findings
    from demo.incidents.duty import duty
    from demo.incidents.page import render

    found, owed = findings(chosen, chronicle), duty(chosen, chronicle, configuration)
    record = {
        "title": chosen.title,
        "findings": [asdict(each) for each in found],
        "owed": [asdict(each) for each in owed],
        **asdict(chronicle),
    }
    page = render(chosen, chronicle, found, owed)
    text = json.dumps(record, indent=2, default=str) + "\n"
    write_all({out / "post-mortem.html": page, out / "chronicle.json": text})
    return found
