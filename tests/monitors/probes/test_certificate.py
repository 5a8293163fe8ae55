"""Probes of kind certificate against real TLS listeners with certificates made for each test."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from config import CertificateProbe, Environment, HttpProbe
from journeys import Reason
from monitors.probes import Outcome, Target, measure
from monitors.probes.der import validity
from monitors.verdict import Fail, Pass
from tests.monitors.listeners import aim, answering, closed_port, environment, page, probe_of, talking

CA = trustme.CA()
NOW = datetime.now(UTC)


def context_for(leaf: trustme.LeafCert, folder: Path, *, chain: bool = True) -> ssl.SSLContext:
    """Return a server's context with the certificate, and with its intermediates if asked to."""
    path = folder / "server.pem"
    sent = leaf.cert_chain_pems if chain else leaf.cert_chain_pems[:1]
    path.write_bytes(b"".join([leaf.private_key_pem.bytes(), *(pem.bytes() for pem in sent)]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


@asynccontextmanager
async def serving(
    leaf: trustme.LeafCert, folder: Path, *, host: str = "127.0.0.1", chain: bool = True
) -> AsyncIterator[Environment]:
    """Serve with a certificate; yield an environment that trusts the authority of the tests."""
    authorities = folder / "authorities.pem"
    CA.cert_pem.write_to_path(str(authorities))
    async with answering(page("ok"), tls=context_for(leaf, folder, chain=chain)) as base:
        yield environment(base.replace("127.0.0.1", host), tls={"authorities": str(authorities)})


async def look(place: Environment, **fields: object) -> tuple[Outcome, Target]:
    target = aim(probe_of(CertificateProbe, **fields), place)
    return await measure(target, 0), target


def gist(outcome: Outcome) -> tuple[Reason, str]:
    assert isinstance(outcome.verdict, Fail), outcome.verdict
    return outcome.verdict.reason, outcome.verdict.step


async def test_a_good_certificate_passes_and_its_expiry_is_known(tmp_path: Path) -> None:
    """One verified handshake; the expiry is that of the certificate in the chain that expires first."""
    expires = (NOW + timedelta(days=40)).replace(microsecond=0)
    async with serving(CA.issue_cert("127.0.0.1", not_after=expires), tmp_path) as place:
        outcome, target = await look(place)
    assert outcome.verdict == Pass()
    assert [(each.method, each.result) for each in outcome.trace] == [("TLS", "verified")]
    assert target.memory.certificate_expires == expires.timestamp()
    assert outcome.phases.connect > 0


async def test_a_certificate_with_too_few_days_left_fails_before_anybody_else_notices(tmp_path: Path) -> None:
    """Still valid, and less than the limit to go."""
    leaf = CA.issue_cert("127.0.0.1", not_after=NOW + timedelta(days=13))
    async with serving(leaf, tmp_path) as place:
        outcome, target = await look(place)
        assert gist(outcome) == (Reason.CERTIFICATE_EXPIRES_SOON, "certificate")
        assert (await look(place, remaining="12d"))[0].verdict == Pass()
    assert target.memory.certificate_expires is not None
    assert "in 13.0 days" in outcome.verdict.detail or "in 12.9 days" in outcome.verdict.detail  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("names", "valid", "reason", "words"),
    [
        (["127.0.0.1"], (-90, -1), Reason.CERTIFICATE_EXPIRED, "certificate has expired; expired on"),
        (["127.0.0.1"], (5, 60), Reason.CERTIFICATE_EXPIRED, "certificate is not yet valid; expires on"),
        (["127.0.0.2"], (-1, 60), Reason.CERTIFICATE_WRONG_HOST, "IP address mismatch"),
        (["www.staging.example"], (-1, 60), Reason.CERTIFICATE_WRONG_HOST, "IP address mismatch"),
    ],
)
async def test_a_bad_certificate_is_read_all_the_same(
    tmp_path: Path, names: list[str], valid: tuple[int, int], reason: Reason, words: str
) -> None:
    """Verification fails: a second handshake, which verifies nothing, still tells when the certificate expires."""
    since, until = (NOW.replace(microsecond=0) + timedelta(days=days) for days in valid)
    async with serving(CA.issue_cert(*names, not_before=since, not_after=until), tmp_path) as place:
        outcome, target = await look(place)
    assert gist(outcome) == (reason, "certificate")
    assert words in outcome.verdict.detail  # type: ignore[union-attr]
    assert target.memory.certificate_expires == until.timestamp()
    assert [each.result for each in outcome.trace][1:] == ["read without verification"]


async def test_a_host_name_that_is_not_in_the_certificate_is_the_wrong_host(tmp_path: Path) -> None:
    """By name as well as by address."""
    async with serving(CA.issue_cert("127.0.0.1"), tmp_path, host="localhost") as place:
        assert gist((await look(place))[0]) == (Reason.CERTIFICATE_WRONG_HOST, "certificate")


async def test_a_self_signed_certificate_is_not_trusted(tmp_path: Path) -> None:
    """So is one of an authority that nobody knows."""
    until = NOW.replace(microsecond=0) + timedelta(days=60)
    async with serving(trustme.CA().issue_cert("127.0.0.1", not_after=until), tmp_path) as place:
        outcome, target = await look(place)
    assert gist(outcome) == (Reason.CERTIFICATE_UNTRUSTED, "certificate")
    assert target.memory.certificate_expires == until.timestamp()


async def test_a_missing_intermediate_is_seen(tmp_path: Path) -> None:
    """With the intermediate all is well; without it some clients still manage, and the probe does not."""
    leaf = CA.create_child_ca().issue_cert("127.0.0.1")
    async with serving(leaf, tmp_path) as place:
        assert (await look(place))[0].verdict == Pass()
    async with serving(leaf, tmp_path, chain=False) as place:
        assert gist((await look(place))[0]) == (Reason.CERTIFICATE_UNTRUSTED, "certificate")


async def test_a_port_without_tls_or_without_a_listener_fails_at_the_handshake(tmp_path: Path) -> None:
    """Nothing to read: the reason is that of the connection."""

    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with talking(speak_plainly) as base:
        assert gist((await look(environment(base)))[0]) == (Reason.TLS_FAILED, "handshake")
    refused, target = await look(environment("https://127.0.0.1"), port=closed_port())
    assert gist(refused) == (Reason.CONNECTION_REFUSED, "handshake")
    assert target.memory.certificate_expires is None


async def test_probes_trust_the_authorities_of_the_environment(tmp_path: Path) -> None:
    """A page behind a private authority passes; without the authority the detail says what is wrong with it."""
    async with serving(CA.issue_cert("127.0.0.1"), tmp_path) as place:
        assert (await measure(aim(probe_of(HttpProbe), place), 0)).verdict == Pass()
        strict = environment(place.endpoints["website"])
        verdict = (await measure(aim(probe_of(HttpProbe), strict), 0)).verdict
    assert isinstance(verdict, Fail)
    assert verdict.reason is Reason.TLS_FAILED
    assert verdict.detail == "unable to get local issuer certificate"


@pytest.mark.parametrize("until", [datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2051, 1, 1, tzinfo=UTC)])
def test_both_forms_of_time_are_read(until: datetime) -> None:
    """Certificates write years up to 2049 with two digits, later ones with four."""
    leaf = CA.issue_cert("a.example", not_before=datetime(1999, 1, 2, 3, 4, 5, tzinfo=UTC), not_after=until)
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    assert validity(der) == (datetime(1999, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp(), until.timestamp())


@pytest.mark.parametrize(
    "junk", [b"", b"0", b"junk that is no certificate", b"\x30\x82\xff\xff", b"\x30\x03\x30\x01\x00"]
)
def test_what_is_no_certificate_is_refused(junk: bytes) -> None:
    """No guess and no crash of another kind."""
    with pytest.raises(ValueError, match=r"certificate|time"):
        validity(junk)
