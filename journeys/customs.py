"""What a company's program does: submit a customs declaration and ask for the return message."""

from __future__ import annotations

import secrets

from journeys.core import Citizen, Journey, JourneyFailed, Request, Response, Wait, check, fetch_json, journey
from journeys.reasons import Reason

_MESSAGES = ("ecs", "ics", "ncts", "emcs")
"""Those whose return messages are asked for (those of ICS2 are delivered)."""
_POLLS, _POLL_INTERVAL = 30, 1.0


@journey(
    "submit-declaration",
    title="Submit a customs declaration and receive the return message",
    steps=("submit-declaration", "return-message"),
    needs=(),
    reasons=(Reason.RETURN_MESSAGE_MISSING, Reason.CLIENT_CERTIFICATE_REFUSED),
)
def submit_declaration(citizen: Citizen) -> Journey:
    """Submit to one of the message systems; it counts when the return message is there, and not before."""
    system = citizen.random.choice(_MESSAGES)
    number = f"PW{secrets.token_hex(9).upper()}"  # never used before, by whatever run
    yield from fetch_json(
        "submit-declaration", "customs-messages", f"/{system}/declarations", data={"lrn": number}, status=202
    )
    for _ in range(_POLLS):
        yield Wait(_POLL_INTERVAL)
        request = Request("return-message", "customs-messages", f"/{system}/return-message?lrn={number}")
        response: Response = yield request
        check(response, request.step, statuses=(200, 202), contains=number)
        if response.status == 200:
            return
    raise JourneyFailed(Reason.RETURN_MESSAGE_MISSING, "return-message", f"none after {_POLLS} times asking")
