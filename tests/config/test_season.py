"""A season: its days add up to its totals, and weekends, holidays and deadlines weigh what they should."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.season import Season
from config.source import ConfigError, Document, validate

PLAIN = {"first": "2027-03-01", "last": "2027-04-30", "totals": {"returns": 6_500_000}, "source": "a letter"}
weights = st.floats(0, 100)


def season(**changes) -> Season:
    return validate(Document("season", PLAIN | changes), Season)


@given(
    st.lists(weights, min_size=7, max_size=7).filter(any),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 50)), max_size=4),
    st.floats(0.01, 5),
    st.floats(1, 20),
)
def test_all_days_add_up_to_the_total(weekdays, spans, holiday, factor):
    """Whatever the weights are, nobody is lost and nobody counted twice."""
    first = date(2027, 3, 1)
    periods = [
        {"first": str(first + timedelta(min(a, b))), "last": str(first + timedelta(max(a, b))), "weight": weight}
        for a, b, weight in spans
    ]
    rush = {"deadline": "2027-04-30", "factor": factor, "halving": 2.0}
    found = season(weekdays=weekdays, periods=periods, holidays={"weight": holiday}, rush=rush)
    assert math.fsum(found.total("returns", day) for day in found.dates) == pytest.approx(6_500_000, rel=1e-12)
    assert found.total("returns", date(2027, 5, 1)) == 0
    assert found.total("others", first) == 0


def test_days_without_weights_are_all_alike():
    """61 days, one part of 61 each."""
    found = season()
    assert len(found.dates) == 61
    assert {found.total("returns", day) for day in found.dates} == {6_500_000 / 61}


def test_holidays_are_those_of_the_country():
    """Easter Monday and King's Day are public in every year; 5 May is in years that five divides, or as optional."""
    plain = season(last="2027-05-05", holidays={"weight": 0.5})
    assert {date(2027, 3, 29), date(2027, 4, 27)} <= set(plain.holiday_names)
    assert date(2027, 5, 5) not in plain.holiday_names
    assert date(2027, 5, 5) in season(last="2027-05-05", holidays={"weight": 0.5, "optional": True}).holiday_names
    assert date(2025, 5, 5) in season(first="2025-03-01", last="2025-05-05", holidays={"weight": 0.5}).holiday_names
    assert plain.weights[date(2027, 4, 27)] == 0.5
    assert season().holiday_names == {}


def test_a_deadline_draws_people_towards_it():
    """The weight of the last day is the factor; every `halving` days earlier the excess is half."""
    found = season(rush={"deadline": "2027-04-28", "factor": 5, "halving": 2})
    weight = found.weights
    assert weight[date(2027, 4, 28)] == 5
    assert weight[date(2027, 4, 26)] == 3
    assert weight[date(2027, 4, 24)] == 2
    assert weight[date(2027, 4, 29)] == 1


def test_weekends_and_holidays_have_their_own_profile():
    """Saturdays, Sundays and holidays; not the days between."""
    found = season(weekend_profile=[1.0] * 24, holidays={"weight": 1})
    with_profile = {day for day in found.dates if found.profile(day)}
    assert {date(2027, 3, 6), date(2027, 3, 7), date(2027, 3, 29)} <= with_profile
    assert date(2027, 3, 5) not in with_profile


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"first": "2027-03-01T00:00"}, 'first: found "2027-03-01T00:00", expected a date such as 2027-03-01'),
        ({"first": 20270301}, "first: found 20270301, expected a date such as 2027-03-01"),
        ({"first": "2027-02-30"}, 'first: found "2027-02-30", expected a date such as 2027-03-01'),
        ({"last": "2027-02-28"}, "last: found"),
        ({"last": "2028-03-02"}, "expected a date from 2027-03-01 on, within 366 days"),
        ({"weekdays": [0] * 7}, "expected at least one weight above 0"),
        ({"weekdays": [1] * 6}, "expected at least 7 entries, not 6"),
        (
            {"periods": [{"first": "2027-01-01", "last": "2027-03-05", "weight": 1}]},
            "days from 2027-03-01 to 2027-04-30",
        ),
        ({"periods": [{"first": "2027-03-05", "last": "2027-03-01", "weight": 1}]}, "a date from 2027-03-05 on"),
        ({"periods": [{"first": "2027-03-01", "last": "2027-04-30", "weight": 0}]}, "days without any weight"),
        ({"holidays": {"weight": 1, "country": "XX"}}, "expected the code of a country whose holidays are known"),
        ({"rush": {"deadline": "2027-06-01", "factor": 2, "halving": 1}}, "a date from 2027-03-01 to 2027-04-30"),
        ({"rush": {"deadline": "2027-04-30", "factor": 0.5, "halving": 1}}, "a number of at least 1"),
    ],
)
def test_what_is_no_season_is_refused(changes, says):
    """In words, at the place."""
    with pytest.raises(ConfigError) as caught:
        season(**changes)
    assert says in str(caught.value)
