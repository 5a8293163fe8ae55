"""PromQL over declared metrics: the one way a metric's name gets into a query. A renamed metric breaks the build.

Every function returns the text of an expression. Label values are regular expressions that must match in full; a value
may hold a Grafana variable (`system="$system"`). A label that the metric does not have raises `ValueError`.
"""

from __future__ import annotations

from config.metric import Metric


def select(metric: Metric, **labels: str) -> str:
    """Return the selector of a counter or gauge; for a histogram, of the number of its observations."""
    return _selector(metric, f"{metric}_count" if metric.kind == "histogram" else metric.name, labels)


def rate(metric: Metric, period: str, **labels: str) -> str:
    """Return the growth of a counter per second."""
    return f"rate({select(metric, **labels)}[{period}])"


def increase(metric: Metric, period: str, **labels: str) -> str:
    """Return the growth of a counter over `period`."""
    return f"increase({select(metric, **labels)}[{period}])"


def total(expression: str, *by: str) -> str:
    """Sum an expression, over everything or for each combination of the labels `by`."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def ratio(numerator: str, denominator: str) -> str:
    """Divide two sums. Where nothing was counted the result is absent, never NaN."""
    return f"{numerator} / ({denominator} > 0)"


def quantile(q: float, metric: Metric, period: str, *by: str, **labels: str) -> str:
    """Return a quantile of a histogram (seconds). Histograms are added first: quantiles must never be averaged.

    A histogram without observations gives NaN; the comparison with 0 leaves it out.
    """
    buckets = _selector(metric, f"{metric}_bucket", labels)
    return f"histogram_quantile({q:g}, {total(f'rate({buckets}[{period}])', 'le', *by)}) >= 0"


def or_zero(expression: str, measured: str, **labels: str) -> str:
    """Show 0 where nothing happened, in place of 'No data'; but only where `measured` says that someone looked.

    `measured` is an expression without labels; `labels` name what the 0 stands for.
    """
    zero = f"0 * {measured}"
    for label, value in labels.items():
        zero = f'label_replace({zero}, "{label}", "{value}", "", "")'
    return f"({expression}) or on () {zero}"


def _selector(metric: Metric, name: str, labels: dict[str, str]) -> str:
    unknown = sorted(set(labels) - set(metric.labels))
    if unknown:
        raise ValueError(f"{metric.name} has no label {', '.join(unknown)}")
    matchers = ", ".join(f'{label}=~"{value}"' for label, value in labels.items())
    return f"{name}{{{matchers}}}" if matchers else name
