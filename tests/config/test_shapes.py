"""Shares over time, anchors, overlays: what is taken, what is refused, and in which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Campaign, ConfigError
from config.shapes import clock_breaks, seconds_of, share_at, unbalanced
from config.source import Document, validate
from tests.config.conftest import CAMPAIGN_FILE

TOTAL = "      visits: 1000\n"
MIX = """\
      - journey: visit-website
        share: 0.75
      - journey: visit-website
        channel: app
        share: 0.25
"""


def mix(first: str, second: str) -> str:
    head, between, _ = MIX.replace("0.75", "|").replace("0.25", "|").split("|")
    return f"{head}{first}{between}{second}\n"


def hourly(value: float) -> str:
    return str([value] * 24)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("0.5", "0.5"),
        (hourly(0.75), "0.25"),
        ("{'08:00': 0.2, '20:00': 0.6}", "{'20:00': 0.4, '08:00': 0.8}"),
        ("{'12:00': 0.25}", hourly(0.75)),
    ],
)
def test_shares_are_numbers_hours_or_anchors(house, first, second):
    """As long as they add up to 1 at every time of day."""
    house.change(CAMPAIGN_FILE, MIX, mix(first, second))
    assert house.load()


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (
            "{'08:00': 0.2, '20:00': 0.6}",
            "{'08:00': 0.8, '20:00': 0.5}",
            [
                "streams.visits.split: found shares that add up to 1.1 at 20:00, expected shares that add up to 1",
            ],
        ),
        ("{'25:00': 0.2}", "0.8", ["a time of day in quotes, such as '07:00' or '24:00'"]),
        ("{'08:00': 1.2}", "{'08:00': -0.2}", ["a number of at most 1", "a number of at least 0"]),
        ("[0.5, 0.5]", "0.5", ["at least 24 entries, not 2"]),
        ("{}", "1.0", ["split[0].share: found a mapping, expected at least 1 entries, not 0"]),
        ("yes", "1.0", ["split[0].share: found true, expected a number"]),
        ("0", "1.0", ["split[0].share: found 0, expected a number above 0"]),
    ],
)
def test_shares_that_cannot_be_are_told_together(house, first, second, says):
    """Each mistake in a line of its own, all at once."""
    house.change(CAMPAIGN_FILE, MIX, mix(first, second))
    problems = house.problems()
    for words in says:
        assert any(words in problem for problem in problems), problems


def test_a_share_runs_in_a_straight_line_between_anchors_and_jumps_between_hours():
    """At a jump the later value holds; outside the anchors the nearest."""
    anchors = {"08:00": 0.2, "20:00": 0.8}
    assert [share_at(anchors, 3600 * hour) for hour in (0, 8, 14, 20, 24)] == pytest.approx([0.2, 0.2, 0.5, 0.8, 0.8])
    hours = [float(hour) for hour in range(24)]
    assert [share_at(hours, second) for second in (0, 3599.9, 3600, 86_400)] == [0, 0, 1, 23]
    assert clock_breaks(hours) == [3600 * hour for hour in range(1, 24)]
    assert clock_breaks(anchors) == [28_800, 72_000]
    assert clock_breaks(0.5) == []


clocks = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")


@given(st.dictionaries(clocks, st.floats(0, 1), min_size=1, max_size=6), st.floats(0, 86_399))
def test_a_share_and_the_rest_add_up_everywhere(anchors, second):
    """What is balanced at the breaks is balanced between them: the check looks at enough."""
    anchors = dict(sorted(anchors.items(), key=lambda item: seconds_of(item[0])))
    rest = {clock: 1 - share for clock, share in anchors.items()}
    assert list(unbalanced([anchors, rest])) == []
    assert share_at(anchors, second) + share_at(rest, second) == pytest.approx(1)


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("      visits: {'12:00': 600, '24:00': 1000}\n", []),
        ("      visits: {'12:00': 600}\n", ["totals after '00:00', the last of them at '24:00', the end of the day"]),
        ("      visits: {'12:00': 600, '24:00': 500}\n", ["which never fall in the course of the day"]),
        ("      visits: {'12:00': -1, '24:00': .nan}\n", ["a number of at least 0", "a finite number"]),
        (TOTAL + "    growth: {per_year: {visits: 0, vists: 2}, source: x}\n", ["a number above 0"]),
        (
            TOTAL + "    growth: {per_year: {vists: 2}, source: x}\n",
            ["growth.per_year.vists: found the stream 'vists'"],
        ),
        (TOTAL + "    season: spring\n", ['season: found "spring", expected no season: there is none']),
        (
            TOTAL + "    splices: [{day: first-day, start: '10:00', end: '09:00', source: x}]\n",
            ["a time after 10:00"],
        ),
        (
            TOTAL + "    splices: [{day: first-day, start: '10:00', end: '11:00', source: x}]\n",
            ['splices[0].day: found "first-day", expected a file with such another day'],
        ),
        (
            TOTAL + "    overlays: [{kind: flood, title: t, source: s, stream: visits}]\n",
            ["one of: 'surge', 'rush', 'again', 'rejected'"],
        ),
        (
            TOTAL + "    overlays: [{kind: again, title: t, source: s, stream: vists, share: 0.3, after: [1m, 5m]}]\n",
            ["overlays[0].stream: found the stream 'vists', expected a stream of this file: visits"],
        ),
        (
            TOTAL + "    overlays: [{kind: again, title: t, source: s, stream: visits, share: 3, after: [5m, 1m]}]\n",
            ["overlays[0].share: found 3, expected a number of at most 1"],
        ),
        (
            TOTAL + "    overlays: [{kind: again, title: t, source: s, stream: visits, share: 1, after: [5m, 1m]}]\n",
            ['overlays[0].after[1]: found "1m", expected at least a second more than the one before'],
        ),
        (
            TOTAL
            + "    overlays:\n"
            + "      - {kind: rush, title: t, source: s, stream: visits, until: '00:00', doubling: 1h, arrivals: 5}\n"
            + "      - {kind: surge, title: '', source: s, stream: x, at: noon, ramp: 5, decay: 1m, arrivals: -5}\n",
            ["a time after 00:00", "text of at least 1", "a time of day in quotes", "a duration with", "at least 0"],
        ),
    ],
)
def test_a_day_is_checked_as_a_whole(house, day, says):
    """Every mistake of a day is told at once, in the words of its own field."""
    house.change(CAMPAIGN_FILE, TOTAL, day)
    if not says:
        assert house.load()
        return
    problems = house.problems()
    for words in says:
        assert any(words in problem for problem in problems), problems
    assert len(problems) == len(says), problems


def test_a_day_without_arrivals_is_refused(house):
    """Neither totals nor a season nor a recording: nobody would come."""
    house.change(CAMPAIGN_FILE, "    totals:\n      visits: 1000\n", "")
    assert (
        "campaigns/day.yaml:6: days.first-day: found a day without arrivals, expected totals, a season or recordings"
        in (house.problems())
    )


def test_a_day_beyond_all_clocks_is_refused(house):
    """The year 1 has no Unix time in some zones, the year 9999 no next day."""
    house.change(CAMPAIGN_FILE, "2023-03-01T00:00:00+01:00", "0001-01-01T00:00:00+01:00")
    assert [problem.partition("expected ")[2] for problem in house.problems()] == ["a time from 1970 to 2200"]


WORDS = [
    "start",
    "totals",
    "source",
    "season",
    "recordings",
    "growth",
    "splices",
    "overlays",
    "shape",
    "date",
    "per_year",
    "years",
    "day",
    "end",
    "kind",
    "surge",
    "rush",
    "again",
    "rejected",
    "title",
    "stream",
    "visits",
    "at",
    "ramp",
    "hold",
    "decay",
    "arrivals",
    "until",
    "doubling",
    "after",
    "share",
    "above",
    "first",
    "last",
    "weekdays",
    "periods",
    "weight",
    "holidays",
    "country",
    "optional",
    "factor",
    "halving",
    "deadline",
    "12:00",
    "24:00",
    "1h",
    "2027-03-01",
    "2027-03-01T00:00:00+01:00",
    "NL",
]
words = st.sampled_from(WORDS)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=6),
    max_leaves=25,
)
mappings = st.dictionaries(words, trees, max_size=8)


@given(mappings, mappings, trees)
def test_no_data_breaks_the_explanation_of_its_errors(day, season, share):
    """Whatever a day, a season and a share are, there is a campaign or problems for people."""
    part = {"journey": "visit-website", "share": share}
    data = {"title": "t", "sources": ["s"], "assumptions": [], "hourly_profile": [1] * 24}
    data |= {"days": {"d": day}, "seasons": {"s": season}, "streams": {"visits": {"title": "v", "split": [part]}}}
    try:
        validate(Document("f", data), Campaign)
    except ConfigError as error:
        found = error.problems
    else:
        found = []
    assert all(str(problem).isprintable() and problem.found and problem.expected for problem in found)
