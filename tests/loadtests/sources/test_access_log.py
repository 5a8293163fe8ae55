"""Access logs of the usual servers, plain and packed; every line counted, every broken one told."""

from __future__ import annotations

import gzip
import json
import re
from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.sources.access_log import BLOCK, read_logs
from loadtests.sources.counted import SourceError
from tests.loadtests.piped import piped

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MARCH = 1_772_319_600.0  # 2026-03-01T00:00:00+01:00


def common(second=0, path="/login", rest="") -> str:
    clock = datetime.fromtimestamp(MARCH + second, AMSTERDAM)
    return f'192.0.2.1 - - [{clock:%d/%b/%Y:%H:%M:%S %z}] "GET {path} HTTP/1.1" 200 512{rest}'


COMBINED = ' "https://www.example/" "Mozilla/5.0 (\\"quoted\\")"'


def write(tmp_path, *lines, name="access.log", packed=False):
    path = tmp_path / name
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return path


def lines_of(kind: str) -> list[str]:
    seconds = (0, 1, 61, 200)
    if kind == "common":
        return [common(second) for second in seconds]
    if kind == "combined":
        return [common(second, rest=COMBINED) for second in seconds]
    key, value = {
        "iso": ("time", lambda second: datetime.fromtimestamp(MARCH + second, AMSTERDAM).isoformat()),
        "utc": ("@timestamp", lambda second: datetime.fromtimestamp(MARCH + second).astimezone(ZoneInfo("UTC"))),
        "local": ("timestamp", lambda second: f"2026-03-01T00:{second // 60:02d}:{second % 60:02d}.5"),
        "seconds": ("ts", lambda second: MARCH + second + 0.25),
        "milliseconds": ("time", lambda second: int(1000 * (MARCH + second))),
        "text": ("msec", lambda second: f"{MARCH + second}"),
        "clf": ("time_local", lambda second: common(second).split("[")[1].split("]")[0]),
    }[kind]
    return [json.dumps({key: value(second), "path": "/login"}, default=lambda at: at.isoformat()) for second in seconds]


