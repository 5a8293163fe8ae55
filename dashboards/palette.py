"""One colour for one thing, on every panel of every dashboard, chosen so that colour-blind people can tell them apart.

Verdicts and states use the set of Okabe and Ito (2008, "Color Universal Design"); things that stand side by side use
sets of Paul Tol (2021, "Colour schemes", SRON/EPS/TN/09-002). Relatives share a hue and differ in brightness, and none
is so bright or so dark that it vanishes on a page.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable

from config import Configuration

GOOD = "#009E73"
WARNING = "#E69F00"
BAD = "#D55E00"
UNKNOWN = "#999999"
PLANNED = "#56B4E9"
NEUTRAL = "#0072B2"
OWN = "#CC79A7"
"""What the monitor does itself."""

_HUES = ("#4477AA", "#44AA99", "#CC6677", "#AA4499", "#999933", "#33BBEE", "#117733")
"""Tol's muted set without its palest and darkest colours, which vanish on a light or on a dark page; in their place
the blue of his bright set and the cyan of his vibrant one. Contrast is 2.2 or more with white, 3.1 with Grafana's dark.
"""
_DARKEST, _BRIGHTEST = 0.105, 0.47
"""Relative luminance (WCAG 2.2) of what can still be seen: contrast 2 with white, 2.5 with Grafana's dark, #181B1F."""
_SYSTEM, _RELATIVE = (5**0.5 - 1) / 2, 0.19
"""Turns from a shade to the next. Of systems with one hue: multiples of the golden section keep away from each other,
however many there are. Of relatives: five, as many as there usually are, share a turn and meet none of the others."""

WINDOWS = {"planned": PLANNED, "overrun": WARNING, "aftermath": "#CC79A7", "closed": UNKNOWN}
CHANNELS = {"web": NEUTRAL, "app": "#CC79A7"}
PERCENTILES = {"p50": "#66CCEE", "p95": NEUTRAL, "p99": "#AA4499"}
FLIGHT = "#CC79A7"
SOURCES = {"load": NEUTRAL, "probes": WARNING}
"""A load test beside what the probes see meanwhile."""
PASSAGES = {
    "joined": UNKNOWN,
    "queued": PLANNED,
    "admitted": GOOD,
    "unqueued": WARNING,
    "expired": "#AA4499",
    "lost_place": "#999933",
    "gave_up": BAD,
}
CAUSES = {
    "broken_probe": BAD,
    "cancelled": UNKNOWN,
    "overloaded": WARNING,
    "own_network": NEUTRAL,
    "trunk_error": "#CC6677",
    "trunk_down": "#AA4499",
    "call_skipped": PLANNED,
}
PHASES = {"resolve": "#33BBEE", "connect": "#44AA99", "first_byte": "#999933", "transfer": "#AA4499"}

_REASON_FAMILIES = (
    ("#CC6677", ("connection_refused", "connection_reset", "name_not_resolved", "tls_failed", "wrong_address")),
    (
        "#117733",
        (
            *("certificate_expired", "certificate_untrusted", "certificate_wrong_host", "certificate_expires_soon"),
            "client_certificate_refused",
        ),
    ),
    (WARNING, ("timeout", "too_slow")),
    (BAD, ("unexpected_status", "content_missing", "broken_response", "unexpected_redirect")),
    (PLANNED, ("maintenance_page", "disruption_announced", "notice_missing", "notice_stale")),
    ("#AA4499", ("waiting_room", "waiting_room_bypassed", "place_lost")),
    ("#999933", ("login_refused", "code_rejected", "session_lost")),
    ("#44AA99", ("return_not_accepted", "return_message_missing")),
    (NEUTRAL, ("number_unallocated", "number_changed", "number_invalid", "no_route")),
    ("#882255", ("line_busy", "congestion", "call_rejected")),
    ("#EE7733", ("no_progress", "no_answer", "line_unreachable", "platform_error")),
    ("#332288", ("no_media", "silent_line", "error_tone", "media_refused")),
    ("#661100", ("cut_off", "wrong_prompt", "menu_dead", "queue_missed", "not_released")),
)


