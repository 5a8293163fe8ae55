"""A jar behaves like a browser's, as far as load tests need it (RFC 6265)."""

from __future__ import annotations

import pytest

from loadtests.cookies import Jar


def header(set_cookie: list[str], *, host="a.example", path="/x/y", secure=True, now=100.0, stored_from="/x/y"):
    jar = Jar()
    for text in set_cookie:
        jar.store(text, "a.example", stored_from, 0.0)
    return jar.header(host, path, secure=secure, now=now)


@pytest.mark.parametrize(
    ("set_cookie", "request_to", "expected"),
    [
        (["a=1; Path=/"], {}, "a=1"),
        (["a=1; Path=/", "a=2; Path=/"], {}, "a=2"),
        (["a=1"], {"path": "/x/z"}, "a=1"),
        (["a=1"], {"path": "/other"}, ""),
        (["a=1; Path=/x"], {"path": "/xy"}, ""),
        (["a=1; Path=/x"], {"path": "/x?q=1"}, "a=1"),
        (["a=1; Path=/; Secure"], {"secure": False}, ""),
        (["a=1; Path=/"], {"host": "b.a.example"}, ""),
        (["a=1; Path=/; Domain=a.example"], {"host": "b.a.example"}, "a=1"),
        (["a=1; Path=/; Domain=.a.example"], {"host": "a.example"}, "a=1"),
        (["a=1; Path=/; Domain=example.org"], {}, ""),
        (["a=1; Path=/; Max-Age=50"], {"now": 49.0}, "a=1"),
        (["a=1; Path=/; Max-Age=50"], {"now": 51.0}, ""),
        (["a=1; Path=/", "a=gone; Path=/; Max-Age=0"], {}, ""),
        (["a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT"], {"now": 11.0}, ""),
        (["a=1; Path=/; Expires=nonsense"], {}, "a=1"),
        (["a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT; Max-Age=500"], {"now": 50.0}, "a=1"),
        (["a=1; Path=/", "b=2; Path=/x"], {}, "b=2; a=1"),
        (["nonsense", "=1", "a=b=c; Path=/"], {}, "a=b=c"),
        (["a=1; Path=/; Max-Age=--5"], {}, "a=1"),
        (["a=1; Path=/; Max-Age=²"], {}, "a=1"),
    ],
)
def test_what_is_sent_back(set_cookie, request_to, expected):
    """Domain, path, Secure and expiry decide; the longer path comes first."""
    assert header(set_cookie, **request_to) == expected
