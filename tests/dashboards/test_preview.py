"""Previews of dashboards: pages drawn from the answers of a server that speaks Prometheus's HTTP API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from grafanalib.core import Panel
from markupsafe import Markup
from typer.testing import CliRunner

from config import Configuration
from dashboards import palette
from dashboards.commands import app
from dashboards.grafana import JsonObject, annotation, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.panels import NOTHING, Query, bars, stat, text, time_series, timeline
from dashboards.preview.asking import Answer, View
from dashboards.preview.page import Hand, Page, draw
from dashboards.preview.plots import Canvas
from dashboards.preview.prometheus import Prometheus, PrometheusError
from dashboards.provisioning import dashboards
from dashboards.tables import Column, table
from monitors import metrics
from tests.conftest import ROOT

START, END, STEP = 1_677_654_000.0, 1_677_654_060.0, 2.0
CONFIG = ["--config", str(ROOT / "config")]
NAMES = ["overview", "system", "login", "portals", "customs", "phone", "campaign", "prober"]

Values = Callable[[float], float | None]
"""A series: its value at each instant (seconds since START); None where it has none."""


@dataclass
class Answers:
    """What the stand-in knows: by query the labels and values of its series; queries to refuse; what was asked."""

    series: dict[str, list[tuple[dict[str, str], Values]]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    everything: Values | None = None
    asked: list[dict[str, str]] = field(default_factory=list)

    def give(self, path: str, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return status and JSON for one request."""
        self.asked.append(asked)
        if path.endswith("/values"):
            return 200, {"data": ["first", "second"]}
        query = asked["query"]
        if query in self.refused:
            return 400, {"status": "error", "error": self.refused[query]}
        known = [({"system": "s", "probe": "p"}, self.everything)] if self.everything else []
        found = self.series.get(query, known)
        if path.endswith("/query"):
            at = float(asked["time"]) - START
            values = [(labels, value) for labels, one in found if (value := one(at)) is not None]
            result = [{"metric": labels, "value": [START + at, str(value)]} for labels, value in values]
            return 200, {"data": {"resultType": "vector", "result": result}}
        start, end, step = (float(asked[key]) for key in ("start", "end", "step"))
        instants = [start + index * step for index in range(int((end - start) / step) + 1)]
        result = []
        for labels, one in found:
            points = [[at, str(value)] for at in instants if (value := one(at - START)) is not None]
            result += [{"metric": labels, "values": points}] if points else []
        return 200, {"data": {"resultType": "matrix", "result": result}}


