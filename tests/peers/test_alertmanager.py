"""The generated example in Debian's Alertmanager: accepted, it routes, groups, and silences what it should."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from config import Configuration
from demo.alerting import LISTENING, delivering_to
from demo.processes import Child
from demo.receiver import Receiver
from monitors.rules import alertmanager, markers
from monitors.rules.queries import OPERATOR
from monitors.rules.rules_commands import texts
from tests.waiting import LONG

pytestmark = pytest.mark.peer

Labels = dict[str, str]
Delivered = tuple[str, str, str]
"""Receiver, alert, system."""

PACE = 0.02
"""A page waits 0.4 s here in place of 20."""

TICKETS = {"group_wait": "500ms", "group_interval": "1s"}
"""Five minutes are too long for a test, even at that pace."""


def page(name: str, system: str, owner: str, **more: str) -> Labels:
    return {"alertname": name, "severity": "page", "system": system, "owner": owner, **more}


def ticket(name: str, system: str, owner: str) -> Labels:
    return {**page(name, system, owner), "severity": "ticket"}


def marker(name: str, system: str) -> Labels:
    return {"alertname": name, "severity": markers.NO_ONE, "system": system}


BURNS = markers.BURNS_FAST
PLATFORM = page(BURNS, "access-service", "belastingdienst", pair="1h/5m")
APP = page(BURNS, "digid-app", "logius", pair="1h/5m")
PORTAL = page(BURNS, "mijn-belastingdienst", "belastingdienst", pair="6h/30m")
WEBSITE = page(BURNS, "website", "kis", pair="1h/5m")
CERTIFICATE = page("CertificateExpiresSoon", "digid-app", "logius", probe="login-app")
SENTINELS = [{"alertname": f"Sentinel-{kind}", "severity": kind, "owner": OPERATOR} for kind in ("page", "ticket")]


class Manager:
    """A running Alertmanager and what it delivers."""

    def __init__(self, url: str, receiver: Receiver) -> None:
        self.url = url
        self._receiver = receiver
        self.messages: list[list[Delivered]] = []

    def post(self, *alerts: Labels, ended: bool = False) -> None:
        """Fire alerts, or end them."""
        now = datetime.now(UTC)
        body = [
            {
                "labels": labels,
                "annotations": {"summary": "told"},
                "startsAt": now.isoformat(),  # an older one is delivered at once
                "endsAt": (now + timedelta(hours=0 if ended else 1)).isoformat(),
            }
            for labels in alerts
        ]
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(f"{self.url}/api/v2/alerts", json.dumps(body).encode(), headers), timeout=LONG):
            pass

    def delivers(self, *expected: Delivered) -> set[Delivered]:
        """Wait for what is expected; return everything that was delivered until then, and a while after.

        Sentinels that are posted afterwards, and wait as long as any other, tell how long to go on listening.
        """
        self._until(set(expected))
        self.post(*SENTINELS)
        sentinels = {(f"{OPERATOR}-{one['severity']}", one["alertname"], "") for one in SENTINELS}
        self._until(set(expected) | sentinels)
        self.post(*SENTINELS, ended=True)
        return self._seen - sentinels

    @property
    def _seen(self) -> set[Delivered]:
        return {each for message in self.messages for each in message}

    def _until(self, wanted: set[Delivered]) -> None:
        deadline = time.monotonic() + LONG
        while not wanted <= self._seen:
            assert time.monotonic() < deadline, f"never delivered: {wanted - self._seen}"
            for one in self._receiver.take(0.1):
                firing = [alert for alert in one.alerts if alert.firing]
                self.messages.append([(one.receiver, alert.name, alert.labels.get("system", "")) for alert in firing])


@contextmanager
def running(program: str, folder: Path, routing: dict[str, Any]) -> Iterator[str]:
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump(routing))
    arguments = [f"--config.file={config}", f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
    with Child("alertmanager", [*arguments, "--web.listen-address=127.0.0.1:0"], folder, [program]) as server:
        yield f"http://127.0.0.1:{server.says(LISTENING, within=LONG)}"


@pytest.fixture
def manager(peer: Callable[[str], str], configuration: Configuration, tmp_path: Path) -> Iterator[Manager]:
    """Run the example, with the receivers on this machine and little patience."""
    with Receiver() as receiver:
        routing = delivering_to(receiver.url, alertmanager.build(configuration), PACE)
        routing["route"] |= TICKETS
        with running(peer("prometheus-alertmanager"), tmp_path, routing) as url:
            yield Manager(url, receiver)


@pytest.fixture
def example(configuration: Configuration, tmp_path: Path) -> Path:
    path = tmp_path / "piekwacht.alertmanager.yml"
    path.write_text(texts(configuration)["alertmanager/piekwacht.alertmanager.yml"])
    return path


def test_amtool_and_a_running_alertmanager_accept_the_example(peer: Callable[[str], str], example: Path) -> None:
    """As it is written, placeholders and all."""
    checked = subprocess.run([peer("amtool"), "check-config", example], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    routing = yaml.safe_load(example.read_text())
    assert f"{len(routing['receivers'])} receivers" in checked.stdout
    with (
        running(peer("prometheus-alertmanager"), example.parent, routing) as url,
        urlopen(f"{url}/api/v2/status", timeout=LONG) as answer,
    ):
        taken = yaml.safe_load(json.load(answer)["config"]["original"])
    assert [one["name"] for one in taken["receivers"]] == [one["name"] for one in routing["receivers"]]
    assert len(taken["inhibit_rules"]) == len(routing["inhibit_rules"])


def test_every_owner_and_severity_has_its_receiver(
    peer: Callable[[str], str], configuration: Configuration, example: Path
) -> None:
    """`amtool config routes test`; what belongs to no owner of the estate goes to the operator, markers to nobody."""
    owners = {owner.id for owner in configuration.owner_of.values()} | {OPERATOR}
    cases = [
        (f"{owner}-{kind}", f"owner={owner}", f"severity={kind}") for owner in owners for kind in ("page", "ticket")
    ]
    cases += [(f"{OPERATOR}-{kind}", "owner=stranger", f"severity={kind}") for kind in ("page", "ticket")]
    cases += [("nobody", f"owner={owner}", "severity=none") for owner in owners]
    for receiver, *labels in cases:
        command = [peer("amtool"), "config", "routes", "test", f"--config.file={example}"]
        found = subprocess.run([*command, *labels], capture_output=True, text=True, check=False)
        assert found.stdout.split() == [receiver], (labels, found.stderr)


def test_alerts_reach_who_answers_for_them(manager: Manager) -> None:
    """Pages and tickets of every owner, and the operator's own."""
    expected = {
        ("logius-page", BURNS, "digid-app"),
        ("kis-page", BURNS, "website"),
        ("douane-ticket", "CoverageLow", "nhd-line"),
        ("piekwacht-ticket", "RunsWithoutVerdict", "website"),
    }
    manager.post(
        APP, WEBSITE, ticket("CoverageLow", "nhd-line", "douane"), ticket("RunsWithoutVerdict", "website", OPERATOR)
    )
    assert manager.delivers(*expected) == expected


