"""Field types that several models share."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo

from config.source import expected

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(value: Any) -> float:
    """Return seconds for text such as 500ms, 15s, 2m, 1h or 30d. Raises a validation error for anything else."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise expected("a duration with its unit, such as 500ms, 15s, 2m, 1h or 30d")
    return float(match[1]) * _UNITS[match[2]]


def write_duration(seconds: float) -> str:
    """Write seconds so that `parse_duration` gives the very same number back."""
    return f"{Decimal(repr(seconds)):f}s"


def parse_base_url(value: Any) -> str:
    """Return a base URL without a trailing slash. Raises a validation error unless it is http(s)://host[:port][/path]."""
    wanted = "a base URL such as https://staging.example.nl/portal"
    if not isinstance(value, str):
        raise expected(wanted)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username:
        raise expected(wanted)
    return value.rstrip("/")


def known_journey(name: str, info: ValidationInfo) -> str:
    """Return `name` if the validation context lists it under "journeys", or lists none."""
    known = (info.context or {}).get("journeys")
    if known is not None and name not in known:
        raise expected(f"a journey that exists: {', '.join(sorted(known))}")
    return name


def host_of(url: str) -> str:
    """Return the lower-case host name of a URL, or an empty text."""
    return (urlsplit(url).hostname or "").lower()


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(gt=0, allow_inf_nan=False),
    PlainSerializer(write_duration, when_used="json"),
]
"""Seconds as a float; written with a unit, in YAML and in JSON."""

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
"""Name of a system, probe, owner, stream, ...: lower case, digits and hyphens."""

JourneyName = Annotated[Identifier, AfterValidator(known_journey)]
"""Name of a journey; whether it exists is checked against the names given to `config.load`."""

BaseUrl = Annotated[str, BeforeValidator(parse_base_url)]

Host = Annotated[str, Field(pattern=r"^[a-z0-9.:-]+$")]

SecretReference = Annotated[str, Field(pattern=r"^(file:.+|env:[A-Za-z_][A-Za-z0-9_]*)$")]
"""Where a secret is to be read (`file:/run/secrets/x` or `env:NAME`); never the secret itself."""
