"""The load engine against Debian's nginx: connections, redirects and trust as a server sees them."""

from __future__ import annotations

import datetime as dt
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from journeys import Citizen, Journey, Reason, Response
from journeys.core import Method, Request, Wait, fetch
from tests.crowd import Outcome, crowd
from tests.nginx import Nginx, running

pytestmark = pytest.mark.peer

PAGES = """
  listen 127.0.0.1:{port}; listen [::1]:{port}; keepalive_requests 1000000; keepalive_timeout 300s; root /nowhere;
  set $ten ..........;
  set $hundred "$ten$ten$ten$ten$ten$ten$ten$ten$ten$ten";
  set $long "$hundred$hundred$hundred$hundred$hundred$hundred$hundred$hundred$hundred$hundred";
  location / { return 200 "Hello"; }
  location /301 { return 301 /end; }
  location /302 { return 302 /end; }
  location /303 { return 303 /end; }
  location /307 { return 307 /end; }
  location /308 { return 308 /end; }
  location /end { return 200 "Hello"; }
  location /absolute { return 302 http://127.0.0.1:{port}/end?a=b#part; }
  location /upwards/two/three { return 302 ../end; }
  location /upwards/end { return 200 "Hello"; }
  location /loop { return 302 /loop; }
  location /away { return 302 http://elsewhere.example/; }
  location /neighbour { add_header Set-Cookie "here=1; Path=/" always; return 302 http://localhost:{port}/who; }
  location /who { return 200 "Hello $http_host, cookies: $http_cookie."; }
  location /cookies { add_header Set-Cookie "a=1; Path=/"; add_header Set-Cookie "b=2; Path=/who"; return 200 "Hello"; }
  location /nothing { return 204; }
  location /long { add_header X-Long "$long$long$long$long$long$long$long$long$long$long"; return 200 "Hello"; }
"""
IMPATIENT = 'listen 127.0.0.1:{port}; keepalive_timeout 1s; location / { return 200 "Hello"; }'
THRIFTY = 'listen 127.0.0.1:{port}; keepalive_requests 3; location / { return 200 "Hello"; }'


@pytest.fixture(scope="module")
def nginx(peer: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with running(peer("nginx"), tmp_path_factory.mktemp("nginx"), [PAGES, IMPATIENT, THRIFTY]) as server:
        yield server


@pytest.fixture
def url(nginx: Nginx) -> str:
    """Return the website with all pages; what it saw before is forgotten."""
    nginx.seen()
    return f"http://127.0.0.1:{nginx.ports[0]}"


def asking(answers: list[Response], *requests: tuple[Method, str], pause: float = 0.0) -> Callable[[Citizen], Journey]:
    """Return a journey that sends these requests, whatever the answers, which are kept."""

    def walk(_citizen: Citizen) -> Journey:
        for number, (method, path) in enumerate(requests):
            if number and pause:
                yield Wait(pause)
            body = b"x=1" if method in {"POST", "PUT"} else b""
            answers.append((yield Request("one", "website", path, method, body)))

    return walk


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("GET", {301: "GET", 302: "GET", 303: "GET", 307: "GET", 308: "GET"}),
        ("POST", {301: "GET", 302: "GET", 303: "GET", 307: "POST", 308: "POST"}),
        ("PUT", {301: "PUT", 302: "PUT", 303: "GET", 307: "PUT", 308: "PUT"}),
        ("DELETE", {301: "DELETE", 302: "DELETE", 303: "GET", 307: "DELETE", 308: "DELETE"}),
    ],
)
def test_redirects_change_the_method_as_browsers_do(nginx, url, method, expected):
    """303 always asks by GET, 301 and 302 after a POST only, 307 and 308 never (RFC 9110, 15.4)."""
    answers: list[Response] = []
    outcome = crowd(url, asking(answers, *((method, f"/{status}") for status in expected)), citizens=1)
    assert outcome.completed == 1
    assert [answer.body for answer in answers] == [b"Hello"] * 5
    seen = nginx.seen()
    assert [it.method for it in seen if it.path == "/end"] == list(expected.values())
    assert [it.status for it in seen if it.path != "/end"] == list(expected)
    assert len({it.connection for it in seen}) == 1


@pytest.mark.parametrize(("path", "end"), [("/absolute", "/end"), ("/upwards/two/three", "/upwards/end")])
def test_redirects_lead_anywhere_on_the_site(nginx, url, path, end):
    """Absolute, with a query and a fragment, or relative to the page."""
    answers: list[Response] = []
    crowd(url, asking(answers, ("GET", path)), citizens=1)
    assert [answer.body for answer in answers] == [b"Hello"]
    assert [it.path for it in nginx.seen()] == [path, end]


