"""The result of a run as JUnit XML, which every pipeline shows: a test case for each threshold and for each journey.

outcome   test cases
passed    all pass
failed    the thresholds that were missed fail; so do the journeys that failed more often than allowed, where that
          is why the run failed; a threshold for which nothing was measured is skipped
invalid   `measurement` is in error with every reason; what is about the system is skipped, for its figures say
          nothing
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

from loadtests import wording
from loadtests.checks import FAILED_JOURNEYS
from loadtests.summary import JourneyRow, Summary
from loadtests.verdict import Check

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not."""


def render(summary: Summary) -> str:
    """Return the document."""
    name = _clean(f"piekwacht load {summary.plan.campaign}")
    suite = Element("testsuite", name=name, timestamp=summary.began.isoformat())
    cases = [_measurement(summary), *_thresholds(summary), *_journeys(summary)]
    suite.extend(cases)
    counts = {kind: sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error", "skipped")}
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    suite.set("time", f"{summary.seconds:.3f}")
    SubElement(suite, "system-out").text = _clean(f"{summary.plan.command}\narrivals {summary.arrivals.digest}")
    root = Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _measurement(summary: Summary) -> Element:
    """Say whether the run was one; the reasons of a failed run that belong to no threshold are here too."""
    case = _case("run", "measurement", summary.seconds)
    said = [check.complaint for check in summary.checks]
    others = [reason for reason in summary.reasons if reason not in said]
    if summary.outcome == "invalid":
        _result(case, "error", "the measurement is invalid", summary.reasons)
    elif others:
        _result(case, "failure", others[0], others)
    return case


def _thresholds(summary: Summary) -> Iterator[Element]:
    for check in summary.checks:
        case = _case("thresholds", check.name)
        if summary.outcome == "invalid" and check.about == "system":
            _skip(case)
        elif check.result == "not measured":
            _skip(case, "nothing was measured")
        elif check.result == "missed":
            _result(case, "failure", check.complaint, [_figures(check)])
        else:
            SubElement(case, "system-out").text = _figures(check)
        yield case


def _journeys(summary: Summary) -> Iterator[Element]:
    allowed = summary.plan.thresholds.failed_share
    to_blame = summary.outcome == "failed" and any(
        check.name in FAILED_JOURNEYS and check.complaint for check in summary.checks
    )
    for row in summary.journeys:
        case = _case("journeys", row.journey, row.duration.mean)
        if summary.outcome == "invalid":
            _skip(case)
        elif to_blame and row.failed > allowed * (row.completed + row.failed):
            _result(case, "failure", _said(row), [_said(row), *_failures(summary, row.journey)])
        else:
            SubElement(case, "system-out").text = _said(row)
        yield case


def _said(row: JourneyRow) -> str:
    return f"{row.completed:,} passed, {row.failed:,} failed, {row.unfinished:,} were unfinished"


def _failures(summary: Summary, journey: str) -> Iterator[str]:
    for failure in summary.failures:
        if failure.journey == journey:
            detail = f": {failure.detail}" if failure.detail else ""
            yield f"{failure.count:,} x {failure.reason} at {failure.step}{detail}"


def _figures(check: Check) -> str:
    measured = wording.amount(check.measured, check.unit)
    return f"measured {measured}, limit {wording.limit(check.limit, check.unit, lowest=check.lowest)}"


def _case(group: str, name: str, seconds: float = 0.0) -> Element:
    return Element("testcase", classname=_clean(group), name=_clean(name), time=f"{seconds:.3f}")


def _result(case: Element, kind: str, message: str, lines: list[str]) -> None:
    SubElement(case, kind, message=_clean(message), type=kind).text = _clean("\n".join(lines))


def _skip(case: Element, message: str = "the measurement is invalid") -> None:
    SubElement(case, "skipped", message=message)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