@contextmanager
def listening(answers: Answers) -> Iterator[str]:
    """Serve the answers on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, query: str) -> None:
            asked = {key: values[0] for key, values in parse_qs(query).items()}
            status, data = answers.give(urlsplit(self.path).path, asked)
            body = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def page(answers: Answers, *panels: Panel, **options: Any) -> Page:
    """Draw a dashboard of one band, as wide as 1280 pixels."""
    made = dashboard(
        "uid",
        "Title",
        "Why?",
        [Band(8, panels), *options.pop("sections", [])],
        variables=options.pop("variables", []),
        annotations=options.pop("annotations", []),
        period="1h",
        refresh="30s",
    )
    with listening(answers) as url:
        return draw(made, View(Prometheus(url), START, END, UTC, STEP), 1280, {"title.html": "Title"})


def one(value: float, **labels: str) -> tuple[dict[str, str], Values]:
    """Make a series that keeps its value."""
    return labels, lambda _: value


def graph(*queries: Query, **options: Any) -> Panel:
    """Make a graph."""
    return time_series("Graph", "Why?", queries, colours=options.pop("colours", {}), **options)


def test_a_stat_shows_figure_unit_and_the_colour_of_its_threshold() -> None:
    """Below and above the threshold."""
    limits = [(None, palette.GOOD), (0.5, palette.BAD)]
    panels = [stat(q, "Why?", [Query(q, instant=True)], unit="percentunit", decimals=1, steps=limits) for q in "ab"]
    html = page(Answers({"a": [one(0.25)], "b": [one(0.5)]}), *panels).html
    tiles = re.findall(r'class="tile" style="color: (#\w+)">\s*<span[^>]*>([^<]+)</span>', html)
    assert tiles == [(palette.GOOD, "25.0%"), (palette.BAD, "50.0%")]


def test_a_stat_of_states_shows_names_and_texts_on_their_colours() -> None:
    """A value that means something is shown as what it means."""
    labels = {0.0: ("fails", palette.BAD), 1.0: ("passes", palette.GOOD)}
    query = Query("up", "{{probe}}", instant=True)
    panel = stat("Now", "Why?", [query], steps=[(None, palette.UNKNOWN)], labels=labels, show="value_and_name")
    html = page(Answers({"up": [one(1, probe="x"), one(0, probe="y")]}), panel).html
    tiles = re.findall(r'style="background: (#\w+)">\s*<span class="name"[^>]*>(\w+)</span>\s*<span[^>]*>(\w+)<', html)
    assert tiles == [(palette.GOOD, "x", "passes"), (palette.BAD, "y", "fails")]


def test_one_query_of_a_stat_may_have_thresholds_of_its_own() -> None:
    """A ticket is not as bad as a page."""
    own = Query("b", "ticket", instant=True, steps=[(None, palette.GOOD), (1, palette.WARNING)])
    queries = [Query("a", "page", instant=True), own]
    panel = stat("Alerts", "Why?", queries, steps=[(None, palette.GOOD), (1, palette.BAD)], show="value_and_name")
    html = page(Answers({"a": [one(2)], "b": [one(2)]}), panel).html
    assert re.findall(r'style="color: (#\w+)">', html) == [palette.BAD, palette.WARNING]


def test_a_stat_without_data_says_what_that_means() -> None:
    """Its own words in place of a figure, and a complaint for the terminal."""
    panel = stat("Age", "Why?", [Query("a", instant=True)], steps=[(None, palette.GOOD)], none="never passed")
    drawn = page(Answers(), panel)
    assert "never passed" in drawn.html
    assert drawn.complaints == ["'Age' has no data"]


def test_a_refused_query_shows_its_reason_in_the_panel() -> None:
    """Prometheus's own words, escaped."""
    drawn = page(Answers(refused={"a(": "parse error: <unexpected>"}), graph(Query("a(", "a")))
    assert '<p class="problem">parse error: &lt;unexpected&gt;</p>' in drawn.html
    assert drawn.complaints[0] == "'Graph': parse error: <unexpected>"


def test_a_line_breaks_where_points_are_missing() -> None:
    """Two stretches of data are two lines, each with its area."""
    holes: Values = lambda at: None if 20 < at < 40 else at  # noqa: E731
    html = page(Answers({"a": [({}, holes)]}), graph(Query("a", "a"), colours={"a": "#123456"})).html
    assert html.count('stroke="#123456"') == 2


def test_lines_have_their_colours_and_one_alone_needs_no_legend() -> None:
    """The colour follows the name of the series."""
    answers = Answers({"a": [one(1, x="p"), one(2, x="q")], "b": [one(1)]})
    html = page(
        answers, graph(Query("a", "{{x}}"), colours={"p": "#111111", "q": "#222222"}), graph(Query("b", "b"))
    ).html
    assert re.findall(r'<li><i style="background: (#\w+)"></i>(\w)</li>', html) == [("#111111", "p"), ("#222222", "q")]


def test_a_ranked_legend_begins_with_the_highest() -> None:
    """By figure, not by text: 10 is more than 9."""
    answers = Answers({"a": [one(9, x="p"), one(10, x="q"), one(0.5, x="r")]})
    html = page(answers, graph(Query("a", "{{x}}"), ranked=True, unit="s", decimals=1)).html
    rows = re.findall(r'</i>(\w)</td>\s*<td class="figure">([^<]+)</td>', html)
    assert rows == [("q", "10.0 s"), ("p", "9.0 s"), ("r", "500.0 ms")]


