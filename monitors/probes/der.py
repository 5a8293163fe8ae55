"""When an X.509 certificate is valid, out of its DER (RFC 5280, section 4.1).

    Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber INTEGER, signature SEQUENCE,
                    issuer SEQUENCE, validity SEQUENCE { notBefore Time, notAfter Time }, ... }, ... }

Python's `ssl` decodes only certificates that it verified, and those that fail are the ones worth reading.
"""

from __future__ import annotations

from datetime import UTC, datetime

_INTEGER, _UTC_TIME, _GENERALIZED_TIME, _SEQUENCE, _VERSION = 0x02, 0x17, 0x18, 0x30, 0xA0


def validity(certificate: bytes) -> tuple[float, float]:
    """Return since and until when a certificate is valid (Unix time in seconds). Raises `ValueError`."""
    _, at, _ = _element(certificate, 0, _SEQUENCE)
    _, at, _ = _element(certificate, at, _SEQUENCE)
    tag, _, end = _element(certificate, at)
    if tag == _VERSION:
        at = end
    for expected in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serialNumber, signature, issuer
        _, _, at = _element(certificate, at, expected)
    _, at, _ = _element(certificate, at, _SEQUENCE)
    since, at = _time(certificate, at)
    until, _ = _time(certificate, at)
    return since, until


def _element(data: bytes, at: int, expected: int | None = None) -> tuple[int, int, int]:
    """Return the tag of the element at a position, where its contents begin and where they end."""
    if len(data) < at + 2:
        raise ValueError("the certificate ends too early")
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:  # the long form: so many bytes of length follow
        start += length & 0x7F
        length = int.from_bytes(data[at + 2 : start], "big")
    if (expected is not None and tag != expected) or len(data) < start + length:
        raise ValueError(f"no certificate: byte {at} is {tag:#04x}")
    return tag, start, start + length


def _time(data: bytes, at: int) -> tuple[float, int]:
    tag, start, end = _element(data, at)
    text = data[start:end].decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year: 50 to 99 are of the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"no time: byte {at} is {tag:#04x}")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp(), end
