"""SIPp scenarios from small parts: what a far end does in one call, in the order of the parts.

SIPp aborts a call, and ends with exit code 1, at any message that its scenario does not expect: a scenario that ends
with `ack()` or `hung_up()` is the oracle that the ACK, the CANCEL or the BYE really arrived.
"""

from __future__ import annotations

from pathlib import Path

# What the answering side needs of the INVITE when it answers after another request came, or asks something itself.
_KEPT = {
    "caller": ("From:", ".*"),
    "called": ("To:", ".*"),
    "turn": ("CSeq:", "[0-9]+"),
    "target": ("Contact:", "sips?:[^>;]*[^>]*"),
}
_SDP = """v=0
o=far 1 {version} IN IP[media_ip_type] [media_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP {payload} 101
a=rtpmap:{payload} {codec}/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a={direction}
"""
_LAWS = {"PCMA": 8, "PCMU": 0}
TAG = "far[pid]x[call_number]"


def scenario(*parts: str) -> str:
    """Return the scenario's XML."""
    body = "\n".join(parts)
    used = "".join(f'<Reference variables="{name}"/>' for name in (*_KEPT, "vias") if f'assign_to="{name}"' in body)
    return f'<?xml version="1.0"?>\n<scenario name="x">\n{body}\n{used}\n</scenario>'


def sdp(direction: str = "sendrecv", codec: str = "PCMA", version: int = 1) -> str:
    return _SDP.format(direction=direction, codec=codec, payload=_LAWS[codec], version=version)


def _send(text: str, body: str = "", attributes: str = "") -> str:
    kind = "Content-Type: application/sdp\n" if body else ""
    head = without_gaps(f"{text}\n{kind}Content-Length: [len]")
    return f"<send {attributes}><![CDATA[\n{head}\n\n{body}\n]]></send>"


def without_gaps(head: str) -> str:
    """Return a message's head without the empty lines that parts left out have made: the first would end it."""
    return "\n".join(line for line in head.splitlines() if line)


# --- what comes in


def invite() -> str:
    """Wait for the INVITE and keep what later messages need."""
    kept = "".join(
        f'<ereg regexp="{pattern}" search_in="hdr" header="{header}" check_it="true" assign_to="{name}"/>'
        for name, (header, pattern) in _KEPT.items()
    )
    # All of them, with their line ends: behind a proxy there are several.
    vias = '<ereg regexp="(Via:[^[:cntrl:]]*[[:cntrl:]]+)+" search_in="msg" check_it="true" assign_to="vias"/>'
    return f'<recv request="INVITE" rrs="true"><action>{vias}{kept}</action></recv>'


def receive(method: str, *, optional: str = "", within: float | None = None, otherwise: str = "") -> str:
    """Wait for a request; `optional` names the label at which it continues, `otherwise` that after `within` seconds."""
    attributes = f' optional="true" next="{optional}"' if optional else ""
    if within is not None:
        attributes += f' timeout="{within * 1000:.0f}" ontimeout="{otherwise}"'
    return f'<recv request="{method}"{attributes}/>'


def response(status: int) -> str:
    """Wait for the answer to an own request."""
    return f'<recv response="{status}"/>'


def ack() -> str:
    return receive("ACK")


# --- what goes out

_ANSWER = """SIP/2.0 {status} {phrase}
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:far@[local_ip]:[local_port];transport=[transport]>
{extra}"""
_TO_INVITE = """SIP/2.0 {status} {phrase}
[$vias]From:[$caller]
To:[$called];tag={tag}
[last_Call-ID:]
CSeq: [$turn] INVITE
Contact: <sip:far@[local_ip]:[local_port];transport=[transport]>
{extra}"""
_REQUEST = """{method} [$target] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From:[$called];tag={tag}
To:[$caller]
[last_Call-ID:]
CSeq: {turn} {method}
Max-Forwards: 70
Contact: <sip:far@[local_ip]:[local_port];transport=[transport]>
{extra}"""


def answer(
    status: int, phrase: str = "Answer", *extra: str, tag: str = f";tag={TAG}", body: str = "", again: bool = False
) -> str:
    """Answer the last request; `again`: repeat it until it is acknowledged, as an answering side does over UDP."""
    text = _ANSWER.format(status=status, phrase=phrase, tag=tag, extra="\n".join(extra))
    return _send(text, body, 'retrans="500"' if again else "")


def trying() -> str:
    return answer(100, "Trying", tag="")


def progress(status: int = 180, body: str = "") -> str:
    return answer(status, "Ringing" if status == 180 else "Session Progress", body=body)


def refuse(status: int, phrase: str = "Refused", *extra: str) -> str:
    """Refuse the INVITE, and insist on the ACK."""
    return answer(status, phrase, *extra, again=True) + "\n" + ack()


def accept(body: str | None = None, *extra: str) -> str:
    return answer(200, "OK", *extra, body=sdp() if body is None else body, again=True)


def to_invite(
    status: int, phrase: str = "Answer", *extra: str, tag: str = TAG, body: str = "", again: bool = True
) -> str:
    """Answer the INVITE after another request came, or with a tag of its own."""
    text = _TO_INVITE.format(status=status, phrase=phrase, tag=tag, extra="\n".join(extra))
    return _send(text, body, 'retrans="500"' if again else "")


def confirm() -> str:
    """Answer an in-dialog request, which has its tag already."""
    return answer(200, "OK", tag="")


def request(method: str, turn: int, *extra: str, body: str = "") -> str:
    text = _REQUEST.format(method=method, turn=turn, tag=TAG, extra="\n".join(extra))
    # The branch of an ACK to a 2xx is its own, as [branch] is; a request is repeated until it is answered.
    return _send(text, body, "" if method == "ACK" else 'retrans="500"')


def hung_up() -> str:
    """Wait for the caller's BYE and confirm it."""
    return receive("BYE") + "\n" + confirm()


def cancelled() -> str:
    """Wait for the caller's CANCEL, confirm it, and end the INVITE with 487."""
    return "\n".join((receive("CANCEL"), answer(200, "OK"), to_invite(487, "Request Terminated"), ack()))


# --- time, sound, branches


def pause(seconds: float) -> str:
    return f'<pause milliseconds="{seconds * 1000:.0f}"/>'


def play(sound: Path, codec: str = "PCMA") -> str:
    """Send a file of G.711 samples as RTP, over and over, from now on."""
    return f'<nop><action><exec rtp_stream="{sound},-1,{_LAWS[codec]},{codec}/8000"/></action></nop>'


def label(name: str) -> str:
    return f'<label id="{name}"/>'


def jump(name: str) -> str:
    return f'<nop next="{name}"/>'


def note(text: str) -> str:
    """Write a line to the log: what the far end counts."""
    return f'<nop><action><log message="{text} [call_id]"/></action></nop>'
