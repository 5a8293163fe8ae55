"""The report is one file that needs nothing else, says the verdict first, and survives every kind of run."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from loadtests.report import render, write
from loadtests.report_plots import clock_labels, duration_of
from loadtests.summary import Summary
from tests.loadtests.sample import (
    arrival_facts,
    attempt_facts,
    check,
    connection_row,
    empty_summary,
    failure,
    plan_facts,
    second,
    steady_facts,
    summary,
    waiting_room_row,
)

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Reads a page; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        values = dict(attrs)
        self.ids += [values["id"]] if values.get("id") else []
        self.links += [value for name, value in attrs if name in {"src", "href", "action", "srcset"} and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


def test_a_small_report_is_as_approved(golden):
    """Every byte of a report follows from its summary."""
    golden("report.html", render(summary()))


def test_it_needs_nothing_else():
    """No script, no reference to anything outside the file, every id once."""
    text = render(summary())
    page = Page(text)
    assert page.links == []
    assert not page.tags.keys() & {"script", "link", "img", "iframe", "object"}
    assert "url(" not in text
    assert "@import" not in text
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("passed", "Passed The system met its thresholds"),
        ("failed", "Failed The generator kept its schedule; the system did not"),
        ("invalid", "Invalid This measurement cannot be trusted"),
    ],
)
def test_the_verdict_comes_first_and_in_words(outcome, words):
    """Before any figure, and not by colour alone."""
    text = Page(render(summary(outcome=outcome, reasons=["because of this"]))).text
    assert text.index(words) < text.index("because of this") < text.index("Thresholds")


def test_key_figures_are_there():
    """What was scheduled and what became of it, times, requests."""
    text = Page(render(summary())).text
    for words in (
        "Scheduled 61",
        "Started 61 100 %",
        "Completed 56 91.8 %",
        "Failed 4 6.56 %",
        "Dropped 0",
        "Unfinished 1",
        "Median 20 ms 95th percentile 60 ms 99th percentile 100 ms",
        "Requests/s 30",
        "Median lateness 0.2 ms 99th percentile 1 ms Longest 1.8 ms",
        "CPU 0.2 cores; 0.12 on average",
        "Withheld 0.05 cores; 0.01 on average",
        "Connections 61 opened, 15 at the same time",
        "90 at most on the machine",
        "Memory 90 MB",
        "0.13 standard deviations above",
        "unexpected_status another status code than expected 4 6.67 % file-return submit status 503",
    ):
        assert words in text


def test_aborted_and_not_due_show_only_where_there_are_any():
    """A good run is not cluttered with zeros that need an explanation."""
    assert "Aborted" not in render(summary())
    text = Page(render(summary(arrivals=arrival_facts(aborted=3, not_due=12)))).text
    assert "Aborted 3" in text
    assert "Not due 12" in text


def test_everything_to_run_it_again_is_there():
    """Command, seed, version, digest, endpoints, sources and assumptions."""
    facts = summary()
    text = Page(render(facts)).text
    for words in (
        facts.plan.command,
        "piekwacht 0.1.0",
        "Seed 7, poisson spacing",
        f"sha256:{facts.arrivals.digest}",
        "http://127.0.0.1:8600/website",
        "1 process, led from Linux 6.1.0, x86_64, 2 processors",
        "Length 6 s up to the last arrival, then at most 2 s",
        "10 times, keeping the volume",
        "a source",
        "an assumption",
    ):
        assert words in text


@pytest.mark.parametrize("outcome", ["failed", "passed", "invalid"])
def test_refused_connections_are_told_with_what_they_look_like(outcome):
    """Also where they failed nobody; new and kept apart, refusals by reason. Nothing of it where none was refused."""
    row = connection_row()
    assert row.limit is not None
    reasons = [row.limit.sentence] if outcome == "failed" else []
    quiet = connection_row(refused={}, limit=None, systems=["quiet-system"])
    text = Page(render(summary(outcome=outcome, reasons=reasons, connections=[quiet, row]))).text
    assert text.lower().count(row.limit.sentence) == 1
    assert "http://127.0.0.1:8600/digid 90 50 connection_reset 10 connection_refused 1,234 1 26" in text
    assert "quiet-system" not in text
    assert "Requests on those kept" not in Page(render(summary(connections=[quiet]))).text


def test_what_a_system_answered_is_shown_as_text():
    """A detail is whatever a server sent: it must not become part of the page."""
    evil = "<script>alert(1)</script>\"'&"
    facts = summary(
        reasons=[evil],
        failures=[failure(detail=evil, step=evil)],
        plan=plan_facts(title=evil, command=evil, sources=[evil], endpoints={evil: evil}),
    )
    text = render(facts)
    assert "<script" not in text
    assert Page(text).text.count(evil) >= 7


def all_failed() -> Summary:
    rows = [second(index, completed=0, failed=10, response_p50=0.0, response_p99=0.0) for index in range(8)]
    return summary(arrivals=arrival_facts(completed=0, failed=61, unfinished=0), timeline=rows)


def storm() -> Summary:
    """Return a run in which people of two channels tried again and again to get into a waiting room.

    The first nine seconds have too few to look back on, and after second 13 nobody arrives any more.
    """
    amplifications = [*[30.0] * 9, 4.0, 5.0, 6.0, 7.0, 40.0]
    rows = [
        second(index, attempts=30, setbacks=5, admitted={"app": 7}, amplification=amplification)
        for index, amplification in enumerate(amplifications)
    ]
    lines = summary().steps
    return summary(
        arrivals=arrival_facts(dropped=2),
        attempts=attempt_facts(attempts=240, amplification=4.0, spare_connections=3, setbacks=[failure(count=40)]),
        waiting_room=[waiting_room_row(), waiting_room_row(channel="web", dose=None, peak=None)],
        steps=[*lines, lines[0].model_copy(update={"step": "receipt"})],
        steady=steady_facts(start=2, end=13),
        timeline=rows,
    )


def huge() -> Summary:
    rows = [second(index, planned=1e15, started=10**15, in_flight=10**18, response_p99=3600.0) for index in range(8)]
    return summary(arrivals=arrival_facts(scheduled=10**18, started=10**18, expected=1e18), timeline=rows)


@pytest.mark.parametrize(
    ("facts", "plots"),
    [
        pytest.param(empty_summary(), 6, id="nothing at all"),
        pytest.param(summary(timeline=[]), 7, id="no timeline"),
        pytest.param(summary(timeline=[second(0)], plan=plan_facts(compress=60.0)), 7, id="one second"),
        pytest.param(all_failed(), 8, id="all failed"),
        pytest.param(huge(), 8, id="huge numbers"),
        pytest.param(summary(timeline=[second(0), second(40_000)]), 7, id="a long gap"),
        pytest.param(summary(connections=[connection_row(), connection_row(limit=None)]), 8, id="refused connections"),
        pytest.param(storm(), 13, id="a storm at the waiting room"),
    ],
)
def test_every_kind_of_run_has_a_report(facts, plots):
    """Well-formed, without a number that is not one, with its plots in two widths each and no heading without words."""
    text = render(facts)
    page = Page(text)
    assert page.tags["figure"] == plots
    assert len(re.findall(r'role="img"', text)) == 2 * plots
    assert not re.search(r"</h2>\s*(<h2|</section>)|</h3>\s*(<h[23]|</section>)", text)
    assert not re.search(r"\b(nan|inf|None)\b", page.text)
    assert not re.search(r'[dxy]="[^"]*(nan|inf)', text)


def test_a_run_without_measurements_says_so():
    """Empty plots and tables are explained, and there is a dash where a time would stand."""
    text = Page(render(empty_summary())).text
    for words in ("nothing was measured", "No journey failed.", "No answer was received.", "Median —"):
        assert words in text


def test_seconds_without_answers_are_gaps_not_zeros():
    """Where nothing was answered, the line of the percentiles is interrupted."""
    rows = [second(index, response_p50=0.0 if index == 4 else 0.02) for index in range(8)]
    whole, broken = (
        render(summary(timeline=timeline)).count("line solid ink-blue") for timeline in (summary().timeline, rows)
    )
    assert broken == whole + 2  # one more piece, in the wide and in the narrow drawing


def test_dropped_arrivals_have_a_line_only_if_there_are_any():
    """A legend entry for something that did not happen would be noise."""
    assert "dropped up to" not in Page(render(summary())).text
    facts = summary(arrivals=arrival_facts(dropped=3), timeline=[second(0, dropped=3), second(1)])
    assert "dropped up to 3" in Page(render(facts)).text


def test_the_last_arrival_is_marked_and_the_clock_ends_there():
    """Those on their way get time after the last arrival; no time of day belongs to it."""
    text = render(summary())
    assert text.count(">last arrival</text>") == 2 * 7  # all plots over time, in two widths
    assert "09:01</text>" in text
    assert "09:01:10" not in text


def test_every_threshold_has_a_row():
    """What was measured, the limit and what came of it in words; and which part of the run was judged."""
    unknown = check(name="p95 of submit", unit="seconds", limit=3.0, measured=None, complaint="")
    text = Page(render(summary(checks=[*summary().checks, unknown], steady=steady_facts(start=2, end=6)))).text
    for words in (
        "✗ missed failed journeys 6.67 % ≤ 1 %",
        "✓ met p95 of all steps 60 ms ≤ 2 s",
        "✓ met arrivals started 100 % ≥ 99.9 %",
        "? not measured p95 of submit — ≤ 3 s",
        "from second 2 to 6: after the warm-up, up to the last arrival",
    ):
        assert words in text


def test_what_was_not_judged_is_shaded():
    """Warm-up and drain in every plot over time; nothing in a run that was judged from end to end."""
    judged = (summary(steady=steady_facts(start=start, end=end)) for start, end in ((0, 8), (0, 6), (2, 6)))
    assert [render(facts).count('class="shade"') for facts in judged] == [0, 2 * 7, 2 * 2 * 7]


def test_what_did_not_happen_has_no_section():
    """No waiting room, nobody who tried twice, no growth, no account: not a word about them."""
    text = Page(render(summary())).text
    for words in ("Waiting room", "Attempts", "Amplification", "Setbacks", "Growth", "Test accounts", "Closed early"):
        assert words not in text


def test_attempts_are_told():
    """How many, when most of them, and what people tried again after."""
    text = Page(render(storm())).text
    for words in (
        "Attempts 240",
        "Amplification 4",
        "At its worst 7 in the ten seconds up to second 13",
        "Spare connections 3",
        "unexpected_status another status code than expected 40 16.67 % file-return submit status 503",
        "attempts that were made again up to 5",
    ):
        assert words in text


def test_the_waiting_room_is_told_by_channel():
    """What happened to people, how long they waited, and admissions against the dose where there is one."""
    text = Page(render(storm())).text
    for words in (
        "came to the waiting room joined 30 30",
        "were let in without a number in the queue unqueued 5 5",
        "95th percentile 4.5 s 4.5 s",
        "dose 4/s —",
        "the seconds with the most above it 2 to 5 —",
        "admitted in them 8.33/s —",
        "people above the dose in them 13 —",
        "Admitted per second, app channel admitted up to 7 dose up to 4",
        "Admitted per second, web channel admitted up to 0",
    ):
        assert words in text


def test_the_slowest_steps_have_a_plot_where_there_are_several():
    """One line for each, by its blocks."""
    text = Page(render(storm())).text
    assert "The slowest steps file-return: submit up to 60 ms file-return: receipt up to 60 ms" in text
    assert "The slowest steps" not in Page(render(summary())).text


def test_the_histogram_has_both_times_and_the_percentile():
    """An outline over bars from the fastest to the slowest answer; the empty bar between is on the axis."""
    text = render(summary())
    assert "response time up to 130 service time up to 140" in Page(text).text.replace("</span>", "")
    assert text.count(">95th percentile</text>") == 2


def test_a_run_that_ended_early_shows_where():
    """The reason is the first one, and the plots are marked."""
    said = "everything failed"
    facts = summary(
        ended_early=said, reasons=[f"ended early: {said}"], seconds=4.0, arrivals=arrival_facts(due=41, not_due=20)
    )
    assert "ended early: everything failed" in Page(render(facts)).text
    assert render(facts).count(">ended early</text>") == 2 * 7
    assert ">last arrival</text>" not in render(facts)


@pytest.mark.parametrize(
    ("first", "last", "hours", "clocks"),
    [
        ("2026-03-29T00:00+01:00", "2026-03-29T06:00+02:00", 5, ["00:00", "01:00", "03:00", "04:00", "05:00", "06:00"]),
        ("2026-10-25T00:00+02:00", "2026-10-25T04:00+01:00", 5, ["00:00", "01:00", "02:00", "02:00", "03:00", "04:00"]),
    ],
)
def test_the_clock_of_the_plots_knows_the_days_on_which_it_changes(first, last, hours, clocks):
    """March leaves out an hour and October has one twice, whether the summary was just made or read from a file."""
    zone = ZoneInfo("Europe/Amsterdam")
    moments = {"first": datetime.fromisoformat(first), "last": datetime.fromisoformat(last)}
    made = plan_facts(compress=3600.0).model_copy(
        update={name: moment.astimezone(zone) for name, moment in moments.items()}
    )
    for plan in (made, type(made).model_validate_json(made.model_dump_json())):
        assert duration_of(plan) == hours
        assert [clock_labels(plan)(hour) for hour in range(hours + 1)] == clocks
        assert clock_labels(plan)(hours + 0.01) == ""


def test_the_schema_of_the_summary_is_documented(golden):
    """docs/summary.schema.json is the schema of what is written, each part with a description."""
    schema = Summary.model_json_schema(mode="serialization")
    for name, part in schema["$defs"].items():
        assert part.get("description"), name
    full = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    golden("../../../docs/summary.schema.json", json.dumps(full, indent=2, ensure_ascii=False) + "\n")


def test_all_files_are_written(tmp_path):
    """summary.json can be read back to the same summary; nothing else is left in the folder."""
    facts = summary()
    folder = tmp_path / "new" / "folder"
    names = ["junit.xml", "report.html", "summary.json", "summary.md"]
    assert write(facts, folder) == [folder / name for name in names]
    assert Summary.model_validate_json((folder / "summary.json").read_text(encoding="utf-8")) == facts
    assert (folder / "report.html").read_text(encoding="utf-8") == render(facts)
    assert sorted(path.name for path in folder.iterdir()) == names
