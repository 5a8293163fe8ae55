"""`piekwacht call` against the demo line: exit codes, what is printed, what may not be called, Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer import Typer
from typer.testing import CliRunner

from monitors.call_commands import call
from staging.phone import DemoLine, Pace, number_of
from tests.conftest import ROOT
from tests.monitors.estates import configure
from tests.monitors.listeners import closed_port
from tests.monitors.probes.phone.asterisk import ANSWERS, PASSWORD, RINGS, USER, Asterisk, listening
from tests.waiting import until

QUICK = Pace(ringing=0)
LINE = "+31990000001"
WORKS = ("--listen", "100ms", "--trunk", "line")

app = Typer()
app.command()(call)


def settings(folder: Path, server: str, **limits: Any) -> list[str]:
    """Write a configuration whose local environment has this trunk; return the options that name it."""
    config = configure(folder / "config", {})
    path = config / "environments" / "local.yaml"
    shipped = yaml.safe_load((ROOT / "config" / "environments" / "local.yaml").read_text(encoding="utf-8"))
    known = {"numbers": ["+3199*"], "pause": "1ms"}
    local = {**shipped, "call_register": str(folder / "register")}
    local["trunks"] = {**shipped["trunks"], "line": {"server": server, **known, **limits}}
    path.write_text(yaml.safe_dump(local), encoding="utf-8")
    return ["--config", str(config)]


async def invoke(*arguments: str) -> Result:
    """Run the command in a thread, where it has a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))


async def test_a_line_that_works_exits_with_0(tmp_path: Path) -> None:
    """The verdict comes first; with --explain the messages and the audio follow; the call is ended."""
    async with DemoLine(pace=QUICK) as line:
        result = await invoke(LINE, *WORKS, "--explain", *settings(tmp_path, line.address))
        assert result.exit_code == 0, result.output
        assert line.counts.open == 0
    assert result.output.splitlines()[:3] == ["PASS  answered", "en: the line works", "nl: de lijn werkt"]
    messages = result.output.partition("Messages")[2].partition("Audio")[0]
    order = [messages.index(word) for word in ("INVITE", "180", "200", "ACK", "BYE")]
    assert order == sorted(order)
    assert "RTP packets" in result.output.partition("Audio")[2]
    assert LINE.removeprefix("+") not in result.output, "the number is nowhere"


async def test_a_line_that_does_not_work_exits_with_1(tmp_path: Path) -> None:
    """JSON says class, stage, SIP status and Q.850 cause, and the words in both languages."""
    async with DemoLine(pace=QUICK) as line:
        number = number_of("unallocated")
        result = await invoke(number, *WORKS, "--json", *settings(tmp_path, line.address))
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert (found["verdict"], found["reason"], found["class"]) == ("fail", "number_unallocated", "number_unallocated")
    assert (found["status"], found["cause"], found["released"]) == (404, 1, True)
    assert "niet in gebruik" in found["words"]["nl"]


async def test_an_own_trunk_that_is_away_exits_with_3(tmp_path: Path) -> None:
    """It says nothing of the line."""
    result = await invoke(LINE, *WORKS, *settings(tmp_path, f"127.0.0.1:{closed_port()}"))
    assert result.exit_code == 3
    assert result.output.startswith("UNKNOWN  trunk_down")


@pytest.mark.parametrize("number", ["112", "+31112", "0900-1234567", "+31900123456", "+4915112345678", "+31201234567"])
async def test_what_may_not_be_called_is_refused_before_any_packet(tmp_path: Path, number: str) -> None:
    """Help lines, dear numbers, other countries, and what is not on the list: wrong use, exit code 2."""
    async with DemoLine(pace=QUICK) as line:
        result = await invoke(number, *WORKS, *settings(tmp_path, line.address))
        assert line.counts.invited == 0
    assert result.exit_code == 2
    assert result.stderr.startswith("Not called over line: ")


async def test_without_a_trunk_nothing_dials_out(tmp_path: Path) -> None:
    """The demo line has numbers that exist nowhere, so another one is refused."""
    options = settings(tmp_path, f"127.0.0.1:{closed_port()}", numbers=["+31201234567"])
    assert (await invoke("+31201234567", "--trunk", "line", *options)).exit_code == 3
    result = await invoke("+31201234567", *options)
    assert result.exit_code == 2
    assert "Not called over demo-line: not_allowed" in result.stderr


async def test_a_budget_that_is_spent_exits_with_3(tmp_path: Path) -> None:
    """The call is not made; nobody can tell whether the line works."""
    async with DemoLine(pace=QUICK) as line:
        options = settings(tmp_path, line.address, calls_a_day=1)
        number = number_of("unallocated")
        found = [(await invoke(number, *WORKS, *options)).exit_code for _ in range(2)]
        assert line.counts.invited == 1
    assert found == [1, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--env", "nowhere"), "There is no environment 'nowhere'; there is: local, staging"),
        (("--trunk", "nothing"), "There is no trunk 'nothing'; there is: carrier, demo-line"),
        (("--listen", "3"), "--listen: found '3', expected a duration"),
        (("--listen", "31s"), "--listen: found '31s', expected 30s at most"),
        (("--press", "12a"), "--press: found '12a', expected one to eight of the keys"),
    ],
)
async def test_wrong_use_exits_with_2(arguments: tuple[str, ...], message: str) -> None:
    """It says what was found and what was expected."""
    result = await invoke(LINE, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
async def test_a_command_that_is_stopped_hangs_up_first(tmp_path: Path, stop: signal.Signals) -> None:
    """Nobody counts it as an answer, and the line ends with no call up; a second signal changes nothing."""
    async with DemoLine(pace=QUICK) as line:
        options = ["--trunk", "line", "--listen", "30s", *settings(tmp_path, line.address)]
        command = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "piekwacht", "call", LINE, *options, cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        try:
            await until(lambda: line.counts.up == 1)
            command.send_signal(stop)
            assert command.stderr is not None
            assert await command.stderr.readline() == b"Hanging up ...\n"
            command.send_signal(stop)
            assert await command.wait() == 3
        finally:
            if command.returncode is None:
                command.kill()
                await command.wait()
        assert line.counts.open == 0
        assert line.counts.ended_by_caller == 1


async def test_an_asterisk_calls_too(tmp_path: Path) -> None:
    """It is named like a trunk; nothing is heard, and nothing is said against that."""
    for asterisk, code, said in (
        (Asterisk(ANSWERS), 0, "PASS  answered"),
        (Asterisk((*RINGS, ("destroyed", (17, 486)))), 1, "FAIL  line_busy at progress"),
    ):
        folder = tmp_path / said[:4]
        async with listening(asterisk) as base:
            options = settings(folder, f"127.0.0.1:{closed_port()}")
            path = folder / "config" / "environments" / "local.yaml"
            local = yaml.safe_load(path.read_text(encoding="utf-8"))
            (folder / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
            local["secrets"] = {"ari": f"file:{folder / 'password'}"}
            local["asterisks"] = {
                "pbx": {"url": base, "user": USER, "password": "ari", "dial": "PJSIP/{number}@carrier"}
            }
            path.write_text(yaml.safe_dump(local), encoding="utf-8")
            result = await invoke(LINE, "--trunk", "pbx", "--listen", "50ms", *options)
        assert (result.exit_code, result.output.splitlines()[0]) == (code, said)
        assert asterisk.channels == set()
