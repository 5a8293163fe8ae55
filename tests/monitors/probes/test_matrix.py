"""Every fault against every probe: a probe turns red for a fault of its own system or of what that depends on.

Telephone lines have their own matrix (tests/staging/test_phone_incidents.py). `pytest -s` prints this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from config import Configuration, PhoneProbe
from journeys import Reason
from monitors.probes import Target, measure, targets
from monitors.verdict import Fail, Pass, Verdict
from staging.faults import Fault
from staging.layout import PREFIXES
from tests.replica import running_replica

OWN = {
    Fault.APP_UNGUARDED: ("waiting-room-app", Reason.WAITING_ROOM_BYPASSED),
    Fault.BANNER: ("visit-website", Reason.DISRUPTION_ANNOUNCED),
    Fault.REDIRECT_ASTRAY: ("toeslagen-redirect", Reason.UNEXPECTED_REDIRECT),
    Fault.MAINTENANCE_PAGE: ("file-return", Reason.MAINTENANCE_PAGE),
    Fault.RETURN_MESSAGES_HELD: ("ics2-declaration", Reason.RETURN_MESSAGE_MISSING),
    Fault.PLATFORM_STUCK: ("generic-platform", Reason.UNEXPECTED_STATUS),
    Fault.CALLBACK_FORM: ("callback-request", Reason.CONTENT_MISSING),
    Fault.CHAT_UNATTENDED: ("chat-conversation", Reason.TIMEOUT),
    Fault.VIDEO_UNATTENDED: ("video-call", Reason.NO_ANSWER),
    Fault.VIDEO_REFUSED: ("video-call", Reason.UNEXPECTED_STATUS),
    Fault.VIDEO_WITHOUT_PICTURE: ("video-call", Reason.MEDIA_REFUSED),
}
"""What a fault without a choice of system must be seen by, and as what."""

SYSTEM_OF = {
    Fault.APP_UNGUARDED: "waiting-room",
    Fault.BANNER: "website",
    Fault.REDIRECT_ASTRAY: "toeslagen-nl",
    Fault.MAINTENANCE_PAGE: "mijn-belastingdienst",
    Fault.RETURN_MESSAGES_HELD: "customs-messages",
    Fault.PLATFORM_STUCK: "generic-platform",
    Fault.CALLBACK_FORM: "callback",
    Fault.CHAT_UNATTENDED: "chat",
    **dict.fromkeys((Fault.VIDEO_UNATTENDED, Fault.VIDEO_REFUSED, Fault.VIDEO_WITHOUT_PICTURE), "chat"),
}

PARAMETERS: Mapping[Fault, dict[str, Any]] = {
    Fault.CALLBACK_FORM: {"works": False},
    Fault.RETURN_MESSAGES_HELD: {"messages": "ics2"},
}
"""Of faults that hit nothing without, or more than one probe."""

OPENED = {"callback": Fault.CALLBACK_FORM}
"""What has to be there before a system can be hit: the form to be called back is not, but in an emergency."""


def cases() -> Iterator[tuple[str, Fault, dict[str, Any], str]]:
    """Yield each fault with its parameters and the system that it hits."""
    for fault, system in SYSTEM_OF.items():
        yield str(fault), fault, PARAMETERS.get(fault, {}), system
    for system in PREFIXES:
        yield f"error-share {system}", Fault.ERROR_SHARE, {"system": system, "share": 1.0}, system


def behind(configuration: Configuration, system: str) -> set[str]:
    """Return a system and everything that depends on it, however many steps away."""
    found = {system}
    while more := {
        name for name, each in configuration.systems.items() if name not in found and found & set(each.depends_on)
    }:
        found |= more
    return found


async def look(aimed: Sequence[Target]) -> dict[str, Verdict]:
    """Run every probe once, all at the same time."""
    outcomes = await asyncio.gather(*(measure(target, number) for number, target in enumerate(aimed)))
    return {target.name: outcome.verdict for target, outcome in zip(aimed, outcomes, strict=True)}


def aim(configuration: Configuration, endpoints: Mapping[str, str]) -> list[Target]:
    """Point every probe at a replica; a return message is waited for only briefly."""
    place = configuration.environments["local"].model_copy(update={"endpoints": dict(endpoints)})
    aimed = targets(replace(configuration, environments={"local": place}), "local", "here")
    return [each for each in aimed if not isinstance(each.probe, PhoneProbe)]


@pytest.mark.slow
async def test_each_fault_is_seen_by_its_own_probe_and_by_nobody_it_does_not_concern(
    configuration: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    """All pass first and last; in between, a red probe belongs to the system that is hit, or to one that needs it."""
    lines, wrong = [], []
    async with running_replica(dose_web=10_000, dose_app=10_000) as replica:
        aimed = aim(configuration, replica.endpoints)
        assert {name for name, verdict in (await look(aimed)).items() if verdict != Pass()} == set()
        for name, fault, parameters, system in cases():
            if fault is Fault.ERROR_SHARE and system in OPENED:
                replica.switch_on(OPENED[system])
            replica.switch_on(fault, **parameters)
            seen = await look(aimed)
            replica.replica.faults.clear()
            red = {probe: verdict for probe, verdict in seen.items() if isinstance(verdict, Fail)}
            lines.append(f"{name:<42} {', '.join(f'{probe} ({verdict.reason})' for probe, verdict in red.items())}")
            concerned = behind(configuration, system)
            wrong += [f"{name}: {each.name}" for each in aimed if each.name in red and each.system not in concerned]
            if fault in OWN:
                probe, reason = OWN[fault]
                verdict = seen[probe]
                wrong += (
                    [] if isinstance(verdict, Fail) and verdict.reason is reason else [f"{name}: {probe} is {verdict}"]
                )
            else:
                measuring = configuration.systems[system].objective.measured_by
                wrong += [f"{name}: {probe} passes" for probe in measuring if probe not in red]
        assert {name for name, verdict in (await look(aimed)).items() if verdict != Pass()} == set()
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert wrong == []
