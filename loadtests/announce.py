"""Telling others about a run, where asked to: final figures to a Pushgateway, a mark on Grafana's graphs.

Neither decides anything: what could not be told is said on standard error, verdict and exit code stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.client import HTTPException
from time import time
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, push_to_gateway

from config.grafana import Grafana, GrafanaError, read_token
from config.sending import PATIENCE, why
from loadtests.exporter import LoadCollector
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.summary import Summary

JOB = "piekwacht"
"""Under which Prometheus finds what was pushed, beside the campaign."""

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
        raise AnnounceError(f"the figures could not be pushed to {url}: {why(error)}") from None


def token_of(secrets: Mapping[str, str]) -> str:
    """Return the token for Grafana: the secret `grafana` of an environment, or else `GRAFANA_TOKEN`.

    Raises `AnnounceError`, with the place that was looked at and never with its content.
    """
    try:
        return read_token(secrets.get("grafana", f"env:{TOKEN}"))
    except GrafanaError as error:
        raise AnnounceError(str(error)) from None


class Annotation:
    """A stretch on Grafana's graphs, as long as the run: set before it, ended after it."""

    def __init__(self, url: str, token: str, plan: Plan) -> None:
        self._grafana = Grafana(url, token)
        self._title = plan.campaign.title
        self._tags = ["piekwacht", "load test", plan.campaign_id, plan.environment_id]
        self._id: int | None = None

    def begin(self) -> None:
        """Set the mark at the present moment. Raises `AnnounceError`."""
        text = f"{self._title}: under way"
        found = self._send("POST", "/api/annotations", {"time": _now(), "tags": self._tags, "text": text}).get("id")
        if not isinstance(found, int):
            raise AnnounceError(f"{self._grafana.url} did not say which annotation it made")
        self._id = found

    def end(self, outcome: str) -> None:
        """Make the mark, if it was set, a stretch up to now that says what came of the run. Raises `AnnounceError`."""
        if self._id is None:
            return
        change = {"timeEnd": _now(), "tags": [*self._tags, outcome], "text": f"{self._title}: {outcome}"}
        self._send("PATCH", f"/api/annotations/{self._id}", change)

    def _send(self, method: str, path: str, data: Mapping[str, object]) -> Mapping[str, object]:
        try:
            return self._grafana.send(method, path, data)
        except GrafanaError as error:
            raise AnnounceError(f"{self._grafana.url} took no annotation: {error}") from None


class Announcer:
    """Tells of one run what it was asked to tell: pushes to `gateway`, sets an `annotation`.

    A context manager: it begins the mark, and ends it too where an exception left nothing to be told. What could not be
    told is said by `say` instead.
    """

    def __init__(
        self, plan: Plan, gateway: str | None, annotation: Annotation | None, say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._gateway = gateway
        self._annotation = annotation
        self._say = say

    def __enter__(self) -> Self:
        if self._annotation is not None:
            self._try(self._annotation.begin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:  # also one that ends the process: else the mark would say "under way" for ever
            self._end_annotation("broken off")

    def end(self, results: Results, summary: Summary) -> None:
        """Tell what came of it."""
        if self._gateway is not None:
            gateway = self._gateway
            self._try(lambda: push(gateway, self._plan, results, summary))
        self._end_annotation(summary.outcome)

    def _end_annotation(self, outcome: str) -> None:
        if self._annotation is not None:
            annotation = self._annotation
            self._try(lambda: annotation.end(outcome))

    def _try(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except AnnounceError as error:
            self._say(str(error))


def _now() -> int:
    """Return the moment in milliseconds, as Grafana counts."""
    return int(time() * 1000)
