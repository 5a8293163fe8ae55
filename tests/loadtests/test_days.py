"""A day is composed of totals, growth, recordings, splices and overlays; nobody is lost on the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Campaign
from config.recording import Recording
from loadtests.days import compose, mixed, moment
from loadtests.shapes import from_day

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
OVERLAY = {"title": "t", "source": "s", "stream": "visits"}


def campaign(*, start="2027-03-01T00:00:00+01:00", streams=("visits", "logins"), days=None, **day) -> Campaign:
    """Return a campaign with one day, `first`, and others beside it."""
    first = {"start": start, "source": "s", "totals": {"visits": 1000.0, "logins": 600.0}} | day
    split = [{"journey": "visit-website", "share": 1.0}]
    return Campaign.model_validate(
        {
            "title": "t",
            "sources": ["s"],
            "assumptions": [],
            "days": {"first": first, **(days or {})},
            "hourly_profile": [float(hour) for hour in range(24)],
            "streams": {name: {"title": name, "split": split} for name in streams},
            "seasons": {
                "spring": {"first": "2027-03-01", "last": "2027-04-30", "totals": {"visits": 61_000.0}, "source": "s"}
            },
        }
    )


def made(whole: Campaign, recordings=None, growth=None):
    return compose(whole, "first", recordings or {}, growth or {})


def test_growth_multiplies_what_the_letter_counted():
    """The factors of 2022 to 2023, applied to 2022, give 2023."""
    per_year = {"visits": 3_600_000 / 2_200_000, "logins": 1_400_000 / 600_000}
    grown = made(
        campaign(
            totals={"visits": 2_200_000.0, "logins": 600_000.0},
            growth={"per_year": per_year, "source": "2023-03-digid-outage-letter"},
        )
    )
    assert grown.streams["visits"].total == pytest.approx(3_600_000)
    assert grown.streams["logins"].total == pytest.approx(1_400_000)
    twice = made(campaign(growth={"per_year": {"visits": 1.5}, "years": 2, "source": "s"}), growth={"visits": 2.0})
    assert twice.streams["visits"].total == pytest.approx(1000 * 1.5**2 * 2)
    assert twice.streams["logins"].total == pytest.approx(600)


def test_anchors_are_met_by_the_clock():
    """400 had come by noon, whatever the profile says of the morning."""
    found = made(campaign(totals={"visits": {"06:00": 0.0, "12:00": 400.0, "24:00": 1000.0}})).streams["visits"]
    assert found.count_by(6 * 3600) == pytest.approx(0)
    assert found.count_by(12 * 3600) == pytest.approx(400)
    assert found.total == pytest.approx(1000)


def test_anchors_that_the_clock_skips_are_refused():
    """02:30 does not exist on 28 March 2027, and would lie after 03:00."""
    whole = campaign(start="2027-03-28T00:00:00+01:00", totals={"visits": {"02:30": 1.0, "03:00": 2.0, "24:00": 3.0}})
    with pytest.raises(ValueError, match="skips an hour"):
        made(whole)


@pytest.mark.parametrize("start", ["2027-03-28T00:00:00+01:00", "2027-10-31T00:00:00+02:00"])
def test_days_of_the_clock_change_are_composed_in_full(start):
    """All overlays at once on a day of 23 and one of 25 hours."""
    overlays = [
        {**OVERLAY, "kind": "again", "share": 0.5, "after": ["1m", "10m"]},
        {**OVERLAY, "kind": "surge", "at": "20:00", "ramp": "1m", "decay": "5m", "arrivals": 100.0},
        {**OVERLAY, "kind": "rush", "until": "24:00", "doubling": "1h", "arrivals": 50.0},
        {**OVERLAY, "kind": "rejected", "above": 0.01, "share": 0.5, "after": ["1m", "10m"]},
    ]
    found = made(campaign(start=start, overlays=overlays))
    hours = 23 if "-03-" in start else 25
    assert found.streams["visits"].duration == hours * 3600
    added = sum(one.arrivals for one in found.added)
    assert found.streams["visits"].total == pytest.approx(1000 + added)
    assert found.added[1].arrivals == pytest.approx(100)
    assert found.added[2].arrivals == pytest.approx(50)


@given(st.floats(0.01, 1), st.integers(1, 600), st.integers(1, 600))
def test_the_second_partner_comes_in_full_before_or_after_midnight(share, first, more):
    """A share of the stream; who comes after midnight is told apart."""
    overlay = {**OVERLAY, "kind": "again", "share": share, "after": [f"{first}m", f"{first + more}m"]}
    found = made(campaign(overlays=[overlay]))
    (added,) = found.added
    assert added.arrivals + added.after_midnight == pytest.approx(1000 * share)
    assert found.streams["visits"].total == pytest.approx(1000 + added.arrivals)
    assert found.streams["logins"].total == pytest.approx(600)


def test_overlays_stand_on_each_other_in_the_order_of_the_file():
    """The second partner of those who came in the surge comes too, but not the other way round."""
    surge = {**OVERLAY, "kind": "surge", "at": "10:00", "ramp": "1m", "decay": "1m", "arrivals": 100.0}
    again = {**OVERLAY, "kind": "again", "share": 0.5, "after": ["1m", "2m"]}
    assert sum(one.arrivals for one in made(campaign(overlays=[surge, again])).added) == pytest.approx(650, rel=5e-3)
    assert sum(one.arrivals for one in made(campaign(overlays=[again, surge])).added) == pytest.approx(600, rel=5e-3)


def test_only_those_above_the_rate_are_turned_away():
    """With twice the peak nobody is; the profile's peak hour has 23 / 276 of the day."""
    peak = 1000 * 23 / 276 / 3600
    for above, expected in ((2 * peak, 0.0), (1e-9, 1000.0)):
        overlay = {**OVERLAY, "kind": "rejected", "above": above, "share": 1.0, "after": ["1s", "3s"]}
        (added,) = made(campaign(overlays=[overlay])).added
        assert added.arrivals + added.after_midnight == pytest.approx(expected, abs=1e-3)


