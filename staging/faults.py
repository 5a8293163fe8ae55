"""What can be made to go wrong, switched on and off at run time: a closed list."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, Field, ValidationError

from config.source import Strict, expected
from staging.answers import page_answer
from staging.layout import MESSAGE_SYSTEMS, SYSTEMS, Leg
from staging.line_faults import (
    ForwardingBroken,
    LineBehaves,
    LineFault,
    LinesClosed,
    NumberCancelled,
    QueueFull,
    Silent,
)
from staging.pages import ERROR_PAGE, MAINTENANCE_PAGE


class Fault(StrEnum):
    """Everything that can be made to go wrong."""

    ADDED_LATENCY = "added-latency"
    ERROR_SHARE = "error-share"
    CONNECTION_LIMIT = "connection-limit"
    APP_UNGUARDED = "app-unguarded"
    BANNER = "banner"
    REDIRECT_ASTRAY = "redirect-astray"
    MAINTENANCE_PAGE = "maintenance-page"
    RETURN_MESSAGES_HELD = "return-messages-held"
    NUMBER_CANCELLED = "number-cancelled"
    FORWARDING_BROKEN = "forwarding-broken"
    QUEUE_FULL = "queue-full"
    PLATFORM_DOWN = "platform-down"
    PLATFORM_STUCK = "platform-stuck"
    SILENT = "silent"
    LINES_CLOSED = "lines-closed"
    LINE_BEHAVES = "line-behaves"
    CALLBACK_FORM = "callback-form"
    CHAT_UNATTENDED = "chat-unattended"
    VIDEO_UNATTENDED = "video-unattended"
    VIDEO_REFUSED = "video-refused"
    VIDEO_WITHOUT_PICTURE = "video-without-picture"


def _known_system(name: str) -> str:
    if name not in SYSTEMS:
        raise expected("one of " + ", ".join(SYSTEMS))
    return name


_System = Annotated[str, AfterValidator(_known_system), Field(description="the system that is hit")]


class NoParameters(Strict):
    """The fault is on or off."""


class AddedLatency(Strict):
    """Parameters of added-latency."""

    system: _System
    seconds: float = Field(default=2.0, gt=0, le=60, description="how much later each answer comes")


class ErrorShare(Strict):
    """Parameters of error-share."""

    system: _System
    share: float = Field(default=0.5, gt=0, le=1, description="part of the requests that is answered with an error")
    seed: int = Field(default=0, description="fixes which requests are hit")


class ConnectionLimit(Strict):
    """Parameters of connection-limit."""

    connections: int = Field(default=50, ge=0, description="connections to DigiD that may be open at a time")


class Banner(Strict):
    """Parameters of banner."""

    languages: Literal["both", "nl", "en"] = Field(default="both", description="both, or the only one: nl, en")
    minutes: float = Field(
        default=60, ge=-1e5, le=1e5, description="until the announced next update; less than 0: it has passed"
    )


class CallbackForm(Strict):
    """Parameters of callback-form."""

    works: bool = Field(default=True, description="whether what is filled in arrives anywhere")


class MessagesHeld(Strict):
    """Parameters of return-messages-held."""

    messages: Literal["all", "ecs", "ics", "ics2", "ncts", "emcs"] = Field(
        default="all", description="all, or those of one message system: " + ", ".join(MESSAGE_SYSTEMS)
    )


@dataclass(frozen=True, slots=True)
class Definition:
    """A fault in words: what it is, what a citizen notices, and its parameters."""

    title: str
    effect: str
    parameters: type[Strict]


DEFINITIONS: Mapping[Fault, Definition] = {
    Fault.ADDED_LATENCY: Definition(
        "Every answer of a system comes later",
        "pages come slowly, or too late for the citizen's patience",
        AddedLatency,
    ),
    Fault.ERROR_SHARE: Definition(
        "A share of a system's answers is an error", "now and then status 500 and a page that says so", ErrorShare
    ),
    Fault.CONNECTION_LIMIT: Definition(
        "DigiD takes too few connections (March 2023)",
        "a new connection is closed without an answer while others, already connected, go on",
        ConnectionLimit,
    ),
    Fault.APP_UNGUARDED: Definition(
        "The waiting room is not applied to the app channel (March 2023)",
        "who comes through the app never waits, who comes through the website does",
        NoParameters,
    ),
    Fault.BANNER: Definition(
        "The website announces a disruption",
        "a notice on the home page and on the disruptions page, in Dutch and in English",
        Banner,
    ),
    Fault.REDIRECT_ASTRAY: Definition(
        "toeslagen.nl leads to the home page", "who looks for allowances has to search on", NoParameters
    ),
    Fault.MAINTENANCE_PAGE: Definition(
        "The portal is closed for maintenance",
        "every page of the portal is a maintenance page, status 200",
        NoParameters,
    ),
    Fault.RETURN_MESSAGES_HELD: Definition(
        "Customs takes declarations and answers none",
        "every declaration is accepted, its return message does not come until this is over",
        MessagesHeld,
    ),
    Fault.NUMBER_CANCELLED: Definition(
        "A telephone number has been cancelled at the carrier (March 2023)",
        "the number does not exist (404, cause 1); who calls the platform itself is answered",
        NumberCancelled,
    ),
    Fault.FORWARDING_BROKEN: Definition(
        "Calls of the public are not forwarded to the platform (November 2022)",
        "it never rings, or breaks off, while calls back to citizens go out and the platform is well",
        ForwardingBroken,
    ),
    Fault.QUEUE_FULL: Definition(
        "The queue of a line takes nobody any more",
        "the call is answered and ends after the choice in the menu",
        QueueFull,
    ),
    Fault.PLATFORM_DOWN: Definition(
        "The telephone platform has failed",
        "no call is answered on either leg, none goes out, and its border says 503",
        NoParameters,
    ),
    Fault.PLATFORM_STUCK: Definition(
        "The migration of the generic platform is stuck (November 2022)",
        "employees cannot log in and internal pages do not open, while every front door answers",
        NoParameters,
    ),
    Fault.SILENT: Definition("A line is answered and nothing is heard", "silence in place of the prompt", Silent),
    Fault.LINES_CLOSED: Definition(
        "A line is closed for the day", "an announcement, then the line hangs up", LinesClosed
    ),
    Fault.LINE_BEHAVES: Definition(
        "A line behaves as it is told to", "anything that the demo line can do", LineBehaves
    ),
    Fault.CHAT_UNATTENDED: Definition(
        "Nobody attends the chat", "a conversation opens, and no agent ever says anything", NoParameters
    ),
    Fault.VIDEO_UNATTENDED: Definition(
        "Nobody attends video calls", "a room opens, and no agent ever joins who waits in front of it", NoParameters
    ),
    Fault.VIDEO_REFUSED: Definition(
        "Video calls cannot be arranged", "a room opens, and its signalling answers with status 503", NoParameters
    ),
    Fault.VIDEO_WITHOUT_PICTURE: Definition(
        "Agents answer video calls without video", "an agent joins, and takes sound only", NoParameters
    ),
    Fault.CALLBACK_FORM: Definition(
        "The home page offers to call people back (November 2022)",
        "a form on the home page; one that does not work comes back empty, status 200",
        CallbackForm,
    ),
}


class BadParametersError(ValueError):
    """A fault was switched on with parameters that it does not have or that are out of range."""


class Faults:
    """The faults that are on. Those with a parameter `system` or `line` can be on for several at once."""

    def __init__(self) -> None:
        self._on: dict[tuple[Fault, str], Strict] = {}
        self._draws: dict[str, Random] = {}

    def switch_on(self, fault: Fault, parameters: Mapping[str, Any]) -> None:
        """Switch a fault on, or change its parameters. Raises `BadParametersError`."""
        try:
            valid = DEFINITIONS[fault].parameters.model_validate(dict(parameters))
        except ValidationError as error:
            raise BadParametersError("; ".join(_sentence(fault, problem) for problem in error.errors())) from None
        key = (fault, getattr(valid, "system", getattr(valid, "line", "")))
        self._on.pop(key, None)
        self._on[key] = valid
        if isinstance(valid, ErrorShare):
            self._draws[valid.system] = Random(f"error-share/{valid.seed}")

    def switch_off(self, fault: Fault) -> None:
        """Switch a fault off, for every system."""
        self._on = {key: parameters for key, parameters in self._on.items() if key[0] is not fault}

    def clear(self) -> None:
        """Switch everything off."""
        self._on.clear()

    def is_on(self, fault: Fault) -> bool:
        """Tell whether a fault is on for any system."""
        return any(active is fault for active, _ in self._on)

    @property
    def connection_limit(self) -> int | None:
        """Connections that DigiD accepts at a time; None for as many as come."""
        limit = self._on.get((Fault.CONNECTION_LIMIT, ""))
        return limit.connections if isinstance(limit, ConnectionLimit) else None

    @property
    def banner(self) -> Banner | None:
        """What the website's notice is like; None if there is none."""
        banner = self._on.get((Fault.BANNER, ""))
        return banner if isinstance(banner, Banner) else None

    @property
    def callback_form(self) -> CallbackForm | None:
        """What the form to be called back is like; None if there is none."""
        form = self._on.get((Fault.CALLBACK_FORM, ""))
        return form if isinstance(form, CallbackForm) else None

    def holds_messages_of(self, message_system: str) -> bool:
        """Tell whether return messages of one of customs' message systems do not come."""
        held = self._on.get((Fault.RETURN_MESSAGES_HELD, ""))
        return isinstance(held, MessagesHeld) and held.messages in {"all", message_system}

    @property
    def platform_is_down(self) -> bool:
        """Whether the telephone platform has failed."""
        return self.is_on(Fault.PLATFORM_DOWN)

    def of_line(self, leg: Leg, line: str) -> str | None:
        """Return the behaviour that a call to a line meets on one leg; None if it is well there.

        A platform that is down outdoes the rest, of which the fault that was switched on last counts.
        """
        if self.platform_is_down:
            return "platform-unreachable" if leg is Leg.CARRIER else "platform-down"
        for parameters in reversed(self._on.values()):
            if isinstance(parameters, LineFault) and parameters.hits(line) and (met := parameters.met(leg)):
                return met
        return None

    def active(self) -> list[dict[str, Any]]:
        """Return the faults that are on, each with its parameters, as plain data."""
        return [{"fault": str(fault), "parameters": valid.model_dump()} for (fault, _), valid in self._on.items()]

    async def strike(self, system: str) -> web.Response | None:
        """Do to one request for `system` what the faults demand; return the answer if they give it in its place."""
        if not self._on:
            return None
        latency = self._on.get((Fault.ADDED_LATENCY, system))
        if isinstance(latency, AddedLatency):
            await asyncio.sleep(latency.seconds)
        errors = self._on.get((Fault.ERROR_SHARE, system))
        if isinstance(errors, ErrorShare) and self._draws[system].random() < errors.share:
            return page_answer(ERROR_PAGE, 500)
        if system == "mijn-belastingdienst" and (Fault.MAINTENANCE_PAGE, "") in self._on:
            return page_answer(MAINTENANCE_PAGE)
        return None


def _sentence(fault: Fault, problem: Mapping[str, Any]) -> str:
    where = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        known = ", ".join(DEFINITIONS[fault].parameters.model_fields) or "none"
        return f"{fault} has no parameter '{where}'; it has: {known}"
    return f"{fault}: {where}: {problem['msg']}"
