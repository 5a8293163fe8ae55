"""Values that several models share: what is taken, what is refused, and what becomes of them in JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from config.fields import (
    BaseUrl,
    Duration,
    Host,
    Instant,
    SecretReference,
    TimeZone,
    host_of,
    parse_duration,
    write_duration,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("15s", 15.0), (" 2m ", 120.0), ("1h", 3600.0), ("30d", 2_592_000.0), ("0.25s", 0.25)],
)
def test_durations_have_a_unit(text, seconds):
    """Seconds, whatever the unit."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", ["15", "s", "-1s", "1,5s", "1e3s", "\u0661s", "15 s", "15sec", "", 15, 15.0, None, True, ["15s"]]
)
def test_a_number_alone_is_no_duration(value):
    """Nobody can tell what 15 means."""
    with pytest.raises(PydanticCustomError, match="a duration with its unit"):
        parse_duration(value)


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_a_duration_survives_being_written(seconds):
    """A model goes to a worker as JSON and is the same there."""
    adapter = TypeAdapter(Duration)
    assert parse_duration(write_duration(seconds)) == seconds
    assert adapter.validate_json(adapter.dump_json(seconds)) == seconds


def test_durations_are_written_as_people_do():
    """Without an exponent and without needless digits."""
    assert [write_duration(value) for value in (15.0, 0.5, 2_592_000.0, 1e-6)] == [
        "15s",
        "0.5s",
        "2592000s",
        "0.000001s",
    ]


@pytest.mark.parametrize("text", ["0s", "9" * 400 + "s"])
def test_a_duration_is_positive_and_finite(text):
    """Neither nothing nor forever."""
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8600/", "http://127.0.0.1:8600"),
        ("https://staging.example.nl/portal/", "https://staging.example.nl/portal"),
        ("http://[::1]:8600/x", "http://[::1]:8600/x"),
    ],
)
def test_base_urls_lose_their_last_slash(text, url):
    """Paths of requests begin with one."""
    assert TypeAdapter(BaseUrl).validate_python(text) == url


@pytest.mark.parametrize(
    "value",
    [
        "staging.example.nl",
        "//staging.example.nl",
        "ftp://staging.example.nl",
        "http://",
        "http://:80/",
        "http://a:0/",
        "http://a:70000/",
        "http://[::1/",
        "http://user@a/",
        "http://:password@a/",
        "http://@a/",
        "http://a/?x=1",
        "http://a/#x",
        "http://a b/",
        "http://a/\r\nX-Evil: 1",
        "http://é.nl/",
        "HTTP://a/",
        "",
        None,
        8600,
    ],
)
def test_anything_else_is_no_base_url(value):
    """No user, no query, no characters that could break out of a request line."""
    with pytest.raises(ValidationError, match="a base URL such as"):
        TypeAdapter(BaseUrl).validate_python(value)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "staging.example.nl", "::1", "xn--caf-dma.nl", "fe80::1"])
def test_hosts_are_names_or_addresses(name):
    """Written the way in which URLs are compared with them."""
    assert TypeAdapter(Host).validate_python(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "Localhost",
        "localhost.",
        "localhost:8600",
        "*.example.nl",
        "http://localhost",
        "[::1]",
        "0:0:0:0:0:0:0:1",
        "FE80::1",
        "a..b",
        ".a",
        "a b",
        "a\n",
        "",
        "::g",
    ],
)
def test_anything_else_is_no_host(name):
    """A port or a star would silently allow nothing; a final dot would slip past the production hosts."""
    with pytest.raises(ValidationError, match="a host name or IP address"):
        TypeAdapter(Host).validate_python(name)


@given(st.text(max_size=30))
def test_an_accepted_host_is_what_a_url_says(name):
    """So that comparing the two is enough."""
    try:
        host = TypeAdapter(Host).validate_python(name)
    except ValidationError:
        return
    assert host_of(f"http://[{host}]/" if ":" in host else f"http://{host}/") == host


def test_moments_know_their_offset():
    """Text as in ISO 8601, or a moment that is aware already."""
    adapter = TypeAdapter(Instant)
    moment = adapter.validate_python("2023-03-01T00:00:00+01:00")
    assert moment == datetime(2023, 2, 28, 23, tzinfo=UTC)
    assert adapter.validate_python(moment) is moment
    assert adapter.validate_json(adapter.dump_json(moment)) == moment


@pytest.mark.parametrize(
    "value",
    ["2023-03-01T00:00:00", "2023-03-01", "1677625200", 1677625200, 2023, 1.5, None, True, "now", datetime(2023, 3, 1)],  # noqa: DTZ001
)
def test_a_naive_moment_is_refused(value):
    """As is a number, which some would read as seconds since 1970."""
    with pytest.raises(ValidationError, match="a time with its offset"):
        TypeAdapter(Instant).validate_python(value)


@pytest.mark.parametrize(
    "name", ["Europe", "Europe/Amsterdm", "", "../etc/passwd", "/etc/passwd", "\0", "a" * 300, "zone.tab"]
)
def test_a_time_zone_exists(name):
    """Whatever the time-zone library makes of a wrong name, it is one and the same error."""
    with pytest.raises(ValidationError, match="a time zone such as Europe/Amsterdam"):
        TypeAdapter(TimeZone).validate_python(name)


def test_secrets_are_references():
    """A file or a variable of the environment; the secret itself is neither taken nor repeated."""
    adapter = TypeAdapter(SecretReference)
    for reference in ("file:/run/secrets/x", "env:TOKEN_2"):
        assert adapter.validate_python(reference) == reference
    for value in ("hunter2", 1234, "env:", "env:2", "env:A B", "file:", "https://vault"):
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_a_secret_s_file_is_found_from_the_folder_of_the_configuration():
    """Wherever the command is started, and on every machine that gets the plan."""
    adapter, context = TypeAdapter(SecretReference), {"root": "/etc/piekwacht"}
    assert adapter.validate_python("file:pool.csv", context=context) == "file:/etc/piekwacht/pool.csv"
    assert adapter.validate_python("file:/run/pool.csv", context=context) == "file:/run/pool.csv"
    assert adapter.validate_python("env:POOL", context=context) == "env:POOL"