def test_hours_are_taken_from_another_day():
    """The evening of a busier day, the rest of this one."""
    other = {"start": "2026-03-02T00:00:00+01:00", "source": "s", "totals": {"visits": 5000.0}}
    splice = {"day": "busy", "start": "18:00", "end": "24:00", "source": "s"}
    found = made(campaign(days={"busy": other}, splices=[splice])).streams
    evening = sum(range(18, 24)) / 276
    assert found["visits"].total == pytest.approx(1000 * (1 - evening) + 5000 * evening)
    assert found["visits"].count_by(18 * 3600) == pytest.approx(1000 * (1 - evening))
    assert found["logins"].total == pytest.approx(600 * (1 - evening))


def test_a_season_gives_a_day_its_part():
    """61 days of the same weight; the hourly profile is the campaign's."""
    found = made(campaign(totals={"logins": 5.0}, season="spring")).streams
    assert found["visits"].total == pytest.approx(1000)
    assert found["logins"].total == pytest.approx(5)


def recording(start="2026-03-01T00:00:00+01:00", hours=24, seconds=60) -> Recording:
    first = datetime.fromisoformat(start).timestamp()
    slots = hours * 3600 // seconds
    return Recording(
        edges=[first + seconds * slot for slot in range(slots + 1)], counts=[float(slot % 7) for slot in range(slots)]
    )


def test_a_recording_says_when_and_perhaps_how_many():
    """Without a total it is as counted; with one it is scaled; growth applies to both."""
    counted = recording()
    recorded = {"visits": {"shape": "portal", "date": "2026-03-01"}}
    plain = made(campaign(totals={"logins": 1.0}, recordings=recorded), {"portal": counted}).streams["visits"]
    assert plain.total == pytest.approx(counted.total)
    assert np.diff(plain.counts) == pytest.approx(counted.counts)
    grown = campaign(recordings=recorded, growth={"per_year": {"visits": 2.0}, "source": "s"})
    assert made(grown, {"portal": counted}).streams["visits"].total == pytest.approx(2000)