def test_one_incident_is_one_message(manager: Manager) -> None:
    """Both burn rates and the overrun of one system in one; another system's in another, so that it rings again."""
    manager.post(
        APP,
        {**APP, "pair": "6h/30m"},
        page(markers.OVERRUNS, "digid-app", "logius"),
        page(BURNS, "digid-activation", "logius", pair="1h/5m"),
    )
    manager.delivers(("logius-page", BURNS, "digid-app"), ("logius-page", BURNS, "digid-activation"))
    systems = [{system for _, _, system in message} for message in manager.messages if ("Sentinel" not in str(message))]
    assert sorted(map(sorted, systems)) == [["digid-activation"], ["digid-app"]]
    assert max(len(message) for message in manager.messages) == 3


def test_a_dependency_silences_the_pages_of_what_depends_on_it(manager: Manager) -> None:
    """Two steps away as well; not what does not depend on it, and not a matter of its own. Held back, not lost."""
    manager.post(PLATFORM)
    manager.post(APP, PORTAL, WEBSITE, CERTIFICATE)
    expected = {
        ("belastingdienst-page", BURNS, "access-service"),
        ("kis-page", BURNS, "website"),
        ("logius-page", "CertificateExpiresSoon", "digid-app"),
    }
    assert manager.delivers(*expected) == expected
    manager.post(PLATFORM, ended=True)
    assert ("logius-page", BURNS, "digid-app") in manager.delivers(("logius-page", BURNS, "digid-app"))


