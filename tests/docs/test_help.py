"""`--help` and the variables of the environment, of every command."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from monitors.record.ledger import Ledger
from piekwacht import app
from tests.conftest import ROOT

WIDTH = 78
"""Characters of a line of help in a terminal of 80 columns."""

VARIABLES = {"--config": "PIEKWACHT_CONFIG", "--ledger": "PIEKWACHT_LEDGER"}

NO_UNUSABLE_INPUT = {"incident list", "load worker", "validate"}
"""Commands that read nothing, and the one to which an unusable configuration is an answer: its 1."""


def leaves(command: Any, *words: str) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with the words that call it."""
    if not hasattr(command, "commands"):
        yield " ".join(words), command
    for name, each in getattr(command, "commands", {}).items():
        yield from leaves(each, *words, name)


COMMANDS = dict(leaves(get_command(app)))


@pytest.fixture(params=sorted(COMMANDS))
def command(request: pytest.FixtureRequest) -> Any:
    return COMMANDS[request.param]


def test_the_help_of_every_command_fits_a_terminal(command: Any) -> None:
    """A first paragraph is filled by typer; lines of the others stay as they are, so none may be longer."""
    _, *others = inspect.cleandoc(command.help).split("\n\n")
    assert [line for part in others for line in part.splitlines() if len(line) > WIDTH] == []


def test_the_help_of_every_command_has_an_example(command: Any) -> None:
    """It begins with the command as it is given, and stands there whole at 80 columns."""
    words = next(words for words, each in COMMANDS.items() if each is command)
    result = CliRunner().invoke(app, [*words.split(), "--help"], env={"COLUMNS": "80"})
    examples = [line.strip() for line in command.help.splitlines() if f"piekwacht {words}" in line]
    shown = [line.strip() for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert examples
    assert set(examples) <= set(shown)


def test_the_help_of_every_command_names_its_exit_codes(command: Any) -> None:
    """Also that of a command that can only be used wrongly; 2 in the same words everywhere."""
    words = next(words for words, each in COMMANDS.items() if each is command)
    codes = " ".join(command.help.partition("Exit code:")[2].split())
    assert codes.startswith("0 ")
    assert "2 wrong use" in codes
    assert ("2 wrong use or unusable input" in codes) == (words not in NO_UNUSABLE_INPUT)


def test_every_path_can_come_from_the_environment(command: Any) -> None:
    """The ledger and the configuration of a machine are set once, for all commands."""
    for parameter in command.params:
        for option in set(parameter.opts) & set(VARIABLES):
            assert parameter.envvar == VARIABLES[option]


def test_a_variable_stands_for_the_option() -> None:
    """And gives way to it."""
    config = str(ROOT / "config")
    asked = [CliRunner().invoke(app, ["validate", *words], env={"PIEKWACHT_CONFIG": where}) for words, where in (
        ([], config), (["--config", config], "nowhere"), ([], "nowhere"),
    )]  # fmt: skip
    assert [result.exit_code for result in asked] == [0, 0, 1]


def test_several_ledgers_are_divided_as_a_path_is(tmp_path: Path) -> None:
    """For the figure over several vantage points."""
    paths = [tmp_path / f"{name}.sqlite" for name in ("amsterdam", "utrecht")]
    for path in paths:
        Ledger.open(path, vantage=path.stem).close()
    variables = {"PIEKWACHT_CONFIG": str(ROOT / "config"), "PIEKWACHT_LEDGER": os.pathsep.join(map(str, paths))}
    result = CliRunner().invoke(app, ["availability", "--json"], env=variables)
    assert json.loads(result.stdout)["vantage_points"] == ["amsterdam", "utrecht"]
