"""Both incidents in their short form: the real replica, monitor, load test, Prometheus and Alertmanager."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from config import Configuration
from demo.incidents.chronicle import Chronicle, findings
from demo.incidents.duty import duty
from demo.incidents.page import render
from demo.incidents.replay import replay
from demo.incidents.script import Script, names, script

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(900)]

SHORTEST = 1.0
"""Seconds: no stretch lasts longer than its probes need."""


def unseen(one: Script, chronicle: Chronicle) -> list[str]:
    """Return what no probe failed for while its fault lasted. How soon is not asked of a busy machine."""
    lasting = {name: (start, end) for name, start, end in chronicle.lasting()}
    missed = []
    for each in one.expect:
        start, end = lasting[each.after]
        turned = [turn for turn in chronicle.turned if turn.probe == each.probe and not turn.passing]
        reasons = {reason for turn in turned if start <= turn.at <= end + 30 for reason in turn.reason.split(", ")}
        if not reasons & set(each.reasons):
            missed.append(f"{each.probe} of {each.after}: {sorted(reasons)}")
    return missed


@pytest.mark.parametrize("name", names())
def test_what_had_to_be_noticed_is_noticed(
    name: str, configuration: Configuration, tmp_path: Path, peer: Callable[[str], str]
) -> None:
    """Each fault by its probe and for its reason, the load test fails, somebody is paged, and the page says it all."""
    assert all(peer(program) for program in ("prometheus", "prometheus-alertmanager"))
    one, said = script(name), list[str]()
    chronicle = replay(one, configuration, tmp_path / "replay", SHORTEST, said.append)
    assert unseen(one, chronicle) == [], said
    assert [crowd.summary["outcome"] for crowd in chronicle.crowds] == (["failed"] * 2 if one.load else [])
    assert {alert for (alert, _), _, _ in chronicle.alerts()} >= {"AvailabilityBurnsFast"}
    wrong = {each.reasons[0] for each in one.expect}
    failed = [turn for turn in chronicle.turned if turn.probe in one.untouched and turn.reason in wrong]
    assert failed == []
    owed = duty(one, chronicle, configuration)
    page = render(one, chronicle, findings(one, chronicle), owed)
    assert all(event.says.replace("'", "&#39;") in page for event in one.course)
    assert {each.rule for each in owed} >= {"N5", "N9"}
