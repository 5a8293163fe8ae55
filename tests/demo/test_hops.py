"""The way from a fault to a page, split into hops that add up."""

from __future__ import annotations

import pytest

from demo.hops import Way, hops, reached

TALLY = [(100.0, {"a": 5, "b": 1}), (110.0, {"a": 6, "b": 1}), (125.0, {"a": 7, "b": 9}), (140.0, {"a": 8, "b": 9})]


def test_failed_runs_are_counted_from_the_first_look_and_for_the_probes_that_count() -> None:
    """Failures before the fault, and those of other probes, are not the fault's."""
    assert reached(TALLY, ["a"], 1) == 110.0
    assert reached(TALLY, ["a"], 3) == 140.0
    assert reached(TALLY, ["a", "b"], 3) == 125.0
    assert reached(TALLY, ["a"], 4) is None


def test_the_hops_add_up_to_the_whole_way() -> None:
    """Each from the instant before; three failed runs, fetched at 147, judged at 155, delivered at 176."""
    way = Way("Alert", "system", "receiver", hops(101.0, TALLY, ["a"], (147.0, 3), 155.0, 176.0))
    assert [(hop.name, hop.seconds) for hop in way.hops] == [
        ("probe", 9.0),
        ("more runs", 30.0),
        ("scrape", 7.0),
        ("rule", 8.0),
        ("group wait", 21.0),
    ]
    assert way.seconds == 75.0
    assert "3 failed runs" in way.hops[1].remark


@pytest.mark.parametrize("scraped", [(139.5, 3), (139.5, 4), (99.0, 1)])
def test_no_hop_is_negative(scraped: tuple[float, int]) -> None:
    """The monitor is looked at a moment later than Prometheus does, or has not shown the last failure yet."""
    found = hops(101.0, TALLY, ["a"], scraped, 155.0, 176.0)
    assert all(hop.seconds >= 0 for hop in found)
    assert sum(hop.seconds for hop in found) == 75.0