def test_a_day_in_the_middle_of_coarse_slots_is_cut_out():
    """Slots of seven hours that do not begin at midnight: a part of the first and of the last counts."""
    first = datetime.fromisoformat("2026-02-28T22:00:00+01:00").timestamp()
    slots = Recording(edges=[first + 25_200 * slot for slot in range(8)], counts=[70.0] * 7)
    whole = campaign(totals={"logins": 1.0}, recordings={"visits": {"shape": "portal", "date": "2026-03-01"}})
    found = made(whole, {"portal": slots}).streams["visits"]
    assert found.duration == 86_400
    assert found.total == pytest.approx(24 * 10)


@pytest.mark.parametrize(
    ("start", "recorded", "says"),
    [
        ("2027-03-01T00:00:00+01:00", "2026-03-02", "visits: the recording portal is of .* does not cover 2026-03-02"),
        ("2027-03-28T00:00:00+01:00", "2026-03-01", "had 24 hours and cannot be replayed on a day of 23"),
    ],
)
def test_a_recording_that_does_not_fit_is_refused(start, recorded, says):
    """With the name of the stream, and why."""
    whole = campaign(start=start, recordings={"visits": {"shape": "portal", "date": recorded}})
    with pytest.raises(ValueError, match=says):
        made(whole, {"portal": recording()})


@pytest.mark.parametrize("start", ["2027-03-01", "2027-03-28", "2027-10-31"])
@given(morning=st.floats(0, 1), evening=st.floats(0, 1))
def test_a_mix_by_the_clock_follows_the_local_time(start, morning, evening):
    """Shares of a stream add up to it, and at 12:00 on the clock the share is half-way, also when the clock changed."""
    first = datetime.fromisoformat(start).replace(tzinfo=AMSTERDAM)
    day = campaign(start=first.isoformat()).days["first"]
    shape = from_day(first, AMSTERDAM, 1e6, [1.0] * 24)
    share = {"04:00": morning, "20:00": evening}
    rest = {clock: 1 - value for clock, value in share.items()}
    part, other = mixed(shape, share, day, AMSTERDAM), mixed(shape, rest, day, AMSTERDAM)
    assert part.total + other.total == pytest.approx(1e6)
    noon = moment(day, AMSTERDAM, "12:00")
    around = part.count_by(noon + 30) - part.count_by(noon - 30)
    whole = shape.count_by(noon + 30) - shape.count_by(noon - 30)
    assert around == pytest.approx(whole * (morning + evening) / 2, abs=1e-3)


def test_hourly_shares_hold_in_both_hours_of_a_repeated_one():
    """02:00 to 03:00 comes twice on 31 October 2027, and only then anyone is selected."""
    first = datetime(2027, 10, 31, tzinfo=AMSTERDAM)
    day = campaign(start=first.isoformat()).days["first"]
    shape = from_day(first, AMSTERDAM, 2500.0, [1.0] * 24)
    selected = mixed(shape, [float(hour == 2) for hour in range(24)], day, AMSTERDAM)
    assert selected.total == pytest.approx(200)
    assert selected.count_by(2 * 3600) == pytest.approx(0)
    assert selected.count_by(4 * 3600) == pytest.approx(200)


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("Europe/Amsterdam", [23, 25]),
        ("Australia/Lord_Howe", [23.5, 24.5]),  # half an hour
        ("Africa/Cairo", [23, 25]),  # at midnight
        ("Asia/Kathmandu", []),
    ],
)
def test_every_zone_can_be_replayed(name, lengths):
    """Whatever its clock does, a day lasts until the next midnight, and has its total."""
    zone = ZoneInfo(name)
    midnights = [datetime(2024, 1, 1, tzinfo=zone) + timedelta(days=day) for day in range(367)]
    found = set()
    for start, end in pairwise(midnights):
        hours = (end.timestamp() - start.timestamp()) / 3600
        if hours != 24:
            found.add(hours)
            shape = from_day(start, zone, 100.0, [1.0] * 24)
            assert shape.total == pytest.approx(100)
            assert shape.duration == hours * 3600
    assert sorted(found) == lengths
