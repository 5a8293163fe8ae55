"""Dashboards as ConfigMaps for the side-car."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from config import Configuration
from dashboards.commands import app
from dashboards.kubernetes import LIMIT, config_maps
from dashboards.provisioning import dashboards, texts
from tests.conftest import ROOT

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The quick one, where PyYAML has it."""
APPLY_LIMIT = 262_144
"""Bytes that an annotation holds, and with it what `kubectl apply` can remember."""


@pytest.fixture(scope="module")
def manifests(configuration: Configuration) -> dict[str, str]:
    return config_maps(texts(configuration, "http://prometheus:9090", "15s"))


def test_each_dashboard_is_one_config_map(manifests: dict[str, str], configuration: Configuration) -> None:
    """The side-car finds it by its label and puts it into the folder; the JSON in it is the dashboard."""
    built = dashboards(configuration)
    found = {}
    for file, text in manifests.items():
        manifest = yaml.load(text, LOADER)
        assert (manifest["apiVersion"], manifest["kind"]) == ("v1", "ConfigMap")
        assert f"{manifest['metadata']['name']}.yaml" == file
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", manifest["metadata"]["name"])
        assert all(isinstance(value, str) for value in manifest["metadata"]["labels"].values())
        ((name, data),) = manifest["data"].items()
        if manifest["metadata"]["labels"].get("grafana_dashboard") == "1":
            assert manifest["metadata"]["annotations"] == {"k8s-sidecar-target-directory": "Piekwacht"}
            found[name] = json.loads(data)
        else:
            assert manifest["metadata"]["labels"]["grafana_datasource"] == "1"
            assert yaml.safe_load(data)["datasources"][0]["url"] == "http://prometheus:9090"
    assert found == {f"{name}.json": data for name, data in built.items()}
    assert len(manifests) == len(built) + 1


def test_kubernetes_takes_them(manifests: dict[str, str]) -> None:
    """Smaller than a ConfigMap may be, and than what `kubectl apply` writes into an annotation."""
    assert max(len(json.dumps(yaml.load(text, LOADER)).encode()) for text in manifests.values()) < APPLY_LIMIT


def test_texts_stay_readable(manifests: dict[str, str]) -> None:
    """A dashboard is written line by line, so that a diff of two manifests shows what changed."""
    assert all(re.search(r"^  [\w-]+\.(json|yaml): \|$", text, re.MULTILINE) for text in manifests.values())


def test_what_is_too_large_is_refused() -> None:
    """With its size, before anything is written."""
    with pytest.raises(ValueError, match=r"big.json has 1,048,577 bytes; a ConfigMap holds fewer than 1,048,576"):
        config_maps({"dashboards/big.json": "x" * (LIMIT + 1)})


def test_the_command_writes_them(tmp_path: Path, manifests: dict[str, str]) -> None:
    """Instead of a provisioning folder, and nothing else."""
    arguments = ["build", "--kubernetes", "--prometheus", "http://prometheus:9090", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*arguments, "--config", str(ROOT / "config")])
    assert result.exit_code == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == manifests
