"""What a preview asks of Prometheus's HTTP API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

Point = tuple[float, float]
"""(instant in seconds since 1970, value)"""

TIMEOUT = 30.0
"""Seconds that one query may take."""


class PrometheusError(Exception):
    """Prometheus did not answer, or refused a query; the message holds its own words."""


class QueryError(PrometheusError):
    """Prometheus answered, and refused this query."""


@dataclass(frozen=True)
class Series:
    """One series of a result; an instant query gives it one point."""

    labels: Mapping[str, str]
    points: Sequence[Point]


class Prometheus:
    """A server of Prometheus or of anything with the same API. Every method raises `PrometheusError`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def query(self, expression: str, at: float) -> list[Series]:
        """Return the result of an instant query."""
        answer = self._post("query", query=expression, time=at)
        if answer["resultType"] == "scalar":
            return [Series({}, _points([answer["result"]]))]
        return [Series(_labels(one), _points([one["value"]])) for one in answer["result"]]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """Return the result of a range query, with a point every `step` seconds."""
        answer = self._post("query_range", query=expression, start=start, end=end, step=step)
        return [Series(_labels(one), _points(one["values"])) for one in answer["result"]]

    def label_values(self, label: str, selector: str, start: float, end: float) -> list[str]:
        """Return the values that a label had on the series of a selector, sorted."""
        matching = urlencode({"match[]": selector, "start": start, "end": end})
        values: list[str] = self._fetch(Request(f"{self.url}/api/v1/label/{label}/values?{matching}"))  # noqa: S310
        return values

    def _post(self, path: str, **parameters: Any) -> Any:
        return self._fetch(Request(f"{self.url}/api/v1/{path}", urlencode(parameters).encode()))  # noqa: S310

    def _fetch(self, request: Request) -> Any:
        try:
            with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - the URL is the operator's own
                return json.load(answer)["data"]
        except HTTPError as error:
            raise QueryError(_refusal(error)) from None
        except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
            raise PrometheusError(f"{self.url} does not answer as Prometheus does: {error}") from None


def _labels(series: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in series["metric"].items() if name != "__name__"}


def _points(pairs: Sequence[tuple[float, str]]) -> list[Point]:
    return [(float(instant), float(value)) for instant, value in pairs]


def _refusal(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, LookupError, TypeError):
        return f"HTTP {error.code} {error.reason}"
