"""Telling others about a run, where asked to: final figures to a Pushgateway, a mark on Grafana's graphs.

Neither decides anything: what could not be told is said on standard error, verdict and exit code stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.client import HTTPException
from time import time
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from prometheus_client import CollectorRegistry, push_to_gateway

from config.secrets import place_of, read_secret
from loadtests.exporter import LoadCollector
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.summary import Summary

JOB = "piekwacht"
"""Under which Prometheus finds what was pushed, beside the campaign."""

PATIENCE = 10.0
"""Seconds that a Pushgateway or Grafana gets for an answer."""

TOKEN = "GRAFANA_TOKEN"  # noqa: S105 - the name of the variable, not a token
"""Environment variable with the token of a Grafana service account, where the environment has no secret `grafana`."""


class AnnounceError(Exception):
    """Something could not be told; the message says what, where and why."""


def push(url: str, plan: Plan, results: Results, summary: Summary) -> None:
    """Push the final figures of a run to a Pushgateway, in place of those of the campaign's last run.

    They are the metrics that a run exports while it lasts, with its outcome. Raises `AnnounceError`.
    """
    registry = CollectorRegistry()
    registry.register(LoadCollector(lambda: (plan, results, summary.seconds), summary.outcome))
    grouping = {"campaign": plan.campaign_id}
    try:
        push_to_gateway(url, JOB, registry, grouping, timeout=PATIENCE)
    except (OSError, HTTPException, ValueError) as error:
        raise AnnounceError(f"the figures could not be pushed to {url}: {_why(error)}") from None


def token_of(secrets: Mapping[str, str]) -> str:
    """Return the token for Grafana: the secret `grafana` of an environment, or else `GRAFANA_TOKEN`.

    Raises `AnnounceError`, with the place that was looked at and never with its content.
    """
    reference = secrets.get("grafana", f"env:{TOKEN}")
    place = place_of(reference)
    try:
        token = read_secret(reference).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AnnounceError(f"no token for Grafana: {place}: {_why(error)}") from None
    if not token or not token.isprintable():
        raise AnnounceError(f"no token for Grafana: {place}: it is empty or no single line of text")
    return token


class Annotation:
    """A stretch on Grafana's graphs, as long as the run: set before it, ended after it."""

    def __init__(self, url: str, token: str, plan: Plan) -> None:
        self._url = url
        self._token = token
        self._title = plan.campaign.title
        self._tags = ["piekwacht", "load test", plan.campaign_id, plan.environment_id]
        self._id: int | None = None

    def begin(self) -> None:
        """Set the mark at the present moment. Raises `AnnounceError`."""
        text = f"{self._title}: under way"
        found = self._send("POST", "/api/annotations", {"time": _now(), "tags": self._tags, "text": text}).get("id")
        if not isinstance(found, int):
            raise AnnounceError(f"{self._url} did not say which annotation it made")
        self._id = found

    def end(self, outcome: str) -> None:
        """Make the mark, if it was set, a stretch up to now that says what came of the run. Raises `AnnounceError`."""
        if self._id is None:
            return
        change = {"timeEnd": _now(), "tags": [*self._tags, outcome], "text": f"{self._title}: {outcome}"}
        self._send("PATCH", f"/api/annotations/{self._id}", change)

    def _send(self, method: str, path: str, data: Mapping[str, object]) -> Mapping[str, object]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = Request(self._url + path, json.dumps(data).encode(), headers, method=method)  # noqa: S310 - http(s)
        try:
            with _OPENER.open(request, timeout=PATIENCE) as answer:
                found = json.load(answer)
        except (OSError, HTTPException, ValueError) as error:
            raise AnnounceError(f"{self._url} took no annotation: {_why(error)}") from None
        return found if isinstance(found, dict) else {}


class Announcer:
    """Tells of one run what it was asked to tell: pushes to `gateway`, sets an `annotation`.

    What could not be told is said by `say` instead.
    """

    def __init__(
        self, plan: Plan, gateway: str | None, annotation: Annotation | None, say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._gateway = gateway
        self._annotation = annotation
        self._say = say

    def begin(self) -> None:
        """Tell that the run begins."""
        if self._annotation is not None:
            self._try(self._annotation.begin)

    def end(self, results: Results, summary: Summary) -> None:
        """Tell what came of it."""
        if self._gateway is not None:
            gateway = self._gateway
            self._try(lambda: push(gateway, self._plan, results, summary))
        self._end_annotation(summary.outcome)

    def broken_off(self) -> None:
        """Tell that nothing came of it."""
        self._end_annotation("broken off")

    def _end_annotation(self, outcome: str) -> None:
        if self._annotation is not None:
            annotation = self._annotation
            self._try(lambda: annotation.end(outcome))

    def _try(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except AnnounceError as error:
            self._say(str(error))


class _Stay(HTTPRedirectHandler):
    """Follow no redirect: the token is for one host only."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""


_OPENER = build_opener(_Stay)


def _now() -> int:
    """Return the moment in milliseconds, as Grafana counts."""
    return int(time() * 1000)


def _why(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP status {error.code} {error.reason}".rstrip()
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"  # its own words would show what is there
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return str(reason) or type(error).__name__