def test_stacked_bars_stand_on_each_other_and_nothing_is_a_line() -> None:
    """The second series begins where the first ends; 'none' at 0 is seen as a line."""
    answers = Answers({"a": [one(1, x="p"), one(3, x="q"), one(0, x=NOTHING)]})
    colours = {"p": "#111111", "q": "#222222", NOTHING: "#333333"}
    html = page(answers, graph(Query("a", "{{x}}"), colours=colours, stacked=True)).html
    bar = r'<rect x="([\d.]+)" y="([\d.]+)" width="[\d.]+" height="([\d.]+)" fill="(#\w+)"/>'
    found: dict[str, list[tuple[float, ...]]] = {}
    for x, y, height, colour in re.findall(bar, html):
        found.setdefault(colour, []).append((float(x), float(y), float(height)))
    assert len(found["#111111"]) == len(found["#222222"]) > 20
    for (x, low_top, low), (other, high_top, high) in zip(found["#111111"], found["#222222"], strict=True):
        assert x == other
        assert high_top + high == pytest.approx(low_top, abs=0.2)
        assert high == pytest.approx(3 * low, abs=0.3)
    assert 'stroke="#333333"' in html


def test_thresholds_stay_in_sight() -> None:
    """The axis reaches above the limit although the values are far below."""
    html = page(Answers({"a": [one(1)]}), graph(Query("a", "a"), lines_at=[(None, "#000000"), (20, "#D55E00")])).html
    assert html.count('class="threshold"') == 1
    assert ">20</text>" in html


def test_a_timeline_shows_stretches_and_gaps() -> None:
    """Passing, failing, passing and after a gap passing again: four stretches in the colours of their states."""
    values: Values = lambda at: None if 40 < at < 50 else float(not 10 <= at < 20)  # noqa: E731
    labels = {0.0: ("fails", palette.BAD), 1.0: ("passes", palette.GOOD)}
    panel = timeline("States", "Why?", [Query("up", "{{probe}}")], labels=labels)
    html = page(Answers({"up": [({"probe": "login"}, values)]}), panel).html
    titles = re.findall(r"<title>(login[^<]+)</title>", html)
    assert titles == [
        "login passes 07:00:00 to 07:00:10",
        "login fails 07:00:10 to 07:00:20",
        "login passes 07:00:20 to 07:00:42",
        "login passes 07:00:50 to 07:01:00",
    ]


def test_a_table_joins_its_queries_by_row_and_shows_the_worst_first() -> None:
    """Columns have their own units and colours; a missing figure is a dash."""
    columns = [
        Column("Share", "a", "percentunit", 1, [(None, palette.GOOD), (0.5, palette.BAD)]),
        Column("Age", "b", "s", 0),
    ]
    answers = Answers({"a": [one(0.1, x="p"), one(0.9, x="q")], "b": [one(5, x="p")]})
    html = page(answers, table("Table", "Why?", {"x": "X"}, columns, first=["-Share"])).html
    assert re.findall(r"<th[^>]*>(\w+)</th>", html) == ["X", "Share", "Age"]
    assert re.findall(r"<td[^>]*>([^<]+)</td>", html) == ["q", "90.0%", "-", "p", "10.0%", "5 s"]
    assert f'<td class="figure" style="color: {palette.BAD}">90.0%</td>' in html
    assert '<td class="figure">5 s</td>' in html, "a column without thresholds has no colour"


def test_a_table_is_ordered_by_names_and_figures_in_turn() -> None:
    """Pages stand before tickets, each with its colour, and the newest of them on top."""
    columns = [Column("For", "a", "s", 0), Column("Rules", "b", "none", 0)]
    rows = [("ticket", "x", 1), ("page", "y", 9), ("page", "z", 3)]
    answers = Answers({"a": [one(age, severity=severity, system=system) for severity, system, age in rows], "b": []})
    keys = {"severity": "Severity", "system": "System"}
    html = page(answers, table("Table", "Why?", keys, columns, first=["Severity", "For"])).html
    assert re.findall(r"<td[^>]*>([xyz])</td>", html) == ["z", "y", "x"]
    assert re.findall(r'<td style="color: (#\w+)">(\w+)</td>', html) == [
        (palette.BAD, "page"),
        (palette.BAD, "page"),
        (palette.WARNING, "ticket"),
    ]


