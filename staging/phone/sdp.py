"""Session descriptions (RFC 8866): what the caller offers, and what the line chooses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

CODECS = {0: "PCMU", 8: "PCMA"}
"""Payload types that need no rtpmap (RFC 3551, 6)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Where the caller listens, the payload type that the line will use, and that of digits (None: no digits)."""

    host: str
    port: int
    codec: int
    events: int | None


def read(body: bytes) -> Offer | None:
    """Read an offer; None if there is no audio in it that the line can play, to a place on this machine."""
    text = body.decode("utf-8", "replace")
    audio = re.search(r"(?m)^m=audio (\d{1,5}) RTP/AVP ([0-9 ]{1,200})\r?$", text)
    host = re.search(r"(?m)^c=IN IP[46] (\S{1,50})\r?$", text)
    if not (audio and host and _is_here(host[1]) and 0 < int(audio[1]) < 65_536):
        return None
    codec = next((int(number) for number in audio[2].split() if int(number) in CODECS), None)
    events = re.search(r"(?m)^a=rtpmap:(\d{1,3}) telephone-event/8000", text)
    if codec is None:
        return None
    return Offer(host[1], int(audio[1]), codec, int(events[1]) if events else None)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def write(host: str, port: int, offer: Offer, version: int = 1) -> bytes:
    """Answer an offer with its codec; a higher version says the same anew."""
    events = offer.events
    family = "IP6" if ":" in host else "IP4"
    numbers = [offer.codec] if events is None else [offer.codec, events]
    lines = [
        "v=0",
        f"o=demo-line 1 {version} IN {family} {host}",
        "s=-",
        f"c=IN {family} {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(map(str, numbers))}",
        f"a=rtpmap:{offer.codec} {CODECS[offer.codec]}/8000",
        *([] if events is None else [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-15"]),
        "a=ptime:20",
        "a=sendrecv",
    ]
    return "".join(line + "\r\n" for line in lines).encode()
