"""Through Debian's Kamailio to SIPp: authentication, recorded routes, TLS, and proxies without a far end."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import trustme

from journeys import Reason
from monitors.probes.phone.classes import class_of
from monitors.probes.phone.order import Script
from monitors.probes.phone.question import options
from monitors.verdict import Cause
from tests.peers.phone import kamailio
from tests.peers.phone.kamailio import Kamailio
from tests.peers.phone.parts import (
    accept,
    ack,
    cancelled,
    hung_up,
    invite,
    pause,
    progress,
    refuse,
    request,
    response,
    scenario,
    trying,
)
from tests.peers.phone.prober import CREDENTIALS, QUICK, probe, trunk
from tests.peers.phone.sipp import far_end

pytestmark = pytest.mark.peer

LINE = scenario(invite(), trying(), progress(), accept(), ack(), hung_up())


@pytest.fixture(scope="module")
def proxy(peer: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    with kamailio.running(peer("kamailio"), tmp_path_factory.mktemp("kamailio")) as running:
        yield running


def trusting(proxy: Kamailio) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(proxy.authorities))


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
async def test_a_call_keeps_to_the_recorded_route(
    peer: Callable[..., str], tmp_path: Path, proxy: Kamailio, transport: str
):
    """ACK and BYE go back through the proxy, which over TCP and TLS has recorded two routes, one for each side."""
    loose, stray = proxy.said("LOOSE"), proxy.said("STRAY")
    with far_end(peer("sipp"), tmp_path, LINE, port=proxy.far) as far:
        more = {"transport": transport, "tls": trusting(proxy) if transport == "TLS" else None}
        evidence = await probe(tmp_path, proxy.port(transport), QUICK, kamailio.RELAYED, more)
        assert far.satisfied()
        # One route over UDP, two where the transport changes (RFC 5658).
        assert (";r2=on" in far.messages()) is (transport != "UDP")
    assert evidence.status == 200
    assert evidence.released
    assert proxy.said("LOOSE") - loose == 2
    assert proxy.said("STRAY") == stray


async def test_a_far_end_that_hangs_up_behind_a_proxy(peer: Callable[..., str], tmp_path: Path, proxy: Kamailio):
    """Its BYE comes through the proxy, over the connection that the call was made on."""
    ended = (accept(), ack(), pause(0.3), request("BYE", 102), response(200))
    with far_end(peer("sipp"), tmp_path, scenario(invite(), trying(), progress(), *ended), port=proxy.far) as far:
        listening = replace(QUICK, audio_within=2.0)
        evidence = await probe(tmp_path, proxy.tcp, listening, kamailio.RELAYED, {"transport": "TCP"})
        assert far.satisfied()
    assert class_of(evidence) is Reason.CUT_OFF
    assert evidence.released


@pytest.mark.parametrize("transport", ["UDP", "TLS"])
async def test_a_cancel_goes_through_the_proxy(
    peer: Callable[..., str], tmp_path: Path, proxy: Kamailio, transport: str
):
    """The far end gets its CANCEL, and the 487 its ACK."""
    with far_end(peer("sipp"), tmp_path, scenario(invite(), trying(), progress(), cancelled()), port=proxy.far) as far:
        impatient = Script(answer_within=0.4, audio_within=None, listen=0.0)
        more = {"transport": transport, "tls": trusting(proxy) if transport == "TLS" else None}
        evidence = await probe(tmp_path, proxy.port(transport), impatient, kamailio.RELAYED, more)
        assert far.satisfied()
    assert class_of(evidence) is Reason.NO_ANSWER
    assert evidence.released


async def test_credentials_are_verified_by_kamailio(peer: Callable[..., str], tmp_path: Path, proxy: Kamailio):
    """407, then the INVITE with the answer to its challenge (qop=auth)."""
    with far_end(peer("sipp"), tmp_path, LINE, port=proxy.far) as far:
        evidence = await probe(tmp_path, proxy.udp, QUICK, kamailio.CHALLENGED, {"credentials": CREDENTIALS})
        assert far.satisfied()
    assert evidence.status == 200


@pytest.mark.parametrize("credentials", [None, replace(CREDENTIALS, password="wrong")], ids=["none", "wrong"])
async def test_refused_credentials_say_nothing_of_the_line(tmp_path: Path, proxy: Kamailio, credentials: object):
    """Unknown: it is the prober's own trunk."""
    evidence = await probe(tmp_path, proxy.udp, QUICK, kamailio.CHALLENGED, {"credentials": credentials})
    assert class_of(evidence) is Cause.TRUNK_ERROR
    assert evidence.status == 407
    assert evidence.released


