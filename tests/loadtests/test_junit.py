"""A run as test cases: each threshold one, each journey one."""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import pytest

from loadtests import junit
from loadtests.summary import JourneyRow, Summary
from tests.loadtests.sample import NO_TIMES, check, checks, empty_summary, failure, plan_facts, summary


def suite_of(facts: Summary) -> Element:
    (suite,) = ET.fromstring(junit.render(facts))
    return suite


def results(facts: Summary) -> dict[str, str]:
    """Return what each test case says: passed, failure, error or skipped; counts of the suite must agree."""
    suite = suite_of(facts)
    found = {}
    for case in suite.iter("testcase"):
        kinds = [child.tag for child in case if child.tag in {"failure", "error", "skipped"}]
        assert len(kinds) <= 1
        found[f"{case.get('classname')}: {case.get('name')}"] = kinds[0] if kinds else "passed"
    said = list(found.values())
    assert suite.get("tests") == str(len(said))
    for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert suite.get(attribute) == str(said.count(kind))
    return found


def journey(name: str, completed: int, failed: int) -> JourneyRow:
    return JourneyRow(journey=name, completed=completed, failed=failed, unfinished=0, duration=NO_TIMES, blocks=[])


def test_the_document_stays_as_it_is(golden):
    """The same summary gives the same bytes."""
    golden("junit.xml", junit.render(summary()))


def test_a_passed_run_passes_in_every_case():
    """Also the journey that failed now and then: it was allowed to."""
    assert set(results(summary(outcome="passed", reasons=[], checks=[check(complaint="")])).values()) == {"passed"}


def test_a_failed_run_says_what_and_who():
    """The threshold, and of the journeys the one that failed more often than allowed."""
    rows = [journey("file-return", 56, 4), journey("visit-website", 1000, 1)]
    assert results(summary(journeys=rows)) == {
        "run: measurement": "passed",
        "thresholds: arrivals started": "passed",
        "thresholds: start lateness p99": "passed",
        "thresholds: failed journeys": "failure",
        "thresholds: p95 of all steps": "passed",
        "journeys: file-return": "failure",
        "journeys: visit-website": "passed",
    }
    said = next(case for case in suite_of(summary()).iter("failure") if "passed" in (case.text or "")).text
    assert said == "56 passed, 4 failed, 1 were unfinished\n4 x unexpected_status at submit: status 503"


def test_what_was_not_measured_is_no_success():
    """Where nobody had an answer there are no response times, and none that were good enough."""
    nothing = check(name="p95 of all steps", measured=None, complaint="")
    assert results(summary(checks=[check(), nothing]))["thresholds: p95 of all steps"] == "skipped"


def test_a_run_that_failed_for_its_times_does_not_blame_a_journey():
    """Its failures were not the reason."""
    slow = check(name="p95 of all steps", unit="seconds", limit=2.0, measured=3.0, complaint="too slow")
    found = results(summary(reasons=["too slow"], checks=[check(complaint=""), slow]))
    assert [name for name, said in found.items() if said == "failure"] == ["thresholds: p95 of all steps"]


def test_the_figures_of_an_invalid_run_are_neither_good_nor_bad():
    """One error with the reasons; what the generator met or missed is told, the rest is skipped."""
    late = check(
        about="generator", name="start lateness p99", unit="seconds", limit=0.1, measured=0.3, complaint="late"
    )
    found = results(summary(outcome="invalid", reasons=["late"], checks=[late, check()]))
    assert found == {
        "run: measurement": "error",
        "thresholds: start lateness p99": "failure",
        "thresholds: failed journeys": "skipped",
        "journeys: file-return": "skipped",
    }
    assert results(empty_summary()) == {"run: measurement": "error"}


def test_a_run_that_was_ended_early_fails_even_if_no_threshold_did():
    """The reason belongs to no threshold, so the run itself fails."""
    facts = summary(reasons=["ended early: nothing works"], checks=[check(complaint="")])
    assert results(facts)["run: measurement"] == "failure"


@pytest.mark.parametrize("evil", ["]]></failure><x>&amp;\"'", "\x00\x08\x1b[31m\ud800\uffff", "é\U0001f6a8\r\n\t"])
def test_every_text_becomes_well_formed_xml(evil):
    """What a server sent may hold anything; what XML cannot hold is replaced."""
    facts = summary(
        reasons=[evil],
        checks=[check(name=evil, complaint=evil)],
        failures=[failure(step=evil, detail=evil)],
        journeys=[journey(evil, 1, 1)],
        plan=plan_facts(command=evil, campaign=evil),
    )
    text = junit.render(facts)
    (suite,) = ET.fromstring(text.encode())
    assert len(list(suite.iter("testcase"))) == 3


def test_limits_and_figures_are_in_the_text():
    """Whoever reads the pipeline's page needs nothing else."""
    (started, *_) = [case for case in suite_of(summary()).iter("testcase") if case.get("name") == "arrivals started"]
    assert started.findtext("system-out") == "measured 100 %, limit ≥ 99.9 %"
    assert len(checks()) == 4
