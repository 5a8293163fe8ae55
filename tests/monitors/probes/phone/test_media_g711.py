"""G.711 in both laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.probes.phone.media.g711 import Law, decode, encode, silence

ALL = bytes(range(256))


@pytest.mark.parametrize(
    ("law", "code", "value"),
    [
        (Law.A, 0xD5, 8),
        (Law.A, 0x55, -8),
        (Law.A, 0xAA, 32_256),
        (Law.A, 0x2A, -32_256),
        (Law.A, 0x80, 5_504),
        (Law.A, 0xC5, 264),
        (Law.U, 0xFF, 0),
        (Law.U, 0x7F, 0),
        (Law.U, 0xFE, 8),
        (Law.U, 0x7E, -8),
        (Law.U, 0xEF, 132),
        (Law.U, 0x80, 32_124),
        (Law.U, 0x00, -32_124),
    ],
)
def test_known_codes_have_their_published_values(law: Law, code: int, value: int) -> None:
    """Values of the tables of G.711, scaled to 16 bits as everybody does."""
    assert decode(law, bytes([code])).tolist() == [value]


@pytest.mark.parametrize("law", Law)
def test_every_code_survives_the_round_trip(law: Law) -> None:
    """Decoding and encoding gives the same code; only the negative zero of the µ-law becomes the positive one."""
    expected = ALL.replace(b"\x7f", b"\xff") if law is Law.U else ALL
    assert encode(law, decode(law, ALL)) == expected


@pytest.mark.parametrize("law", Law)
def test_decoding_agrees_with_another_implementation(law: Law) -> None:
    """Python had one of its own until 3.12."""
    audioop = pytest.importorskip("audioop")
    theirs = {Law.A: audioop.alaw2lin, Law.U: audioop.ulaw2lin}[law](ALL, 2)
    assert decode(law, ALL).tolist() == np.frombuffer(theirs, dtype=np.int16).tolist()


@pytest.mark.parametrize("law", Law)
@given(samples=st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=50))
def test_the_nearest_value_is_encoded(law: Law, samples: list[int]) -> None:
    """No other code would be nearer, and each sample is one byte."""
    coded = encode(law, np.array(samples, dtype=np.int16))
    values = decode(law, ALL).astype(int)
    assert len(coded) == len(samples)
    for sample, value in zip(samples, decode(law, coded).tolist(), strict=True):
        assert abs(sample - value) == np.abs(values - sample).min()


@pytest.mark.parametrize(("law", "code"), [(Law.A, 0xD5), (Law.U, 0xFF)])
def test_silence_is_the_positive_zero(law: Law, code: int) -> None:
    """What everybody sends for silence; there is no code nearer to 0."""
    assert silence(law, 160) == bytes([code]) * 160
