"""One call, message by message: what is sent and told, in which order."""

from __future__ import annotations

from random import Random

import pytest

from monitors.probes.phone.sip.call import MAX_RINGING, Call
from monitors.probes.phone.sip.digest import Credentials
from monitors.probes.phone.sip.events import (
    Answered,
    Ended,
    Progress,
    Refused,
    Released,
    Silent,
    Trying,
    Unreleased,
)
from monitors.probes.phone.sip.message import Request, serialise
from tests.monitors.probes.phone.sip_far_end import ANSWER, OFFER, answered, dial, response
from tests.monitors.probes.phone.sip_line import CHALLENGE, STALE, Line, shown


def test_a_normal_call() -> None:
    """Trying, ringing with early audio, answer, hanging up: every event once, every request where it belongs."""
    line = Line()
    assert shown(line.gets(response(line.invite, 100))) == [Trying()]
    assert shown(line.gets(response(line.invite, 100))) == []
    assert shown(line.gets(response(line.invite, 183, "t", (), ANSWER))) == [Progress(183, ANSWER)]
    assert shown(line.gets(response(line.invite, 180, "t"))) == [Progress(180)]
    assert shown(line.gets(answered(line.invite, "t"))) == ["ACK", Answered(ANSWER)]
    assert line.call.state == "up"
    bye, ended = line.hang_up()
    assert ended == Ended(by_far_end=False) if isinstance(ended, Ended) else bye == Ended(by_far_end=False)
    bye = next(each for each in (bye, ended) if isinstance(each, Request))
    assert (bye.method, bye.uri, bye.cseq, bye.to_tag) == ("BYE", "sip:far@127.0.0.1:5070", (2, "BYE"), "t")
    assert line.gets(response(bye, 200)) == [Released()]
    assert line.call.state == "over"
    assert not line.call.done, "a repeated 200 is still acknowledged"
    line.waits(32)
    assert line.call.done


def test_branches_and_numbers() -> None:
    """An ACK of a 2xx and a BYE have branches of their own; CANCEL and the ACK of a refusal that of the INVITE."""
    line = Line()
    ack = line.up()
    bye = next(each for each in line.hang_up() if isinstance(each, Request))
    assert len({line.invite.branch, ack.branch, bye.branch}) == 3
    assert ack.cseq == (1, "ACK")

    line = Line(route=("sip:proxy.example;lr",))
    line.gets(response(line.invite, 180, "t"))
    [cancel] = line.hang_up()
    assert (cancel.method, cancel.branch, cancel.cseq) == ("CANCEL", line.invite.branch, (1, "CANCEL"))
    assert (cancel.uri, cancel.to_tag, cancel.headers.all("Route")) == (line.invite.uri, "", ["<sip:proxy.example;lr>"])
    ack, released = line.gets(response(line.invite, 487, "t"))
    assert (ack.branch, ack.cseq, ack.to_tag) == (line.invite.branch, (1, "ACK"), "t")
    assert released == Released()


def test_the_invite_is_small() -> None:
    """An INVITE with a preloaded route, credentials and a usual offer stays below 1,300 bytes (18.1.1)."""
    challenge = (
        f'Digest realm="trunk.example.org", nonce="{"n" * 64}", opaque="{"o" * 32}", qop="auth", algorithm=SHA-256'
    )
    line = Line(offer=b"x" * 330, route=("sip:sbc.example.org;lr",), credentials=Credentials("user", "p"))
    again = line.gets(response(line.invite, 401, "t", (("WWW-Authenticate", challenge),)))[-1]
    assert again.method == "INVITE"
    assert len(serialise(again)) < 1300


