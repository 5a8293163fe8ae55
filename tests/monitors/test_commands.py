"""The command line: exit codes, tables, JSON, and what it says about wrong use."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from config import load
from monitors.commands import app
from staging.faults import Fault
from tests.monitors.estates import configure
from tests.monitors.listeners import closed_port
from tests.replica import running_replica


async def invoke(*arguments: str) -> Result:
    """Run the command in a thread, where it has a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))


async def test_once_prints_a_table_and_exits_with_0_if_all_pass(tmp_path: Path) -> None:
    """Every probe that runs in the environment is in the table."""
    async with running_replica() as replica:
        config = configure(tmp_path / "config", replica.endpoints)
        result = await invoke("once", "--env", "local", "--config", str(config))
    assert result.exit_code == 0, result.output
    for _, name, _ in load(config).probes_in("local"):
        assert name in result.output


async def test_once_exits_with_1_if_any_probe_fails(tmp_path: Path) -> None:
    """JSON says verdict, reason, step, durations and every request; only the chosen probes run."""
    async with running_replica() as replica:
        replica.switch_on(Fault.MAINTENANCE_PAGE)
        config = configure(tmp_path / "config", replica.endpoints)
        options = ("--config", str(config), "--probe", "file-return", "--probe", "home-page", "--json")
        result = await invoke("once", *options)
    assert result.exit_code == 1
    found = {each["probe"]: each for each in json.loads(result.output)}
    assert set(found) == {"file-return", "home-page"}
    assert found["home-page"]["verdict"] == "pass"
    failed = found["file-return"]
    assert (failed["verdict"], failed["reason"], failed["step"]) == ("fail", "maintenance_page", "open-portal")
    assert set(failed["phases"]) == {"resolve", "connect", "first_byte", "transfer"}
    assert failed["trace"][-1]["step"] == "open-portal"
    assert failed["duration"] > 0


async def test_once_exits_with_3_if_only_the_prober_is_in_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken probe is no answer about the target."""

    async def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("monitors.probes.http.run", broken)
    async with running_replica() as replica:
        config = configure(tmp_path / "config", replica.endpoints)
        result = await invoke("once", "--config", str(config))
    assert result.exit_code == 3
    assert "broken_probe" in result.output


async def test_once_blames_nobody_for_a_network_that_is_down(tmp_path: Path) -> None:
    """Where every reference target is silent too, nothing is down and the answer is 3."""
    nowhere = f"127.0.0.1:{closed_port()}"
    config = configure(tmp_path / "config", dict.fromkeys(load(Path("config")).systems, f"http://{nowhere}"))
    assert (await invoke("once", "--config", str(config))).exit_code == 1
    with (config / "environments" / "local.yaml").open("a", encoding="utf-8") as file:
        file.write(f"references: ['{nowhere}']\n")
    result = await invoke("once", "--config", str(config), "--json")
    assert result.exit_code == 3
    assert {(each["verdict"], each["cause"]) for each in json.loads(result.output)} == {("unknown", "own_network")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("once", "--env", "nowhere"), "There is no environment 'nowhere'; there is: local, staging"),
        (("once", "--probe", "nobody"), "There is no probe 'nobody'; there is: access-service, activate-app"),
        (("run", "--env", "nowhere"), "There is no environment 'nowhere'"),
        (("run", "--listen", "9464"), "--listen takes HOST:PORT"),
        (("run", "--listen", ":9464"), "--listen takes HOST:PORT"),
        (("run", "--listen", "127.0.0.1:99999"), "--listen takes HOST:PORT"),
        (("run", "--listen", "127.0.0.1:0", "--ledger", "/proc/nowhere/ledger.sqlite"), "/proc/nowhere"),
        (("once", "--config", "/nowhere"), "/nowhere/estate"),
    ],
)
async def test_wrong_use_is_told_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, no traceback, and the names that exist."""
    result = await invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
