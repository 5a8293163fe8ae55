"""The demo line: a telephone number that answers, on this machine, as well or as badly as it is told to.

    line        `DemoLine`: listens on UDP, TCP and TLS, and hands each message to its call
    calls       one call, from the INVITE to its end: answers, repeats, counts
    board       what a call stands on: pace, counts, the way to the caller
    behaviours  what a call meets, by the number that is called: one table
    media       RTP out and in
    audio       tones, speech and music, computed
    messages    SIP messages
    digest      passwords
    sdp         what is offered and chosen

It answers calls and never makes any; it shares no code with what probes it.
"""

from staging.phone.behaviours import BEHAVIOURS, number_of
from staging.phone.board import Counts, Pace
from staging.phone.digest import Login
from staging.phone.line import DemoLine

__all__ = ["BEHAVIOURS", "Counts", "DemoLine", "Login", "Pace", "number_of"]
