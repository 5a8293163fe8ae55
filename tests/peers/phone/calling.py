"""SIPp as the caller: what proves each far end without the agent."""

from __future__ import annotations

from tests.peers.phone.parts import scenario, sdp, without_gaps

_HEAD = """{method} {target} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch{branch}]
{routes}
From: <sip:prober@[local_ip]:[local_port]>;tag=near[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>{tag}
Call-ID: [call_id]
CSeq: {turn} {method}
Contact: <sip:prober@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
{extra}
Content-Length: [len]"""
_OUTSIDE = "sip:[service]@[remote_ip]:[remote_port]"
_EARLY = "".join(f'<recv response="{status}" optional="true"/>' for status in (100, 180, 181, 183))


def _invite(turn: int = 1, extra: str = "") -> str:
    head = _HEAD.format(
        method="INVITE",
        target=_OUTSIDE,
        branch="",
        routes="",
        tag="",
        turn=turn,
        extra=f"{extra}\nContent-Type: application/sdp",
    )
    return f'<send retrans="500"><![CDATA[\n{without_gaps(head)}\n\n{sdp()}\n]]></send>'


def _following(method: str, turn: int = 1, *, dialog: bool = True, tagged: bool = True, first: int = 0) -> str:
    # [branch-N] is the branch of the message N before this one: an ACK of a refusal and a CANCEL share the INVITE's.
    head = _HEAD.format(
        method=method,
        target="[next_url]" if dialog else _OUTSIDE,
        branch=f"-{first}" if first else "",
        routes="[routes]" if dialog else "",
        tag="[peer_tag_param]" if tagged else "",
        turn=turn,
        extra="",
    )
    repeated = "" if method == "ACK" else ' retrans="500"'
    return f"<send{repeated}><![CDATA[\n{without_gaps(head)}\n\n]]></send>"


def refused(status: int) -> str:
    """Call, and expect this refusal."""
    ending = _following("ACK", dialog=False, first=6)
    return scenario(_invite(), _EARLY, f'<recv response="{status}"/>', ending)


def answered(pause: float = 0.1) -> str:
    """Call, expect an answer, and hang up after a while."""
    wait = f'<pause milliseconds="{pause * 1000:.0f}"/>'
    taken = '<recv response="200" rrs="true"/>'
    return scenario(_invite(), _EARLY, taken, _following("ACK"), wait, _following("BYE", 2), '<recv response="200"/>')


def challenged(user: str, password: str, status: int = 407, final: int = 200) -> str:
    """Call, be challenged, call again with credentials, and expect this final answer."""
    first = [_invite(), '<recv response="100" optional="true"/>']
    first += [f'<recv response="{status}" auth="true"/>', _following("ACK", dialog=False, first=3)]
    again = _invite(2, f"[authentication username={user} password={password}]")
    taken = f'<recv response="{final}" rrs="true"/>'
    if final != 200:
        return scenario(*first, again, _EARLY, taken, _following("ACK", 2, dialog=False, first=6))
    ending = (_following("ACK", 2), _following("BYE", 3), '<recv response="200"/>')
    return scenario(*first, again, _EARLY, taken, *ending)


def abandoned() -> str:
    """Call, and cancel while it rings."""
    ringing = '<recv response="100" optional="true"/><recv response="180"/>'
    cancel = _following("CANCEL", dialog=False, tagged=False, first=3)
    ended = '<recv response="200"/><recv response="487"/>'
    return scenario(_invite(), ringing, cancel, ended, _following("ACK", dialog=False, first=6))