def test_a_redirect_to_another_allowed_host_takes_no_cookies_along(nginx, url):
    """The neighbour is visited on a connection of its own, without the cookies that belong elsewhere."""
    answers: list[Response] = []
    walk = asking(answers, ("GET", "/neighbour"), ("GET", "/who"))
    outcome = crowd(url, walk, citizens=1, environment={"allow": ["127.0.0.1", "localhost"]})
    port = nginx.ports[0]
    assert answers[0].text == f"Hello localhost:{port}, cookies: ."
    assert answers[1].text == f"Hello 127.0.0.1:{port}, cookies: here=1."
    assert outcome.counts["connections"] == 2


@pytest.mark.parametrize(
    ("path", "words", "requests"),
    [("/loop", "more than 10 redirects", 11), ("/away", "redirect to elsewhere.example, which is not allowed", 1)],
)
def test_redirects_that_lead_nowhere_are_named(nginx, url, path, words, requests):
    """A loop ends after ten redirects; a host that is not allowed gets no byte."""
    outcome = crowd(url, asking([], ("GET", path)), citizens=3)
    assert outcome.failure() == ("one", Reason.UNEXPECTED_REDIRECT)
    assert outcome.detail() == words
    assert len(nginx.seen()) == 3 * requests


def test_several_cookies_are_kept_by_path(nginx, url):
    """Each goes only where it belongs, the one with the longer path first."""
    answers: list[Response] = []
    crowd(url, asking(answers, ("GET", "/cookies"), ("GET", "/who")), citizens=1)
    assert answers[1].text.endswith("cookies: b=2; a=1.")


def test_answers_without_a_body_and_with_long_headers(nginx, url):
    """204 and a head of ten thousand bytes are answers like any other, on the same connection."""
    answers: list[Response] = []
    outcome = crowd(url, asking(answers, ("GET", "/nothing"), ("GET", "/long"), ("GET", "/")), citizens=1)
    assert [(answer.status, answer.body) for answer in answers] == [(204, b""), (200, b"Hello"), (200, b"Hello")]
    assert len(answers[1].header("x-long") or "") >= 10_000
    assert outcome.counts["connections"] == 1


def test_an_interim_answer_is_passed_over(nginx, url):
    """The server says 100 Continue to who expects it; the answer is the one after it."""
    answers: list[Response] = []

    def walk(_citizen: Citizen) -> Journey:
        request = Request("one", "website", "/", "POST", b"x" * 5000, "", {"Expect": "100-continue"})
        answers.extend([(yield request), (yield request)])

    outcome = crowd(url, walk, citizens=1)
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"Hello")] * 2
    assert outcome.counts["requests"] == 2
    assert outcome.counts["connections"] == 1


def test_a_site_on_ipv6(nginx, url):
    """An address in brackets is an origin like any other, also from a source address."""
    answers: list[Response] = []
    place = {"allow": ["::1"], "source_addresses": ["::1"]}
    crowd(f"http://[::1]:{nginx.ports[0]}", asking(answers, ("GET", "/who")), citizens=1, environment=place)
    assert answers[0].text.startswith(f"Hello [::1]:{nginx.ports[0]},")
    assert [it.address for it in nginx.seen()] == ["::1"]


def test_a_server_that_closes_idle_connections_is_no_failure(nginx):
    """keepalive_timeout 1s: whoever comes back later opens another connection."""
    nginx.seen()
    website = f"http://127.0.0.1:{nginx.ports[1]}"
    outcome = crowd(website, asking([], *[("GET", "/")] * 2, pause=2.5), citizens=10)
    assert outcome.completed == 10
    assert outcome.counts["connections"] == len({it.connection for it in nginx.seen()}) == 20


@pytest.mark.slow
def test_a_request_that_meets_the_closing_of_its_connection_is_sent_again(nginx):
    """Whoever comes back in the very moment of the time-out has not failed: nothing was served."""
    nginx.seen()
    website = f"http://127.0.0.1:{nginx.ports[1]}"
    outcome = crowd(website, asking([], *[("GET", "/")] * 3, pause=1.0), citizens=300, seconds=0.5)
    assert outcome.completed == 300
    assert len(nginx.seen()) == 900


def test_a_server_that_limits_requests_by_connection_is_no_failure(nginx):
    """keepalive_requests 3: seven requests take three connections."""
    nginx.seen()
    outcome = crowd(f"http://127.0.0.1:{nginx.ports[2]}", asking([], *[("GET", "/")] * 7), citizens=10)
    assert outcome.completed == 10
    assert outcome.counts["stale"] == 0
    assert outcome.counts["connections"] == 30
    assert sorted(Counter(it.connection for it in nginx.seen()).values()) == [1] * 10 + [3] * 20


