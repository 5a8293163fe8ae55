"""What the monitor says, seen from outside."""

from __future__ import annotations

import pytest

from demo import watch
from demo.watch import FAILURES, REASONS, RUNS, SUCCESS, Sample, Watch

PROBE = {"system": "line", "probe": "call"}


def scrape(*, passing: bool, runs: int, **failures: int) -> list[Sample]:
    """Return what the monitor says after some runs, with the failures by reason so far."""
    by_reason: list[Sample] = [(REASONS, PROBE | {"reason": reason}, count) for reason, count in failures.items()]
    failed: Sample = (FAILURES, PROBE | {"window": "none"}, sum(failures.values()))
    return [(SUCCESS, PROBE, float(passing)), (RUNS, PROBE, runs), failed, *by_reason]


def test_a_probe_that_fails_for_another_reason_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One fault after the other: each begins with its own reason; the same reason again is no change."""
    said = iter(
        [
            scrape(passing=True, runs=1, timeout=0, cut_off=0),
            scrape(passing=False, runs=2, timeout=1, cut_off=0),
            scrape(passing=False, runs=3, timeout=2, cut_off=0),
            scrape(passing=False, runs=4, timeout=2, cut_off=1),
            scrape(passing=False, runs=4, timeout=2, cut_off=1),
            scrape(passing=True, runs=5, timeout=2, cut_off=1),
            scrape(passing=False, runs=6, timeout=2, cut_off=2),
        ]
    )
    monkeypatch.setattr(watch.Watch, "_scrape", lambda _: next(said))
    looking = Watch("http://127.0.0.1:1")
    seen = [[(change.passing, change.reason) for change in looking.look()] for _ in range(7)]
    assert seen == [[], [(False, "timeout")], [], [(False, "cut_off")], [], [(True, "")], [(False, "cut_off")]]
    assert looking.failures == {"call": 4}
