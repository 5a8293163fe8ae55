"""What people do, as generators without I/O; each journey is written once and used by load tests and probes alike."""

from journeys import brokered, citizens, login, returns, staff, waiting_room, website
from journeys.core import (
    Action,
    Citizen,
    Journey,
    JourneyDefinition,
    JourneyFailed,
    Mark,
    Passage,
    Request,
    Response,
    Think,
    Wait,
    check,
    definitions,
    fetch,
    fetch_json,
    journey,
)
from journeys.forms import form_of
from journeys.identities import Account, Identities
from journeys.own import known_journeys
from journeys.reasons import Reason

__all__ = [
    "Account",
    "Action",
    "Citizen",
    "Identities",
    "Journey",
    "JourneyDefinition",
    "JourneyFailed",
    "Mark",
    "Passage",
    "Reason",
    "Request",
    "Response",
    "Think",
    "Wait",
    "brokered",
    "check",
    "citizens",
    "definitions",
    "fetch",
    "fetch_json",
    "form_of",
    "journey",
    "known_journeys",
    "login",
    "returns",
    "staff",
    "waiting_room",
    "website",
]
