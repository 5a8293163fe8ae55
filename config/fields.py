"""Field types that several models share."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo

from config.source import expected

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_HOST = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


def parse_duration(value: Any) -> float:
    """Return seconds for text such as 500ms, 15s, 2m, 1h or 30d. Raises a validation error for anything else."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise expected("a duration with its unit, such as 500ms, 15s, 2m, 1h or 30d")
    return float(match[1]) * _UNITS[match[2]]


def write_duration(seconds: float) -> str:
    """Write seconds so that `parse_duration` gives the very same number back."""
    return f"{Decimal(repr(seconds)).normalize():f}s"


def parse_instant(value: Any) -> datetime:
    """Return an aware moment for ISO 8601 text with an offset. Raises a validation error for anything else."""
    wanted = expected("a time with its offset, such as 2023-03-01T07:00:00+01:00")
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise wanted from None
    else:
        raise wanted
    if moment.utcoffset() is None:
        raise wanted
    return moment


def parse_base_url(value: Any) -> str:
    """Return a base URL without a trailing slash. Raises a validation error unless it is http(s)://host[:port][/path]."""
    wanted = expected("a base URL such as https://staging.example.nl/portal")
    if not isinstance(value, str) or not re.fullmatch(r"https?://[!-~]+", value):
        raise wanted
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or "?" in value or "#" in value:
        raise wanted
    return value.rstrip("/")


def known_host(name: str) -> str:
    """Return a host name or IP address, as URLs are compared with it. Raises a validation error for anything else."""
    try:
        proper = str(IPv6Address(name)) == name if ":" in name else bool(_HOST.fullmatch(name))
    except ValueError:
        proper = False
    if not proper:
        raise expected("a host name or IP address in lower case, without a port")
    return name


def known_zone(name: str) -> str:
    """Return the name of a time zone. Raises a validation error for anything else."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones raises OSError
        raise expected("a time zone such as Europe/Amsterdam") from None
    return name


def known_journey(name: str, info: ValidationInfo) -> str:
    """Return `name` if the validation context lists it under "journeys", or lists none."""
    known = (info.context or {}).get("journeys")
    if known is not None and name not in known:
        raise expected(f"a journey that exists: {', '.join(sorted(known))}")
    return name


def host_of(url: str) -> str:
    """Return the lower-case host name of a URL, or an empty text."""
    return (urlsplit(url).hostname or "").lower()


def secret_reference(value: Any, info: ValidationInfo) -> str:
    """Return where a secret is to be read; a relative path counts from the folder "root" of the validation context.

    Raises a validation error that does not repeat what may be a secret.
    """
    if not isinstance(value, str) or not re.fullmatch(r"file:.+|env:[A-Za-z_][A-Za-z0-9_]*", value):
        raise expected("where to read the secret: file:PATH or env:NAME", found="something that is not shown")
    kind, _, place = value.partition(":")
    return f"file:{file_path(place, info)}" if kind == "file" else value


def file_path(value: Any, info: ValidationInfo) -> str:
    """Return an absolute path; a relative one counts from the folder "root" of the validation context."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise expected("the path of a file")
    return str(Path((info.context or {}).get("root") or "", value).absolute())


def source_address(value: str) -> str:
    """Return an IP address in its usual spelling. Raises a validation error for anything else."""
    try:
        return str(ip_address(value))
    except ValueError:
        raise expected("an IP address of this machine, such as 127.0.0.2") from None


def host_and_port(value: str) -> str:
    """Return `host:port`, an IPv6 address in brackets. Raises a validation error for anything else."""
    host, _, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        known_host(host[1:-1] if bracketed else host)
        proper = bracketed == (":" in host) and port.isdecimal() and 0 < int(port) < 65536
    except ValueError:
        proper = False
    if not proper:
        raise expected("a host and its port, such as 192.0.2.1:443 or [2001:db8::1]:443")
    return value


def shaped(pattern: str, wanted: str) -> AfterValidator:
    """Return the validator of texts that match a pattern; `wanted` says it in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise expected(wanted)
        return text

    return AfterValidator(check)


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(gt=0, allow_inf_nan=False),
    PlainSerializer(write_duration, when_used="json"),
]
"""Seconds as a float; written with a unit, in YAML and in JSON."""

Pause = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(ge=0, allow_inf_nan=False),
    PlainSerializer(write_duration, when_used="json"),
]
"""A duration that may be 0s."""

Identifier = Annotated[str, shaped(r"[a-z][a-z0-9-]*", "a name of lower-case letters, digits and hyphens")]
"""Name of a system, probe, owner, stream, ...: lower case, digits and hyphens."""

JourneyName = Annotated[Identifier, AfterValidator(known_journey)]
"""Name of a journey; whether it exists is checked against the names given to `config.load`."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number, and nothing that could pass for one: not a text with digits, not true or false."""

Instant = Annotated[datetime, BeforeValidator(parse_instant)]

TimeZone = Annotated[str, AfterValidator(known_zone)]

BaseUrl = Annotated[str, BeforeValidator(parse_base_url)]

UrlPath = Annotated[str, shaped(r"/[!-~]*", "a path that begins with /")]

Host = Annotated[str, AfterValidator(known_host)]

SecretReference = Annotated[str, BeforeValidator(secret_reference)]
"""Where a secret is to be read (`file:/run/secrets/x` or `env:NAME`); never the secret itself."""

FilePath = Annotated[str, BeforeValidator(file_path)]
"""Path of a file, made absolute; whether it exists shows when it is read, which may be on another machine."""

HostAndPort = Annotated[str, AfterValidator(host_and_port)]
SourceAddress = Annotated[str, AfterValidator(source_address)]
