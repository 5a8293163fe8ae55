"""What the shipped probes of a line say about each fault of the replica's lines: the picture that localises it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from config import Configuration
from monitors.probes import measure, targets
from monitors.probes.phone.desk import Desk, folder_of
from monitors.verdict import Fail, Pass, Verdict
from staging.faults import Fault, Faults
from staging.layout import Leg
from staging.lines import Lines

PUBLIC, PLATFORM, CHOICE, BORDER = (
    "belastingtelefoon-public",
    "belastingtelefoon-platform",
    "toeslagen-choice",
    "belastingtelefoon-border",
)
OUTBOUND = "outbound-call"

# Of each fault: every probe that must not pass, with its reason; None: the line is well.
SEEN: dict[Fault | None, dict[str, str]] = {
    None: {},
    Fault.NUMBER_CANCELLED: {PUBLIC: "number_unallocated"},  # 2023-03-digid-outage-letter
    Fault.FORWARDING_BROKEN: {PUBLIC: "no_progress"},  # 2022-11-phone-outage
    Fault.QUEUE_FULL: dict.fromkeys((PUBLIC, PLATFORM, CHOICE), "cut_off"),
    Fault.PLATFORM_DOWN: {
        **dict.fromkeys((PUBLIC, PLATFORM, CHOICE, OUTBOUND), "platform_error"),
        BORDER: "unexpected_status",
    },
    Fault.SILENT: dict.fromkeys((PUBLIC, PLATFORM, CHOICE), "silent_line"),
    Fault.LINES_CLOSED: dict.fromkeys((PUBLIC, PLATFORM, CHOICE), "menu_dead"),
    Fault.LINE_BEHAVES: dict.fromkeys((PUBLIC, PLATFORM, CHOICE), "no_answer"),
}


async def look(configuration: Configuration, folder: Path, fault: Fault | None) -> dict[str, Verdict]:
    """Call by the shipped probes while a fault is on; nothing is left up."""
    faults = Faults()
    lines = Lines(faults, 50)
    if fault is not None:
        faults.switch_on(fault, {} if fault is Fault.PLATFORM_DOWN else {"line": "belastingtelefoon"})
    async with lines.answering(dict.fromkeys(Leg, 0)) as places:
        local = configuration.environments["local"]
        trunks = {name: trunk.model_copy(update={"server": places[name]}) for name, trunk in local.trunks.items()}
        place = local.model_copy(update={"trunks": trunks, "call_register": str(folder)})
        here = replace(configuration, environments={"local": place})
        async with Desk(folder_of(place), Random(1)) as desk:
            chosen = [
                replace(target, closed=lambda _: False)
                for target in targets(here, "local", "test", desk=desk)
                if target.name in {PUBLIC, PLATFORM, CHOICE, BORDER, OUTBOUND}
            ]
            outcomes = await asyncio.gather(*(measure(target, 0) for target in chosen))
    assert [line.counts.open for line in lines.legs.values()] == [0, 0]
    return {target.name: outcome.verdict for target, outcome in zip(chosen, outcomes, strict=True)}


@pytest.mark.slow
async def test_each_fault_of_a_line_is_seen_on_the_legs_that_it_hits(
    configuration: Configuration, tmp_path: Path
) -> None:
    """All replicas at once, each with its fault: other legs, and calls to the outside, go on as before."""
    looks = (look(configuration, tmp_path / str(fault), fault) for fault in SEEN)
    for (fault, expected), verdicts in zip(SEEN.items(), await asyncio.gather(*looks), strict=True):
        failed = {name: str(each.reason) for name, each in verdicts.items() if isinstance(each, Fail)}
        assert failed == expected, (fault, verdicts)
        assert {name for name, each in verdicts.items() if isinstance(each, Pass)} == verdicts.keys() - expected.keys()