def test_bars_are_as_long_as_their_share_of_the_longest() -> None:
    """With the figure at the end."""
    html = page(
        Answers({"a": [one(4, x="p"), one(1, x="q")]}), bars("Bars", "?", [Query("a", "{{x}}", instant=True)])
    ).html
    assert re.findall(r"width: ([\d.]+)%; background", html) == ["100.00", "25.00"]


def test_annotations_mark_the_time_above_zero() -> None:
    """One stretch, named by its labels; 0 marks nothing."""
    mark = annotation("Windows", "w", palette.PLANNED, "{{window}}")
    answers = Answers({"w": [({"window": "planned"}, lambda at: float(10 <= at <= 30)), one(0, window="overrun")]})
    answers.series["a"] = [one(1)]
    html = page(answers, graph(Query("a", "a")), annotations=[mark]).html
    assert html.count("<title>planned</title>") == 1
    assert "<title>overrun</title>" not in html


def test_variables_stand_for_all_or_for_their_first_value() -> None:
    """As when Grafana opens the dashboard; the page says which."""
    answers = Answers()
    variables = [
        variable("system", metrics.OBJECTIVE),
        variable("probe", metrics.INTERVAL, everything="a|b"),
        variable("vantage", metrics.INTERVAL, many=False),
    ]
    html = page(answers, graph(Query("$system $probe ${vantage}", "a")), variables=variables).html
    assert ".+ a|b first" in [asked.get("query") for asked in answers.asked]
    assert re.findall(r"<b>(\w+)</b> (\w+)", html) == [("System", "All"), ("Probe", "All"), ("Vantage", "first")]


def test_rows_open_and_close_their_panels() -> None:
    """A collapsed row is closed, and what it holds is drawn all the same."""
    sections = [
        Section(title, [Band(4, [text(f"In {title}", "?", "word")])], "Why?", collapsed=closed)
        for title, closed in (("shown", False), ("hidden", True))
    ]
    html = page(Answers(), text("First", "?", "word"), sections=sections).html
    assert [bool(state) for state in re.findall(r"<details( open)?>", html)] == [True, False]
    assert "In hidden" in html


def test_hostile_labels_stay_text() -> None:
    """A label value with markup in it changes nothing on the page."""
    answers = Answers({"a": [one(1, x="<script>alert(1)</script>"), one(2, x='"><b>')]})
    html = page(answers, graph(Query("a", "{{x}}")), graph(Query("a", "{{x}}"), ranked=True)).html
    assert "<script" not in html
    assert "<b>" not in html


def test_a_point_for_each_pixel_but_not_more_often_than_prometheus_scrapes() -> None:
    """And on multiples of the step, so that points do not move from one drawing to the next."""
    answers = Answers()
    page(answers, graph(Query("a", "a")))
    (asked,) = [asked for asked in answers.asked if asked.get("query") == "a"]
    assert float(asked["step"]) == STEP
    assert float(asked["start"]) % STEP == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_dashboard_is_drawn_as_one_page_that_needs_nothing_else(configuration: Configuration, name: str) -> None:
    """Every panel has its title; no script, no picture, no other host; from the same answers the same bytes."""
    made = dashboards(configuration)[name]
    with listening(Answers(everything=lambda _: 0.5)) as url:
        view = View(Prometheus(url), START, END, UTC, STEP)
        first, again = (draw(made, view, 1280, {}) for _ in range(2))
    assert first.html == again.html
    assert first.complaints == []
    titles = {unescape(title) for title in re.findall(r"<h2[^>]*>([^<]+)<", first.html)}
    nested = [inner for panel in made["panels"] for inner in (panel, *panel.get("panels", []))]
    assert titles == {panel["title"] for panel in nested if panel["type"] != "row"}
    assert not re.search(r"<script|<img|<link|src=|url\(|@import|https?:", first.html)


