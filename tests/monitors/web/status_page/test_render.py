"""The HTML of the page: landmarks, headings, labels; everything escaped; colours that can be told apart."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from config import Configuration
from journeys import Reason
from monitors.sightings import Seen, Sighting
from monitors.verdict import Window
from monitors.web.status_page.render import Choice, css, headers, render
from monitors.web.status_page.strip import shapes
from monitors.web.status_page.view import Day, Level, Page, State, view
from monitors.web.status_page.words import LANGUAGES, Language, Words
from tests.monitors.web.status_page import sample

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Parsed(HTMLParser):
    """The elements of a page in order: (tag, attributes, text within, open elements around it)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str], tuple[str, ...]]] = []
        self._open: list[int] = []
        self.feed(text)
        assert not self._open, "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        around = tuple(self.elements[index][0] for index in self._open)
        self.elements.append((tag, dict(attrs), [], around))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        for index in self._open:
            self.elements[index][2].append(data)

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        """Return the attributes and the text of every such element."""
        return [
            (attributes, " ".join("".join(text).split())) for name, attributes, text, _ in self.elements if name == tag
        ]


@pytest.fixture(scope="module")
def page(configuration: Configuration) -> Page:
    return view(sample.facts(configuration))


@pytest.fixture(scope="module", params=LANGUAGES)
def parsed(request: pytest.FixtureRequest, page: Page) -> Parsed:
    return Parsed(render(page, Choice(request.param, days="digid-app")))