@pytest.mark.parametrize(
    "kind", ["common", "combined", "iso", "utc", "local", "seconds", "milliseconds", "text", "clf"]
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_usual_log_is_counted(tmp_path, kind, packed):
    """Two in the first minute, one in the second, none in the third, one in the fourth."""
    found = read_logs([write(tmp_path, *lines_of(kind), packed=packed)], zone=AMSTERDAM)
    assert found.edges.tolist() == [MARCH + 60 * slot for slot in range(5)]
    assert found.counts.tolist() == [2, 1, 0, 1]
    assert found.origin == "access log access.log, 4 lines"
    assert found.remarks == ()


def test_logs_that_were_rotated_are_one(tmp_path):
    """In any order, packed or not."""
    newer = write(tmp_path, common(60), name="access.log")
    older = write(tmp_path, common(0), common(5), name="access.log.1.gz", packed=True)
    found = read_logs([newer, older])
    assert found.counts.tolist() == [2, 1]
    assert found.origin == "access log access.log, access.log.1.gz, 3 lines"


@pytest.mark.parametrize("packed", [False, True])
def test_a_log_is_read_from_what_can_be_read_only_once(packed):
    """A pipe, such as the shell's <(ssh server cat access.log.gz)."""
    content = "".join(f"{common(second)}\n" for second in range(5000)).encode()
    with piped(gzip.compress(content, mtime=0) if packed else content) as path:
        assert read_logs([path]).counts.sum() == 5000


def test_only_the_paths_that_are_asked_for_count(tmp_path):
    """A person who logs in is one arrival, not one for each picture."""
    path = write(tmp_path, common(0), common(1, "/style.css"), common(2, "/login?again"), common(3, "/logout"))
    found = read_logs([path], pattern=re.compile(rb"^GET /login\b"))
    assert found.counts.tolist() == [2]
    assert "4 lines, 2 of them with a path like ^GET /login" in found.origin
    with pytest.raises(SourceError, match="no line whose path matches 'nowhere'"):
        read_logs([path], pattern=re.compile(b"nowhere"))


@pytest.mark.parametrize(
    "line",
    [
        {"ts": MARCH + 0.25, "request": {"method": "GET", "uri": "/login", "headers": {"Referer": ["/style.css"]}}},
        {"start_time": "2026-03-01T00:00:00.000+01:00", "method": "GET", "path": "/login", "response_code": 200},
        {"StartUTC": "2026-02-28T23:00:00Z", "time": "2026-03-01T00:00:00+01:00", "RequestPath": "/login"},
    ],
    ids=["caddy", "envoy", "traefik"],
)
def test_the_json_of_usual_servers_is_known(tmp_path, line):
    """Their names of the time and the path, and an object around the path: what else is in it does not count."""
    path = write(tmp_path, json.dumps(line))
    assert read_logs([path], pattern=re.compile(b"^/login$")).counts.tolist() == [1]
    with pytest.raises(SourceError, match="no line whose path matches"):
        read_logs([path], pattern=re.compile(b"style"))


def test_the_hour_that_comes_twice_is_told_apart_by_its_offset(tmp_path):
    """02:30 with +0200 and 02:30 with +0100 are an hour apart."""
    stamps = ("25/Oct/2026:02:30:00 +0200", "25/Oct/2026:02:30:00 +0100", "25/Oct/2026:02:30:00 -0130")
    path = write(tmp_path, *(f'a - - [{stamp}] "GET / HTTP/1.1" 200 -' for stamp in stamps))
    found = read_logs([path], step=1800)
    assert np.flatnonzero(found.counts).tolist() == [0, 2, 7]


def test_the_hour_that_comes_twice_is_told_apart_by_what_stands_before(tmp_path, monkeypatch):
    """Lines of JSON that say only what the clock shows: 25 hours, two in each minute, wherever a block ends."""
    monkeypatch.setattr("loadtests.sources.access_log.BLOCK", 1000)
    midnight = datetime(2026, 10, 25, tzinfo=AMSTERDAM).timestamp()
    clock = [datetime.fromtimestamp(midnight + second, AMSTERDAM) for second in range(0, 25 * 3600, 30)]
    path = write(tmp_path, *(json.dumps({"time": f"{at:%Y-%m-%dT%H:%M:%S}"}) for at in clock))
    assert read_logs([path], zone=AMSTERDAM).counts.tolist() == [2] * 25 * 60


AUTUMN = datetime(2026, 10, 25, 2, tzinfo=AMSTERDAM).timestamp()  # 02:00 for the first time


def shown(minutes: float) -> str:
    """Return what the clock shows so many minutes after it shows 02:00 for the first time."""
    return f"{datetime.fromtimestamp(AUTUMN + 60 * minutes, AMSTERDAM):%Y-%m-%dT%H:%M:%S}"


FIRST, SECOND = ("begins at {}, which the clock shows twice: taken for the " + which for which in ("first", "second"))
FEW = "has {} lines in the hour that the clock shows twice that come late or after a silence, such as {}: {} taken for "


@pytest.mark.parametrize(
    ("logs", "says"),
    [
        ([range(-5, 130)], ""),
        ([[*range(-5, 30), 15, *range(30, 130)]], (FEW + "the first, 0 for the second").format(1, shown(15), 1)),
        ([range(-30, 150, 35)], (FEW + "the first, 2 for the second").format(4, shown(5), 2)),  # silent for long
        ([range(-45, 160, 50)], (FEW + "the first, 1 for the second").format(3, shown(5), 2)),
        ([range(200, 210), range(-30, 150, 35)], (FEW + "the first, 2 for the second").format(4, shown(5), 2)),
        ([range(-5, 30), range(30, 130)], ""),
        ([range(-5, 30), [], range(30, 130)], ""),
        ([range(-5, 30), [20, *range(30, 130)]], FIRST.format(shown(20)) + ", as the log before it ends at {}"),
        ([range(-5, 30), range(50, 130)], FIRST.format(shown(50)) + ", as the log before it ends at {}"),
        ([range(-10_080, -10_070), range(10, 130)], FIRST.format(shown(10)) + ", as the log before it ends at {}"),
        ([range(-5, 58), range(61, 130)], SECOND.format(shown(61)) + ", as the log before it ends at {}"),
        ([range(-5, 65), range(65, 130)], SECOND.format(shown(65)) + ", as the log before it ends at {}"),
        ([[*range(-5, 65), -3], range(65, 130)], SECOND.format(shown(65)) + ", as the log before it ends at {}"),
        ([range(-5, 90), [80, *range(90, 130)]], SECOND.format(shown(80)) + ", as the log before it ends at {}"),
        ([range(10, 130)], FIRST.format(shown(10)) + ", as nothing before it tells"),
        ([range(130, 140), range(10, 130)], FIRST.format(shown(10)) + ", as nothing before it tells"),
    ],
)
def test_the_hour_that_comes_twice_follows_what_stands_before(tmp_path, logs, says):
    """Minutes after two at which lines came, in logs one after the other; what can be otherwise is told."""
    paths = []
    for number, minutes in enumerate(logs):
        lines = [json.dumps({"time": shown(minute)}) for minute in minutes]
        paths.append(write(tmp_path, *lines, name=f"{number}.log"))
    found = read_logs(paths, zone=AMSTERDAM)
    expected = [minute for log in logs for minute in log]
    assert np.repeat((found.edges[:-1] - AUTUMN) / 60, np.nan_to_num(found.counts).astype(int)).tolist() == sorted(
        expected
    )
    before = datetime.fromtimestamp(AUTUMN + 60 * max(logs[0]), AMSTERDAM).isoformat()
    assert found.remarks == ((f"{paths[-1]} {says.format(before)}",) if says else ())


def test_a_time_that_the_clock_skips_is_none(tmp_path):
    """Half past two in the night in which summer time begins."""
    path = write(tmp_path, '{"time": "2026-03-29T02:30:00"}')
    with pytest.raises(
        SourceError, match=r"log:1: the time '2026.*', expected a time that the clock shows in Europe/Am"
    ):
        read_logs([path], zone=AMSTERDAM)


def test_few_broken_lines_are_left_out_and_told(tmp_path):
    """One in two thousand: a rotation in the middle of a line."""
    path = write(tmp_path, *[common(0)] * 1000, "192.0.2.1 - - [01/M", *[common(1)] * 999)
    found = read_logs([path])
    assert found.counts.sum() == 1999
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("1 broken lines left out, the first: ")
    assert f"{path}:1001: not a line of this format: '192.0.2.1 - - [01/M'" in found.remarks[0]


@pytest.mark.parametrize(
    ("lines", "form", "says"),
    [
        ([], "auto", "access.log: no line at all"),
        (["nonsense"], "auto", "access.log:1: not a line of this format: 'nonsense'"),
        ([common(0), "", common(1)], "auto", "access.log:2: an empty line"),
        ([common(0)], "combined", "access.log:1: not a line of this format"),
        ([common(0)], "jsonl", "access.log:1: not JSON"),
        (["[1]"], "jsonl", "access.log:1: not a JSON object"),
        (['{"path": "/"}'], "auto", "access.log:1: no time under any of time, timestamp"),
        (['{"time": true}'], "auto", "access.log:1: a time that is neither a number nor a text"),
        (['{"time": "noon"}'], "auto", "access.log:1: the time 'noon', expected a time such as"),
        (['{"time": -5}'], "auto", "access.log:1: a time before 1970"),
        (['{"time": NaN}'], "auto", "access.log:1: a time before 1970"),
        (['{"time": 1' + "0" * 400 + "}"], "auto", "access.log:1: a time before 1970"),
        (['{"time": "2026-03-01T00:00:00"}'], "auto", "without an offset, expected an offset such as"),
        (["[" * 100_000], "jsonl", "access.log:1: not JSON"),
        (['a - - [31/Feb/2026:00:00:00 +0100] "GET /" 200 -'], "auto", "access.log:1: day is out of range"),
        (['a - - [01/Foo/2026:00:00:00 +0100] "GET /" 200 -'], "auto", "access.log:1: month must be in 1..12"),
        (['a - - [01/Mar/0001:00:00:00 +0100] "GET /" 200 -'], "auto", "access.log:1: the year 1, expected a"),
        (['a - - [01/Mar/2026:00:00:00 +9900] "GET /" 200 -'], "auto", "access.log:1: offset must be"),
        ([common(0), common(600_000 * 60)], "auto", "more than 527,040 steps: choose a longer --step"),
    ],
)
def test_what_is_no_log_is_explained(tmp_path, lines, form, says):
    """With the number of the line and its beginning."""
    with pytest.raises(SourceError) as caught:
        read_logs([write(tmp_path, *lines)], form=form)
    assert says in str(caught.value)


def test_all_errors_of_all_logs_come_at_once_and_not_too_many(tmp_path):
    """Twenty lines of each, and how many more there are."""
    one = write(tmp_path, *["x"] * 30, name="one.log")
    two = write(tmp_path, "y", name="two.log")
    with pytest.raises(SourceError) as caught:
        read_logs([one, two, tmp_path / "three.log"])
    assert len(caught.value.problems) == 23
    assert caught.value.problems[20] == f"{one}: and 10 more broken lines"
    assert caught.value.problems[21].startswith(f"{two}:1: ")
    assert "three.log: broken off after line 0: No such file" in caught.value.problems[22]


def test_a_packed_log_that_breaks_off_is_an_error(tmp_path):
    """Half of a file is not the whole of it."""
    whole = gzip.compress("".join(f"{common(second)}\n" for second in range(50_000)).encode(), mtime=0)
    for content in (whole[: len(whole) // 2], whole[:40] + b"\0" * 40 + whole[80:], b"\x1f\x8bnonsense"):
        path = tmp_path / "half.gz"
        path.write_bytes(content)
        with pytest.raises(SourceError, match=r"half\.gz: broken off after line") as caught:
            read_logs([path])
        if content in whole:
            last = int(caught.value.problems[0].split("after line ")[1].split(":")[0].replace(",", ""))
            assert 10_000 < last < 40_000


def test_memory_does_not_grow_with_a_line(tmp_path):
    """A file without a line end is refused after a block or two, wherever it is."""
    path = tmp_path / "endless.log"
    path.write_bytes(common(0).encode() + b"\n" + b"x" * (3 * BLOCK))
    with pytest.raises(SourceError, match=r"endless\.log:2: a line of more than 1,048,576 bytes"):
        read_logs([path])


def test_a_last_line_without_an_end_counts_and_blocks_do_not_matter(tmp_path):
    """More than a block of lines, the last one without its end; progress is told."""
    path = tmp_path / "long.log"
    lines = [common(second % 60) for second in range(30_000)]
    path.write_text("\n".join(lines))
    told = []
    assert path.stat().st_size > BLOCK
    assert read_logs([path], progress=told.append).counts.tolist() == [30_000]
    assert told[-1].startswith("long.log: 100%")


@given(st.lists(st.binary(max_size=80) | st.sampled_from([common(0).encode(), b'{"time": 1e9}']), max_size=8))
def test_no_log_breaks_reading(tmp_path_factory, lines):
    """Any bytes give counts or an error in words."""
    path = tmp_path_factory.getbasetemp() / "any.log"
    path.write_bytes(b"\n".join(lines))
    with suppress(SourceError):
        assert read_logs([path]).counts.sum() > 0
