"""The past that Prometheus is given: runs that passed, and no failure."""

from __future__ import annotations

from demo.history import history

PROBE = {"system": "website", "probe": "home-page", "vantage": "here"}
SAMPLES = [
    ("piekwacht_probe_interval_seconds", PROBE, 15.0),
    ("piekwacht_probe_runs_total", {**PROBE, "window": "none"}, 3.0),
    ("piekwacht_probe_runs_total", {**PROBE, "window": "planned"}, 0.0),
    ("piekwacht_probe_failures_total", {**PROBE, "window": "none"}, 1.0),
    ("piekwacht_probe_success", PROBE, 1.0),
]


def test_runs_grow_as_often_as_the_probe_runs_and_nothing_fails() -> None:
    """Four runs a minute; the same labels as a scrape gives; the last sample at the end."""
    lines = list(history(SAMPLES, {"job": "piekwacht", "instance": "127.0.0.1:1"}, end=1000.0, seconds=120))
    labels = 'system="website",probe="home-page",vantage="here",window="none",job="piekwacht",instance="127.0.0.1:1"'
    assert lines == [
        f"piekwacht_probe_runs_total{{{labels}}} 0 880.000",
        f"piekwacht_probe_runs_total{{{labels}}} 4 940.000",
        f"piekwacht_probe_runs_total{{{labels}}} 8 1000.000",
        f"piekwacht_probe_failures_total{{{labels}}} 0 880.000",
        f"piekwacht_probe_failures_total{{{labels}}} 0 940.000",
        f"piekwacht_probe_failures_total{{{labels}}} 0 1000.000",
    ]
