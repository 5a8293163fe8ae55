"""The compose file: as the specification has it, published on the loopback only, its files where commands put them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from config import Configuration
from dashboards.provisioning import texts as provisioning
from tests.conftest import ROOT
from tests.deploy.test_systemd import options

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((Path(__file__).parent / "schemas" / "compose-spec.json").read_text(encoding="utf-8"))
SERVICES = pytest.mark.parametrize("name", COMPOSE["services"])
GENERATED = "${PIEKWACHT_GENERATED:-../build/deploy}/"


def test_it_fits_the_schema() -> None:
    """Every key is one of the specification."""
    jsonschema.Draft7Validator(SCHEMA).validate(COMPOSE)


def test_an_unknown_key_is_found() -> None:
    """The check is able to fail."""
    with pytest.raises(jsonschema.ValidationError, match="volumen"):
        jsonschema.Draft7Validator(SCHEMA).validate({"services": {"monitor": {"volumen": []}}})


@SERVICES
def test_nothing_is_published_to_other_machines(name: str) -> None:
    """Each port names the loopback address."""
    for port in COMPOSE["services"][name]["ports"]:
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@SERVICES
def test_each_service_is_closed(name: str) -> None:
    """Read-only, without capabilities, and of an image whose version is said."""
    service = COMPOSE["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"(\$\{\w+:-)?[\w./-]+:v?\d+\.\d+\.\d+\}?", service["image"])


def test_no_secret_is_written_down() -> None:
    """A password is the path of a file."""
    for service in COMPOSE["services"].values():
        for key in service.get("environment", {}):
            assert "PASSWORD" not in key or key.endswith("__FILE")
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


def test_every_mounted_file_exists_or_is_generated(configuration: Configuration, generated: dict[str, str]) -> None:
    """By the commands that the head of the file names, or lies beside it, or is a secret."""
    made = {f"prometheus/{path}" for path in generated} | {
        f"grafana/{path}" for path in provisioning(configuration, "http://prometheus:9090", "15s")
    }
    folders = {str(parent) for path in made for parent in Path(path).parents}
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = re.match(r"(\$\{.*?\}[^:]*|[^:]*):", volume)[1]
            if source.startswith(GENERATED):
                assert source.removeprefix(GENERATED) in made | folders, source
            elif source.startswith("."):
                assert (DEPLOY / source).exists(), source
            elif not source.startswith("${"):
                assert source in COMPOSE["volumes"]


def test_the_monitor_is_started_with_options_that_exist() -> None:
    """And where its volumes are."""
    command = COMPOSE["services"]["monitor"]["command"]
    assert command[:2] == ["monitor", "run"]
    assert {argument.split("=")[0] for argument in command[2:]} <= options(["monitor", "run"])
