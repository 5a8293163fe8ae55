"""Which error of aiohttp, TLS or the operating system is which reason, and which is the prober's own trouble."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import aiohttp
from aiohttp.http_exceptions import ContentLengthError, TransferEncodingError

from journeys import JourneyFailed, Reason
from journeys.reasons import explain_tls
from monitors.probes.outcome import Undecided
from monitors.verdict import Cause

# Out of descriptors (of the process, of the machine), of buffers or memory.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# Out of ports; no route; stopped by a local firewall.
_OWN = {
    errno.EADDRNOTAVAIL,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EPERM,
    errno.EACCES,
}
_RESET = {errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE}
_CUT_OFF = (ContentLengthError, TransferEncodingError)


def explain(error: BaseException) -> Reason | Cause | None:
    """Return why a request got no usable answer, or None for an error that no target can cause (a bug of the probe)."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return explain_lookup(error.os_error)
    if (failed := _tls_error(error)) is not None:
        return explain_tls(failed)
    for link in _chain(error):
        if isinstance(link, OSError) and (found := _explain_os(link)) is not None:
            return found
    if isinstance(error, aiohttp.ClientConnectorError):
        return Reason.CONNECTION_REFUSED
    if isinstance(error, aiohttp.ClientPayloadError) and isinstance(error.__cause__, _CUT_OFF):
        return Reason.CONNECTION_RESET
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return Reason.BROKEN_RESPONSE
    return Reason.CONNECTION_RESET if isinstance(error, aiohttp.ClientConnectionError) else None


def explain_connection(error: OSError) -> Reason | Cause:
    """Return why a TLS connection was not made."""
    if isinstance(error, ssl.SSLError):
        return explain_tls(error)
    return _explain_os(error) or Reason.CONNECTION_REFUSED


def verdict_of(trouble: Reason | Cause, step: str, detail: str) -> JourneyFailed | Undecided:
    """Return what to raise: the target failed, or the prober has trouble of its own."""
    return Undecided(trouble, detail) if isinstance(trouble, Cause) else JourneyFailed(trouble, step, detail)


def detail_of(error: BaseException) -> str:
    """Say what happened without quoting anything that the server sent."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return getattr(error.certificate_error, "verify_message", type(error).__name__)
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{error.host}:{error.port}: {in_words(error.os_error)}"
    if (failed := _tls_error(error)) is not None:
        return in_words(failed)
    return type(error.__cause__ or error).__name__


def in_words(error: OSError) -> str:
    """Return what the system, or OpenSSL, calls the error, without what libraries add to it."""
    if isinstance(error, ssl.SSLError):  # its number is OpenSSL's own
        return (error.reason or "TLS failed").replace("_", " ").lower()
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, then what caused it, and so on."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.os_error if isinstance(link, aiohttp.ClientConnectorError) else link.__cause__


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    return next((link for link in _chain(error) if isinstance(link, ssl.SSLError)), None)


def own_trouble(error: OSError) -> Cause | None:
    """Return what is wrong with this machine if that explains the error, whatever was being opened."""
    if error.errno in _EXHAUSTED:
        return Cause.OVERLOADED
    return Cause.OWN_NETWORK if error.errno in _OWN else None


def _explain_os(error: OSError) -> Reason | Cause | None:
    if (own := own_trouble(error)) is not None:
        return own
    if error.errno == errno.ETIMEDOUT:
        return Reason.TIMEOUT
    if error.errno in _RESET or isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        return Reason.CONNECTION_RESET
    return None


LOOKUP_NEEDS = 4
"""Descriptors that a lookup has open at a time: the resolver's two files, that with the hosts, and a socket."""


def explain_lookup(error: OSError) -> Reason | Cause:
    """Blame the target for a name that cannot be resolved, unless the lookup could not leave this machine."""
    if (own := own_trouble(error)) is not None:
        return own
    no_way_out = _no_way_out() if error.errno == socket.EAI_AGAIN else None
    return no_way_out or _cannot_look_up() or Reason.NAME_NOT_RESOLVED


def _cannot_look_up() -> Cause | None:
    """Say why no name can be looked up: the resolver that cannot open its files says that there is no such name."""
    with ExitStack() as files:
        try:
            for _ in range(LOOKUP_NEEDS):
                files.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return own_trouble(error)
    return None


def _no_way_out() -> Cause | None:
    """Say why nothing can leave this machine; no packet is sent (192.0.2.1 and 2001:db8::1: RFC 5737, RFC 3849)."""
    cause = None
    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
        except OSError as error:
            cause = own_trouble(error) or Cause.OWN_NETWORK
        else:
            return None
    return cause
