"""Kind `certificate`: the chain is trusted, is for this host, and stays valid for long enough.

A first handshake verifies the chain as every client does. If that fails the certificate is read all the same, in a
second handshake that verifies nothing: on call one wants to know which certificate it is and when it expired.
"""

from __future__ import annotations

import _ssl
import asyncio
import socket
import ssl
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any

from yarl import URL

from config import CertificateProbe, Probe
from config.environment import Tls
from journeys import JourneyFailed, Reason
from monitors.probes.client import context_of
from monitors.probes.der import validity
from monitors.probes.errors import explain_connection, explain_lookup, in_words, verdict_of
from monitors.probes.lookup import is_of, look_up, only
from monitors.probes.outcome import Target, Track
from monitors.probes.reasons import CONNECTION

HANDSHAKE, CERTIFICATE = "handshake", "certificate"
REASONS = (
    *CONNECTION,
    Reason.CERTIFICATE_EXPIRED,
    Reason.CERTIFICATE_EXPIRES_SOON,
    Reason.CERTIFICATE_UNTRUSTED,
    Reason.CERTIFICATE_WRONG_HOST,
)
DAY = 86_400.0

# OpenSSL's X509_V_ERR_...: CERT_NOT_YET_VALID, CERT_HAS_EXPIRED, HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH. All others
# are about the chain: self-signed, unknown authority, missing intermediate, revoked, too weak, ...
_MEANING = {
    9: Reason.CERTIFICATE_EXPIRED,
    10: Reason.CERTIFICATE_EXPIRED,
    62: Reason.CERTIFICATE_WRONG_HOST,
    64: Reason.CERTIFICATE_WRONG_HOST,
}


def steps(probe: Probe) -> tuple[str, ...]:  # noqa: ARG001 - the same for each probe of this kind
    """Return the steps at which a run can fail."""
    return (HANDSHAKE, CERTIFICATE)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - the certificate is for everyone
    """Return when the certificate is right. Raises `JourneyFailed` and `Undecided`."""
    probe = target.probe
    assert isinstance(probe, CertificateProbe)
    track.at(HANDSHAKE)
    dialer = _Dialer(URL(target.environment.endpoints[target.system]), probe, track)
    tls, complaint = target.environment.tls, None
    try:
        chain = await dialer.handshake(context_of(tls))
    except ssl.SSLCertVerificationError as error:
        complaint = error
        chain = await dialer.handshake(_unverified(tls))
    track.at(CERTIFICATE)
    expires = min(validity(certificate)[1] for certificate in chain)
    target.memory.certificate_expires = expires
    if complaint is not None:
        reason = _MEANING.get(complaint.verify_code, Reason.CERTIFICATE_UNTRUSTED)
        raise JourneyFailed(reason, CERTIFICATE, f"{complaint.verify_message}; {_in_words(expires)}")
    if expires - time.time() < probe.remaining:
        raise JourneyFailed(Reason.CERTIFICATE_EXPIRES_SOON, CERTIFICATE, _in_words(expires))


@cache
def _unverified(tls: Tls) -> ssl.SSLContext:
    context = tls.context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _in_words(expires: float) -> str:
    day = datetime.fromtimestamp(expires, UTC).date()
    left = (expires - time.time()) / DAY
    return f"expires on {day}, in {left:.1f} days" if left > 0 else f"expired on {day}, {-left:.1f} days ago"


class _Dialer:
    """Makes TLS connections to one host, each looked up and opened anew."""

    def __init__(self, endpoint: URL, probe: CertificateProbe, track: Track) -> None:
        self._host = endpoint.host or ""
        self._port = probe.port or endpoint.port or 443
        self._family = only(probe.families)
        self._track = track

    async def handshake(self, context: ssl.SSLContext) -> list[bytes]:
        """Return the certificates of the server, its own first.

        Raises `SSLCertVerificationError` if the context refuses them, else `JourneyFailed` and `Undecided`.
        """
        track, place = self._track, f"{self._host}:{self._port}"
        with track.exchange("TLS", place) as noted:
            try:
                chain = await self._connect(await self._addresses(), context)
            except ssl.SSLCertVerificationError as error:
                noted.result = error.verify_message
                raise
            except OSError as error:
                raise verdict_of(explain_connection(error), track.step, f"{place}: {in_words(error)}") from error
            noted.result = "verified" if context.verify_mode is ssl.CERT_REQUIRED else "read without verification"
            return chain

    async def _addresses(self) -> list[str]:
        if not is_of(self._host, self._family):
            raise JourneyFailed(Reason.NAME_NOT_RESOLVED, HANDSHAKE, f"{self._host} is of another address family")
        self._track.enter("resolve")
        try:
            return await look_up(self._host, self._family)
        except OSError as error:
            raise verdict_of(explain_lookup(error), HANDSHAKE, f"{self._host}: {in_words(error)}") from error

    async def _connect(self, addresses: list[str], context: ssl.SSLContext) -> list[bytes]:
        """Take the addresses in order until one connects, as programs of people do."""
        self._track.enter("connect")
        *others, last = addresses
        for address in others:
            try:
                return await self._talk(address, context)
            except ssl.SSLError:
                raise
            except OSError:
                continue
        return await self._talk(last, context)

    async def _talk(self, address: str, context: ssl.SSLContext) -> list[bytes]:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        transport, _ = await loop.create_connection(
            asyncio.Protocol, address, self._port, family=family, ssl=context, server_hostname=self._host
        )
        try:
            return _chain(transport.get_extra_info("ssl_object"), verified=context.verify_mode is ssl.CERT_REQUIRED)
        finally:
            transport.abort()


def _chain(connection: Any, *, verified: bool) -> list[bytes]:
    """Return the chain that was verified, or else what the server sent; from Python 3.13 on `ssl` says it publicly."""
    inner = connection._sslobj  # noqa: SLF001
    chain = inner.get_verified_chain() if verified else inner.get_unverified_chain()
    return [certificate.public_bytes(_ssl.ENCODING_DER) for certificate in chain]
