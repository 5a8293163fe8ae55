"""Prometheus and Alertmanager of `make stack`: their configuration, and what is said where they are missing."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from config import Configuration
from demo import commands
from demo.alerting import delivering_to
from monitors.rules import alertmanager
from piekwacht import app
from tests.conftest import ROOT


def test_every_receiver_delivers_to_this_machine(configuration: Configuration) -> None:
    """No placeholder and no secret is left, and routing and inhibition are as generated."""
    generated = alertmanager.build(configuration)
    routing = delivering_to("http://127.0.0.1:1", generated)
    hooks = [hook for receiver in routing["receivers"] for hook in receiver["webhook_configs"]]
    assert len(hooks) == len(generated["receivers"]) - 1
    assert {urlsplit(hook["url"]).netloc for hook in hooks} == {"127.0.0.1:1"}
    assert all(set(hook) == {"url", "send_resolved"} for hook in hooks)
    assert routing["inhibit_rules"] == generated["inhibit_rules"]
    assert [receiver["name"] for receiver in routing["receivers"]] == [one["name"] for one in generated["receivers"]]


def test_a_quicker_pace_shortens_waiting_only(configuration: Configuration) -> None:
    """Two seconds in place of fifteen: 20 s become 2.67 s, in every branch; the tree is the same."""
    generated = alertmanager.build(configuration)["route"]
    route = delivering_to("http://127.0.0.1:1", alertmanager.build(configuration), 2 / 15)["route"]
    assert [each["receiver"] for each in route["routes"]] == [each["receiver"] for each in generated["routes"]]
    assert route["routes"][-1]["group_wait"] == "2667ms"
    assert route["routes"][1]["routes"][0]["group_wait"] == "2667ms"
    assert route["repeat_interval"] == generated["repeat_interval"]


def test_missing_packages_are_named_and_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong use, exit code 2, in one line; the folder is not made."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(commands, "end_like_ctrl_c", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "prometheus-alertmanager" else f"/usr/bin/{name}")
    done = CliRunner().invoke(app, ["stack", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert done.stderr == "This needs Debian's prometheus-alertmanager: apt-get install prometheus-alertmanager\n"
    assert not (tmp_path / "out").exists()


def test_a_parameter_without_a_value_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, ["stack", "error-share", "system"])
    assert (done.exit_code, done.stderr) == (2, "'system' is not NAME=VALUE\n")