def test_an_invite_is_repeated_until_something_comes() -> None:
    """Timer A doubles; after a 100 there is no repetition. Over a stream nothing is repeated (17.1.1.2)."""
    line = Line()
    assert shown(line.waits(31)) == ["INVITE"] * 5
    line = Line()
    line.gets(response(line.invite, 100))
    assert line.waits(100) == []
    line = Line("TCP")
    assert line.waits(31) == []


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
def test_silence(transport: str) -> None:
    """Nothing at all for 64*T1: a blind CANCEL; nothing for as long again: there is nothing to end."""
    line = Line(transport)
    sent = [each for each in line.waits(33) if not isinstance(each, Request) or each.method != "INVITE"]
    assert shown(sent)[:2] == [Silent(), "CANCEL"]
    assert [each for each in line.waits(32) if not isinstance(each, Request)] == [Released()]
    assert line.call.state == "over"
    line.waits(33)
    assert line.call.done


@pytest.mark.parametrize(
    ("status", "more", "event"),
    [
        (404, (("Reason", 'Q.850;cause=1;text="Unallocated"'),), Refused(404, 1)),
        (503, (("Retry-After", "30"),), Refused(503, retry_after=30.0)),
        (302, (("Contact", "<sip:elsewhere@127.0.0.1>"),), Refused(302)),
        (407, (), Refused(407)),
        (699, (), Refused(699)),
    ],
)
def test_refusals(status: int, more: tuple[tuple[str, str], ...], event: Refused) -> None:
    """A refusal is acknowledged and told with its cause; a redirection is not followed."""
    line = Line()
    assert shown(line.gets(response(line.invite, status, "t", more))) == ["ACK", event, Released()]
    assert shown(line.gets(response(line.invite, status, "t", more))) == ["ACK"], "it comes again: so does the ACK"
    line.waits(33)
    assert line.call.done


def test_over_a_stream_a_refused_call_is_done_at_once() -> None:
    """Timer D is 0: nothing comes twice."""
    line = Line("TCP")
    line.gets(response(line.invite, 486, "t"))
    line.waits(0)
    assert line.call.done


