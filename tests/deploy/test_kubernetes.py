"""The manifests: well-formed for Kubernetes old and new, closed, and one monitor for a ledger."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.conftest import ROOT
from tests.deploy.test_systemd import options

FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.27", "1.37")
"""The oldest version that is supported and the newest known."""

MANIFESTS = [
    pytest.param(document, id=f"{document['kind']}/{document['metadata']['name']}")
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    (parameter.values[0]["kind"], parameter.values[0]["metadata"]["name"]): parameter.values[0]
    for parameter in MANIFESTS
}
MONITOR = OBJECTS["StatefulSet", "piekwacht-monitor"]["spec"]
BACKUP = OBJECTS["CronJob", "piekwacht-backup"]["spec"]["jobTemplate"]["spec"]
PODS = pytest.mark.parametrize(
    "pod", [MONITOR["template"]["spec"], BACKUP["template"]["spec"]], ids=["monitor", "backup"]
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", MANIFESTS)
def test_each_manifest_fits_its_schema(document: dict[str, Any], version: str) -> None:
    """Strictly: an unknown key is an error."""
    kubernetes_validate.validate(document, version, strict=True)


def test_an_unknown_key_is_found() -> None:
    """The check is able to fail."""
    broken = yaml.safe_load(yaml.safe_dump(OBJECTS["StatefulSet", "piekwacht-monitor"]))
    broken["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    with pytest.raises(kubernetes_validate.ValidationError, match="readOnly"):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_everything_is_applied() -> None:
    """The kustomization names every file."""
    named = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted(named) == sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


@PODS
def test_each_pod_is_restricted(pod: dict[str, Any]) -> None:
    """As the namespace demands (Pod Security Standards, restricted), and with a root file system that is read-only."""
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert re.fullmatch(r"\S+:(?!latest)\S+", container["image"])


@PODS
def test_each_mount_has_its_volume(pod: dict[str, Any]) -> None:
    """Claims of the StatefulSet included."""
    volumes = {volume["name"] for volume in pod["volumes"]} | {
        claim["metadata"]["name"] for claim in MONITOR["volumeClaimTemplates"]
    }
    for container in pod["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_one_monitor_writes_a_ledger() -> None:
    """A second replica would have a ledger of its own, and count as a vantage point of the same name."""
    assert MONITOR["replicas"] == 1
    assert MONITOR["volumeClaimTemplates"][0]["spec"]["accessModes"] == ["ReadWriteOnce"]
    claim = next(volume for volume in BACKUP["template"]["spec"]["volumes"] if volume["name"] == "ledger")
    assert claim["persistentVolumeClaim"]["claimName"] == "ledger-piekwacht-monitor-0"


def test_readiness_restarts_nothing() -> None:
    """A system that does not answer makes no monitor unhealthy; its metrics stay reachable."""
    monitor = MONITOR["template"]["spec"]["containers"][0]
    assert monitor["livenessProbe"]["httpGet"]["path"] == "/-/healthy"
    assert monitor["startupProbe"]["httpGet"]["path"] == "/-/healthy"
    assert monitor["readinessProbe"]["httpGet"]["path"] == "/-/ready"
    assert OBJECTS["Service", "piekwacht-monitor"]["spec"]["publishNotReadyAddresses"] is True


def test_the_monitor_is_reached_by_prometheus_only() -> None:
    """By its port, from the pods that one rule names; the backup has no network."""
    policy = OBJECTS["NetworkPolicy", "piekwacht-monitor"]["spec"]
    assert len(policy["ingress"]) == 1
    assert policy["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 9464}]
    assert policy["podSelector"]["matchLabels"] == MONITOR["selector"]["matchLabels"]
    backup = OBJECTS["NetworkPolicy", "piekwacht-backup"]["spec"]
    assert set(backup["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in backup
    assert "egress" not in backup


def test_arguments_are_options_that_exist() -> None:
    """And the configuration is where its volumes are mounted."""
    container = MONITOR["template"]["spec"]["containers"][0]
    assert container["args"][:2] == ["monitor", "run"]
    given = dict(argument.split("=", 1) for argument in container["args"][2:])
    assert set(given) <= options(["monitor", "run"])
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    folders = {"estate", "environments", "campaigns", "maintenance"}
    assert {f"{given['--config']}/{folder}" for folder in folders} <= mounted


def test_every_config_map_is_made_as_the_guide_says() -> None:
    """docs/deployment.md creates each one that the monitor mounts."""
    guide = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    mounted = {
        volume["configMap"]["name"] for volume in MONITOR["template"]["spec"]["volumes"] if "configMap" in volume
    }
    loops = re.findall(r"for folder in ([a-z ]+); do", guide)
    assert mounted == {f"piekwacht-{folder}" for words in loops for folder in words.split()}
