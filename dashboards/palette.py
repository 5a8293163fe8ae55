"""One colour for one thing, on every panel of every dashboard, chosen so that colour-blind people can tell them apart.

Verdicts and states use the set of Okabe and Ito (2008, "Color Universal Design"); things that stand side by side use
sets of Paul Tol (2021, "Colour schemes", SRON/EPS/TN/09-002). Relatives share a hue and differ in lightness.
"""

from __future__ import annotations

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
        ("certificate_expired", "certificate_untrusted", "certificate_wrong_host", "certificate_expires_soon"),
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


def tint(colour: str, white: float) -> str:
    """Mix `#RRGGBB` with white; 0 leaves the colour as it is, 1 is white."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * white):02X}" for part in parts)


def tints(colour: str, names: Iterable[str]) -> dict[str, str]:
    """Give each name a lighter tint of one colour than the name before it."""
    return {name: tint(colour, 1 - 0.72**index) for index, name in enumerate(names)}


def spread(names: Iterable[str]) -> dict[str, str]:
    """Give each name a hue of its own; when all are used up they come back lighter."""
    return {name: tint(_HUES[index % len(_HUES)], 1 - 0.6 ** (index // len(_HUES))) for index, name in enumerate(names)}


REASONS = {reason: shade for colour, reasons in _REASON_FAMILIES for reason, shade in tints(colour, reasons).items()}
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
    for stage, shade in tints(colour, stages).items()
}


def systems(configuration: Configuration) -> dict[str, str]:
    """Give each system of the estate its colour."""
    return spread(configuration.systems)


def probes(configuration: Configuration) -> dict[str, str]:
    """Give each probe a tint of its system's colour."""
    colours = systems(configuration)
    return {
        probe: shade
        for name, system in configuration.systems.items()
        for probe, shade in tints(colours[name], system.probes).items()
    }
