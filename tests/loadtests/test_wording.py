"""Numbers as people read them."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7, "7"), (1_234_567, "1,234,567"), (57.94, "57.9"), (0.0234, "0.0234"), (99.96, "100"), (10**18, None)],
)
def test_counts_are_exact_and_rates_have_three_digits(value, text):
    """A count is never rounded."""
    assert wording.number(value) == (text or f"{value:,}")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (1000, "1,000"), (9999, "9,999"), (12_000, "12 k"), (3.6e6, "3.6 M"), (2e20, "2e+20")],
)
def test_labels_of_axes_are_brief(value, text):
    """They have little room."""
    assert wording.brief(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.00024, "0.24 ms"),
        (0.0032, "3.2 ms"),
        (0.085, "85 ms"),
        (0.9996, "1 s"),
        (1.274, "1.27 s"),
        (90, "90 s"),
        (119.6, "2 min"),
        (725, "12 min 5 s"),
        (7200, "2 h"),
        (10_920, "3 h 2 min"),
    ],
)
def test_durations_have_the_unit_that_suits_them(seconds, text):
    """From fractions of a millisecond to hours."""
    assert wording.duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e9))
def test_durations_are_never_written_with_an_exponent(seconds):
    """Whatever was measured, a person can read it."""
    assert re.fullmatch(r"[\d,.]+ (ms|s|min|h)( \d+ (s|min))?", wording.duration(seconds))


@pytest.mark.parametrize(
    ("value", "limit", "texts"),
    [
        (2.35, 2.0, ("2.35 s", "2 s")),
        (2.004, 2.0, ("a little over 2 s", "2 s")),
        (0.10004, 0.1, ("a little over 100 ms", "100 ms")),
        (7325.4, 7320.0, ("a little over 2 h 2 min", "2 h 2 min")),
    ],
)
def test_a_value_over_its_limit_never_looks_equal(value, limit, texts):
    """'2 s (limit 2 s)' would contradict itself."""
    assert wording.over(value, limit) == texts


def test_other_quantities_than_times_are_over_their_limits_too():
    """Written as the caller writes them."""
    assert wording.over(0.010004, 0.01, "{:.2%}".format) == ("a little over 1.00%", "1.00%")


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "—"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 3, "33.33 %"),
        (1, 100_000, "< 0.01 %"),
        (99_999, 100_000, "> 99.99 %"),
        (10, 100, "10 %"),
    ],
)
def test_shares_are_not_rounded_to_all_or_nothing(part, whole, text):
    """100 % means all of them."""
    assert wording.share(part, whole) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (512, "512 B"), (3_400, "3.4 kB"), (1.2e9, "1.2 GB")])
def test_sizes_have_units(count, text):
    """Bytes in thousands, as networks count them."""
    assert wording.size(count) == text


def test_a_span_names_the_second_date_only_if_it_is_another():
    """A whole day ends on the next."""
    first = datetime.fromisoformat("2023-03-01T07:00:00+01:00")
    assert wording.span(first, first.replace(hour=10, second=5)) == "1 March 2023 07:00 to 10:00:05"
    assert wording.span(first, first.replace(day=2, hour=0)) == "1 March 2023 07:00 to 2 March 2023 00:00"


def test_an_instant_is_the_same_wherever_it_is_read():
    """In UTC, whatever the zone it was taken in."""
    assert wording.instant(datetime.fromisoformat("2026-03-29T03:00:05+02:00")) == "29 March 2026 01:00:05 UTC"
