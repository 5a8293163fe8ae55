"""SDP: what we offer, and what the far end answered (RFC 4566, RFC 3264)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address

from monitors.probes.phone.media.g711 import RATE, STATIC, Law

PTIME = 20  # milliseconds of audio in a packet
EVENTS = 101  # our payload type of telephone events

MAX_BYTES = 16_384
MAX_MEDIA = 16

_LAWS = {f"{law}/{RATE}": law for law in Law}
_KEYPAD = "0-15"  # RFC 4733, table 3
_PROFILE = "RTP/AVP"
_TIME = re.compile(rb"^t=([0-9]{1,20} [0-9]{1,20})\r?$", re.MULTILINE)


class MalformedSdp(ValueError):  # noqa: N818 - named as the parsers of this room name theirs
    """A body that is no SDP, or none for one stream of audio; the one exception of this module."""


class Direction(StrEnum):
    """RFC 4566, section 6: seen from the side that wrote it."""

    BOTH = "sendrecv"
    SEND = "sendonly"
    RECEIVE = "recvonly"
    NONE = "inactive"


# RFC 3264, section 6.1: what is answered to which offer.
_ANSWERED = {
    Direction.BOTH: Direction.BOTH,
    Direction.SEND: Direction.RECEIVE,
    Direction.RECEIVE: Direction.SEND,
    Direction.NONE: Direction.NONE,
}


@dataclass(frozen=True, slots=True)
class Remote:
    """What the far end said of its audio.

    `address` and `port`: where it wants RTP; port 0 refuses the stream. `payloads`: the payload types that are G.711,
    the preferred first. `events`: the payload type of its telephone events. `ptime` in milliseconds.
    """

    address: str
    port: int
    payloads: Mapping[int, Law]
    events: int | None
    direction: Direction
    ptime: int

    @property
    def usable(self) -> bool:
        """Whether there is a stream at all: a port, and a law that we know."""
        return self.port != 0 and bool(self.payloads)

    @property
    def listens(self) -> bool:
        """Whether it wants our audio. A connection to 0.0.0.0 is the old way of holding (RFC 3264, section 8.4)."""
        receiving = self.direction in {Direction.BOTH, Direction.RECEIVE}
        return self.usable and receiving and not ip_address(self.address).is_unspecified


@dataclass(slots=True)
class _Media:
    """One `m=` line and the lines below it."""

    kind: str
    port: int
    profile: str
    formats: list[str]
    address: str | None
    attributes: list[str]


def offer(address: str, port: int, session: int) -> bytes:
    """Return our offer: both laws and telephone events at `address` and `port`; `session` is the number in `o=`."""
    payloads = {8: Law.A, 0: Law.U}  # Europe's law first
    return _description(address, session, 0, _audio(Remote(address, port, payloads, EVENTS, Direction.BOTH, PTIME)))


def parse_answer(body: bytes) -> Remote:
    """Return what an answer (or an offer) says of its first stream of audio. Raises `MalformedSdp`."""
    session, streams = _parse(body)
    return _remote(_first_audio(streams), session)


def answer_to(body: bytes, address: str, port: int, session: int, version: int = 1) -> bytes:
    """Return our answer to the offer `body`, or our offer where it is empty (RFC 3261, section 14.2).

    Its first stream of audio is taken as it is offered, every other one is refused with port 0, as is that one where it
    has no law that we know; its time is repeated (RFC 3264, section 6). `version` grows with each description of the
    session that we send; the first offer was 0. Raises `MalformedSdp`.
    """
    if not body.strip():
        return offer(address, port, session).replace(b" 0 IN", f" {version} IN".encode(), 1)
    above, streams = _parse(body)
    taken = _first_audio(streams)
    theirs = _remote(taken, above)
    ours = replace(
        theirs,
        port=port if theirs.usable else 0,
        direction=_ANSWERED[theirs.direction],
        ptime=PTIME,
    )
    lines = [line for each in streams for line in (_audio(ours, taken.formats) if each is taken else _refused(each))]
    found = _TIME.search(body)
    return _description(address, session, version, lines, found[1].decode() if found else "0 0")


def _description(address: str, session: int, version: int, media: list[str], time: str = "0 0") -> bytes:
    family = f"IP{ip_address(address).version}"
    head = [
        "v=0",
        f"o=- {session} {version} IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        f"t={time}",
    ]
    return "".join(f"{line}\r\n" for line in (*head, *media)).encode()


def _audio(ours: Remote, offered: list[str] | None = None) -> list[str]:
    """Return the lines of our stream; one that is refused repeats the formats that were offered."""
    if not ours.usable:
        return [f"m=audio 0 {_PROFILE} {' '.join(offered or ['0'])}"]
    formats = [*ours.payloads, *([] if ours.events is None else [ours.events])]
    lines = [f"m=audio {ours.port} {_PROFILE} {' '.join(map(str, formats))}"]
    lines += [f"a=rtpmap:{number} {law}/{RATE}" for number, law in ours.payloads.items()]
    if ours.events is not None:
        lines += [f"a=rtpmap:{ours.events} telephone-event/{RATE}", f"a=fmtp:{ours.events} {_KEYPAD}"]
    return [*lines, f"a=ptime:{ours.ptime}", f"a={ours.direction}"]


def _refused(media: _Media) -> list[str]:
    return [f"m={media.kind} 0 {media.profile} {' '.join(media.formats)}"]


def _first_audio(streams: list[_Media]) -> _Media:
    """Return the first stream of plain audio; encrypted ones (RTP/SAVP) were not offered and are not taken."""
    for media in streams:
        if media.kind == "audio" and media.profile == _PROFILE:
            return media
    raise MalformedSdp(f"no m=audio with {_PROFILE}")


def _parse(body: bytes) -> tuple[_Media, list[_Media]]:
    """Return what stands above the first `m=` line, and the streams."""
    if len(body) > MAX_BYTES:
        raise MalformedSdp(f"{len(body)} bytes, more than {MAX_BYTES}")
    lines = body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "v=0":
        raise MalformedSdp("does not begin with v=0")
    session = here = _Media("session", 0, "", [], None, [])
    streams: list[_Media] = []
    for line in lines:
        value = line[2:].strip()
        if line.startswith("m="):
            here = _media(value)
            streams.append(here)
            if len(streams) > MAX_MEDIA:
                raise MalformedSdp(f"more than {MAX_MEDIA} streams")
        elif line.startswith("c="):
            here.address = _connection(value)
        elif line.startswith("a="):
            here.attributes.append(value)
    return session, streams


def _media(value: str) -> _Media:
    """m=<media> <port>[/<number of ports>] <proto> <fmt> ...; RFC 4566, section 5.14."""
    words = value.split()
    if len(words) < 4:
        raise MalformedSdp("m= of fewer than four words")
    return _Media(words[0], _number(words[1].split("/")[0], "port", 65_535), words[2], words[3:], None, [])


def _connection(value: str) -> str:
    """c=IN IP4|IP6 <address>[/...]; RFC 4566, section 5.7. Names are not looked up, and groups are no far end."""
    words = value.split()
    if len(words) != 3 or words[0] != "IN":
        raise MalformedSdp("c= is not 'IN IP4 address' or 'IN IP6 address'")
    try:
        address = ip_address(words[2])
    except ValueError:
        raise MalformedSdp("c= without an address") from None
    if words[1] != f"IP{address.version}":
        raise MalformedSdp("c= with an address of another family")
    if address.is_multicast or str(address) == "255.255.255.255":
        raise MalformedSdp("c= is an address of many")
    return str(address)


def _remote(media: _Media, session: _Media) -> Remote:
    address = media.address or session.address
    if address is None:
        raise MalformedSdp("no c= line for the audio")
    attributes = [*session.attributes, *media.attributes]  # those of the stream come last and hold
    encodings = {number: f"{law}/{RATE}" for number, law in STATIC.items()} | _encodings(media.attributes)
    numbers = [int(each) for each in media.formats if each.isascii() and each.isdigit() and len(each) <= 3]
    named = {number: encodings[number] for number in numbers if number in encodings}
    return Remote(
        address=address,
        port=media.port,
        payloads={number: _LAWS[name] for number, name in named.items() if name in _LAWS},
        events=next((number for number, name in named.items() if name == f"TELEPHONE-EVENT/{RATE}"), None),
        direction=_direction(attributes),
        ptime=_ptime(attributes),
    )


def _encodings(attributes: list[str]) -> dict[int, str]:
    """a=rtpmap:<payload type> <encoding>/<rate>[/<channels>]; names in any case, RFC 4855, section 3."""
    found = {}
    for attribute in attributes:
        name, _, value = attribute.partition(":")
        words = value.split()
        if name == "rtpmap" and len(words) == 2:
            found[_number(words[0], "payload type", 127)] = words[1].upper().removesuffix("/1")
    return found


def _direction(attributes: list[str]) -> Direction:
    known = [Direction(each) for each in attributes if each in set(Direction)]
    return known[-1] if known else Direction.BOTH


def _ptime(attributes: list[str]) -> int:
    """Return the last a=ptime; what is absent or absurd is the default of G.711 (RFC 3551, table 1)."""
    found = [value for name, _, value in (each.partition(":") for each in attributes) if name == "ptime"]
    if found and found[-1].strip() in {"10", "20", "30", "40", "60"}:
        return int(found[-1])
    return PTIME


def _number(text: str, what: str, highest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= highest):
        raise MalformedSdp(f"{what} is not a number up to {highest}")
    return int(text)