def test_a_deadline_at_midnight_is_that_of_the_day_before(page: Page) -> None:
    """On the page and in its title; for machines it is the moment that it is."""
    due = page.notices[0]
    midnight = (page.at + timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    late = page.model_copy(update={"notices": (due.model_copy(update={"deadline": midnight}),)})
    shown = Parsed(render(late, Choice("nl"))).all("time")
    [(attributes, text)] = [each for each in shown if each[0]["datetime"] == midnight.isoformat()]
    day = midnight - timedelta(days=1)
    assert text == f"{Words('nl').day(day)} 24:00"
    assert str(attributes["title"]).endswith(f" {day.year}, 24:00")


def test_landmarks_and_language(parsed: Parsed) -> None:
    """One banner, one main, one footer, a labelled navigation, and the language of each language's name."""
    assert [len(parsed.all(tag)) for tag in ("html", "header", "main", "footer", "nav", "h1")] == [1] * 6
    assert next(around for tag, _, _, around in parsed.elements if tag == "title") == ("html", "head")
    (html,) = parsed.all("html")
    assert html[0]["lang"] in LANGUAGES
    assert all(attributes["aria-label"] for attributes, _ in parsed.all("nav"))
    assert [(a["lang"], text) for a, text in parsed.all("a") if "hreflang" in a] == [
        ("nl", "Nederlands"),
        ("en", "English"),
    ]


def test_headings_descend_one_at_a_time(parsed: Parsed) -> None:
    """Whoever jumps from heading to heading finds the outline."""
    levels = [int(tag[1]) for tag, _, _, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert all(text for tag in ("h1", "h2", "h3", "h4") for _, text in parsed.all(tag))


def test_references_lead_somewhere(parsed: Parsed) -> None:
    """Names are unique; every link within the page, every label and every drawing refers to one."""
    names = Counter(attributes["id"] for _, attributes, _, _ in parsed.elements if "id" in attributes)
    assert max(names.values()) == 1
    wanted = {a["href"][1:] for _, a, _, _ in parsed.elements if (a.get("href") or "").startswith("#")}  # type: ignore[index]
    wanted |= {a["aria-labelledby"] for _, a, _, _ in parsed.elements if "aria-labelledby" in a}
    assert wanted <= set(names)


def test_drawings_and_tables_are_labelled(parsed: Parsed, page: Page) -> None:
    """A drawing has a text alternative or is left out; a table says what it is, and its cells have headers."""
    for attributes, _ in parsed.all("svg"):
        assert attributes.get("aria-hidden") == "true" or (attributes["role"] == "img" and attributes["aria-label"])
    assert sum("aria-label" in attributes for attributes, _ in parsed.all("svg")) == len(page.systems)
    assert len(parsed.all("table")) == len(parsed.all("caption"))
    assert all(text for _, text in parsed.all("caption"))
    assert all(attributes.get("scope") in ("row", "col") for attributes, _ in parsed.all("th"))
    assert all(text for _, text in parsed.all("a"))


def test_each_system_says_its_state_in_words(parsed: Parsed, page: Page) -> None:
    """Beside each drawing stands the word; the states of the sample are all there."""
    lines = [text for attributes, text in parsed.all("p") if attributes.get("class") == "state"]
    assert len(lines) == len(page.systems)
    assert {system.state for system in page.systems} == set(State)
    assert len({line.split(" since ")[0].split(" sinds ")[0] for line in lines}) == len(State)


def test_the_strip_in_words(page: Page) -> None:
    """The text alternative counts the days that a reader of the picture would count."""
    html = render(page, Choice())
    assert "Availability by day, 90 days: 75 of 90 days met the objective of 99.9\N{NO-BREAK SPACE}%, " in html
    assert "lowest 98.437\N{NO-BREAK SPACE}% on Wed 11 Feb" in html


def test_both_languages_say_the_same_facts(page: Page) -> None:
    """As many systems, incidents, windows and days in each; other words."""
    english, dutch = (Parsed(render(page, Choice(language))) for language in LANGUAGES)
    assert [tag for tag, _, _, _ in english.elements] == [tag for tag, _, _, _ in dutch.elements]
    assert english.all("h1") != dutch.all("h1")
    assert ("99.878" in english.all("main")[0][1], "99,878" in dutch.all("main")[0][1]) == (True, True)


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    """No script, no file, no style but its own; the policy that is sent with it allows no more."""
    html = render(page, Choice())
    tags = {tag for tag, _, _, _ in Parsed(html).elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "input", "button"}
    assert not re.search(r"""\son\w+=|url\(|@import|style=["']""", html)
    assert "default-src 'none'" in headers()["Content-Security-Policy"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_stay_text(configuration: Configuration, language: Language) -> None:
    """Names of the configuration and summaries of calendars are shown as they are, and are never markup."""
    html = render(view(sample.hostile(configuration)), Choice(language))
    assert "<script" not in html
    assert "alert(" in Parsed(html).all("main")[0][1]
    plain = Parsed(render(view(sample.facts(configuration)), Choice(language)))
    assert [tag for tag, _, _, _ in Parsed(html).elements] == [tag for tag, _, _, _ in plain.elements]


def test_renewing_can_be_stopped(page: Page) -> None:
    """Without a script; the choice survives a change of language, and stopping offers starting again."""
    on, off = (Parsed(render(page, Choice("nl", renew=renew))) for renew in (True, False))
    assert "60;url=./?lang=nl" in [a.get("content") for a, _ in on.all("meta")]
    assert [a for a, _ in off.all("meta") if "http-equiv" in a] == []
    assert "./?lang=nl&renew=off" in [a["href"] for a, _ in on.all("a")]
    assert [a["href"] for a, _ in off.all("a") if "hreflang" in a] == ["./?lang=nl&renew=off", "./?lang=en&renew=off"]
    assert "./?lang=nl" in [a["href"] for a, _ in off.all("a")]


def test_a_renewal_keeps_the_address(page: Page) -> None:
    """As the reader came, without a place: the address of the renewal names no language that was not chosen."""
    table = Parsed(render(page, Choice("nl", named=False, days="digid-app")))
    assert "60;url=./?days=digid-app" in [a.get("content") for a, _ in table.all("meta")]
    assert "60;url=./" in [a.get("content") for a, _ in Parsed(render(page, Choice(named=False))).all("meta")]
    assert "./#digid-app" in [a["href"] for a, _ in table.all("a")]


@pytest.mark.parametrize(
    ("failing", "silent", "headline"),
    [
        (set(), set(), "Everything works"),
        ({"website"}, set(), "1 of 2 systems does not work"),
        ({"website", "digid-app"}, set(), "2 of 2 systems do not work"),
        (set(), {"website"}, "No known disruption"),
    ],
)
def test_the_headline(configuration: Configuration, failing: set[str], silent: set[str], headline: str) -> None:
    """The whole in one sentence; what is unknown is not said to work."""
    names = ("website", "digid-app")
    systems = {name: configuration.systems[name] for name in names}
    sightings: dict[tuple[str, str], Sighting] = {}
    for name in names:
        what = Seen.SILENT if name in silent else Seen.FAILING if name in failing else Seen.PASSING
        for probe in systems[name].objective.measured_by:
            sightings[name, probe] = Sighting(
                0.0, "here", name, probe, what, Reason.TIMEOUT if name in failing else None
            )
    now = sample.NOW.timestamp()
    incidents = [sample.an_incident(name, now - 60, None, Reason.TIMEOUT) for name in sorted(failing)]
    kinds = dict.fromkeys(names, (Window.NONE, 0.0))
    facts: dict[str, Any] = {"systems": systems, "sightings": sightings, "incidents": incidents, "kinds": kinds}
    assert f"<strong>{headline}</strong>" in render(view(sample.facts(configuration, **facts)), Choice())


def test_like_days_are_one_shape(page: Page) -> None:
    """Nothing to look at is drawn at once; a day of note is a shape of its own, and every day is drawn once."""
    days = page.systems[0].days
    found = shapes(days)
    assert len(found) < len(days) / 3
    assert sum(each.bars.count("M") for each in found) == len(days)
    assert [each.first for each in found if each.mark] == [
        day for day in days if day.level in (Level.SHORT, Level.FAR_SHORT)
    ]


@pytest.mark.parametrize(("coverage", "height"), [(1.0, "v-32"), (0.5, "v-16"), (0.0, "v-2.56")])
def test_a_bar_is_as_high_as_the_day_was_measured(coverage: float, height: str) -> None:
    """Half a day measured is half a bar, on the outline of the whole; the least is still visible."""
    (shape,) = shapes([Day(day=sample.NOW.date(), level=Level.MET, availability=1.0, coverage=coverage)])
    assert height in shape.bars
    assert bool(shape.ghost) == (coverage < 1)


def _colours(dark: bool) -> dict[str, str]:
    light_part, dark_part = css().split("@media screen and (prefers-color-scheme: dark)", 1)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light_part))
    return found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark_part.split("}\n}", 1)[0])) if dark else found


def _luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21: (L1 + 0.05) / (L2 + 0.05)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TEXTS = ("text", "soft", "link", "works", "fails", "unknown", "maintenance", "closed")
DRAWN = ("bar-met", "bar-short", "bar-far", "bar-planned", "bar-closed", "bar-empty")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "card", "fails-card"])
def test_contrast(dark: bool, ground: str) -> None:
    """WCAG AA in both schemes: 4.5 for text (SC 1.4.3), 3 for what is drawn (SC 1.4.11), on every ground."""
    colours = _colours(dark)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert {
        name: contrast(colours[name], colours[ground])
        for name in TEXTS
        if contrast(colours[name], colours[ground]) < 4.5
    } == {}
    assert {
        name: contrast(colours[name], colours[ground]) for name in DRAWN if contrast(colours[name], colours[ground]) < 3
    } == {}


def test_no_colour_but_those_that_are_measured() -> None:
    """Every colour of the page has a name, so the contrast above is that of the page."""
    rules = re.sub(r"--[\w-]+: #[0-9a-f]{6};?", "", css())
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!-)", re.sub(r"#icon-\w+", "", rules))
    assert not re.search(r"rgb|hsl|opacity", rules)