async def test_a_nonce_that_expires_during_the_call(peer: Callable[..., str], tmp_path: Path):
    """By SHA-256 (RFC 8760). The BYE, with the nonce of the INVITE, is challenged anew as stale, and sent once more."""
    waiting = replace(QUICK, audio_within=3.5)  # for audio that does not come, longer than the nonce is good for
    strict = {"credentials": CREDENTIALS, "user": kamailio.GUARDED, "transport": "TCP"}
    with (
        kamailio.running(peer("kamailio"), tmp_path, nonce=2, algorithm="SHA-256") as proxy,
        far_end(peer("sipp"), tmp_path, LINE, port=proxy.far) as far,
    ):
        evidence = await probe(tmp_path, proxy.tcp, waiting, kamailio.CHALLENGED, strict)
        assert far.satisfied()
        assert proxy.said("EXPIRED BYE") == 1
    ended = [each.what for each in evidence.ladder if each.what.endswith("BYE")]
    assert ended == ["BYE", "407 BYE", "BYE", "200 BYE"]
    assert evidence.released


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([refuse(404, "Refused", "Reason: Q.850;cause=1")], Reason.NUMBER_UNALLOCATED),
        ([progress(), refuse(480)], Reason.NO_ANSWER),
        ([refuse(480, "Refused", "Reason: Q.850;cause=34")], Reason.CONGESTION),
        ([progress(), accept(), ack(), hung_up()], Reason.NO_MEDIA),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
async def test_classes_over_tls(
    peer: Callable[..., str], tmp_path: Path, proxy: Kamailio, parts: list[str], expected: Reason
):
    """SIPp has no TLS; what it says behind a proxy that has is classified as over UDP."""
    with far_end(peer("sipp"), tmp_path, scenario(invite(), trying(), *parts), port=proxy.far) as far:
        listening = replace(QUICK, audio_within=0.5)
        secure = {"transport": "TLS", "tls": trusting(proxy)}
        evidence = await probe(tmp_path, proxy.tls, listening, kamailio.RELAYED, secure)
        assert far.satisfied()
    assert class_of(evidence) is expected
    assert evidence.released


async def test_a_dead_line_behind_a_proxy_that_answers_options(tmp_path: Path, proxy: Kamailio):
    """The proxy says 200 to OPTIONS and 408 to the call: that is why calls are made."""
    asked = await options(trunk(proxy.udp), Random(1))
    assert asked.status == 200
    patient = replace(QUICK, answer_within=5.0)
    evidence = await probe(tmp_path, proxy.udp, patient, kamailio.DEAD_DOWNSTREAM)
    assert class_of(evidence) is Reason.NO_PROGRESS
    assert evidence.status == 408


async def test_an_overloaded_proxy_says_when_to_come_back(tmp_path: Path, proxy: Kamailio):
    """503 with Retry-After, without any 100."""
    evidence = await probe(tmp_path, proxy.udp, QUICK, kamailio.OVERLOADED)
    assert class_of(evidence) is Reason.CONGESTION
    assert evidence.retry_after == 7


async def test_a_certificate_of_somebody_unknown_is_the_probers_own_trouble(tmp_path: Path, proxy: Kamailio):
    """Nothing is sent to a trunk that cannot prove who it is."""
    stranger = ssl.create_default_context()
    trustme.CA().configure_trust(stranger)
    evidence = await probe(tmp_path, proxy.tls, QUICK, kamailio.RELAYED, {"transport": "TLS", "tls": stranger})
    assert class_of(evidence) is Cause.TRUNK_ERROR


async def test_a_certificate_for_another_name(peer: Callable[..., str], tmp_path: Path):
    """Signed by the right authority, but for another host."""
    with kamailio.running(peer("kamailio"), tmp_path, issued_to="elsewhere.example") as other:
        more = {"transport": "TLS", "tls": trusting(other)}
        evidence = await probe(tmp_path, other.tls, QUICK, kamailio.RELAYED, more)
    assert class_of(evidence) is Cause.TRUNK_ERROR