def test_what_recovers_after_its_dependency_pages_nobody(manager: Manager) -> None:
    """The marker holds on when the page of the dependency has ended; it is itself delivered to nobody."""
    manager.post(marker(markers.DEPENDENCY_DOWN, "access-service"))
    manager.post(APP, PORTAL, WEBSITE)
    assert manager.delivers(("kis-page", BURNS, "website")) == {("kis-page", BURNS, "website")}


def test_a_certificate_of_a_dependency_silences_nobody(manager: Manager) -> None:
    """It is no outage: whoever cannot log in must be told."""
    manager.post({**CERTIFICATE, "system": "access-service", "owner": "belastingdienst"}, APP)
    expected = {
        ("belastingdienst-page", "CertificateExpiresSoon", "access-service"),
        ("logius-page", BURNS, "digid-app"),
    }
    assert manager.delivers(*expected) == expected


def test_a_planned_window_silences_pages_of_its_systems_only(manager: Manager) -> None:
    """Not of others, no tickets, and not what is about the window; afterwards what still holds is told."""
    manager.post(marker(markers.PLANNED_WINDOW, "website"))
    manager.post(
        page("SystemNotMeasured", "website", "kis"),
        page("MaintenanceWillOverrun", "website", "kis"),
        ticket("CoverageLow", "toeslagen-nl", "kis"),
        page(BURNS, "digid-app", "logius"),
    )
    expected = {
        ("kis-page", "MaintenanceWillOverrun", "website"),
        ("kis-ticket", "CoverageLow", "toeslagen-nl"),
        ("logius-page", BURNS, "digid-app"),
    }
    quiet = ("kis-page", "SystemNotMeasured", "website")
    assert manager.delivers(*expected) == expected
    manager.post(marker(markers.PLANNED_WINDOW, "website"), ended=True)
    assert quiet in manager.delivers(quiet)


def test_a_page_silences_the_ticket_of_the_same_system(manager: Manager) -> None:
    """Not another system's, and not the operator's, who may know why; the ticket comes when the page has ended."""
    slow = "AvailabilityBurnsSlowly"
    manager.post(APP)
    manager.post(
        ticket(slow, "digid-app", "logius"),
        ticket(slow, "digid-sms", "logius"),
        ticket("RunsWithoutVerdict", "digid-app", OPERATOR),
    )
    expected = {
        ("logius-page", BURNS, "digid-app"),
        ("logius-ticket", slow, "digid-sms"),
        ("piekwacht-ticket", "RunsWithoutVerdict", "digid-app"),
    }
    assert manager.delivers(*expected) == expected
    manager.post(APP, ended=True)
    assert ("logius-ticket", slow, "digid-app") in manager.delivers(("logius-ticket", slow, "digid-app"))


def test_a_monitor_that_is_down_silences_what_nobody_can_know(manager: Manager) -> None:
    """Everything about a system that it probes; others' objectives and load tests go on telling of themselves."""
    manager.post({"alertname": alertmanager.MONITOR_DOWN, "severity": "page", "owner": OPERATOR})
    manager.post(
        APP,
        ticket("CoverageLow", "website", "kis"),
        ticket("RunsWithoutVerdict", "website", OPERATOR),
        page(BURNS, "measured-by-others", "kis"),
        {"alertname": "LoadGeneratorLate", "severity": "ticket", "owner": OPERATOR, "campaign": "march"},
    )
    expected = {
        ("piekwacht-page", alertmanager.MONITOR_DOWN, ""),
        ("piekwacht-ticket", "LoadGeneratorLate", ""),
        ("kis-page", BURNS, "measured-by-others"),
    }
    assert manager.delivers(*expected) == expected
