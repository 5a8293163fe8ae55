"""Answers to challenges."""

from __future__ import annotations

import hashlib
import re
from random import Random

import pytest

from monitors.probes.phone.sip.digest import Authenticator, Credentials, Tried, _Challenge, _parse, digest
from monitors.probes.phone.sip.message import Headers, Response

CREDENTIALS = Credentials("probe", 'pa"ss')


def refusal(*challenges: str, status: int = 401) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Response(status, "", Headers((name, challenge) for challenge in challenges))


def fields(answer: str) -> dict[str, str]:
    return {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^,]+))', answer)}


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_the_standard(algorithm: str, response: str) -> None:
    """RFC 7616, 3.9.1."""
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    challenge = _Challenge("http-auth@example.org", nonce, algorithm, qop=True, opaque=None, stale=False)
    credentials = Credentials("Mufasa", "Circle of Life")
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    assert digest(credentials, challenge, "GET", "/dir/index.html", cnonce, "00000001") == response


def test_without_qop() -> None:
    """The form of RFC 2069 has neither a count nor a nonce of ours."""
    authenticator = Authenticator(CREDENTIALS, Random(1))
    assert authenticator.accepts(refusal('Digest realm="r", nonce="n"'), set())
    [(name, answer)] = authenticator.headers("INVITE", "sip:a")
    first = hashlib.md5(b'probe:r:pa"ss').hexdigest()
    second = hashlib.md5(b"INVITE:sip:a").hexdigest()
    assert name == "Authorization"
    assert fields(answer)["response"] == hashlib.md5(f"{first}:n:{second}".encode()).hexdigest()
    assert not {"nc", "cnonce", "qop", "algorithm"} & set(fields(answer))


def test_the_count_goes_up_with_each_use_of_a_nonce() -> None:
    """A nonce is used again for the BYE, with the next count and another nonce of ours."""
    authenticator = Authenticator(CREDENTIALS, Random(1))
    authenticator.accepts(refusal('Digest realm="r",nonce="n",qop="auth-int,auth",opaque="o",algorithm=SHA-256'), set())
    first, second = (fields(authenticator.headers(method, "sip:a")[0][1]) for method in ("INVITE", "BYE"))
    assert (first["nc"], second["nc"]) == ("00000001", "00000002")
    assert first["cnonce"] != second["cnonce"]
    assert (first["opaque"], first["qop"], first["algorithm"]) == ("o", "auth", "SHA-256")
    assert len(first["response"]) == 64


def test_the_first_known_algorithm_of_a_realm_is_taken() -> None:
    """RFC 8760, 2.4: the server's order counts, and what is unknown is passed over."""
    authenticator = Authenticator(CREDENTIALS, Random(1))
    challenges = [f'Digest realm="r", nonce="{name}", algorithm={name}' for name in ("FANCY", "SHA-256", "MD5")]
    assert authenticator.accepts(refusal("Basic realm=x", *challenges), set())
    [(_, answer)] = authenticator.headers("INVITE", "sip:a")
    assert fields(answer)["nonce"] == "SHA-256"


def test_wrong_credentials_are_tried_once_and_a_stale_nonce_once_more() -> None:
    """22.2: the same challenge again says no, unless only the nonce was old; that is believed once."""
    authenticator, tried = Authenticator(CREDENTIALS, Random(1)), Tried()
    assert authenticator.accepts(refusal('Digest realm="r", nonce="1"'), tried)
    assert authenticator.accepts(refusal('Digest realm="r", nonce="2", stale=TRUE'), tried)
    assert fields(authenticator.headers("INVITE", "sip:a")[0][1])["nonce"] == "2"
    assert not authenticator.accepts(refusal('Digest realm="r", nonce="3", stale=true'), tried)

    authenticator, tried = Authenticator(CREDENTIALS, Random(1)), Tried()
    assert authenticator.accepts(refusal('Digest realm="r", nonce="1"'), tried)
    assert not authenticator.accepts(refusal('Digest realm="r", nonce="2"'), tried)


def test_a_proxy_and_the_far_end_may_both_ask() -> None:
    """407 and then 401: the next request answers both."""
    authenticator, tried = Authenticator(CREDENTIALS, Random(1)), Tried()
    assert authenticator.accepts(refusal('Digest realm="proxy", nonce="1"', status=407), tried)
    assert authenticator.accepts(refusal('Digest realm="far", nonce="2"'), tried)
    assert [name for name, _ in authenticator.headers("INVITE", "sip:a")] == ["Proxy-Authorization", "Authorization"]


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Digest",
        'Digest realm="r"',
        'Digest nonce="n"',
        "Basic realm=r",
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r" nonce="n"',
        'Digest realm="r, nonce="n"',
        'Digest realm="r", nonce="n", algorithm=X-sess',
    ],
)
def test_what_cannot_be_answered_is_not(challenge: str) -> None:
    """Without a challenge that is known, a refusal is a refusal."""
    assert not Authenticator(CREDENTIALS, Random(1)).accepts(refusal(challenge), set())


def test_without_credentials_nothing_is_answered() -> None:
    """A trunk without credentials that asks for them is a refusal."""
    assert not Authenticator(None, Random(1)).accepts(refusal('Digest realm="r", nonce="n"'), set())


def test_the_password_is_not_shown() -> None:
    """Neither in a log nor in an error."""
    assert 'pa"ss' not in repr(CREDENTIALS)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "nonsense", [" " * 60_000, "a" * 60_000, "a" + " " * 60_000, 'a="' * 20_000, 'a="' + "\\" * 60_000]
)
def test_a_long_challenge_is_refused_at_once(nonsense: str) -> None:
    """A server cannot hold up every other call by what it calls a challenge; read with the square it takes a minute."""
    assert _parse(f"Digest {nonsense}") is None
