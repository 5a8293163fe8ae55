"""G.711: one byte to one sample of 16 bits and back, A-law (PCMA) and µ-law (PCMU). The tables are computed."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

RATE = 8_000  # samples per second, RFC 3551, table 4

Samples = NDArray[np.int16]


class Law(StrEnum):
    """The encodings as SDP names them."""

    A = "PCMA"
    U = "PCMU"


# RFC 3551, table 4: these have a payload type of their own.
STATIC: dict[int, Law] = {0: Law.U, 8: Law.A}


def decode(law: Law, data: bytes) -> Samples:
    """Return the samples of `data`, one for each byte, full scale ±32,124 (µ-law) or ±32,256 (A-law)."""
    return _DECODED[law][np.frombuffer(data, dtype=np.uint8)]


def encode(law: Law, samples: Samples) -> bytes:
    """Return one byte for each sample, the code whose value is nearest."""
    return _ENCODED[law][samples.astype(np.int32) + 32_768].tobytes()


def silence(law: Law, samples: int) -> bytes:
    """Return so many samples of silence."""
    return encode(law, np.zeros(1, dtype=np.int16)) * samples


def _decoded_a() -> Samples:
    """A-law, G.711 table 1: even bits inverted (0x55), then a sign, three bits of exponent, four of mantissa.

    magnitude = (2m + 1) · 8 for e = 0, else (2m + 33) · 8 · 2^(e - 1); a set sign bit is positive.
    """
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = np.where(exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0)) * 8
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _decoded_u() -> Samples:
    """µ-law, G.711 table 2: all bits inverted, then a sign, three bits of exponent, four of mantissa.

    magnitude = ((2m + 33) · 2^e - 33) · 4; a set sign bit is negative.
    """
    code = np.arange(256) ^ 0xFF
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = (((2 * mantissa + 33) << exponent) - 33) * 4
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoded(decoded: Samples) -> NDArray[np.uint8]:
    """Return the nearest code of each of the 65,536 samples, from the lowest up; the upper one where two are as near.

    Both zeros of µ-law have the same value; the positive one (0xFF) is silence.
    """
    values, codes = np.unique(decoded[::-1].astype(np.int32), return_index=True)
    codes = 255 - codes
    halfway = (values[1:] + values[:-1]) / 2
    return codes[np.searchsorted(halfway, np.arange(-32_768, 32_768), side="right")].astype(np.uint8)


_DECODED = {Law.A: _decoded_a(), Law.U: _decoded_u()}
_ENCODED = {law: _encoded(table) for law, table in _DECODED.items()}
