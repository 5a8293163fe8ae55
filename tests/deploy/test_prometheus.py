"""The scrape configurations: Prometheus takes them, with the rules that a build writes beside them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from config.source import read, validate
from monitors.web.web_config import WebConfigFile
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
CONFIGS = pytest.mark.parametrize("config", ["prometheus/prometheus.yml", "compose/prometheus.yml"])


@pytest.fixture
def folder(generated: dict[str, str], tmp_path: Path) -> Path:
    """Return a folder laid out as the head of the configuration says."""
    for path, text in generated.items():
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    shutil.copytree(DEPLOY / "prometheus" / "targets", tmp_path / "targets")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "password").write_text("not a secret\n")
    return tmp_path


def check(peer: Callable[[str], str], path: Path) -> subprocess.CompletedProcess[str]:
    command = [peer("promtool"), "check", "config", "--lint-fatal", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.peer
@CONFIGS
def test_prometheus_takes_it(peer: Callable[[str], str], folder: Path, config: str) -> None:
    """With its rules, each of which is read."""
    shutil.copy(DEPLOY / config, folder / "prometheus.yml")
    found = check(peer, folder / "prometheus.yml")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "1 rule files found" in found.stdout + found.stderr


@pytest.mark.peer
def test_a_mistake_is_found(peer: Callable[[str], str], folder: Path) -> None:
    """The check is able to fail."""
    text = (DEPLOY / "prometheus/prometheus.yml").read_text()
    (folder / "prometheus.yml").write_text(text.replace("basic_auth", "basic_auths"))
    assert check(peer, folder / "prometheus.yml").returncode == 1


@CONFIGS
def test_no_password_is_written_down(config: str) -> None:
    """It is read from a file."""
    for job in yaml.safe_load((DEPLOY / config).read_text())["scrape_configs"]:
        assert "password" not in job.get("basic_auth", {})


def test_monitors_are_scraped_as_the_web_configuration_serves() -> None:
    """The example of monitor and scraper: same user, TLS on both sides, and a hash that fits no password."""
    path = DEPLOY / "prometheus" / "web.yml"
    served = validate(read(path), WebConfigFile, {"root": path.parent})
    jobs = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    secured = next(job for job in jobs if "basic_auth" in job)
    assert set(served.basic_auth_users) == {secured["basic_auth"]["username"]}
    assert served.tls_server_config is not None
    assert secured["scheme"] == "https"
