"""Objectives of other systems: what OpenSLO files are understood as, and every mistake with file, line and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from config import ConfigError
from config.imported import ImportedObjective, read_objectives

GOOD = """\
# What the bank's gateway says of itself.
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: metrics}
spec: {type: Prometheus}
---
apiVersion: openslo/v1
kind: Service
metadata: {name: payments, labels: {owner: treasury}}
spec: {description: Payments by citizens}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: payments-accepted, displayName: Payments accepted}
spec:
  service: payments
  indicator:
    metadata: {name: accepted}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {metricSourceRef: metrics, spec: {query: 'payments_total{outcome="failed"}'}}}
        total: {metricSource: {metricSourceRef: metrics, spec: {query: sum(payments_total)}}}
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.995}]
"""


def read(folder: Path, *texts: str) -> dict[str, ImportedObjective]:
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    return read_objectives(folder, {"website": "a system of the estate"})


def problems(folder: Path, *texts: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(folder, *texts)
    return [str(problem).replace(f"{folder}/", "") for problem in error.value.problems]


def with_metric(ratio: dict[str, Any]) -> str:
    """Return the file with another ratioMetric; {"query": ...} in place of a whole metric."""
    documents = list(yaml.safe_load_all(GOOD))
    documents[2]["spec"]["indicator"]["spec"]["ratioMetric"] = {
        key: {"metricSource": {"type": "Prometheus", "spec": value}} if isinstance(value, dict) else value
        for key, value in ratio.items()
    }
    return yaml.safe_dump_all(documents, sort_keys=False, width=1000)


def test_a_folder_without_files_has_no_objectives(tmp_path: Path) -> None:
    """Nor has one that is not there."""
    assert read(tmp_path) == {}
    assert read_objectives(tmp_path / "none", {}) == {}


def test_an_objective_is_understood(tmp_path: Path) -> None:
    """Name, owner (of its service), target in per cent, rolling period; counters are counted over a window."""
    objective = read(tmp_path, GOOD)["payments-accepted"]
    assert (objective.title, objective.owner, objective.target, objective.period) == (
        "Payments accepted",
        "treasury",
        99.5,
        "4w",
    )
    assert objective.events("5m") == "sum(increase(payments_total[5m]))"
    assert objective.failures("1h") == (
        'sum(increase(payments_total{outcome="failed"}[1h])) or 0 * sum(increase(payments_total[1h]))'
    )


@pytest.mark.parametrize(
    ("ratio", "failures", "events"),
    [
        (
            {"counter": True, "good": {"query": 'sum(x{a="}"})'}, "total": {"query": "x"}},
            'clamp_min(sum(increase(x[5m])) - (sum(increase(x{a="}"}[5m])) or 0 * sum(increase(x[5m]))), 0)',
            "sum(increase(x[5m]))",
        ),
        (
            {"bad": {"query": "sum(increase(b[{{ .window }}]))"}, "total": {"query": "increase(t[{{.window}}])"}},
            "sum(sum(increase(b[5m]))) or 0 * sum(increase(t[5m]))",
            "sum(increase(t[5m]))",
        ),
        (
            {"rawType": "failure", "raw": {"query": "errors:ratio"}},
            "sum(sum_over_time(errors:ratio[5m]))",
            "sum(count_over_time(errors:ratio[5m]))",
        ),
        (
            {"rawType": "success", "raw": {"query": '{__name__="success:ratio"}'}},
            'sum(count_over_time({__name__="success:ratio"}[5m])) - sum(sum_over_time({__name__="success:ratio"}[5m]))',
            'sum(count_over_time({__name__="success:ratio"}[5m]))',
        ),
    ],
    ids=["good and total", "window placeholders", "raw failures", "raw successes"],
)
def test_every_kind_of_ratio_is_understood(tmp_path: Path, ratio: dict[str, Any], failures: str, events: str) -> None:
    """Good, bad and raw become failures and events, whose quotient is the error ratio."""
    objective = read(tmp_path, with_metric(ratio))["payments-accepted"]
    assert objective.failures("5m") == failures
    assert objective.events("5m") == events


def test_an_indicator_may_be_a_document_of_its_own(tmp_path: Path) -> None:
    """In another file, too; and a period may be left to the default."""
    documents = list(yaml.safe_load_all(GOOD))
    slo = documents[2]["spec"]
    sli = {"apiVersion": "openslo/v1", "kind": "SLI", **slo.pop("indicator")}
    slo["indicatorRef"] = "accepted"
    del slo["timeWindow"]
    objective = read(tmp_path, yaml.safe_dump_all(documents), yaml.safe_dump(sli))["payments-accepted"]
    assert objective.period == "30d"
    assert objective.events("5m") == "sum(increase(payments_total[5m]))"


MISTAKES = {
    "another budgeting method": (
        ("budgetingMethod: Occurrences", "budgetingMethod: Timeslices"),
        (
            "0.yaml:26: spec.budgetingMethod: found Timeslices, expected Occurrences: good and bad events are "
            "counted, not "
            "slices of time"
        ),
    ),
    "a calendar window": (
        ("isRolling: true", 'calendar: {startTime: "2026-01-01 00:00:00", timeZone: Europe/Amsterdam}'),
        (
            "0.yaml:25: spec.timeWindow[0].calendar: found a calendar window, expected isRolling: true; Prometheus "
            "knows no "
            "calendar"
        ),
    ),
    "a short period": (
        ("duration: 4w", "duration: 12h"),
        "0.yaml:25: spec.timeWindow[0].duration: found 12h, expected days or weeks, at least 3d, such as 30d or 4w",
    ),
    "another data source": (
        ("type: Prometheus", "type: Datadog"),
        (
            "0.yaml:23: spec.indicator.spec.ratioMetric.bad.metricSource.metricSourceRef: found the data source "
            "Datadog, "
            "expected Prometheus"
        ),
    ),
    "an unknown data source": (
        ("metricSourceRef: metrics, spec: {query: sum", "metricSourceRef: other, spec: {query: sum"),
        (
            "0.yaml:24: spec.indicator.spec.ratioMetric.total.metricSource.metricSourceRef: found 'other', expected "
            "the "
            "name of a DataSource: metrics"
        ),
    ),
    "nobody to tell": (
        ("labels: {owner: treasury}", "labels: {team: treasury}"),
        (
            "0.yaml:15: metadata: found no owner, expected a label 'owner' of lower-case letters, digits and "
            "hyphens, here "
            "or at its Service; alerts go to it"
        ),
    ),
    "a composite": (
        ("{target: 0.995}", "{target: 0.995, compositeWeight: 2}"),
        (
            "0.yaml:27: spec.objectives[0].compositeWeight: found compositeWeight, expected none: composites are not "
            "supported"
        ),
    ),
    "two objectives": (
        ("[{target: 0.995}]", "[{target: 0.995}, {target: 0.9}]"),
        "0.yaml:27: spec.objectives: found 2 objectives, expected one for each SLO",
    ),
    "a rate": (
        ("sum(payments_total)", "'sum(rate(payments_total[{{.window}}]))'"),
        (
            "0.yaml:24: spec.indicator.spec.ratioMetric.total.metricSource.spec.query: found "
            "sum(rate(payments_total[{{.window}}])), expected increase(...[{{.window}}]): events are counted, a "
            "rate has "
            "none"
        ),
    ),
    "a variable of Grafana": (
        ("sum(payments_total)", "'sum(increase(payments_total[$__range]))'"),
        (
            "0.yaml:24: spec.indicator.spec.ratioMetric.total.metricSource.spec.query: found $__range, expected "
            "{{.window}} where the window comes, and no other variable"
        ),
    ),
    "no window": (
        ("sum(payments_total)", "a + b"),
        (
            "0.yaml:24: spec.indicator.spec.ratioMetric.total.metricSource.spec.query: found a + b, expected a "
            "query over "
            "[{{.window}}], or the selector of a counter with counter: true"
        ),
    ),
    "a gauge": (
        ("counter: true", "counter: false"),
        (
            "0.yaml:23: spec.indicator.spec.ratioMetric.bad.metricSource.spec.query: found "
            'payments_total{outcome="failed"}, '
            "expected a query over [{{.window}}], or the selector of a counter with counter: true"
        ),
    ),
    "a name of the estate": (
        ("{name: payments-accepted,", "{name: website,"),
        "0.yaml:15: metadata.name: found 'website', the name of a system of the estate, expected another name",
    ),
    "alerts of its own": (
        ("kind: Service\n", "kind: AlertPolicy\n"),
        (
            "0.yaml:9: kind: found AlertPolicy, expected one of: Service, SLO, SLI, DataSource; alerts follow from "
            "the burn "
            "rates of `rules build`"
        ),
    ),
    "an unknown key": (
        ("budgetingMethod: Occurrences", "budgetingMethod: Occurrences\n  budget: 1"),
        (
            '0.yaml:27: spec.budget: found the unknown key "budget", expected one of: alertPolicies, budgetingMethod, '
            "description, indicator, indicatorRef, objectives, service, timeWindow"
        ),
    ),
    "an older version": (
        ("openslo/v1\nkind: SLO", "openslo/v1alpha\nkind: SLO"),
        "0.yaml:13: apiVersion: found \"openslo/v1alpha\", expected one of: 'openslo/v1'",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_cannot_be_honoured_is_told(tmp_path: Path, name: str) -> None:
    """In words, at its line, with what would be right."""
    (before, after), told = MISTAKES[name]
    assert before in GOOD
    assert told in problems(tmp_path, GOOD.replace(before, after))


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Of every document of every file; a broken file does not hide the others."""
    broken = GOOD.replace("Occurrences", "RatioTimeslices").replace("4w", "1M").replace("{target", "{op: lt, target")
    told = problems(tmp_path, broken, "a: [", GOOD.replace("payments-a", "a"))
    assert [line.split(": found")[0] for line in told] == [
        "0.yaml:25: spec.timeWindow[0].duration",
        "0.yaml:26: spec.budgetingMethod",
        "0.yaml:27: spec.objectives[0].op",
        "1.yaml:1",
        "2.yaml:5: metadata.name",
        "2.yaml:10: metadata.name",
    ]


def test_what_a_broken_document_would_have_said_is_not_missed(tmp_path: Path) -> None:
    """One mistake is one line: neither the owner of the service nor the data source looks unknown."""
    broken = GOOD.replace("kind: Service", "kind: Services").replace("kind: DataSource", "kind: Source")
    assert [line.split(": found")[0] for line in problems(tmp_path, broken)] == ["0.yaml:4: kind", "0.yaml:9: kind"]


def test_the_ending_of_a_file_matters(tmp_path: Path) -> None:
    """A file that would be passed over in silence is an error."""
    (tmp_path / "a.yml").write_text(GOOD)
    assert problems(tmp_path) == ["a.yml:1: found the ending .yml, expected the ending .yaml"]