class TestHangingUp:
    """In every state, and in every race."""

    def test_before_anything_came_back(self) -> None:
        """The CANCEL waits for the first provisional answer (9.1); the INVITE is repeated meanwhile."""
        line = Line()
        assert line.hang_up() == []
        assert shown(line.waits(1)) == ["INVITE"]
        assert shown(line.gets(response(line.invite, 100))) == ["CANCEL"]
        assert shown(line.gets(response(line.invite, 487, "t"))) == ["ACK", Released()]

    def test_before_anything_came_back_and_nothing_ever_does(self) -> None:
        """It is given up after 64*T1, and cancelled blindly."""
        line = Line()
        line.hang_up()
        assert [each for each in line.waits(65) if not isinstance(each, Request)] == [Silent(), Released()]

    def test_it_rings_and_all_that_said_so_was_lost(self) -> None:
        """The blind CANCEL ends what rings; a far end that then says that it rings, and no more, is a leak."""
        for answers, told in (
            (((200, "CANCEL"), (487, "INVITE")), [Released()]),
            (((481, "CANCEL"),), [Released()]),
            (((180, "INVITE"),), [Unreleased()]),
        ):
            line = Line()
            out = line.waits(32)
            cancel = next(each for each in out if isinstance(each, Request) and each.method == "CANCEL")
            for status, method in answers:
                out = line.gets(response(cancel if method == "CANCEL" else line.invite, status, "t"))
            out += line.waits(33)
            assert [each for each in out if isinstance(each, Released | Unreleased)] == told

    def test_before_anything_came_back_and_then_the_answer(self) -> None:
        """A 2xx as the first thing: ACK and BYE."""
        line = Line()
        line.hang_up()
        out = line.gets(answered(line.invite, "t"))
        assert shown(out) == ["ACK", Answered(ANSWER), Ended(by_far_end=False), "BYE"]
        assert line.gets(response(out[-1], 200)) == [Released()]

    def test_before_anything_came_back_and_then_a_challenge(self) -> None:
        """A challenge is not answered any more."""
        line = Line(credentials=Credentials("u", "p"))
        line.hang_up()
        assert shown(line.gets(response(line.invite, 401, "t", (CHALLENGE,)))) == ["ACK", Released()]

    def test_the_answer_is_quicker_than_the_cancel(self) -> None:
        """CANCEL is answered by 200 and the INVITE, too: ACK and BYE, and the CANCEL is no longer repeated."""
        line = Line()
        line.gets(response(line.invite, 180, "t"))
        [cancel] = line.hang_up()
        line.gets(response(cancel, 200))
        out = line.gets(answered(line.invite, "t"))
        assert shown(out) == ["ACK", Answered(ANSWER), Ended(by_far_end=False), "BYE"]
        assert set(shown(line.waits(3))) == {"BYE"}
        assert line.gets(response(out[-1], 200)) == [Released()]

    def test_a_refusal_is_quicker_than_the_cancel(self) -> None:
        """Busy is still busy."""
        line = Line()
        line.gets(response(line.invite, 180, "t"))
        line.hang_up()
        assert shown(line.gets(response(line.invite, 486, "t"))) == ["ACK", Refused(486), Released()]

    @pytest.mark.parametrize(
        ("status", "event"), [(200, Released()), (481, Released()), (500, Unreleased()), (None, Unreleased())]
    )
    def test_a_cancelled_call_without_a_final_answer(self, status: int | None, event: object) -> None:
        """It is given up 64*T1 after the CANCEL; whether it is released hangs on the answer to the CANCEL."""
        line = Line()
        line.gets(response(line.invite, 180, "t"))
        line.waits(10)
        [cancel] = line.hang_up()
        if status is not None:
            assert line.gets(response(cancel, status)) == []
        assert [each for each in line.waits(31) if not isinstance(each, Request)] == []
        assert [each for each in line.waits(2) if not isinstance(each, Request)] == [event]

    def test_a_late_answer_to_a_call_that_was_given_up(self) -> None:
        """It is acknowledged and ended, and told of once more."""
        line = Line()
        line.hang_up()
        line.waits(90)
        assert not line.call.done
        out = line.gets(answered(line.invite, "t"))
        assert shown(out) == ["ACK", "BYE"]
        assert line.gets(response(out[-1], 200)) == [Released()]
        line.waits(33)
        assert line.call.done

    def test_late_ringing_of_a_call_that_was_given_up(self) -> None:
        """It is cancelled then."""
        line = Line()
        line.hang_up()
        line.waits(70)
        assert shown(line.gets(response(line.invite, 180, "t"))) == ["CANCEL"]
        assert shown(line.gets(response(line.invite, 487, "t"))) == ["ACK", Released()]

    def test_late_ringing_of_a_cancelled_call_that_was_given_up(self) -> None:
        """It is cancelled anew, and given up anew: a far end that says 100 once does not keep the call for ever."""
        line = Line()
        line.gets(response(line.invite, 100))
        [cancel] = line.hang_up()
        line.gets(response(cancel, 200))
        assert line.waits(33) == [Released()]
        [again] = line.gets(response(line.invite, 100))
        assert (again.method, again.branch) == ("CANCEL", cancel.branch)
        line.gets(response(again, 481))
        assert line.waits(33) == [Released()]
        line.waits(33)
        assert line.call.done

    def test_twice_or_before_the_start(self) -> None:
        """The second time does nothing; a call that was hung up never starts."""
        line = Line()
        line.up()
        assert len(line.hang_up()) == 2
        assert line.hang_up() == []
        call = Call(dial(), Random(1))
        call.hang_up(0.0)
        call.start(0.0)
        assert call.take() == [Released()]
        assert call.done


