"""The status page as HTML that needs nothing else: no script, no file, no font of anyone."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import groupby
from shlex import quote
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from monitors.availability.view import percent
from monitors.verdict import Window
from monitors.web.status_page import words
from monitors.web.status_page.strip import HEIGHT, STEP, notable, shapes
from monitors.web.status_page.view import Day, IncidentRow, Level, Page, State, SystemRow
from monitors.web.status_page.words import Language, Words

RENEW = 60
"""Seconds after which the page renews itself."""

NO_BREAK, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reader chose; the address says it, so that a renewal keeps it.

    `named`: the address names the language. `days`: the system whose table of days is open.
    """

    language: Language = "en"
    named: bool = True
    renew: bool = True
    days: str | None = None

    def address(self, **other: Any) -> str:
        """Return the address of the page with this choice, or with parts of it chosen otherwise."""
        to = replace(self, **other)
        query: dict[str, str] = {"lang": to.language} if to.named else {}
        query |= {} if to.renew else {"renew": "off"}
        query |= {} if to.days is None else {"days": to.days}
        return f"./?{urlencode(query)}" if query else "./"


def render(page: Page, choice: Choice) -> str:
    """Return the page as a reader chose it; one that renews itself does so without a script. Send it with `headers()`.

    The address of the renewal has no `#place`: with one, a browser goes there on the page that it has and loads
    nothing, so whoever reads a table of days would look at old news. It is otherwise the address that the reader came
    by, because only then does the page stay where it was scrolled to.
    """
    w = Words(choice.language)
    return _template().render(
        page=page,
        w=w,
        choice=choice,
        renew=RENEW,
        text=_Text(page, w),
        open_incidents=[each for each in page.incidents if each.ended is None],
        past_incidents=[each for each in page.incidents if each.ended is not None],
    )


@cache
def headers() -> Mapping[str, str]:
    """Return the headers to send the page with: nothing may be loaded, framed or kept."""
    digest = base64.b64encode(hashlib.sha256(css().encode()).digest()).decode()
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Vary": "Accept-Language",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


