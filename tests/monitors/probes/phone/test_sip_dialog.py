"""Within a dialog: where our requests go, and how those of the far end are answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from monitors.probes.phone.sip.events import (
    Ended,
    Offered,
    Renegotiated,
)
from monitors.probes.phone.sip.message import Headers, Request, Response
from tests.monitors.probes.phone.sip_far_end import ANSWER, OFFER, answered, response
from tests.monitors.probes.phone.sip_line import Line, shown


class TestRoutes:
    """Record-Route, loose and strict."""

    def record(self, *routes: str) -> tuple[Request, Request]:
        line = Line()
        final = answered(line.invite, "t")
        fields = [*(("Record-Route", route) for route in routes), *final.headers]
        ack = line.gets(Response(200, "OK", Headers(fields), ANSWER))[0]
        bye = next(each for each in line.hang_up() if isinstance(each, Request))
        return ack, bye

    def test_loose(self) -> None:
        """Reversed, to the Contact, through the nearest proxy (12.1.2, 12.2.1.1), also twice by one proxy."""
        for request in self.record(
            "<sip:far;lr>", "<sip:127.0.0.1:5060;transport=udp;lr>, <sip:127.0.0.1:5061;lr;r2=on>"
        ):
            assert request.uri == "sip:far@127.0.0.1:5070"
            assert request.headers.all("Route") == [
                "<sip:127.0.0.1:5061;lr;r2=on>", "<sip:127.0.0.1:5060;transport=udp;lr>", "<sip:far;lr>",
            ]  # fmt: skip

    def test_strict(self) -> None:
        """A strict router is the request URI, the Contact goes last."""
        for request in self.record("<sip:far;lr>", "<sip:old.example>"):
            assert request.uri == "sip:old.example"
            assert request.headers.all("Route") == ["<sip:far;lr>", "<sip:far@127.0.0.1:5070>"]

    def test_none(self) -> None:
        """Straight to the Contact."""
        for request in self.record():
            assert request.headers.all("Route") == []
            assert request.uri == "sip:far@127.0.0.1:5070"

    @pytest.mark.parametrize("contact", ["*", "<nonsense>", "", '"'])
    def test_a_broken_contact_is_no_reason_not_to_hang_up(self, contact: str) -> None:
        """Whom we dialled is all that is left."""
        line = Line()
        out = line.gets(response(line.invite, 200, "t", (("Contact", contact),), ANSWER))
        assert out[0].uri == line.invite.uri
        assert "BYE" in shown(line.hang_up())


class TestRequestsOfTheFarEnd:
    """Within the dialog."""

    def test_a_new_offer(self) -> None:
        """It is told; our answer is repeated until its ACK comes; the far end may have moved."""
        line = Line()
        line.up()
        assert line.gets(line.asks("INVITE", 1, OFFER, Contact="<sip:moved@127.0.0.1>")) == [Offered(OFFER)]
        assert line.gets(line.asks("INVITE", 1, OFFER)) == [], "repeated while the answer is being made"
        line.call.accept(b"new", line.now)
        [final] = line.call.take()
        assert (final.status, final.body, final.headers.get("Content-Type")) == (200, b"new", "application/sdp")
        assert line.waits(1.6) == [final, final]
        assert line.gets(line.asks("ACK", 1)) == []
        assert line.waits(20) == []
        assert next(each for each in line.hang_up() if isinstance(each, Request)).uri == "sip:moved@127.0.0.1"

    def test_a_new_offer_that_is_declined(self) -> None:
        """488, until its ACK, and the call stays."""
        line = Line()
        line.up()
        line.gets(line.asks("INVITE", 1, OFFER))
        line.call.decline(line.now)
        assert shown(line.call.take()) == [488]
        line.gets(line.asks("ACK", 1))
        assert line.waits(5) == []
        assert line.call.state == "up"

    def test_an_answer_that_is_never_acknowledged(self) -> None:
        """The dialog is of no use (13.3.1.4): we hang up."""
        line = Line()
        line.up()
        line.gets(line.asks("INVITE", 1, OFFER))
        line.call.accept(b"new", line.now)
        line.call.take()
        out = line.waits(32)
        assert shown(out[-2:]) == [Ended(by_far_end=False), "BYE"]

    def test_without_an_offer_ours_is_made_again(self) -> None:
        """The answer comes with the ACK."""
        line = Line()
        line.up()
        [final] = line.gets(line.asks("INVITE"))
        assert (final.status, final.body) == (200, OFFER)
        assert line.gets(line.asks("ACK", 1, ANSWER)) == [Renegotiated(ANSWER)]

    def test_update(self) -> None:
        """With an offer as a re-INVITE, but without an ACK; without one it is only confirmed."""
        line = Line()
        line.up()
        assert shown(line.gets(line.asks("UPDATE"))) == [200]
        assert line.gets(line.asks("UPDATE", 2, OFFER)) == [Offered(OFFER)]
        assert shown(line.gets(line.asks("UPDATE", 3, OFFER))) == [500], "one at a time"
        line.call.accept(b"new", line.now)
        assert shown(line.call.take()) == [200]
        assert line.waits(40) == []

    @pytest.mark.parametrize("method", ["OPTIONS", "INFO", "NOTIFY"])
    @pytest.mark.parametrize("early", [True, False])
    def test_what_is_only_confirmed(self, method: str, early: bool) -> None:
        """Before and after the answer; a repetition gets the same answer."""
        line = Line()
        _ = line.gets(response(line.invite, 180, "t")) if early else line.up()
        first = line.gets(line.asks(method))
        assert shown(first) == [200]
        assert line.gets(line.asks(method)) == first

    @pytest.mark.parametrize(
        ("ask", "status"),
        [
            (lambda line: line.asks("REFER", 5), 405),
            (lambda line: line.asks("INFO", 5, Require="x-thing"), 420),
            (lambda line: line.asks("BYE", 5, Require="x-thing"), 200),
            (lambda line: line.asks("INFO", 1), 500),
            (lambda line: line.asks("CANCEL", 5), 481),
            (lambda line: line.asks("INVITE", 5, b"x", **{"Content-Type": "text/plain"}), 415),
            (lambda line: line.asks("INFO", 5, From="<sip:x>;tag=stranger"), 481),
            (lambda line: line.asks("BYE", 5, To="<sip:x>;tag=stranger"), 481),
        ],
    )
    def test_what_is_not_taken(self, ask: Callable[[Line], Request], status: int) -> None:
        """Unknown methods and extensions, old numbers, other bodies, other dialogs."""
        line = Line()
        line.up()
        line.gets(line.asks("OPTIONS", 3))
        assert shown(line.gets(ask(line)))[0] == status

    def test_an_offer_that_is_taken_back(self) -> None:
        """CANCEL of a re-INVITE: 200 and 487."""
        line = Line()
        line.up()
        line.gets(line.asks("INVITE", 1, OFFER, branch="z9hG4bKsame"))
        assert shown(line.gets(line.asks("CANCEL", 1, branch="z9hG4bKsame"))) == [200, 487]
        line.call.accept(b"late", line.now)
        assert line.call.take() == []

    def test_when_it_is_over(self) -> None:
        """481 for anything but a BYE."""
        line = Line()
        line.up()
        line.hang_up()
        assert shown(line.gets(line.asks("INVITE", 1, OFFER))) == [481]

    def test_what_is_of_another_call(self) -> None:
        """Another Call-ID, or an answer to somebody else's From, is nothing of ours."""
        line = Line()
        assert line.gets(line.asks("BYE", **{"Call-ID": "other"})) == []
        fields = [
            (name, "<sip:x>;tag=y" if name == "From" else value) for name, value in answered(line.invite, "t").headers
        ]
        assert line.gets(Response(200, "OK", Headers(fields))) == []
        assert line.gets(line.asks("ACK", To="<sip:x>;tag=stranger")) == []
