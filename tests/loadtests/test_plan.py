"""A plan turns a campaign and a few options into arrivals that are the same everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from journeys import Identities, definitions
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


def test_a_compressed_morning_may_keep_its_rate(configuration):
    """A sixtieth of the people at the rate of the real day, who think as long as people do."""
    plan = make_plan(
        configuration, "aangifte-2023-03-01", "local", start="07:00", end="10:00", compress=60, keep="rate"
    )
    real = make_plan(configuration, "aangifte-2023-03-01", "local", start="07:00", end="10:00")
    assert plan.shape.total == pytest.approx(real.shape.total / 60)
    assert plan.shape.total / plan.duration == pytest.approx(real.shape.total / real.duration)
    assert plan.think_factor == 1
    assert plan.clock(plan.duration) == real.clock(real.duration)


def test_every_day_of_the_forecast_can_be_planned_and_sent(configuration):
    """Overlays, splices, seasons and mixes survive the wire: a worker draws the same arrivals."""
    for day in ("march-2027", "deadline-2027", "busy-evening", "march-2024-if-it-had-gone-on", "2027-03-28"):
        plan = make_plan(configuration, "aangifte-forecast", "local", day=day, scale=0.001)
        other = Plan.model_validate_json(plan.model_dump_json())
        assert other.arrivals.digest() == plan.arrivals.digest()
        kinds = sum(shape.total for shape in plan.shapes)
        assert kinds == pytest.approx(0.001 * sum(shape.total for shape in plan.composed.streams.values()))
        assert plan.shape.total == pytest.approx(kinds)


def test_a_date_of_two_seasons_must_be_named_in_full(configuration):
    """Which of the two is not for the program to guess."""
    campaign = configuration.campaigns["aangifte-forecast"]
    (season,) = campaign.seasons.values()
    twice = campaign.model_copy(update={"seasons": {"one": season, "two": season}, "days": dict(campaign.days)})
    campaigns = {**configuration.campaigns, "twice": twice}
    with pytest.raises(PlanError, match="say one-2027-03-15 or two-2027-03-15"):
        make_plan(replace(configuration, campaigns=campaigns), "twice", "local", day="2027-03-15")


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
    identities, others = Identities(plan.seed), Identities(plan.seed)
    for number in range(0, 5000, 97):
        _, citizen = one.citizen(number, 0, identities.account(number))
        _, same = two.citizen(number, 0, others.account(number))
        assert citizen.account.bsn == same.account.bsn
        assert citizen.random.random() == same.random.random()
        assert passes_eleven_test(citizen.account.bsn)
        assert citizen.account.bsn.startswith("999")


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
