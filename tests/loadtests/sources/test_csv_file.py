"""CSV files as people have them: both headers, commas and semicolons, offsets or local times; and broken ones."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.sources.counted import SourceError
from loadtests.sources.csv_file import read_csv
from tests.loadtests.piped import piped

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MARCH = 1_772_319_600.0  # 2026-03-01T00:00:00+01:00


def read(tmp_path, content, zone=AMSTERDAM):
    path = tmp_path / "in.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path, zone)


@pytest.mark.parametrize(
    "text",
    [
        "time,count\n2026-03-01T00:00:00+01:00,5\n2026-03-01T00:01:00+01:00,7\n",
        "start,seconds,count\n2026-03-01T00:00:00+01:00,60,5\n2026-03-01T00:01:00+01:00,60,7\n",
        'Time;Value\r\n"2026-03-01 00:00";5\r\n"2026-03-01 00:01";7\r\n',
        "# exported\n\ntimestamp,value\n1772319600,5\n1772319660.0,7\n",
        "\ufefftime,count\n2026-02-28T23:00:00Z,5\n2026-02-28T23:01:00Z,7\n",
    ],
)
def test_every_usual_form_is_read(tmp_path, text):
    """They all say the same."""
    found = read(tmp_path, text)
    assert found.edges.tolist() == [MARCH, MARCH + 60, MARCH + 120]
    assert found.counts.tolist() == [5, 7]
    assert found.origin == "CSV in.csv, 2 rows"


def test_missing_rows_and_empty_counts_are_gaps(tmp_path):
    """A row later than usual leaves one; so does a count that is not there."""
    found = read(tmp_path, "time,count\n0,5\n60,5\n120,\n180,5\n600,5\n")
    assert found.edges.tolist() == [0, 60, 120, 180, 240, 600, 660]
    assert np.isnan(found.counts).tolist() == [False, False, True, False, True, False]
    slots = read(tmp_path, "start,seconds,count\n0,60,5\n120,60,5\n")
    assert np.isnan(slots.counts).tolist() == [False, True, False]


def test_local_times_of_a_repeated_hour_follow_each_other(tmp_path):
    """In the night of 25 October 2026 each half hour from 02:00 on comes twice."""
    rows = [f"2026-10-25T{clock},1" for clock in ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")]
    found = read(tmp_path, "\n".join(["time,count", *rows]))
    assert np.diff(found.edges).tolist() == [1800] * 6
    assert found.remarks == ()
    hours = read(tmp_path, "\n".join(["time,count", *(f"2026-10-25T0{hour}:00,1" for hour in (1, 2, 2, 3))]))
    assert np.diff(hours.edges).tolist() == [3600] * 4
    later = read(tmp_path, "\n".join(["time,count", *(f"2026-10-25T0{hour}:00,1" for hour in (2, 2, 3))]))
    assert np.diff(later.edges).tolist() == [3600] * 3
    assert later.remarks == ()  # what follows tells
    found = read(tmp_path, "\n".join(["start,seconds,count", "2026-10-25T02:30,1800,1", "2026-10-25T03:00,1800,1"]))
    assert found.edges[0] == datetime(2026, 10, 25, 2, 30, tzinfo=AMSTERDAM).timestamp()
    told = "begins at 2026-10-25T02:30, which the clock shows twice: taken for the first, as nothing before it tells"
    assert found.remarks == (f"{tmp_path}/in.csv {told}",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", ["in.csv:1: found an empty file, expected the header"]),
        ("\n# nothing\n", ["in.csv:1: found an empty file"]),
        ("when,many\n1,2\n", ["in.csv:1: found the header 'when,many', expected time,count or start,seconds,count"]),
        ("time,count\n", ["in.csv:1: found 0 rows of data"]),
        ("time,count\n0,5\n", ["in.csv:2: found 1 rows of data"]),
        (
            "time,count\n0,5\n60,-5\n120,inf\nx,5\n240\n180,1e13\n",
            [
                "in.csv:3: found '-5'",
                "in.csv:4: found 'inf'",
                "in.csv:5: found the time 'x'",
                ":6: found 1 fields",
                ":7:",
            ],
        ),
        (
            "time,count\n60,5\n0,5\n",
            ["in.csv:3: found the time '0', not after the one before"],
        ),
        ("start,seconds,count\n0,60,5\n30,60,5\n", ["in.csv:3: found the time '30', not after the one before"]),
        ("start,seconds,count\n0,0,5\n", ["in.csv:2: found '0', expected a number of seconds above 0"]),
        ("time,count\n2026-03-29T02:30,5\n", ["in.csv:2: found the time '2026-03-29T02:30', expected a time that the"]),
        ("time,count\n0001-01-01T00:00,5\n", ["in.csv:2: found the year 1"]),
        ("time,count\n99999999999999,5\n", ["in.csv:2: found the time 1e+14, expected Unix seconds from 1970 to 2200"]),
        ('time,count\n"0,5\n', ["in.csv:2: found broken CSV"]),
        ("time,count\n" + "x,1\n" * 1000, ["in.csv:2:"] + [f":{line}:" for line in range(3, 22)] + ["perhaps more"]),
        (b"time,count\n\xff\xfe,5\n", ["in.csv:2: found bytes that are not UTF-8, expected CSV in UTF-8"]),
        (b"time,count\nx,5\n# caf\xe9\n", ["in.csv:2: found the time 'x'", "in.csv:3: found bytes that are not UTF-8"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, content, says):
    """All of it, as long as it helps."""
    with pytest.raises(SourceError) as caught:
        read(tmp_path, content)
    assert len(caught.value.problems) == len(says), caught.value.problems
    for problem, words in zip(caught.value.problems, says, strict=True):
        assert words in problem


def test_bytes_that_are_not_utf_8_are_found_in_what_can_be_read_only_once():
    """A pipe, such as the shell's <(zcat counts.csv.gz): the line is known far into it too."""
    with (
        piped(b"time,count\n" + b"# many\n" * 5000 + b"\xe9\n") as path,
        pytest.raises(SourceError, match=r":5002: found bytes that are not UTF-8"),
    ):
        read_csv(path, AMSTERDAM)


def test_a_local_time_needs_a_zone(tmp_path):
    """Without one it could be any of thirty-eight moments."""
    with pytest.raises(SourceError, match="without an offset, expected an offset such as"):
        read(tmp_path, "time,count\n2026-03-01T00:00,5\n", zone=None)


def test_a_file_that_is_not_there_is_named(tmp_path):
    """Path and reason."""
    with pytest.raises(SourceError, match=r"none\.csv: No such file"):
        read_csv(tmp_path / "none.csv", AMSTERDAM)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: b"time,count\n" + text.encode()))
def test_no_file_breaks_reading(tmp_path_factory, content):
    """Any bytes give counts or an error in words."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    with suppress(SourceError):
        assert np.all(np.diff(read_csv(path, AMSTERDAM).edges) > 0)