def test_a_server_that_is_not_there_is_an_error_in_words() -> None:
    """So is one that answers something else."""
    with pytest.raises(PrometheusError, match=r"http://127.0.0.1:1 does not answer as Prometheus does"):
        Prometheus("http://127.0.0.1:1").query("up", END)
    answers = Answers()
    answers.give = lambda path, asked: (200, {"hello": "world"})  # type: ignore[method-assign]
    with listening(answers) as url, pytest.raises(PrometheusError, match="does not answer as Prometheus does"):
        Prometheus(url).query_range("up", START, END, STEP)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["preview", *arguments, *CONFIG])


def test_the_command_writes_a_page_for_each_dashboard(tmp_path: Path) -> None:
    """--json lists them; the period ends when --until says."""
    with listening(Answers(everything=lambda _: 0.5)) as url:
        arguments = ["--prometheus", url, "--last", "60s", "--until", "2023-03-01T08:01:00+01:00"]
        result = run(*arguments, "--out", str(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    files = [Path(file) for file in json.loads(result.stdout)["files"]]
    assert [file.name for file in files] == sorted(f"{name}.html" for name in NAMES)
    assert all("last 60s, until 2023-03-01" in file.read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_opens_in_the_wanted_theme(tmp_path: Path, theme: str) -> None:
    """A reader can still switch it."""
    with listening(Answers(everything=lambda _: 0.5)) as url:
        assert run("--prometheus", url, "--theme", theme, "--out", str(tmp_path)).exit_code == 0
    html = (tmp_path / "overview.html").read_text(encoding="utf-8")
    assert f'<html lang="en" class="{theme}">' in html
    assert f":root.{theme} {{ color-scheme: {theme}; }}" in html
    assert '<a href="#light">' in html


def test_another_hand_may_draw_the_panels() -> None:
    """It gets each panel with its answers and its size, says who it is, and may need something once on the page."""
    seen: list[tuple[str, float, float]] = []

    def body(panel: JsonObject, answers: Sequence[Answer], canvas: Canvas) -> Markup:
        seen.append((panel["title"], answers[0].series[0].points[-1][1], canvas.width))
        return Markup("<b>drawn</b>")

    made = dashboard(
        "uid",
        "Title",
        "Why?",
        [Band(8, [graph(Query("a", "a")), graph(Query("a", "a"))])],
        variables=[],
        annotations=[],
        period="1h",
        refresh="30s",
    )
    hand = Hand("drawn by another", body, "<i>tail</i>")
    with listening(Answers({"a": [one(3)]})) as url:
        html = draw(made, View(Prometheus(url), START, END, UTC, STEP), 1280, {}, hand=hand).html
    assert seen == [("Graph", 3.0, seen[0][2])] * 2
    assert 500 < seen[0][2] < 640
    assert html.count("<b>drawn</b>") == 2
    assert html.count("<i>tail</i>") == 1
    assert "Preview, drawn by another" in html


def test_panels_without_data_are_named_and_the_answer_is_no(tmp_path: Path) -> None:
    """The pages are written all the same."""
    with listening(Answers()) as url:
        result = run("--prometheus", url, "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "login.html: 'State of each probe' has no data" in result.stderr
    assert len(list(tmp_path.glob("*.html"))) == len(NAMES)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--prometheus", "http://127.0.0.1:1"], 2, "http://127.0.0.1:1 does not answer as Prometheus does"),
        (["--prometheus", "prometheus:9090"], 2, "--prometheus: found 'prometheus:9090', expected a base URL"),
        (["--last", "an hour"], 2, "--last: found 'an hour', expected a duration with its unit"),
        (
            ["--until", "2023-03-01T08:00:00"],
            2,
            "--until: found '2023-03-01T08:00:00', expected a time with its offset",
        ),
    ],
)
def test_what_goes_wrong_is_one_line(tmp_path: Path, arguments: Sequence[str], code: int, said: str) -> None:
    """No traceback, and nothing is written."""
    result = run(*arguments, "--out", str(tmp_path))
    assert (result.exit_code, list(tmp_path.iterdir())) == (code, [])
    assert result.stderr.startswith(said)
    assert len(result.stderr.splitlines()) == 1
