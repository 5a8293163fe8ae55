"""Recordings: written and read without loss; every broken line told with its number."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import ConfigError
from config.recording import Recording, as_text, check, path_of, read_recording
from tests.config.conftest import CAMPAIGN_FILE

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HEAD = "# source: a test\nstart,seconds,count\n"
MARCH = 1_772_319_600.0  # 2026-03-01T00:00:00+01:00


def problems(tmp_path, text):
    path = tmp_path / "shape.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read_recording(path)
    return [str(problem).removeprefix(f"{path}") for problem in caught.value.problems]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50), st.integers(1, 3600))
def test_what_is_written_is_read_again(tmp_path_factory, counts, seconds):
    """To the last bit, over a change of the clock too."""
    start = 1_774_735_200.0  # 2026-03-28T23:00Z, the night in which the clock changes
    recording = Recording(edges=[start + seconds * index for index in range(len(counts) + 1)], counts=counts)
    path = tmp_path_factory.getbasetemp() / "again.csv"
    path.write_text(as_text(recording, ["source: a test\nwith two lines"], AMSTERDAM))
    assert read_recording(path) == recording


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", [":1: found no slot"]),
        (HEAD, [":1: found no slot"]),
        ("time,count\n", [":1: found the header 'time,count', expected start,seconds,count"]),
        (HEAD + "2026-03-01T00:00:00,60,5\n", [":3: found the time '2026-03-01T00:00:00', expected a time with its"]),
        (HEAD + "2026-03-01T00:00:00+01:00,60\n", [":3: found 2 fields, expected three"]),
        (HEAD + "2026-03-01T00:00:00+01:00,0,5\n", [":3: found '0', expected a number of seconds above 0"]),
        (HEAD + "0001-01-01T00:00:00+05:00,60,5\n", [":3: found the year 1, expected a time from 1970 to 2200"]),
        (
            HEAD + "2026-03-01T00:00:00+01:00,60,-5\n2026-03-01T00:01:00+01:00,60,nan\nx,60,5\n",
            [":3: found '-5'", ":4: found 'nan', expected a number of arrivals", ":5: found the time 'x'"],
        ),
        (
            HEAD + "2026-03-01T00:00:00+01:00,60,5\n2026-03-01T00:05:00+01:00,60,5\n",
            [":4: found 2026-02-28T23:05:00+00:00, expected a slot that begins at 2026-02-28T23:01:00+00:00"],
        ),
        (
            HEAD + "2026-03-01T00:00:00+01:00,31000000,5\n2027-02-22T19:06:40+01:00,31000000,5\n",
            [":4: found a recording of more than 366 days"],
        ),
        (b"\xff\xfe", [":1: found bytes that are not UTF-8"]),
        (HEAD.encode() + b"# geteld in caf\xe9\n", [":3: found bytes that are not UTF-8, expected CSV in UTF-8"]),
        (HEAD.encode() + b"# many\r\n" * 100_000 + b"\xe9", [":100003: found bytes that are not UTF-8"]),
    ],
)
def test_what_is_no_recording_is_explained(tmp_path, text, says):
    """File, line, what was found and what was expected; all of it at once."""
    found = problems(tmp_path, text)
    assert len(found) == len(says), found
    for line, words in zip(found, says, strict=True):
        assert line.startswith(words)


def test_a_file_of_another_kind_does_not_flood_the_terminal(tmp_path):
    """Twenty lines are enough to see that it is wrong."""
    assert len(problems(tmp_path, HEAD + "nonsense\n" * 1000)) == 20


def test_a_missing_file_is_named(tmp_path):
    """The system's own words."""
    with pytest.raises(ConfigError, match="No such file"):
        read_recording(tmp_path / "none.csv")


def test_a_day_is_cut_out_of_a_longer_recording():
    """All slots that touch the day; a day that is not covered is refused with what is covered."""
    recording = Recording(edges=[MARCH + 3600 * hour for hour in range(49)], counts=[1.0] * 48)
    assert recording.total == 48
    assert recording.of_days([date(2026, 3, 2)], AMSTERDAM).edges[0] == MARCH + 86_400
    assert recording.of_days([date(2026, 3, 1)], AMSTERDAM).total == 24
    assert recording.of_days([date(2026, 3, 2), date(2026, 3, 1)], AMSTERDAM) == recording
    with pytest.raises(ValueError, match=r"2026-03-01T00:00:00\+01:00 to 2026-03-03.*does not cover 2026-03-03"):
        recording.of_days([date(2026, 3, 3)], AMSTERDAM)


def test_validate_looks_at_recordings_too(house):
    """A name without a file, a day that is not covered, and a broken file, each at its place."""
    house.change(
        CAMPAIGN_FILE,
        "      visits: 1000\n",
        "      visits: 1000\n    recordings: {visits: {shape: portal, date: 2026-03-05}}\n",
    )
    names = [str(problem).removeprefix(f"{house.root}/") for problem in check(house.load())]
    place = "campaigns/day.yaml:11: days.first-day.recordings.visits.shape"
    assert names == [f"{place}: found 'portal', expected a file shapes/portal.csv"]
    house.write("shapes/portal.csv", HEAD + "2026-03-01T00:00:00+01:00,86400,5\n")
    house.write("shapes/other.csv", HEAD + "x,86400,5\n")
    said = [str(problem).removeprefix(f"{house.root}/") for problem in check(house.load())]
    assert len(said) == 2
    assert said[0].startswith("shapes/other.csv:3: found the time 'x'")
    assert "does not cover 2026-03-05, expected a recording of the whole day" in said[1]
    assert path_of(house.root, "portal").is_file()
