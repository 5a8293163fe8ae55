"""Every word of the status page, in English and in Dutch; and how each language writes times, durations and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from babel.dates import format_date, format_datetime, format_time

from journeys import Reason
from monitors.notices.protocol import Kind
from monitors.probes.phone.classes import table
from monitors.verdict import Cause, Window
from monitors.web.status_page.view import Level, State

Language = Literal["en", "nl"]
LANGUAGES: tuple[Language, ...] = ("en", "nl")
DEFAULT: Language = "en"
"""For whoever does not say which language is wanted."""

DASH = "\N{EN DASH}"


class Text(NamedTuple):
    """The same in both languages."""

    en: str
    nl: str


REASONS: Mapping[Reason, Text] = {
    Reason.NAME_NOT_RESOLVED: Text("the host name cannot be found", "de hostnaam wordt niet gevonden"),
    Reason.CONNECTION_REFUSED: Text("no connection is accepted", "er komt geen verbinding tot stand"),
    Reason.CONNECTION_RESET: Text("the connection breaks off", "de verbinding wordt verbroken"),
    Reason.TLS_FAILED: Text(
        "no secure connection: handshake or certificate", "geen beveiligde verbinding: handshake of certificaat"
    ),
    Reason.CLIENT_CERTIFICATE_REFUSED: Text(
        "the certificate that we show is not accepted", "het certificaat dat wij tonen wordt niet aanvaard"
    ),
    Reason.TIMEOUT: Text("no answer in time", "geen antwoord binnen de tijd"),
    Reason.TOO_SLOW: Text("answers, but too slowly", "antwoordt, maar te traag"),
    Reason.BROKEN_RESPONSE: Text("the answer is broken", "het antwoord is niet leesbaar"),
    Reason.UNEXPECTED_STATUS: Text("answers with an error", "antwoordt met een foutmelding"),
    Reason.UNEXPECTED_REDIRECT: Text("redirects to the wrong place", "verwijst door naar een verkeerde plek"),
    Reason.CONTENT_MISSING: Text("the page lacks what must be on it", "op de pagina ontbreekt wat er moet staan"),
    Reason.MAINTENANCE_PAGE: Text(
        "shows a maintenance page in place of the service", "toont een onderhoudspagina in plaats van de dienst"
    ),
    Reason.WAITING_ROOM: Text("the waiting room admits nobody in time", "de wachtrij laat niemand op tijd door"),
    Reason.PLACE_LOST: Text("the place in the waiting room is lost", "de plaats in de wachtrij gaat verloren"),
    Reason.WAITING_ROOM_BYPASSED: Text(
        "the waiting room lets everybody through", "de wachtrij laat iedereen ongehinderd door"
    ),
    Reason.LOGIN_REFUSED: Text("logging in is refused", "inloggen wordt geweigerd"),
    Reason.CODE_REJECTED: Text("the code is rejected", "de code wordt niet geaccepteerd"),
    Reason.SESSION_LOST: Text("users are logged out on the way", "gebruikers worden tussentijds uitgelogd"),
    Reason.RETURN_NOT_ACCEPTED: Text("the return is not accepted", "de aangifte wordt niet aangenomen"),
    Reason.RETURN_MESSAGE_MISSING: Text("the return message does not come", "het retourbericht blijft uit"),
    Reason.DISRUPTION_ANNOUNCED: Text("announces a disruption", "meldt een storing"),
    Reason.NOTICE_MISSING: Text("the disruption notice is not there", "de storingsmelding staat er niet"),
    Reason.NOTICE_STALE: Text("the disruption notice is out of date", "de storingsmelding is verouderd"),
    Reason.CERTIFICATE_EXPIRED: Text("the certificate is not valid now", "het certificaat is nu niet geldig"),
    Reason.CERTIFICATE_EXPIRES_SOON: Text("the certificate expires soon", "het certificaat verloopt binnenkort"),
    Reason.CERTIFICATE_UNTRUSTED: Text("the certificate is not trusted", "het certificaat wordt niet vertrouwd"),
    Reason.CERTIFICATE_WRONG_HOST: Text(
        "the certificate is for another host", "het certificaat is voor een andere hostnaam"
    ),
    Reason.WRONG_ADDRESS: Text("the name leads to a wrong address", "de naam verwijst naar een verkeerd adres"),
    **{each: Text(row.title.en, row.title.nl) for each, row in table().classes.items() if isinstance(each, Reason)},
}
"""Why a system does not work, for people who do not know the probe; `Reason.meaning` says it for those who do."""

CAUSES: Mapping[Cause, Text] = {
    Cause.BROKEN_PROBE: Text("the probe itself is broken", "de meting zelf is stuk"),
    Cause.CANCELLED: Text("the monitor was stopped", "de monitor is gestopt"),
    Cause.OVERLOADED: Text("the monitor is overloaded", "de monitor is overbelast"),
    Cause.OWN_NETWORK: Text("the monitor has no network", "de monitor heeft geen netwerk"),
    **{each: Text(row.title.en, row.title.nl) for each, row in table().classes.items() if isinstance(each, Cause)},
    Cause.CALL_SKIPPED: Text("the limit of test calls is reached", "de grens aan testoproepen is bereikt"),
}
"""Why nobody can tell."""

STATES: Mapping[State, Text] = {
    State.WORKS: Text("Works", "Werkt"),
    State.FAILS: Text("Does not work", "Werkt niet"),
    State.UNKNOWN: Text("Unknown", "Onbekend"),
    State.MAINTENANCE: Text("Planned maintenance", "Gepland onderhoud"),
    State.CLOSED: Text("Outside service hours", "Buiten openingstijd"),
}

LEVELS: Mapping[Level, Text] = {
    Level.MET: Text("objective met", "norm gehaald"),
    Level.SHORT: Text("below the objective", "onder de norm"),
    Level.FAR_SHORT: Text("far below the objective", "ver onder de norm"),
    Level.PLANNED: Text("planned maintenance only", "alleen gepland onderhoud"),
    Level.CLOSED: Text("outside service hours", "buiten openingstijd"),
    Level.NO_DATA: Text("not measured", "niet gemeten"),
}

KINDS: Mapping[Window, Text] = {
    Window.NONE: Text("unplanned", "ongepland"),
    Window.PLANNED: Text("planned", "gepland"),
    Window.OVERRUN: Text("maintenance overruns", "uitloop van onderhoud"),
    Window.AFTERMATH: Text("aftermath of a disruption", "nasleep van een storing"),
    Window.CLOSED: Text("outside service hours", "buiten openingstijd"),
}

RULE = Text(
    "Availability is the share of probe runs that passed, among those that passed or failed, over the probes that "
    "measure the system. Slower than its limit is a failure. Runs that could not tell, because of the monitor itself, "
    "and runs that never took place count as neither: they lower the coverage. Planned maintenance is left out from "
    "its announced start to its announced end, and the figure with it included stands beside it. Maintenance past its "
    "announced end and announced repairs after a disruption count. Time outside service hours counts nowhere. What was "
    "covered too little is shown but not judged; without a measurement there is no figure. Figures are cut, not "
    "rounded: 100 % means that nothing failed.",
    "Beschikbaarheid is het aandeel geslaagde metingen onder de metingen die slaagden of faalden, over de metingen "
    "die de norm van het systeem bepalen. Trager dan de grens telt als falen. Metingen die door toedoen van de monitor "
    "zelf geen uitslag gaven, en metingen die niet plaatsvonden, tellen niet mee: zij verlagen de dekking. Gepland "
    "onderhoud blijft buiten beschouwing van het aangekondigde begin tot het aangekondigde einde; het cijfer met "
    "gepland onderhoud staat ernaast. Onderhoud dat uitloopt en aangekondigd herstel na een storing tellen mee. Tijd "
    "buiten openingstijd telt nergens mee. Wat te weinig is gemeten wordt getoond maar niet beoordeeld; zonder meting "
    "is er geen cijfer. Cijfers zijn afgekapt, niet afgerond: 100 % betekent dat niets faalde.",
)
"""`monitors.availability.accounting.RULE` in fewer words, for the page."""
RULE_OF = "a315ff88491d"
"""The first digits of the SHA-256 of the rule that these words follow; a test compares."""

INCIDENT_RULE = Text(
    "An incident begins with the first of two failed runs in a row, seen by enough vantage points, and ends with the "
    "first run that passes. Failing again within five minutes is the same incident.",
    "Een storing begint bij de eerste van twee mislukte metingen op rij, gezien vanaf voldoende meetpunten, en eindigt "
    "bij de eerste geslaagde meting. Opnieuw falen binnen vijf minuten is dezelfde storing.",
)

STRIP_RULE = Text(
    "One bar for each of the last 90 days, today on the right. Its height is the part of the day that was measured. A "
    "square below it: below the objective; a triangle: more than ten times what the objective allows. A hollow bar: "
    "not measured, or closed.",
    "Een staaf voor elk van de laatste 90 dagen, vandaag rechts. De hoogte is het deel van de dag dat is gemeten. Een "
    "vierkantje eronder: onder de norm; een driehoek: meer dan tien keer wat de norm toestaat. Een open staaf: niet "
    "gemeten, of gesloten.",
)

NOTICES: Mapping[Kind, Text] = {
    Kind.PLANNED: Text("announce planned maintenance", "gepland onderhoud aankondigen"),
    Kind.REPAIR: Text("announce a repair", "herstelwerk aankondigen"),
    Kind.WITHDRAWN: Text("say that maintenance is cancelled", "melden dat onderhoud niet doorgaat"),
    Kind.OVERRUN: Text("say that maintenance takes longer", "melden dat onderhoud langer duurt"),
    Kind.MAINTENANCE_ENDED: Text("say that maintenance has ended", "melden dat onderhoud klaar is"),
    Kind.INVESTIGATING: Text("say that it is under investigation", "melden dat het in onderzoek is"),
    Kind.DISRUPTION: Text("tell of the disruption", "de storing melden"),
    Kind.UPDATE: Text("say how it goes on", "melden hoe het nu staat"),
    Kind.EMERGENCY: Text("permit the emergency procedure", "de noodprocedure toestaan"),
    Kind.ENDED: Text("say that the disruption has ended", "melden dat de storing voorbij is"),
}
"""What is to be done when a message is due."""

PHRASES: Mapping[str, Text] = {
    "title": Text("Status of the systems", "Status van de systemen"),
    "skip": Text("Skip to the systems", "Naar de systemen"),
    "as_of": Text("Measured from {vantage}, as of {time}.", "Gemeten vanuit {vantage}, stand van {time}."),
    "renews": Text("This page renews itself every minute.", "Deze pagina ververst zichzelf elke minuut."),
    "stop": Text("Stop renewing", "Stop verversen"),
    "stands": Text("This page does not renew itself.", "Deze pagina ververst zichzelf niet."),
    "start": Text("Renew every minute", "Elke minuut verversen"),
    "language": Text("Language", "Taal"),
    "all_work": Text("Everything works", "Alles werkt"),
    "nothing_fails": Text("No known disruption", "Geen bekende storing"),
    "some_fail": Text("{count} of {all} systems do not work", "{count} van {all} systemen werken niet"),
    "one_fails": Text("1 of {all} systems does not work", "1 van {all} systemen werkt niet"),
    "now": Text("Now", "Nu"),
    "systems": Text("Systems", "Systemen"),
    "objective_of": Text("Objective {share}", "Norm {share}"),
    "figures_of": Text("Availability of {system}", "Beschikbaarheid van {system}"),
    "days_30": Text("30 days", "30 dagen"),
    "met": Text("met", "gehaald"),
    "missed": Text("missed", "gemist"),
    "not_judged": Text("too little measured", "te weinig gemeten"),
    "with_planned": Text("Including planned", "Inclusief gepland"),
    "of_coverage": Text("Coverage", "Dekking"),
    "coverage": Text("coverage {share}", "dekking {share}"),
    "no_figure": Text("no measurement", "geen meting"),
    "budget": Text("Error budget left", "Foutruimte over"),
    "strip": Text("Availability by day, 90 days", "Beschikbaarheid per dag, 90 dagen"),
    "strip_all_met": Text(
        "{met} of {all} days met the objective of {objective}",
        "op {met} van {all} dagen is de norm van {objective} gehaald",
    ),
    "strip_missed": Text("{count} below it", "{count} eronder"),
    "strip_no_data": Text("{count} not measured", "{count} niet gemeten"),
    "strip_other": Text("{count} without a figure", "{count} zonder cijfer"),
    "strip_worst": Text("lowest {share} on {day}", "laagste {share} op {day}"),
    "days_ago": Text("90 days ago", "90 dagen geleden"),
    "today": Text("today", "vandaag"),
    "day_table": Text("Days of note", "Bijzondere dagen"),
    "day_table_of": Text("Days of note: {system}", "Bijzondere dagen: {system}"),
    "day_close": Text("Close", "Sluiten"),
    "day_none": Text("No days of note.", "Geen bijzondere dagen."),
    "day": Text("Day", "Dag"),
    "availability": Text("Availability", "Beschikbaarheid"),
    "covered": Text("Measured", "Gemeten"),
    "what": Text("What", "Wat"),
    "since": Text("since {time}", "sinds {time}"),
    "until": Text("announced until {time}", "aangekondigd tot {time}"),
    "for": Text("for {time}", "al {time}"),
    "never": Text("not measured yet", "nog niet gemeten"),
    "silent": Text("no measurement arrives", "er komen geen metingen binnen"),
    "at_step": Text("at step", "bij stap"),
    "from": Text("caused by", "door"),
    "works_meanwhile": Text("works meanwhile", "werkt intussen"),
    "fails_meanwhile": Text("does not work meanwhile", "werkt intussen niet"),
    "unknown_meanwhile": Text("not measured meanwhile", "intussen niet gemeten"),
    "overruns": Text("maintenance overruns its announced end", "onderhoud loopt uit na het aangekondigde einde"),
    "repair": Text("during an announced repair", "tijdens aangekondigd herstel"),
    "incidents": Text("Incidents", "Storingen"),
    "open_incidents": Text("Open incidents", "Lopende storingen"),
    "no_open": Text("There is no open incident.", "Er is geen lopende storing."),
    "past_incidents": Text("Incidents of the last 14 days", "Storingen van de laatste 14 dagen"),
    "no_past": Text("No incident ended in the last 14 days.", "In de laatste 14 dagen is geen storing geëindigd."),
    "why": Text("How it began", "Hoe het begon"),
    "open": Text("open", "loopt nog"),
    "reopened_once": Text("came back once", "kwam één keer terug"),
    "reopened": Text("came back {count} times", "kwam {count} keer terug"),
    "notices": Text("To be told now", "Nu te melden"),
    "no_notices": Text("Nobody has to be told anything now.", "Er is nu niets te melden."),
    "notices_elsewhere": Text(
        "The monitor at {vantage} knows what must be told: see its page.",
        "De monitor in {vantage} weet wat er te melden is: zie de pagina daar.",
    ),
    "by": Text("by", "uiterlijk"),
    "overdue": Text("overdue", "te laat"),
    "windows": Text("Planned work ahead", "Gepland werk"),
    "no_windows": Text(
        "No work is announced for the next 60 days.", "Voor de komende 60 dagen is geen werk aangekondigd."
    ),
    "under_way": Text("under way", "bezig"),
    "repair_window": Text(
        "repair after a disruption; counts as unplanned", "herstel na een storing; telt als ongepland"
    ),
    "how": Text("How this is measured", "Hoe dit is gemeten"),
    "legend": Text("Legend", "Legenda"),
    "rule_figures": Text("Availability", "Beschikbaarheid"),
    "rule_strip": Text("The strip", "De strook"),
    "rule_incidents": Text("Incidents", "Storingen"),
    "more": Text("For machines", "Voor machines"),
    "same_json": Text("the same as JSON", "hetzelfde als JSON"),
    "metrics": Text("metrics for Prometheus", "metrieken voor Prometheus"),
    "ready": Text("readiness of this monitor", "gereedheid van deze monitor"),
}
"""What the page says around the facts. Names in braces are filled in."""


class Words:
    """One language; times are local in the zone of what they are given."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.other: Language = "nl" if language == "en" else "en"

    def say(self, text: Text) -> str:
        """Return a text in this language."""
        return text.nl if self.language == "nl" else text.en

    def phrase(self, name: str, **values: str | int) -> str:
        """Return a phrase of the page with its values filled in."""
        return self.say(PHRASES[name]).format(**values)

    def moment(self, at: datetime, now: datetime, *, deadline: bool = False) -> str:
        """Write a moment as briefly as it is clear: 14:03 today, Mon 2 Mar 14:03 in this year."""
        at, clock = _by_the_clock(at, deadline=deadline)
        if at.date() == now.date():
            return format_time(at, clock, locale=self.language)
        pattern = f"EEE d MMM {clock}" if at.year == now.year else f"d MMM y {clock}"
        return format_datetime(at, pattern, locale=self.language)

    def full(self, at: datetime, *, deadline: bool = False) -> str:
        """Write a moment in full: Monday 2 March 2026, 14:03."""
        at, clock = _by_the_clock(at, deadline=deadline)
        return format_datetime(at, f"EEEE d MMMM y, {clock}", locale=self.language)

    def day(self, day: date) -> str:
        """Write a day: Mon 2 Mar."""
        return format_date(day, "EEE d MMM", locale=self.language)

    def days(self, first: date, last: date) -> str:
        """Write one day or a range of days."""
        return self.day(first) if first == last else f"{self.day(first)} {DASH} {self.day(last)}"

    def span(self, start: datetime, end: datetime) -> str:
        """Write a period: Sun 8 Mar 00:00 to 08:00, or with both days where it goes past midnight."""
        until = "HH:mm" if start.date() == end.date() else "EEE d MMM HH:mm"
        dash = DASH if start.date() == end.date() else f" {DASH} "
        return (
            format_datetime(start, "EEE d MMM HH:mm", locale=self.language)
            + dash
            + format_datetime(end, until, locale=self.language)
        )

    def duration(self, seconds: float) -> str:
        """Write a duration with its two largest units: 45 s, 12 min, 3 h 5 min, 2 days 4 h (2 dagen 4 u)."""
        hour, days = ("u", ("dag", "dagen")) if self.language == "nl" else ("h", ("day", "days"))
        whole = timedelta(seconds=max(0.0, seconds))
        if whole.days:
            hours = whole.seconds // 3600
            return f"{whole.days} {days[whole.days > 1]}" + (f" {hours} {hour}" if hours else "")
        if whole.seconds >= 3600:
            minutes = whole.seconds % 3600 // 60
            return f"{whole.seconds // 3600} {hour}" + (f" {minutes} min" if minutes else "")
        return f"{whole.seconds // 60} min" if whole.seconds >= 60 else f"{whole.seconds} s"

    def number(self, text: str) -> str:
        """Write a decimal number as this language does."""
        return text.replace(".", ",") if self.language == "nl" else text


def _by_the_clock(at: datetime, *, deadline: bool) -> tuple[datetime, str]:
    """Return the day to name, and the pattern of the time.

    A deadline at midnight ends a day: Mon 16 Nov 24:00, for Tue 17 Nov 00:00 is easily read as a day later.
    """
    if deadline and at.hour == at.minute == 0:
        return at - timedelta(days=1), "kk:mm"  # a clock from 01 to 24
    return at, "HH:mm"


def negotiate(wanted: str | None, accept: str) -> Language:
    """Return the language asked for in the address, or the one that `Accept-Language` likes best, or the default."""
    for language in LANGUAGES:
        if wanted == language:
            return language
    ranges = [part.strip().partition(";") for part in accept.split(",")]
    liked = [
        (_quality(parameters), language)
        for tag, _, parameters in ranges
        for language in LANGUAGES
        if tag.strip().lower().partition("-")[0] == language
    ]
    best = max(liked, key=lambda each: each[0], default=(0.0, DEFAULT))
    return best[1] if best[0] > 0 else DEFAULT


def _quality(parameters: str) -> float:
    """Return q of one range of `Accept-Language`: 1 where it is not given, 0 where it cannot be read."""
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if name.strip() == "q" and 0 <= quality <= 1 else 0.0
