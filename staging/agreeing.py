"""The agent's browser in a video call: which answer follows from which offer (RFC 3264, RFC 8829), and what comes when.

Neither sound nor picture is carried: fingerprint and addresses are made up, and nothing listens there.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_PROFILE = "UDP/TLS/RTP/SAVPF"
_ENCODINGS = {"audio": {"opus", "pcmu", "pcma"}, "video": {"vp8", "h264"}}
"""What the agent's browser can play; anything else is refused with port 0."""
_DIRECTIONS = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_SETUPS = {"actpass": "active", "active": "passive", "passive": "active"}
_NEEDED = ("mid", "ice-ufrag", "ice-pwd", "fingerprint", "setup")
_KEPT = ("rtpmap", "fmtp")
LARGEST = 16 * 1024
MOST_MEDIA = 16
MOST_CANDIDATES = 50
"""That one side of a call may name."""


class Objection(ValueError):  # noqa: N818 - what the agent's side says, not an error of the program
    """The citizen's side said what it may not, or not now: a word for programs, a sentence for people."""

    def __init__(self, error: str, message: str) -> None:
        self.error = error
        super().__init__(message)


class Phase(IntEnum):
    """How far a call has come; it never goes back."""

    JOINED = 1
    ANSWERED = 2
    CONNECTED = 3
    OVER = 4


