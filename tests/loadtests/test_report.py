"""The report is one file that needs nothing else, says the verdict first, and survives every kind of run."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from loadtests.report import render, write
from loadtests.summary import Summary
from tests.loadtests.sample import arrival_facts, empty_summary, failure, plan_facts, second, summary

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
    assert text.index(words) < text.index("because of this") < text.index("Key figures")


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
        "Median 0.2 ms 99th percentile 1 ms Longest 1.8 ms",
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
        "a source",
        "an assumption",
    ):
        assert words in text


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


def huge() -> Summary:
    rows = [second(index, planned=1e15, started=10**15, in_flight=10**18, response_p99=3600.0) for index in range(8)]
    return summary(arrivals=arrival_facts(scheduled=10**18, started=10**18, expected=1e18), timeline=rows)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(empty_summary(), id="nothing at all"),
        pytest.param(summary(timeline=[]), id="no timeline"),
        pytest.param(summary(timeline=[second(0)], plan=plan_facts(compress=60.0)), id="one second"),
        pytest.param(all_failed(), id="all failed"),
        pytest.param(huge(), id="huge numbers"),
        pytest.param(summary(timeline=[second(0), second(40_000)]), id="a long gap"),
    ],
)
def test_every_kind_of_run_has_a_report(facts):
    """Well-formed, without a number that is not one, with all six plots in two widths each."""
    text = render(facts)
    page = Page(text)
    assert page.tags["figure"] == 6
    assert len(re.findall(r'role="img"', text)) == 12
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
    assert "dropped" not in Page(render(summary(arrivals=arrival_facts()))).text.split("Over time")[1]
    facts = summary(arrivals=arrival_facts(dropped=3), timeline=[second(0, dropped=3), second(1)])
    assert "dropped up to 3" in Page(render(facts)).text


def test_the_last_arrival_is_marked_and_the_clock_ends_there():
    """Those on their way get time after the last arrival; no time of day belongs to it."""
    text = render(summary())
    assert text.count("last arrival") == 12
    assert "09:01</text>" in text
    assert "09:01:10" not in text


def test_all_files_are_written(tmp_path):
    """summary.json can be read back to the same summary; nothing else is left in the folder."""
    facts = summary()
    folder = tmp_path / "new" / "folder"
    names = ["junit.xml", "report.html", "summary.json", "summary.md"]
    assert write(facts, folder) == [folder / name for name in names]
    assert Summary.model_validate_json((folder / "summary.json").read_text(encoding="utf-8")) == facts
    assert (folder / "report.html").read_text(encoding="utf-8") == render(facts)
    assert sorted(path.name for path in folder.iterdir()) == names