def luminance(colour: str) -> float:
    """Return the relative luminance of `#RRGGBB`, from 0 to 1, as WCAG 2.2 defines it."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def shade(colour: str, turns: float) -> str:
    """Return a colour of the same hue, some turns brighter: what would be too bright comes back dark.

    A turn leads from the darkest to the brightest that can be seen, in steps of contrast:
    place = log(contrast with the darkest) / log(contrast of the brightest with the darkest).
    """
    now = luminance(colour)
    bottom, top = (math.log(end + 0.05) for end in (_DARKEST, _BRIGHTEST))
    place = min(max((math.log(now + 0.05) - bottom) / (top - bottom), 0.0), 1.0)
    wanted = math.exp(bottom + ((place + turns) % 1 if turns else place) * (top - bottom)) - 0.05
    if math.isclose(wanted, now):
        return colour
    return _mixed(colour, "#FFFFFF", wanted, 1) if wanted > now else _mixed(colour, "#000000", wanted, -1)


def _mixed(colour: str, other: str, wanted: float, sign: int) -> str:
    """Mix with another colour, by parts of 256, until the luminance is as wanted; `sign` is that of its growth."""
    ends = [[int(each[i : i + 2], 16) for i in (1, 3, 5)] for each in (colour, other)]

    def mix(part: int) -> str:
        return "#" + "".join(f"{round(a + (b - a) * part / 256):02X}" for a, b in zip(*ends, strict=True))

    return mix(bisect_left(range(256), sign * wanted, key=lambda part: sign * luminance(mix(part))))


def shades(colour: str, names: Iterable[str]) -> dict[str, str]:
    """Give each name a shade of one colour."""
    return {name: shade(colour, index * _RELATIVE) for index, name in enumerate(names)}


def spread(names: Iterable[str]) -> dict[str, str]:
    """Give each name a hue of its own; when all are used up they come back in other shades."""
    hues = len(_HUES)
    return {name: shade(_HUES[index % hues], index // hues * _SYSTEM) for index, name in enumerate(names)}


REASONS = {reason: shade for colour, reasons in _REASON_FAMILIES for reason, shade in shades(colour, reasons).items()}
"""Reasons of failure, by family: network, certificates, slowness, answers, notices, waiting room, login, return; then
those of telephone lines: number, refusal, way to the line, audio, course of the call."""

CLASSES = {"answered": GOOD, "closed": UNKNOWN, "trunk_error": "#CC6677", "trunk_down": "#AA4499"} | {
    reason: REASONS[reason] for _, reasons in _REASON_FAMILIES[-5:] for reason in reasons
}
"""What a telephone call can come to; a failure has the colour of its reason."""
SKIPPED = spread(
    (
        *("denied", "not_allowed", "calls_at_once", "number_in_use", "too_soon"),
        *("calls_per_day", "minutes_per_day", "retry_after", "rejected", "register"),
    )
)
"""Why a call was not made."""
SOUNDS = {
    "nothing": BAD,
    "silence": UNKNOWN,
    "active": GOOD,
    "music": PLANNED,
    "ringback": NEUTRAL,
    "busy": "#882255",
    "congestion": WARNING,
    "special_information": "#CC79A7",
}
STAGES = {
    stage: shade
    for colour, stages in (
        ("#CC6677", ("invite", "connect", "resolve", "start")),
        (BAD, ("trying",)),
        (WARNING, ("progress",)),
        (NEUTRAL, ("answer",)),
        (PLANNED, ("first_audio", "first_rtp")),
        (GOOD, ("queue", "menu", "prompt")),
        (UNKNOWN, ("teardown",)),
    )
    for stage, shade in shades(colour, stages).items()
}


def systems(configuration: Configuration) -> dict[str, str]:
    """Give each system of the estate its colour."""
    return spread(configuration.systems)


def probes(configuration: Configuration) -> dict[str, str]:
    """Give each probe a shade of its system's colour."""
    colours = systems(configuration)
    return {
        probe: shade
        for name, system in configuration.systems.items()
        for probe, shade in shades(colours[name], system.probes).items()
    }