class TestEndings:
    """The BYE, ours and theirs."""

    def test_ours_is_repeated_and_given_up(self) -> None:
        """Timers E and F: eleven times at most; never confirmed is never released."""
        line = Line()
        line.up()
        line.hang_up()
        out = line.waits(33)
        assert shown(out) == ["BYE"] * 10 + [Unreleased()]

    @pytest.mark.parametrize(
        ("status", "event"), [(200, Released()), (481, Released()), (500, Unreleased()), (408, Unreleased())]
    )
    def test_what_confirms_ours(self, status: int, event: object) -> None:
        """2xx, or that there is no such call (15.1.1)."""
        line = Line()
        line.up()
        bye = next(each for each in line.hang_up() if isinstance(each, Request))
        assert line.gets(response(bye, 100)) == []
        assert line.gets(response(bye, status)) == [event]

    def test_ours_is_challenged(self) -> None:
        """It goes out again with credentials, a higher number and a new branch."""
        line = Line(credentials=Credentials("u", "p"))
        line.up()
        bye = next(each for each in line.hang_up() if isinstance(each, Request))
        [again] = line.gets(response(bye, 401, "", (CHALLENGE,)))
        assert (again.method, again.cseq[0]) == ("BYE", bye.cseq[0] + 1)
        assert again.headers.get("Authorization")
        assert again.branch != bye.branch
        assert line.gets(response(again, 200)) == [Released()]

    def test_theirs(self) -> None:
        """It is answered, told with its cause, and answered again when it comes again."""
        line = Line()
        line.up()
        bye = line.asks("BYE", Reason="Q.850;cause=41")
        assert shown(line.gets(bye)) == [200, Ended(by_far_end=True, cause=41), Released()]
        assert shown(line.gets(bye)) == [200]
        assert line.hang_up() == []

    def test_both_at_once(self) -> None:
        """Theirs confirms ours, which is not repeated any more."""
        line = Line()
        line.up()
        line.hang_up()
        assert shown(line.gets(line.asks("BYE"))) == [200, Released()]
        assert line.waits(33) == []

    def test_a_repeated_answer_is_acknowledged_for_32_seconds(self) -> None:
        """The same ACK each time, also when the call is over (RFC 6026, timer M)."""
        line = Line()
        ack = line.up()
        assert line.gets(answered(line.invite, "t")) == [ack]
        bye = next(each for each in line.hang_up() if isinstance(each, Request))
        line.gets(response(bye, 200))
        line.waits(30)
        assert not line.call.done
        assert line.gets(answered(line.invite, "t")) == [ack]


class TestForks:
    """One INVITE, several answers."""

    def test_the_second_is_ended_and_the_first_stays(self) -> None:
        """ACK and BYE for the other tag only; repeated finals of both are acknowledged."""
        line = Line()
        line.up("a")
        ack, bye = line.gets(answered(line.invite, "b", "sip:b@127.0.0.1:5071"))
        assert (ack.method, ack.to_tag, ack.uri) == ("ACK", "b", "sip:b@127.0.0.1:5071")
        assert (bye.method, bye.to_tag) == ("BYE", "b")
        assert line.gets(response(bye, 200)) == []
        assert line.call.state == "up"
        assert [each.to_tag for each in line.gets(answered(line.invite, "b"))] == ["b"]
        assert len(line.hang_up()) == 2

    def test_after_the_first_has_ended(self) -> None:
        """It is ended all the same, and told of once more."""
        line = Line()
        line.up("t")
        line.gets(line.asks("BYE"))
        _, bye = line.gets(answered(line.invite, "b"))
        assert line.gets(response(bye, 200)) == [Released()]

    def test_released_only_when_all_are(self) -> None:
        """One BYE that is never confirmed leaves the call unreleased."""
        line = Line()
        line.up("a")
        line.gets(answered(line.invite, "b"))
        bye = next(each for each in line.hang_up() if isinstance(each, Request))
        assert line.gets(response(bye, 200)) == []
        assert line.waits(33)[-1] == Unreleased()

    def test_ringing_at_several_places(self) -> None:
        """Early audio of the one is not the answer of the other."""
        line = Line()
        line.gets(response(line.invite, 183, "a", (), OFFER))
        line.gets(response(line.invite, 180, "b"))
        assert shown(line.gets(response(line.invite, 200, "b"))) == ["ACK", Answered(b"")]

    def test_an_answer_without_description_has_the_early_one(self) -> None:
        """Some far ends describe themselves in the 183 only."""
        line = Line()
        line.gets(response(line.invite, 183, "a", (), ANSWER))
        assert shown(line.gets(response(line.invite, 200, "a"))) == ["ACK", Answered(ANSWER)]

    def test_ringing_at_too_many_places(self) -> None:
        """A far end that rings without end fills no memory; one of the others may still answer, and be ended."""
        line = Line()
        for number in range(100):
            line.gets(response(line.invite, 180, f"t{number}"))
        legs = line.call.entry()["legs"]
        assert isinstance(legs, list)
        assert len(legs) == MAX_RINGING
        assert shown(line.gets(answered(line.invite, "t99"))) == ["ACK", Answered(ANSWER)]
        assert "BYE" in shown(line.hang_up())


