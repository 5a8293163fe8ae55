"""Session descriptions of a video call: what a browser offers, and whether an answer follows from that.

The form is SDP (RFC 8866), the rules are those of offer and answer (RFC 3264) as WebRTC has them (RFC 8829).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

PROFILE = "UDP/TLS/RTP/SAVPF"
LARGEST = 16 * 1024
"""Characters of a description; a browser's has some 6,000."""
MOST_MEDIA = 16

_CODECS = {
    "audio": (("111", "opus/48000/2", "minptime=10;useinbandfec=1"), ("0", "PCMU/8000", ""), ("8", "PCMA/8000", "")),
    "video": (
        ("96", "VP8/90000", ""),
        ("102", "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    ),
}
"""Payload type, encoding and parameters of what is offered: what every browser can (RFC 7742, RFC 7874)."""

_ICE_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839, 5.4
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_FINGERPRINT = re.compile(r"sha-256 [0-9A-F]{2}(:[0-9A-F]{2}){31}", re.IGNORECASE)  # RFC 8122, 5
_CANDIDATE = re.compile(  # RFC 8839, 5.1
    r"candidate:[A-Za-z0-9+/]{1,32} [12] (udp|tcp) [0-9]{1,10} [0-9A-Za-z.:-]{1,253} [0-9]{1,5}"
    r" typ (host|srflx|prflx|relay)( .{1,200})?",
    re.IGNORECASE,
)


class MalformedSdp(ValueError):  # noqa: N818 - named as other parsers of the project name theirs
    """A text that is no session description."""


class Direction(StrEnum):
    """Seen from the side that wrote it (RFC 8866, 6.7)."""

    BOTH = "sendrecv"
    SEND = "sendonly"
    RECEIVE = "recvonly"
    NONE = "inactive"


# RFC 3264, 6.1: what may be answered to which offer.
_ANSWERS = {
    Direction.BOTH: frozenset(Direction),
    Direction.SEND: {Direction.RECEIVE, Direction.NONE},
    Direction.RECEIVE: {Direction.SEND, Direction.NONE},
    Direction.NONE: {Direction.NONE},
}
# RFC 8842, 5.3: who opens DTLS. 'actpass' is an offer's only.
_SETUPS = {"actpass": {"active", "passive"}, "active": {"passive"}, "passive": {"active"}}


@dataclass(frozen=True, slots=True)
class Media:
    """One `m=` line and the attributes below it, with those of the session behind them."""

    kind: str
    port: int
    profile: str
    formats: tuple[str, ...]
    attributes: tuple[str, ...]

    def values(self, name: str) -> list[str]:
        """Return what the attributes called `name` say."""
        return [value for key, _, value in (each.partition(":") for each in self.attributes) if key == name]

    def value(self, name: str) -> str:
        """Return what the first attribute called `name` says; nothing if there is none."""
        return next(iter(self.values(name)), "")

    @property
    def direction(self) -> Direction:
        """Which way it flows; both ways where nothing is said."""
        return next((Direction(each) for each in self.attributes if each in set(Direction)), Direction.BOTH)

    @property
    def encodings(self) -> dict[str, str]:
        """The encoding of each format, by payload type."""
        pairs = (each.partition(" ") for each in self.values("rtpmap"))
        return {number: encoding.lower() for number, _, encoding in pairs}


@dataclass(frozen=True, slots=True)
class Description:
    """A session description: the `mid`s that share one transport, and the media in order."""

    bundle: tuple[str, ...]
    media: tuple[Media, ...]


def read(text: str) -> Description:
    """Read a description. Raises `MalformedSdp`."""
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(text) > LARGEST:
        raise MalformedSdp(f"more than {LARGEST} characters")
    if not all(re.fullmatch(r"[a-z]=.*", line) for line in lines):
        raise MalformedSdp("a line is not of the form x=...")
    if [line[0] for line in lines[:3]] != ["v", "o", "s"] or lines[0] != "v=0":  # RFC 8866, 5
        raise MalformedSdp("does not begin with v=0, o=, s=")
    starts = [number for number, line in enumerate(lines) if line.startswith("m=")]
    if not 0 < len(starts) <= MOST_MEDIA:
        raise MalformedSdp(f"{len(starts)} media")
    session = [line[2:] for line in lines[: starts[0]] if line.startswith("a=")]
    group = next((each.split()[1:] for each in session if each.startswith("group:BUNDLE")), [])
    ends = [*starts[1:], len(lines)]
    media = (_media(lines[start:end], session) for start, end in zip(starts, ends, strict=True))
    return Description(tuple(group), tuple(media))


def _media(lines: list[str], session: list[str]) -> Media:
    found = re.fullmatch(r"m=(\S+) ([0-9]{1,5}) (\S+)((?: \S+)+)", lines[0])
    if found is None or int(found[2]) > 65_535:
        raise MalformedSdp("an m= line without media, port, profile and formats")
    attributes = [line[2:] for line in lines if line.startswith("a=")]
    return Media(found[1], int(found[2]), found[3], tuple(found[4].split()), (*attributes, *session))


def offer(random: Random) -> str:
    """Return the offer of a browser with microphone and camera: sound and picture both ways, on one transport."""
    lines = ["v=0", f"o=- {random.randrange(2**62)} 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines += ["a=group:BUNDLE " + " ".join(map(str, range(len(_CODECS)))), "a=ice-options:trickle"]
    secrets = [
        f"a=ice-ufrag:{_token(random, 4)}",
        f"a=ice-pwd:{_token(random, 24)}",
        "a=fingerprint:sha-256 " + ":".join(f"{byte:02X}" for byte in random.randbytes(32)),
        "a=setup:actpass",
    ]
    for mid, (kind, codecs) in enumerate(_CODECS.items()):
        lines += [f"m={kind} 9 {PROFILE} " + " ".join(number for number, _, _ in codecs), "c=IN IP4 0.0.0.0"]
        lines += [*secrets, f"a=mid:{mid}", "a=sendrecv", "a=rtcp-mux"]
        for number, encoding, parameters in codecs:
            lines += [f"a=rtpmap:{number} {encoding}"] + ([f"a=fmtp:{number} {parameters}"] if parameters else [])
    return "".join(f"{line}\r\n" for line in lines)


def candidates(random: Random) -> list[str]:
    """Return what a browser finds first: its own addresses, hidden behind a name of one use (mDNS), over UDP and TCP.

    priority = 2^24 * type preference + 2^8 * local preference + (256 - component)   (RFC 8445, 5.1.2.1)
    """
    name = f"{random.getrandbits(128):032x}.local"
    best, second = (2**24 * 126 + 2**8 * preference + 255 for preference in (65_535, 32_767))
    return [
        f"candidate:1 1 udp {best} {name} {random.randrange(49_152, 65_536)} typ host",
        f"candidate:2 1 tcp {second} {name} 9 typ host tcptype active",
    ]


def is_candidate(text: str) -> bool:
    """Tell whether a text is a candidate of ICE."""
    return _CANDIDATE.fullmatch(text) is not None


def objection(offered: Description, answered: Description) -> str:
    """Say why an answer does not follow from an offer; nothing if it does. Refused media follow too."""
    if len(answered.media) != len(offered.media):
        return f"{len(answered.media)} media for {len(offered.media)}"
    for number, (ours, theirs) in enumerate(zip(offered.media, answered.media, strict=True)):
        for why in _objections(ours, theirs):
            return f"m-line {number + 1} ({ours.kind}): {why}"
    taken = {each.value("mid") for each in answered.media if each.port}
    if not set(answered.bundle) <= set(offered.bundle) & taken:  # RFC 9143, 7.3
        return "a BUNDLE group of others than were offered and taken"
    return ""


def missing(answered: Description) -> str:
    """Say which media of an answer do not flow both ways; nothing if all do."""
    refused = ((each.kind, "refused" if each.port == 0 else str(each.direction)) for each in answered.media)
    return ", ".join(f"{kind}: {how}" for kind, how in refused if how != Direction.BOTH)


def _objections(ours: Media, theirs: Media) -> Iterator[str]:
    """Yield what is wrong with one answered m-line (RFC 3264, 6; RFC 8829, 5.3.1)."""
    if (theirs.kind, theirs.profile) != (ours.kind, ours.profile):
        yield "other media or another profile in its place"
    if theirs.value("mid") != ours.value("mid"):
        yield "another mid"
    if theirs.port == 0:
        return
    if ours.port == 0:
        yield "taken, and was not offered"
    if not set(theirs.formats) <= set(ours.formats):
        yield "formats that were not offered"
    if any(theirs.encodings.get(number) != ours.encodings.get(number) for number in theirs.formats):
        yield "another encoding than the one offered under its number"
    if theirs.direction not in _ANSWERS[ours.direction]:
        yield f"{theirs.direction} to {ours.direction}"
    yield from _transport_objections(ours, theirs)


def _transport_objections(ours: Media, theirs: Media) -> Iterator[str]:
    if not _UFRAG.fullmatch(theirs.value("ice-ufrag")) or not _PASSWORD.fullmatch(theirs.value("ice-pwd")):
        yield "no ice-ufrag and ice-pwd"
    if (theirs.value("ice-ufrag"), theirs.value("ice-pwd")) == (ours.value("ice-ufrag"), ours.value("ice-pwd")):
        yield "our own ice-ufrag and ice-pwd"
    if not _FINGERPRINT.fullmatch(theirs.value("fingerprint")):
        yield "no fingerprint of SHA-256"
    if theirs.value("fingerprint") == ours.value("fingerprint"):
        yield "our own fingerprint"
    if theirs.value("setup") not in _SETUPS.get(ours.value("setup"), ()):
        yield f"no setup that answers '{ours.value('setup')}'"
    if "rtcp-mux" in ours.attributes and "rtcp-mux" not in theirs.attributes:
        yield "no rtcp-mux"


def _token(random: Random, length: int) -> str:
    return "".join(random.choices(_ICE_CHARACTERS, k=length))