@pytest.mark.slow
def test_two_thousand_citizens_keep_their_connections(nginx, url):
    """Beyond 1,024 descriptors, too: three requests each, and as many connections as citizens."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2500:
        pytest.skip("this user may not have 2,500 descriptors")
    outcome = crowd(url, asking([], *[("GET", "/")] * 3, pause=1.0), citizens=2000, seconds=1.0)
    assert outcome.completed == outcome.counts["connections"] == 2000
    assert outcome.results.timeline.all()["open_connections"].max() > 1024
    seen = Counter(it.connection for it in nginx.seen())
    assert len(seen) == 2000
    assert set(seen.values()) == {3}


def test_pooled_citizens_share_connections(nginx, url):
    """As behind a gateway: one after the other, they use the connection that is left."""
    outcome = crowd(url, citizens=40, seconds=1.0, pooled=True)
    seen = nginx.seen()
    assert outcome.completed == len(seen) == 40
    assert outcome.counts["connections"] == len({it.connection for it in seen}) < 40


def test_source_addresses_take_turns(nginx, url):
    """The server sees as many connections from the one as from the other."""
    crowd(url, citizens=40, environment={"source_addresses": ["127.0.0.2", "127.0.0.3"]})
    assert Counter(it.address for it in nginx.seen()) == {"127.0.0.2": 20, "127.0.0.3": 20}


# --- TLS

TLS = """
  listen 127.0.0.1:{port} ssl; ssl_certificate %s.pem; ssl_certificate_key %s.pem; %s
  location / { return 200 "Hello $ssl_protocol"; }
"""
GOOD, UNKNOWN, EXPIRED, OTHER_HOST, CLIENTS_ONLY, OLD, NEW = range(7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of an authority of our own, and of another."""
    folder = tmp_path_factory.mktemp("tls")
    ours, theirs = trustme.CA(), trustme.CA()
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    for name, certificate in {
        "good": ours.issue_cert("127.0.0.1"),
        "unknown": theirs.issue_cert("127.0.0.1"),
        "expired": ours.issue_cert("127.0.0.1", not_after=past),
        "other": ours.issue_cert("staging.example"),
        "client": ours.issue_cert("generator.example"),
    }.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
    ours.cert_pem.write_to_path(folder / "authorities.pem")
    return folder


@pytest.fixture(scope="module")
def secure(peer: Callable[..., str], folder: Path) -> Iterator[Nginx]:
    def block(name: str, more: str = "") -> str:
        return TLS % (folder / name, folder / name, more)

    clients = f"ssl_verify_client on; ssl_client_certificate {folder / 'authorities.pem'};"
    servers = [
        block("good", "ssl_protocols TLSv1.2 TLSv1.3;"),
        block("unknown"),
        block("expired"),
        block("other"),
        block("good", clients),
    ]
    servers += [block("good", "ssl_protocols TLSv1.2;"), block("good", "ssl_protocols TLSv1.3;")]
    with running(peer("nginx"), folder, servers) as server:
        yield server


@pytest.fixture
def visit(secure: Nginx, folder: Path) -> Callable[..., Outcome]:
    """Let citizens who trust our authority visit one of the secure servers."""

    def go(server: int, walk: Callable[[Citizen], Journey] | None = None, **tls: str) -> Outcome:
        files = {"authorities": str(folder / "authorities.pem")} | tls
        website = f"https://127.0.0.1:{secure.ports[server]}"
        return crowd(website, walk or asking_for("Hello"), environment={"tls": files})

    return go


def asking_for(text: str) -> Callable[[Citizen], Journey]:
    """Return a journey of two requests for pages with a text."""

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/", contains=text)
        yield from fetch("two", "website", "/", contains=text)

    return walk


@pytest.mark.parametrize(("server", "version"), [(GOOD, "TLSv1.3"), (OLD, "TLSv1.2"), (NEW, "TLSv1.3")])
def test_an_authority_of_ones_own_is_trusted(visit, server, version):
    """Every version that is considered safe; both requests on one connection."""
    outcome = visit(server, asking_for(f"Hello {version}"))
    assert outcome.completed == outcome.counts["connections"] == 10


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (UNKNOWN, "unable to get local issuer certificate"),
        (EXPIRED, "certificate has expired"),
        (OTHER_HOST, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
)
def test_a_certificate_that_is_no_good_is_named(visit, server, words):
    """The handshake fails for everyone, and the detail says why."""
    outcome = visit(server)
    assert outcome.failure() == ("one", Reason.TLS_FAILED)
    assert outcome.failed == 10
    assert words in outcome.detail()


def test_a_certificate_is_shown_to_a_server_that_asks_for_one(visit, folder):
    """With certificate and key the citizens are let in."""
    file = str(folder / "client.pem")
    assert visit(CLIENTS_ONLY, certificate=file, key=file).completed == 10


def test_who_has_no_certificate_is_turned_away(visit):
    """The server's own answer is the reason."""
    outcome = visit(CLIENTS_ONLY)
    assert outcome.failure() == ("one", Reason.UNEXPECTED_STATUS)
    assert outcome.detail() == "status 400"


def test_https_spoken_to_a_plain_port_is_a_tls_failure(nginx, folder):
    """The other way round it is an answer, status 400."""
    plain = f"https://127.0.0.1:{nginx.ports[0]}"
    outcome = crowd(plain, environment={"tls": {"authorities": str(folder / "authorities.pem")}})
    assert outcome.failure() == ("one", Reason.TLS_FAILED)
    assert "wrong version number" in outcome.detail().lower() or "record layer" in outcome.detail().lower()
