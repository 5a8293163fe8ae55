"""A plan turns a campaign and a few options into arrivals that are the same everywhere."""

from __future__ import annotations

import pytest

from journeys import definitions
from journeys.identities import passes_eleven_test
from loadtests.plan import Crowd, Plan, PlanError, make_plan

MORNING = {"start": "07:00", "end": "10:00", "compress": 60.0, "scale": 0.02}


def test_a_whole_day_has_the_published_totals(configuration):
    """1 March 2023: 3.6 million app logins, 1.4 million SMS logins, 87,774 activations."""
    plan = make_plan(configuration, "aangifte-2023-03-01", "local")
    totals: dict[str, float] = {}
    for kind, shape in zip(plan.kinds, plan.shapes, strict=True):
        totals[kind.stream] = totals.get(kind.stream, 0) + shape.total
    assert totals["app-logins"] == pytest.approx(3_600_000)
    assert totals["sms-logins"] == pytest.approx(1_400_000)
    assert totals["activations"] == pytest.approx(87_774)


def test_the_year_before_is_another_day_of_the_same_campaign(configuration):
    """1 March 2022: 2.2 million and 0.6 million."""
    plan = make_plan(configuration, "aangifte-2023-03-01", "local", day="march-2022")
    assert plan.shape.total == pytest.approx(2_200_000 + 600_000 + 20_338 + 273_973)


def test_a_compressed_morning_keeps_its_volume(configuration):
    """Three hours in three minutes: the same number of people times the scale."""
    plan = make_plan(configuration, "aangifte-2023-03-01", "local", **MORNING)
    real = make_plan(configuration, "aangifte-2023-03-01", "local", start="07:00", end="10:00")
    assert plan.duration == 180
    assert plan.shape.total == pytest.approx(0.02 * real.shape.total)
    assert plan.think_factor == pytest.approx(1 / 60)
    assert plan.clock(0).isoformat() == "2023-03-01T07:00:00+01:00"
    assert plan.clock(180).isoformat() == "2023-03-01T10:00:00+01:00"


def test_a_plan_survives_the_wire(configuration):
    """A worker that gets the plan as text draws the same arrivals, to the byte."""
    plan = make_plan(configuration, "aangifte-2023-03-01", "local", **MORNING, seed=7)
    other = Plan.model_validate_json(plan.model_dump_json())
    assert other.arrivals.digest() == plan.arrivals.digest()
    assert other.kinds == plan.kinds


def test_every_citizen_is_synthetic_and_fixed_by_the_seed(configuration):
    """The n-th arrival is the same person every time, with a test number that passes the 11-test."""
    plan = make_plan(configuration, "aangifte-2023-03-01", "local", **MORNING)
    one, two = Crowd(plan), Crowd(plan)
    for number in range(0, 5000, 97):
        _, citizen = one.citizen(number, 0)
        _, same = two.citizen(number, 0)
        assert citizen.bsn == same.bsn
        assert citizen.random.random() == same.random.random()
        assert passes_eleven_test(citizen.bsn)
        assert citizen.bsn.startswith("999")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"day": "march-1999"}, "has no day 'march-1999'; it has: march-2023, march-2022"),
        ({"start": "10:00", "end": "07:00"}, "--from 10:00 must be before --to 07:00"),
        ({"start": "25:00"}, "'25:00' is not a time of day"),
        ({"scale": 1e-9}, "fewer than one arrival"),
        ({"scale": 1000.0}, "too many for one run"),
        ({"start": "07:00+02:00"}, "is not a time of day"),
        ({"drain": float("inf")}, "drain: Input should be"),
        ({"timeout": float("nan")}, "timeout: Input should be"),
    ],
)
def test_what_cannot_be_planned_is_explained(configuration, options, words):
    """The message says what is wrong and what there is."""
    with pytest.raises(PlanError, match=words):
        make_plan(configuration, "aangifte-2023-03-01", "local", **options)


def test_every_journey_of_every_campaign_exists(configuration):
    """Campaigns name journeys of the registry only."""
    for campaign in configuration.campaigns.values():
        for stream in campaign.streams.values():
            assert {part.journey for part in stream.split} <= set(definitions())