class TestCredentials:
    """401 and 407."""

    def test_right(self) -> None:
        """A new INVITE of the same call: next number, new branch, no tag; the ACK has the credentials, too."""
        line = Line(credentials=Credentials("u", "p"))
        ack, again = line.gets(response(line.invite, 401, "c", (CHALLENGE,)))
        assert (ack.method, ack.branch) == ("ACK", line.invite.branch)
        assert (again.cseq, again.call_id, again.from_tag, again.to_tag) == (
            (2, "INVITE"), line.invite.call_id, line.invite.from_tag, "",
        )  # fmt: skip
        assert again.branch != line.invite.branch
        assert shown(line.gets(response(line.invite, 401, "c", (CHALLENGE,)))) == ["ACK"], "the first one comes again"
        ack = line.gets(answered(again, "t"))[0]
        assert (ack.cseq, ack.headers.get("Authorization")) == ((2, "ACK"), again.headers.get("Authorization"))
        bye = next(each for each in line.hang_up() if isinstance(each, Request))
        assert "nc=00000002" in (bye.headers.get("Authorization") or "")
        assert bye.cseq == (3, "BYE")

    def test_wrong(self) -> None:
        """The second challenge is a refusal, and says that credentials were sent."""
        line = Line(credentials=Credentials("u", "p"))
        again = line.gets(response(line.invite, 401, "c", (CHALLENGE,)))[-1]
        assert shown(line.gets(response(again, 401, "c", (CHALLENGE,)))) == [
            "ACK",
            Refused(401, challenged=True),
            Released(),
        ]

    def test_stale(self) -> None:
        """An old nonce is replaced once."""
        line = Line(credentials=Credentials("u", "p"))
        second = line.gets(response(line.invite, 401, "c", (CHALLENGE,)))[-1]
        third = line.gets(response(second, 401, "c", (STALE,)))[-1]
        assert third.cseq == (3, "INVITE")
        assert shown(line.gets(response(third, 401, "c", (STALE,)))) == [
            "ACK",
            Refused(401, challenged=True),
            Released(),
        ]

    @pytest.mark.parametrize("status", [404, None])
    def test_answered_at_one_place_and_challenged_at_another(self, status: int | None) -> None:
        """The first INVITE is answered after its challenge, the second one refused, or never: no leg stays."""
        line = Line(credentials=Credentials("u", "p"))
        again = line.gets(response(line.invite, 401, "c", (CHALLENGE,)))[-1]
        line.gets(answered(line.invite, "t"))
        out = line.gets(response(again, status, "u")) if status else line.waits(33)
        [bye] = {each.branch: each for each in out if isinstance(each, Request) and each.method == "BYE"}.values()
        assert bye.to_tag == "t"
        line.gets(response(bye, 200))
        line.hang_up()
        line.waits(100)
        assert line.call.done

    def test_silence_behind_a_challenge(self) -> None:
        """The trunk is there, so this is no silence but a timeout (8.1.3.1)."""
        line = Line(credentials=Credentials("u", "p"))
        line.gets(response(line.invite, 401, "c", (CHALLENGE,)))
        told = [each for each in line.waits(65) if not isinstance(each, Request)]
        assert told == [Refused(408, challenged=True), Released()]
