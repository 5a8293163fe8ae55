"""`piekwacht call`: one telephone call now, and all that was seen of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from config.commands import ConfigOption, Exit, JsonOption, choose, load_or_exit

if TYPE_CHECKING:
    from config import Environment
    from monitors.probes.phone.classes import Class
    from monitors.probes.phone.evidence import CallEvidence

DEMO = "demo-line"
"""The trunk where none is named: it ends on this machine."""
KEYS = r"[0-9*#]{1,8}"
LONGEST_LISTEN = 30.0
"""Seconds; the rest of the longest call is for the menu and the queue."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be called over what, and how: `listen` is in seconds."""

    number: str
    trunk: str
    listen: float
    press: str
    queue: bool


def call(
    number: Annotated[str, typer.Argument(help="What to call: +31990000001, or sip:NAME@HOST.", metavar="NUMBER")],
    trunk: Annotated[
        str, typer.Option(help="A trunk or Asterisk of the environment; else the demo line.", metavar="NAME")
    ] = DEMO,
    env: Annotated[
        str, typer.Option("--env", "--environment", help="The environment that has the trunk.", metavar="NAME")
    ] = "local",
    listen: Annotated[
        str, typer.Option(help="How long to listen once there is something to hear.", metavar="DURATION")
    ] = "8s",
    press: Annotated[str, typer.Option(help="Keys to press then; the audio has to change.", metavar="KEYS")] = "",
    queue: Annotated[bool, typer.Option("--queue", help="Expect ringback or music at the end.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show stages, messages and audio too.")] = False,
    config: ConfigOption = Path("config"),
    as_json: JsonOption = False,
) -> None:
    """Call a number once, hang up, and say what came of it. Nothing is recorded, neither the run nor the sound.

    \b
    Without --trunk the call goes to the demo line of `piekwacht staging run`:
    nothing dials out by accident. A trunk calls the numbers that it lists, and
    never 112, 0900 or another country. Ctrl-C hangs up first. Exit code:
      0 the line works
      1 it does not; class, stage and reason are said
      2 wrong use or unusable input, or a number that may not be called
      3 nobody can tell: own trunk, a limit reached, Ctrl-C
    Examples:
      piekwacht call +31990000001 --explain
      piekwacht call +31800000001 --env staging --trunk carrier --press 1
    """
    import uvloop

    from monitors.probes.outcome import Undecided
    from monitors.probes.phone.safety.numbers import Refusal, Skipped

    if press and not re.fullmatch(KEYS, press):
        _refuse(f"--press: found '{press}', expected one to eight of the keys 0 to 9, * and #")
    place = _place(config, env, trunk)
    wish = Wish(number, trunk, _seconds(listen), press, queue)
    try:
        found = uvloop.run(_until_stopped(wish, place))
    except Refusal as refusal:
        typer.echo(f"Not called over {trunk}: {refusal}", err=True)
        never = refusal.reason in {Skipped.DENIED, Skipped.NOT_ALLOWED}
        raise typer.Exit(Exit.USAGE if never else Exit.INVALID) from None
    except (OSError, UnicodeDecodeError, Undecided) as error:  # no register, no password
        _refuse(f"Not called over {trunk}: {error}")
    if found is None:
        raise typer.Exit(Exit.INVALID)
    _show(*found, explain=explain, as_json=as_json)
    raise typer.Exit(_exit_code(*found))


def _place(config: Path, env: str, trunk: str) -> Environment:
    """Return the environment, the demo line among its trunks; exit with 2 where it has no such trunk."""
    from config import Trunk
    from journeys import known_journeys

    configuration = load_or_exit(config, known_journeys)
    choose("environment", env, configuration.environments)
    place = configuration.environments[env]
    if trunk == DEMO:
        return place.model_copy(update={"trunks": {**place.trunks, DEMO: Trunk()}})
    choose("trunk", trunk, [*place.lines, DEMO])
    return place


def _seconds(listen: str) -> float:
    from config.fields import parse_duration

    try:
        seconds = parse_duration(listen)
    except ValueError as error:
        _refuse(f"--listen: found '{listen}', expected {error}")
    if seconds > LONGEST_LISTEN:
        _refuse(f"--listen: found '{listen}', expected {LONGEST_LISTEN:g}s at most")
    return seconds


async def _until_stopped(wish: Wish, place: Environment) -> tuple[CallEvidence, Class] | None:
    """Call, and hang up whatever happens; None after SIGINT or SIGTERM. Raises `Refusal`, `OSError`, `ValueError`."""
    import asyncio
    import signal
    import threading

    working = asyncio.ensure_future(_call(wish, place))
    stopped = False

    def stop() -> None:
        """Stop once: who presses Ctrl-C again must not keep the call from being ended."""
        nonlocal stopped
        if not stopped:
            typer.echo("Hanging up ...", err=True)
            stopped = True
            working.cancel()

    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(each, stop)
    try:
        return await working
    except asyncio.CancelledError:
        return None


async def _call(wish: Wish, place: Environment) -> tuple[CallEvidence, Class]:
    """Return what the call showed and its class."""
    from monitors.probes import ari_call
    from monitors.probes.phone.classes import Circumstances, class_of
    from monitors.probes.phone.desk import Desk, trunk_of
    from monitors.probes.phone.evidence import Sound
    from monitors.probes.phone.order import LONGEST_CALL, LONGEST_RING, Script

    trunk = wish.trunk
    if trunk in place.asterisks:
        order = ari_call.order_of(trunk, place, ring=LONGEST_RING, hold=wish.listen)
        evidence = await ari_call.call_within_limits(wish.number, trunk, place, order)
        return evidence, class_of(evidence, Circumstances(listening=False))
    script = Script(
        answer_within=LONGEST_RING,
        prompt_within=5.0 if wish.press else None,
        listen=wish.listen,
        press=wish.press,
        queue=(Sound.RINGBACK, Sound.MUSIC) if wish.queue else (),
        call_limit=LONGEST_CALL,
    )
    desk = Desk.of(place)
    try:
        async with desk:
            evidence = await desk.call(wish.number, trunk_of(trunk, place), script, _RELEASE_WITHIN)
    finally:
        if desk.leaked:
            typer.echo("The end of the call was never confirmed: it may still be up.", err=True)
    return evidence, class_of(evidence, Circumstances(own=place.trunks[trunk].own))


_RELEASE_WITHIN = 33.0
"""Seconds in which the far end has to confirm the end: 64 * T1 (RFC 3261, 17.1.1.2) and one."""


def _show(evidence: CallEvidence, found: Class, *, explain: bool, as_json: bool) -> None:
    from rich.console import Console

    from monitors.call_view import ASCII, UNICODE, as_data, draw

    if as_json:
        typer.echo(json.dumps(as_data(evidence, found), indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    signs = ASCII if console.options.ascii_only else UNICODE
    console.print(draw(evidence, found, width=console.width, signs=signs, explain=explain))


def _exit_code(evidence: CallEvidence, found: Class) -> Exit:
    from monitors.probes.phone.classes import verdict_of
    from monitors.verdict import Fail, Pass

    match verdict_of(found, evidence):
        case Pass():
            return Exit.GOOD
        case Fail():
            return Exit.NO
        case _:
            return Exit.INVALID


def _refuse(complaint: str) -> NoReturn:
    typer.echo(complaint, err=True)
    raise typer.Exit(Exit.USAGE) from None
