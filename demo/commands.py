"""`piekwacht demo` and `piekwacht stack`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from config.commands import ConfigOption, Exit, choose, load_or_exit, name_and_value


def demo(
    seconds: Annotated[float, typer.Option(min=30, max=3600, help="How long the demo takes, roughly.")] = 90,
    keep: Annotated[bool, typer.Option("--keep", help="No story: keep everything running until Ctrl-C.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for everything the demo writes.", metavar="DIR")] = Path(
        "build/demo"
    ),
    config: ConfigOption = Path("config"),
) -> None:
    """Show Piekwacht on this machine: load, probes, a fault, and what it costs.

    \b
    Talks to 127.0.0.1 only. The folder is the demo's own: one with other files in
    it is refused, and nothing outside is touched. Exit code:
      0 every probe passed at first, the fault was seen and its end too, the load
        kept its schedule, and availability fell by what the fault should cost
      1 one of these is not so, or a part of it failed
      2 wrong use or unusable input
      3 it was stopped (with --keep: 0)

    \b
    Examples:
      piekwacht demo --seconds 60
      piekwacht demo --keep
    """
    from rich.console import Console

    import journeys
    from demo.checks import HIT_PROBE, HIT_SYSTEM
    from demo.running import keep_running
    from demo.stage import CAMPAIGN, ENVIRONMENT
    from demo.story import tell

    configuration = load_or_exit(config, journeys.known_journeys)
    choose("environment", ENVIRONMENT, configuration.environments)
    choose("campaign", CAMPAIGN, configuration.campaigns)
    if not keep:
        choose("system", HIT_SYSTEM, configuration.systems)
        choose("probe", HIT_PROBE, configuration.systems[HIT_SYSTEM].probes)
    with ending(Exit.GOOD if keep else Exit.INVALID):
        if keep:
            keep_running(configuration, out, Console())
        good = tell(configuration, out, seconds, Console())
    raise typer.Exit(Exit.GOOD if good else Exit.NO)


def stack(
    fault: Annotated[str, typer.Argument(help="Switch this fault on and measure; without it, run until Ctrl-C.")] = "",
    parameters: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Its parameters.")] = None,
    within: Annotated[float, typer.Option(min=1, max=3600, help="Seconds after which a page is too late.")] = 120,
    interval: Annotated[float, typer.Option(min=1, max=300, help="Seconds between runs, scrapes, evaluations.")] = 15,
    call_interval: Annotated[float, typer.Option(min=5, max=3600, help="Seconds between calls of a probe.")] = 20,
    history: Annotated[float, typer.Option(min=0, max=864_000, help="Seconds of passing runs before.")] = 86_400,
    out: Annotated[Path, typer.Option(help="Folder for everything that is written.", metavar="DIR")] = Path(
        "build/stack"
    ),
    config: ConfigOption = Path("config"),
) -> None:
    """Show an alert travel: replica, monitor, Prometheus, Alertmanager and a receiver of pages on this machine.

    \b
    Without a fault everything runs on its usual port until Ctrl-C, and each
    delivered message is printed. With a fault it is switched on, and the time to
    the delivered page is printed, hop by hop. Needs Debian's prometheus and
    prometheus-alertmanager. Talks to 127.0.0.1 only. Exit code:
      0 the page came in time
      1 it did not, or a part of it failed
      2 wrong use or unusable input, or a package of Debian is missing
      3 it was stopped (without a fault: 0)

    \b
    Examples:
      piekwacht stack
      piekwacht stack maintenance-page
      piekwacht stack error-share system=digid-app share=1 --within 120
    """
    from rich.console import Console

    import journeys
    from demo.measure import Fault, measure
    from demo.stack import Pace, keep_watching
    from demo.stage import ENVIRONMENT

    configuration = load_or_exit(config, journeys.known_journeys)
    choose("environment", ENVIRONMENT, configuration.environments)
    wanted = Fault(fault, dict(name_and_value(each) for each in parameters or []))
    pace = Pace(interval, call_interval, history)
    with ending(Exit.INVALID if fault else Exit.GOOD):
        if not fault:
            keep_watching(configuration, out, pace, Console())
        good = measure(configuration, out, pace, wanted, within, Console())
    raise typer.Exit(Exit.GOOD if good else Exit.NO)


@contextmanager
def ending(stopped: Exit) -> Iterator[None]:
    """Turn what ends a demo before its time into one line and an exit code: `stopped` after Ctrl-C or SIGTERM."""
    from demo.alerting import MissingPackageError
    from demo.folder import FolderError
    from demo.measure import UnknownFaultError
    from demo.processes import ChildFailedError

    end_like_ctrl_c()
    try:
        yield
    except (FolderError, MissingPackageError, UnknownFaultError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None
    except ChildFailedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.NO) from None
    except OSError as error:
        typer.echo(f"It cannot go on: {error}", err=True)
        raise typer.Exit(Exit.NO) from None
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be what is gone
            typer.echo("Stopped.", err=True)
        raise typer.Exit(stopped) from None


def end_like_ctrl_c() -> None:
    """Have SIGTERM and SIGHUP stop everything in order; a second one does not disturb that. `nohup` is respected."""
    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]

    def stop(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, stop)
