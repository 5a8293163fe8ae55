"""The units: systemd reads them without a remark, and they are closed as far as is said."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_command

import piekwacht
from tests.conftest import ROOT

UNITS = ROOT / "deploy" / "systemd"
EXPOSURE = {"piekwacht-monitor.service": 1.1, "piekwacht-backup.service": 0.2}
"""The exposure level, of 10, that docs/deployment.md states: `systemd-analyze security` may find no more."""


def analyze(peer: Callable[[str], str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [peer("systemd-analyze"), *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a root folder in which the units and what they start are where they belong."""
    for program in ("opt/piekwacht/bin/piekwacht", "bin/sh", "bin/kill"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    folder = tmp_path / "etc/systemd/system"
    folder.mkdir(parents=True)
    for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.timer")]:
        shutil.copy(unit, folder)
    # Targets that the units name, and those that every unit hangs on.
    for name in ("sysinit", "basic", "shutdown", "network-online", "time-sync", "multi-user", "timers", "time-set"):
        (folder / f"{name}.target").write_text("[Unit]\nDescription=stand-in\nDefaultDependencies=no\n")
    return tmp_path


@pytest.mark.peer
@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.glob("piekwacht-*.*")))
def test_systemd_reads_each_unit_without_a_remark(peer: Callable[[str], str], installed: Path, name: str) -> None:
    """Every line is known, every program is there."""
    found = analyze(peer, "verify", "--man=no", f"--root={installed}", installed / "etc/systemd/system" / name)
    assert found.returncode == 0, found.stderr
    assert "piekwacht" not in found.stderr, found.stderr


@pytest.mark.peer
def test_systemd_notices_a_mistake(peer: Callable[[str], str], installed: Path) -> None:
    """The check is able to fail."""
    unit = installed / "etc/systemd/system/piekwacht-monitor.service"
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystems=strict"))
    found = analyze(peer, "verify", "--man=no", f"--root={installed}", unit)
    assert "ProtectSystems" in found.stderr


@pytest.mark.peer
@pytest.mark.parametrize("name", sorted(EXPOSURE))
def test_each_service_is_closed(peer: Callable[[str], str], name: str) -> None:
    """The exposure level that docs/deployment.md states is not exceeded."""
    threshold = round(10 * EXPOSURE[name])
    found = analyze(peer, "security", "--offline=true", "--no-pager", f"--threshold={threshold}", UNITS / name)
    assert found.returncode == 0, found.stdout + found.stderr


def test_each_service_calls_commands_that_exist() -> None:
    """With options that they have."""
    for name, words in (("piekwacht-monitor", ["monitor", "run"]), ("piekwacht-backup", ["ledger", "backup"])):
        text = (UNITS / f"{name}.service").read_text()
        line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
        assert f"/opt/piekwacht/bin/piekwacht {' '.join(words)} " in line
        assert set(re.findall(r"(?<= )--[a-z-]+", line)) <= options(words)


def options(words: list[str]) -> set[str]:
    """Return the options of a sub-command."""
    command = get_command(piekwacht.app)
    for word in words:
        command = command.commands[word]
    return {name for parameter in command.params for name in parameter.opts}


def test_nothing_listens_for_others_by_default() -> None:
    """The monitor's address is of this machine, until somebody writes another."""
    assert "PIEKWACHT_LISTEN=127.0.0.1:9464\n" in (UNITS / "monitor.env").read_text()


def test_the_environment_has_every_variable_that_the_unit_uses() -> None:
    """An empty word in place of a name would start a monitor of nothing."""
    used = set(re.findall(r"\$\{?(PIEKWACHT_\w+)", (UNITS / "piekwacht-monitor.service").read_text()))
    assert used == set(re.findall(r"^(\w+)=", (UNITS / "monitor.env").read_text(), re.MULTILINE))


def test_commands_by_hand_mean_the_files_of_the_unit() -> None:
    """The profile names the ledger and the configuration that the monitor is started with, and its program's folder."""
    unit = (UNITS / "piekwacht-monitor.service").read_text()
    exported = dict(re.findall(r"^export (\w+)=(.+)$", (UNITS / "profile.sh").read_text(), re.MULTILINE))
    assert exported.pop("PATH") == '"/opt/piekwacht/bin:$PATH"'
    assert exported == {
        "PIEKWACHT_CONFIG": re.findall(r"--config (\S+)", unit)[0],
        "PIEKWACHT_LEDGER": re.findall(r"--ledger (\S+)", unit)[0],
    }