class Agent:
    """The agent's side of one call. `take` each word of the citizen's side; it returns the words in answer."""

    def __init__(self, *, picture: bool = True) -> None:
        """Without `picture` no video is taken."""
        self.phase = Phase.JOINED
        self._picture = picture
        self._heard = 0
        self._mid = ""

    def take(self, word: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what is said to a word, in order. Raises `Objection`."""
        match word.get("type"), self.phase:
            case "bye", _:
                self.phase = Phase.OVER
                return [{"type": "bye"}]
            case "offer", Phase.JOINED:
                return self._answer(word.get("sdp"))
            case "candidate", Phase.ANSWERED:
                return self._candidate(word.get("candidate"))
            case (("offer" | "candidate"), _):
                raise Objection("out_of_order", f"A {word['type']} does not belong here.")
        raise Objection("unknown_type", "Neither an offer nor a candidate nor a bye.")

    def _answer(self, offer: object) -> list[dict[str, Any]]:
        if not isinstance(offer, str):
            raise Objection("bad_offer", "There is no session description in it.")
        answer, mids = answer_to(offer, picture=self._picture)
        self.phase, self._mid = Phase.ANSWERED, mids[0] if mids else "0"
        port = 49_152 + secrets.randbelow(16_384)
        # 2130706431 = 2^24 * 126 + 2^8 * 65535 + 255: an address of the browser's own (RFC 8445, 5.1.2.1)
        own = f"candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host"
        return [
            {"type": "answer", "sdp": answer},
            {"type": "candidate", "candidate": own, "sdpMid": self._mid},
            {"type": "candidate", "candidate": "", "sdpMid": self._mid},
        ]

    def _candidate(self, candidate: object) -> list[dict[str, Any]]:
        if not isinstance(candidate, str) or (candidate and not candidate.startswith("candidate:")):
            raise Objection("bad_candidate", "That is no candidate.")
        if candidate:
            self._heard += 1
            if self._heard > MOST_CANDIDATES:
                raise Objection("too_much", "That is more candidates than anyone has.")
            return []
        if not self._heard:
            raise Objection("no_way", "There is no candidate to reach you by.")
        self.phase = Phase.CONNECTED
        return [{"type": "connected"}]


@dataclass(frozen=True, slots=True)
class _Offered:
    """One offered m-line; `attributes` are its own, then those of the session."""

    kind: str
    port: int
    profile: str
    formats: list[str]
    attributes: list[str]

    def value(self, name: str) -> str | None:
        found = (value for key, _, value in (each.partition(":") for each in self.attributes) if key == name)
        return next(found, None)

    def playable(self) -> list[str]:
        """Return the formats that the agent's browser knows, in the order of the offer."""
        known = _ENCODINGS.get(self.kind, set())
        maps = [each[7:].partition(" ") for each in self.attributes if each.startswith("rtpmap:")]
        can = {number for number, _, encoding in maps if encoding.partition("/")[0].lower() in known}
        return [number for number in self.formats if number in can]


def answer_to(offer: str, *, picture: bool = True) -> tuple[str, list[str]]:
    """Return the answer to an offer and the `mid`s that it takes. Raises `Objection`.

    Same m-lines in the same order; those that cannot be played have port 0, and so has video without `picture`.
    """
    bundle, offered = _read(offer)
    fingerprint = ":".join(f"{byte:02X}" for byte in secrets.token_bytes(32))
    # A token of RFC 8839, 5.4 has neither '-' nor '_': hexadecimal digits will do.
    ours = [
        f"a=ice-ufrag:{secrets.token_hex(4)}",
        f"a=ice-pwd:{secrets.token_hex(16)}",
        f"a=fingerprint:sha-256 {fingerprint}",
    ]
    lines: list[str] = []
    taken: list[str] = []
    for each in offered:
        formats = each.playable() if each.port and each.profile == _PROFILE else []
        if not formats or (each.kind == "video" and not picture):
            lines += [f"m={each.kind} 0 {each.profile} {' '.join(each.formats)}", f"a=mid:{each.value('mid')}"]
            continue
        taken.append(str(each.value("mid")))
        lines += [
            f"m={each.kind} 9 {each.profile} {' '.join(formats)}",
            "c=IN IP4 0.0.0.0",
            *ours,
            *_attributes(each, formats),
        ]
    group = ["a=group:BUNDLE " + " ".join(mid for mid in taken if mid in bundle)] if bundle else []
    session = ["v=0", f"o=- {secrets.randbits(62)} 2 IN IP4 127.0.0.1", "s=-", "t=0 0", *group]
    return "".join(f"{line}\r\n" for line in (*session, *lines)), taken


def _attributes(offered: _Offered, formats: list[str]) -> list[str]:
    direction = next((each for each in offered.attributes if each in _DIRECTIONS), "sendrecv")
    lines = [
        f"a=mid:{offered.value('mid')}",
        f"a=setup:{_SETUPS[str(offered.value('setup'))]}",
        f"a={_DIRECTIONS[direction]}",
    ]
    lines += ["a=rtcp-mux"] if "rtcp-mux" in offered.attributes else []
    for each in offered.attributes:
        name, _, rest = each.partition(":")
        if name in _KEPT and rest.split(" ")[0] in formats:
            lines.append(f"a={each}")
    return lines


def _read(offer: str) -> tuple[list[str], list[_Offered]]:
    """Return the `mid`s of the BUNDLE group and the offered m-lines. Raises `Objection`."""
    if len(offer) > LARGEST:
        raise Objection("bad_offer", "The session description is too long.")
    head, *blocks = re.split(r"(?m)^m=", offer.replace("\r\n", "\n"))
    if not re.match(r"v=0\no=[^\n]+\ns=[^\n]*\n", head) or not 0 < len(blocks) <= MOST_MEDIA:
        raise Objection("bad_offer", "That is no session description.")
    session = re.findall(r"(?m)^a=(.+)$", head)
    group: list[str] = next((each.split()[1:] for each in session if each.startswith("group:BUNDLE")), [])
    offered = [_one(block, session) for block in blocks]
    mids = [each.value("mid") for each in offered]
    if len(set(mids)) < len(mids):
        raise Objection("bad_offer", "Two m-lines have the same mid.")
    return group, offered


def _one(block: str, session: list[str]) -> _Offered:
    found = re.match(r"(\S{1,32}) ([0-9]{1,5}) (\S{1,64})((?: \S{1,32}){1,64})\n", block + "\n")
    if found is None:
        raise Objection("bad_offer", "An m-line is not of the form m=media port profile format.")
    offered = _Offered(
        found[1], int(found[2]), found[3], found[4].split(), [*re.findall(r"(?m)^a=(.+)$", block), *session]
    )
    missing = [name for name in _NEEDED if not offered.value(name)]
    if missing or offered.value("setup") not in _SETUPS:
        raise Objection("bad_offer", f"An m-line is without {', '.join(missing) or 'a setup that can be answered'}.")
    return offered
