"""`piekwacht validate`, and what every command shares: the `--config` option, exit codes, one way to load."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from config.house import Configuration, Journeys, load
from config.source import ConfigError, Problem


class Exit(IntEnum):
    """Exit codes of every command."""

    GOOD = 0
    """The answer is yes."""
    NO = 1
    """The answer is no: thresholds failed, a system is down."""
    USAGE = 2
    """Wrong use or unusable input, such as a broken file or a server that does not answer: nothing was done."""
    INVALID = 3
    """The measurement itself is invalid: the generator could not keep its schedule, a worker was lost."""


ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        help="Folder with estate/, campaigns/ and environments/.",
        metavar="DIR",
        envvar="PIEKWACHT_CONFIG",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]


def load_or_exit(root: Path, journeys: Journeys | None = None) -> Configuration:
    """Load the configuration; on errors print one line for each on standard error and exit with 2."""
    try:
        return load(root, journeys)
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(Exit.USAGE) from None


def choose(kind: str, name: str, known: Collection[str]) -> None:
    """Exit with 2 unless `name` is one of `known`."""
    if name not in known:
        typer.echo(f"There is no {kind} '{name}'; there is: {', '.join(sorted(known))}", err=True)
        raise typer.Exit(Exit.USAGE)


def name_and_value(parameter: str) -> tuple[str, str]:
    """Split NAME=VALUE; exit with 2 if it is anything else."""
    name, sign, value = parameter.partition("=")
    if not (name and sign):
        typer.echo(f"'{parameter}' is not NAME=VALUE", err=True)
        raise typer.Exit(Exit.USAGE)
    return name, value


def address_or_exit(option: str, text: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT, an IPv6 address without its brackets; exit with 2 if it is anything else.

    The host must be there: left out it would mean every address of the machine.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65_535:
        typer.echo(f"{option} takes HOST:PORT, such as 127.0.0.1:9464, not '{text}'", err=True)
        raise typer.Exit(Exit.USAGE)
    return host, int(port)


Check = Callable[[Configuration], list[Problem]]
"""What another room has to say about a configuration whose YAML is valid."""


def validate(root: Path, journeys: Journeys, checks: Collection[Check], *, as_json: bool) -> None:
    """Check every file of the folder; print every problem at once; exit with 1 if there is any."""
    try:
        configuration = load(root, journeys)
    except ConfigError as error:
        _refuse(root, error.problems, as_json=as_json)
    problems = [problem for check in checks for problem in check(configuration)]
    if problems:
        _refuse(root, problems, as_json=as_json)
    counts = {
        "systems": len(configuration.systems),
        "probes": len(list(configuration.probes())),
        "campaigns": len(configuration.campaigns),
        "environments": len(configuration.environments),
    }
    if as_json:
        typer.echo(json.dumps({"valid": True, "problems": [], **counts}, indent=2))
    else:
        typer.echo(f"{root} is valid: " + ", ".join(f"{count} {noun}" for noun, count in counts.items()))


def _refuse(root: Path, problems: Sequence[Problem], *, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"valid": False, "problems": [asdict(problem) for problem in problems]}, indent=2))
    else:
        for problem in problems:
            typer.echo(str(problem), err=True)
        typer.echo(f"{len(problems)} problem(s) in {root}", err=True)
    raise typer.Exit(Exit.NO)
