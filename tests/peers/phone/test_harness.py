"""The far ends of these tests, proved by SIPp as their caller: what fails against them is the caller's fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers.phone import baresip, calling, kamailio
from tests.peers.phone.parts import accept, ack, cancelled, hung_up, invite, progress, refuse, scenario, trying
from tests.peers.phone.sipp import caller, far_end

pytestmark = pytest.mark.peer

ANSWERS = scenario(invite(), trying(), progress(), accept(), ack(), hung_up())


@pytest.mark.parametrize(
    ("line", "calls"),
    [
        (ANSWERS, calling.answered()),
        (scenario(invite(), trying(), refuse(486)), calling.refused(486)),
        (scenario(invite(), trying(), progress(), cancelled()), calling.abandoned()),
    ],
    ids=["answered", "refused", "cancelled"],
)
def test_sipp_is_content_with_sipp(peer: Callable[..., str], tmp_path: Path, line: str, calls: str):
    """Both ends end with 0."""
    with (
        far_end(peer("sipp"), tmp_path, line) as far,
        caller(peer("sipp"), tmp_path, calls, f"127.0.0.1:{far.port}", "-s", "line") as near,
    ):
        assert near.satisfied()
        assert far.satisfied()


def test_a_call_that_is_never_hung_up_is_noticed(peer: Callable[..., str], tmp_path: Path):
    """The oracle can say no: without the BYE, SIPp does not end with 0."""
    with (
        far_end(peer("sipp"), tmp_path, scenario(invite(), progress(), cancelled())) as far,
        caller(peer("sipp"), tmp_path, calling.refused(486), f"127.0.0.1:{far.port}", "-s", "line"),
    ):
        assert far.code(within=1.0) != 0


def test_kamailio_and_baresip_are_content_with_sipp(peer: Callable[..., str], tmp_path: Path):
    """Right and wrong credentials, a dead line, an overloaded proxy; and a telephone that answers."""
    sipp = peer("sipp")
    user, password = kamailio.USER, kamailio.PASSWORD
    with kamailio.running(peer("kamailio"), tmp_path) as proxy, far_end(sipp, tmp_path, ANSWERS, port=proxy.far) as far:
        for number, calls in (
            (kamailio.CHALLENGED, calling.challenged(user, password)),
            (kamailio.CHALLENGED, calling.challenged(user, "wrong", final=407)),
            (kamailio.DEAD_DOWNSTREAM, calling.refused(408)),
            (kamailio.OVERLOADED, calling.refused(503)),
        ):
            with caller(sipp, tmp_path, calls, f"127.0.0.1:{proxy.udp}", "-s", number) as near:
                assert near.satisfied()
        assert far.satisfied()
    with baresip.running(peer("baresip"), tmp_path) as telephone:
        target = f"127.0.0.1:{telephone.port}"
        with caller(sipp, tmp_path, calling.answered(), target, "-s", "line") as near:
            assert near.satisfied()