@cache
def css() -> str:
    """Return the style of the page."""
    return files(__package__).joinpath("templates/style.css").read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("monitors.web.status_page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["shell"] = quote
    environment.globals |= {
        "css": css(),
        "words": words,
        "State": State,
        "Window": Window,
        "shapes": shapes,
        "width": STEP,
        "height": HEIGHT,
    }
    return environment.get_template("page.html.j2")


class _Text:
    """Facts of a page in words of a language."""

    def __init__(self, page: Page, w: Words) -> None:
        self._page = page
        self._w = w
        self._systems = {system.id: system for system in page.systems}

    def name(self, system: str) -> str:
        """Return the name of a system; one that is not in the estate any more has its id."""
        row = self._systems.get(system)
        return system if row is None else row.name_nl if self._w.language == "nl" else row.name

    def names(self, systems: Sequence[str]) -> str:
        return ", ".join(self.name(system) for system in systems)

    def headline(self) -> tuple[State, str]:
        """Return the page in one sentence, and the state that it stands for."""
        systems = self._page.systems
        count = sum(system.state is State.FAILS for system in systems)
        if count:
            phrase = "one_fails" if count == 1 else "some_fail"
            return State.FAILS, self._w.phrase(phrase, count=count, all=len(systems))
        if all(system.state is State.WORKS for system in systems):
            return State.WORKS, self._w.phrase("all_work")
        unknown = any(system.state is State.UNKNOWN for system in systems)
        return State.UNKNOWN if unknown else State.WORKS, self._w.phrase("nothing_fails")

    def states(self) -> list[tuple[State, str, int]]:
        """Return how many systems are in each state, for those in which any is."""
        found = [system.state for system in self._page.systems]
        return [(state, self._w.say(words.STATES[state]), found.count(state)) for state in State if state in found]

    def since(self, system: SystemRow) -> str:
        """Return since when the state of a system is so, and until when it was announced: since 14:03, for 12 min."""
        if system.since is None:
            return self._w.phrase("never")
        since = self._w.phrase("since", time=self.moment(system.since))
        if system.state is State.MAINTENANCE and system.until is not None:
            return f"{since}, {self._w.phrase('until', time=self.moment(system.until))}"
        seconds = (self._page.at - system.since).total_seconds()
        return f"{since}, {self._w.phrase('for', time=self._w.duration(seconds))}"

    def reason(self, system: SystemRow) -> str:
        """Return why a system fails, or why nobody can tell, or nothing."""
        if system.reason is not None:
            return self._w.say(words.REASONS[system.reason])
        if system.doing is State.UNKNOWN and system.since is not None:
            return self._w.phrase("silent") if system.cause is None else self._w.say(words.CAUSES[system.cause])
        return ""

    def note(self, system: SystemRow) -> str:
        """Return what the kind of time adds, or nothing."""
        if system.state in (State.MAINTENANCE, State.CLOSED):
            meanwhile = {State.WORKS: "works_meanwhile", State.FAILS: "fails_meanwhile"}
            return self._w.phrase(meanwhile.get(system.doing, "unknown_meanwhile"))
        notes = {Window.OVERRUN: "overruns", Window.AFTERMATH: "repair"}
        return self._w.phrase(notes[system.window]) if system.window in notes else ""

    def moment(self, at: datetime, *, deadline: bool = False) -> str:
        return self._w.moment(at, self._page.at, deadline=deadline)

    def share(self, ratio: float | None, digits: int = 3) -> str:
        """Return a ratio as a percentage that stays on one line."""
        if ratio is None:
            return self._w.phrase("no_figure")
        return self._w.number(percent(ratio, digits)).replace(" ", NO_BREAK)

    def objective(self, ratio: float) -> str:
        """Return the objective in full: 99.9 %."""
        return self._w.number(f"{ratio * 100:.6g}{NO_BREAK}%")

    def budget(self, minutes: float, left: float | None) -> str:
        """Return what is left of the minutes in which a system may fail; below zero it is overspent."""
        if left is None:
            return "—"
        whole = math.floor(abs(left))
        sign = MINUS if left < 0 < whole else ""
        return f"{sign}{whole} / {math.floor(minutes)} min".replace(" ", NO_BREAK)

    def strip(self, system: SystemRow) -> str:
        """Return what the strip shows, in a sentence."""
        levels = [day.level for day in system.days]
        met, missed = levels.count(Level.MET), levels.count(Level.SHORT) + levels.count(Level.FAR_SHORT)
        none = levels.count(Level.NO_DATA)
        objective = self.objective(system.objective)
        parts = [self._w.phrase("strip_all_met", met=met, all=len(levels), objective=objective)]
        if missed:
            worst = min(system.days, key=lambda day: 1.0 if day.availability is None else day.availability)
            parts.append(self._w.phrase("strip_missed", count=missed))
            parts.append(
                self._w.phrase("strip_worst", share=self.share(worst.availability), day=self._w.day(worst.day))
            )
        if none:
            parts.append(self._w.phrase("strip_no_data", count=none))
        if other := len(levels) - met - missed - none:
            parts.append(self._w.phrase("strip_other", count=other))
        return ", ".join(parts) + "."

    def days(self, first: Day, last: Day) -> str:
        """Return one or more like days in words: Mon 2 Mar: below the objective, 99.123 %, 97.0 % measured."""
        parts = [self._w.say(words.LEVELS[first.level])]
        if first is last and first.availability is not None:
            parts.append(self.share(first.availability))
        if first is last and first.coverage is not None:
            parts.append(self._w.phrase("coverage", share=self.share(first.coverage, 1)))
        return f"{self._w.days(first.day, last.day)}: {', '.join(parts)}"

    def notable_days(self, system: SystemRow) -> list[tuple[Day, Day]]:
        """Return the days for the table, newest first: each notable one, and each stretch without a measurement."""
        stretches = groupby(
            enumerate(system.days),
            key=lambda each: each[0] if notable(each[1]) else -1 - (each[1].level is Level.NO_DATA),
        )
        found = []
        for key, group in stretches:
            days = [day for _, day in group]
            if key >= 0 or key == -2:
                found.append((days[0], days[-1]))
        return found[::-1]

    def kinds(self, incident: IncidentRow) -> str:
        return ", ".join(self._w.say(words.KINDS[kind]) for kind in incident.kinds)

    def reopened(self, incident: IncidentRow) -> str:
        phrase = "reopened_once" if incident.reopened == 1 else "reopened"
        return self._w.phrase(phrase, count=incident.reopened) if incident.reopened else ""
