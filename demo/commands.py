"""`piekwacht demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.commands import ConfigOption, Exit, load_or_exit


def demo(
    seconds: Annotated[float, typer.Option(min=30, max=3600, help="How long the demo takes, roughly.")] = 90,
    keep: Annotated[bool, typer.Option("--keep", help="No story: keep everything running until Ctrl-C.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for everything the demo writes.")] = Path("build/demo"),
    config: ConfigOption = Path("config"),
) -> None:
    """Show Piekwacht on this machine: load, probes, a fault, and what it costs.

    Exit code 0 if the fault was detected and cleared, the load kept its schedule, and availability fell by what the
    fault should cost; otherwise 1. Talks to 127.0.0.1 only.

    \b
    Examples:
      piekwacht demo --seconds 60
      piekwacht demo --keep
    """
    from rich.console import Console

    import journeys
    from demo.processes import ChildFailedError
    from demo.running import keep_running
    from demo.story import tell

    configuration = load_or_exit(config, journeys.definitions())
    console = Console()
    try:
        if keep:
            keep_running(configuration, out, console)
            return
        good = tell(configuration, out, seconds, console)
    except ChildFailedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.NO) from None
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        raise typer.Exit(Exit.INVALID) from None
    raise typer.Exit(Exit.GOOD if good else Exit.NO)
