"""What a run says on the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from loadtests import terminal
from tests.loadtests.sample import (
    arrival_facts,
    attempt_facts,
    check,
    checks,
    connection_row,
    empty_summary,
    failure,
    second,
    steady_facts,
    summary,
    waiting_room_row,
)

LIVE = {
    "title": "small → local",
    "clock": "09:00:30",
    "elapsed": 3.0,
    "duration": 6.0,
    "planned": 30.4,
    "started": 31,
    "completed": 25,
    "failed": 0,
    "dropped": 0,
    "in_flight": 6,
    "response_p50": 0.02,
    "response_p99": 0.1,
    "lateness_p99": 0.0006,
}


def printed(renderable, width=100):
    """Return what a console prints, line by line, without trailing spaces."""
    output = io.StringIO()
    renderable(Console(width=width, file=output, force_terminal=False))
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines())


def test_a_run_ends_with_verdict_arrivals_times_journeys_and_failures(golden):
    """In this order, the verdict in words."""
    golden("summary.txt", printed(lambda console: terminal.show(summary(), console)) + "\n")


def test_what_people_met_and_how_often_they_tried_is_shown_where_it_happened(golden):
    """The passages of each channel, its dose and the most that was admitted; attempts, and when there were most."""
    web = {"channel": "web", "dose": None, "peak": None}
    facts = summary(
        waiting_room=[waiting_room_row(**web), waiting_room_row()],
        attempts=attempt_facts(attempts=90, amplification=1.6),
        timeline=[second(index, amplification=1.0 + 0.3 * index) for index in range(8)],
    )
    golden("crowd.txt", printed(lambda console: terminal.show(facts, console)) + "\n")


def test_the_worst_ten_seconds_are_told():
    """While people arrived; the first seconds have too few to look back on."""
    told = [30.0] * 9 + [4.0, 7.0, 5.0, 40.0]
    rows = [second(index, amplification=amplification) for index, amplification in enumerate(told)]
    facts = summary(
        attempts=attempt_facts(attempts=90, amplification=1.6), timeline=rows, steady=steady_facts(start=2, end=12)
    )
    said = " ".join(printed(lambda console: terminal.show(facts, console)).split())
    assert "1.6 for each journey that passed, 7 in the ten seconds up to second 11" in said


def test_attempts_are_not_counted_for_journeys_that_passed_where_none_did():
    """The amplification is reckoned as if one had passed; that is no fact to tell."""
    facts = summary(arrivals=arrival_facts(completed=0), attempts=attempt_facts(attempts=412, amplification=412.0))
    said = printed(lambda console: terminal.show(facts, console))
    assert "412 attempts, and no journey passed" in said
    assert "for each journey that passed" not in said


def test_refused_connections_are_shown_where_there_are_any(golden):
    """New ones and kept ones apart; what that looks like stands below where the verdict does not say it."""
    facts = summary(connections=[connection_row(), connection_row(refused={}, limit=None)])
    golden("connections.txt", printed(lambda console: terminal.show(facts, console)) + "\n")


def test_a_threshold_is_met_missed_or_not_measured():
    """Told by a sign, not by colour alone; a dash where there is no figure."""
    unknown = check(name="p95 of submit", unit="seconds", limit=3.0, measured=None, complaint="")
    text = printed(lambda console: terminal.show(summary(checks=[*checks(), unknown]), console))
    lines = [line.split() for line in text.splitlines()]
    assert ["✔", "p95", "of", "all", "steps", "60", "ms", "≤", "2", "s"] in lines
    assert ["✘", "failed", "journeys", "6.67", "%", "≤", "1", "%"] in lines
    assert ["?", "p95", "of", "submit", "—", "≤", "3", "s"] in lines


@pytest.mark.parametrize(
    ("outcome", "sign"), [("passed", "✔ PASSED"), ("failed", "✘ FAILED"), ("invalid", "! INVALID")]
)
def test_the_verdict_is_not_told_by_colour_alone(outcome, sign):
    """A word and a sign."""
    assert sign in printed(lambda console: terminal.show(summary(outcome=outcome), console))


def test_a_run_without_journeys_has_no_empty_tables():
    """Nothing came to an end, so there is nothing to list."""
    text = printed(lambda console: terminal.show(empty_summary(), console))
    assert "Arrivals" in text
    assert "Journeys" not in text
    assert "Failures" not in text


def test_the_table_of_failures_is_cut_and_says_so():
    """A broken system fails in many ways; the report has them all."""
    facts = summary(failures=[failure(step=f"step-{index}") for index in range(13)])
    text = printed(lambda console: terminal.show(facts, console))
    assert "step-9" in text
    assert "step-10" not in text
    assert "and 3 more kinds of failure, in the report" in text


def test_what_a_server_sent_is_not_taken_for_markup():
    """Square brackets are markup to the terminal library."""
    facts = summary(failures=[failure(detail="[bold]x[/nonsense] 503")], reasons=["[red]because[/red]"])
    text = printed(lambda console: terminal.show(facts, console))
    assert "[bold]x[/nonsense] 503" in text
    assert "[red]because[/red]" in text


def test_rare_fates_of_arrivals_show_only_where_they_happened():
    """Aborted journeys and arrivals that never were due."""
    assert "aborted" not in printed(lambda console: terminal.show(summary(), console))
    facts = summary(arrivals=arrival_facts(aborted=2, not_due=5))
    text = printed(lambda console: terminal.show(facts, console))
    assert "aborted" in text
    assert "not due" in text


def test_the_live_panel_shows_progress(golden):
    """Planned and achieved arrivals, failures, percentiles, citizens on their way, time left."""
    panel = terminal.live_panel(**LIVE | {"failed": 4, "failures": [("timeout", 3), ("session_lost", 1)]})
    golden("live.txt", printed(lambda console: console.print(panel)) + "\n")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "3 s left"),
        ({"elapsed": -1.0}, "6 s left"),
        ({"elapsed": 7.0}, "waiting for those on their way"),
        ({"response_p99": 0.0}, "p99 —"),
        ({"dropped": 2}, "dropped 2"),
        ({"amplification": 1.5}, "attempts for each that passes 1.5"),
    ],
)
def test_the_live_panel_fits_every_moment(changes, words):
    """Before the beginning, in the middle, after the last arrival."""
    assert words in printed(lambda console: console.print(terminal.live_panel(**LIVE | changes)))


def test_attempts_are_not_worth_a_line_while_everybody_passes_at_once():
    """A factor of 1 says nothing."""
    for factor in (None, 1.0, 1.004):
        panel = terminal.live_panel(**LIVE | {"amplification": factor})
        assert "attempts" not in printed(lambda console, panel=panel: console.print(panel))
