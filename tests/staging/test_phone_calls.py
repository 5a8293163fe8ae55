"""Calls to the demo line, on each transport, by a caller who does exactly what a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trustme

from staging.phone import DemoLine, Login, Pace, number_of
from tests.staging.caller import Answer, Caller, calling, proof
from tests.waiting import until

QUICK = Pace(ringing=0, late=0.05, gives_up=0.05, tone=0.1, cut_off=0.1, shortly=0.02, ringback=0.7, announcement=0.1)
HASTY = Pace(ringing=0, longest=0.3, t1=0.005, t2=0.02, shortly=0.02)
"""Repeats soon and gives up soon: for callers who keep silent."""

LINE = "+31990000001"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class Bench:
    """A line, and callers on one transport."""

    def __init__(self, line: DemoLine, transport: str, tls: ssl.SSLContext | None) -> None:
        self.line = line
        self.transport = transport
        self._tls = tls

    @property
    def counts(self) -> Any:
        return self.line.counts

    def calling(self, number: str) -> AbstractAsyncContextManager[Caller]:
        return calling(self.line, number, self.transport, self._tls)


@pytest.fixture(params=["UDP", "TCP", "TLS"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def bench(transport: str, authority: trustme.CA, pace: Pace = QUICK, **options: Any) -> AsyncIterator[Bench]:
    server = client = None
    if transport == "TLS":
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("127.0.0.1").configure_cert(server)
        authority.configure_trust(client)
    async with DemoLine(tls=server, pace=pace, **options) as line:
        yield Bench(line, transport, client)


async def hang_up(caller: Caller, answer: Answer) -> None:
    caller.bye(answer)
    assert (await caller.final("BYE")).status == 200


async def test_a_call_is_answered_and_ended_by_the_caller(transport: str, authority: trustme.CA) -> None:
    """100, 180 and 200 with media; the BYE is confirmed, once more when it is repeated, and counted once."""
    async with bench(transport, authority) as at, at.calling(LINE) as caller:
        caller.invite()
        answers = [await caller.next() for _ in range(3)]
        assert [answer.status for answer in answers] == [100, 180, 200]
        assert "m=audio" in answers[2].body
        assert (at.counts.ringing, at.counts.up) == (0, 1)
        caller.ack(answers[2])
        caller.cseq += 1
        for _ in range(2):
            caller.say("BYE", branch="z9hG4bK-same", to=answers[2].get("To"))
            assert (await caller.final("BYE")).status == 200
        assert (at.counts.open, at.counts.answered, at.counts.ended_by_caller) == (0, 1, 1)
        assert at.counts.never_hung_up == 0


async def test_a_cancelled_call_is_released(transport: str, authority: trustme.CA) -> None:
    """CANCEL is confirmed, the INVITE ends with 487."""
    async with bench(transport, authority) as at, at.calling(number_of("no-answer")) as caller:
        caller.invite()
        while (await caller.next()).status != 180:
            pass
        assert at.counts.ringing == 1
        caller.cancel()
        assert (await caller.final("CANCEL")).status == 200
        final = await caller.final()
        assert final.status == 487
        caller.ack(final)
        assert (at.counts.open, at.counts.cancelled, at.counts.refused) == (0, 1, 0)


async def test_an_invite_that_is_repeated_is_no_second_call(authority: trustme.CA) -> None:
    """The line answers it as before."""
    async with bench("UDP", authority) as at, at.calling(number_of("no-answer")) as caller:
        caller.invite()
        answers = [await caller.next() for _ in range(2)]
        caller.invite(again=True)
        answers.append(await caller.next())
        assert [answer.status for answer in answers] == [100, 180, 180]
        assert len({answer.tag for answer in answers[1:]}) == 1
        assert (at.counts.invited, at.counts.ringing) == (1, 1)


@pytest.mark.parametrize(
    ("digit", "heard"), [(1, ["prompt", "ringback", "music"]), (2, ["prompt", "busy"]), (11, ["prompt", "busy"])]
)
async def test_the_menu_leads_to_the_queue(digit: int, heard: list[str], authority: trustme.CA) -> None:
    """Prompt; 1: ringback, then music; another digit: busy tone. A digit whose end comes three times is one."""
    async with bench("UDP", authority) as at, at.calling(number_of("menu")) as caller:
        answer = await caller.answered()
        await until(lambda: caller.heard() == heard[:1])
        caller.press(answer, digit)
        await until(lambda: caller.heard() == heard)
        await hang_up(caller, answer)


async def test_the_tax_line_has_a_choice_for_allowances(authority: trustme.CA) -> None:
    """2 leads to a queue there, and 3 does not."""
    async with bench("UDP", authority) as at:
        for digit, leads_to in ((2, "music"), (3, "busy")):
            async with at.calling(LINE) as caller:
                answer = await caller.answered()
                caller.press(answer, digit)
                await until(lambda: caller.heard()[-1:] == [leads_to])  # noqa: B023
                await hang_up(caller, answer)


async def test_an_answer_is_repeated_until_it_is_acknowledged(transport: str, authority: trustme.CA) -> None:
    """The 200 comes again, on every transport, and no more after the ACK."""
    async with bench(transport, authority, Pace(ringing=0, t1=0.02)) as at, at.calling(LINE) as caller:
        caller.invite()
        for _ in range(3):
            answer = await caller.final()
            assert answer.status == 200
        caller.ack(answer)
        await hang_up(caller, answer)
        await asyncio.sleep(0.2)
        assert caller.inbox.empty()


async def test_a_refusal_is_repeated_until_it_is_acknowledged(authority: trustme.CA) -> None:
    """A 486 comes again over UDP."""
    async with bench("UDP", authority, Pace(ringing=0, t1=0.02)) as at, at.calling("0486") as caller:
        caller.invite()
        for _ in range(3):
            final = await caller.final()
            assert final.status == 486
        caller.ack(final)
        await asyncio.sleep(0.1)
        while not caller.inbox.empty():
            caller.inbox.get_nowait()
        await asyncio.sleep(0.2)
        assert caller.inbox.empty()
        assert at.counts.unacknowledged == 0


async def test_a_caller_who_never_acknowledges_is_hung_up(transport: str, authority: trustme.CA) -> None:
    """After 64 T1 the line says BYE and counts a call that was never hung up."""
    async with bench(transport, authority, Pace(ringing=0, t1=0.005, t2=0.02)) as at, at.calling(LINE) as caller:
        caller.invite()
        bye = await caller.request("BYE")
        assert (at.counts.up, at.counts.never_hung_up) == (1, 1)
        caller.confirm(bye)
        await until(lambda: at.counts.up == 0)
        assert (at.counts.unacknowledged, at.counts.unconfirmed, at.counts.ended_by_line) == (1, 0, 1)


async def test_a_call_that_nobody_ends_is_counted(transport: str, authority: trustme.CA) -> None:
    """The line hangs up after its longest time, and says whether the caller confirmed it."""
    async with bench(transport, authority, HASTY) as at:
        async with at.calling(LINE) as caller:
            await caller.answered()
            caller.confirm(await caller.request("BYE"))
            await until(lambda: at.counts.up == 0)
            assert (at.counts.never_hung_up, at.counts.unconfirmed) == (1, 0)
        async with at.calling(LINE) as caller:
            await caller.answered()
            await caller.request("BYE")
            await until(lambda: at.counts.up == 0)
            assert (at.counts.never_hung_up, at.counts.unconfirmed) == (2, 1)


async def test_a_ringing_call_that_nobody_cancels_is_counted(authority: trustme.CA) -> None:
    """The line refuses it after its longest time."""
    async with bench("UDP", authority, HASTY) as at, at.calling(number_of("no-answer")) as caller:
        caller.invite()
        final = await caller.final()
        caller.ack(final)
        assert final.status == 480
        assert (at.counts.never_hung_up, at.counts.ringing, at.counts.refused) == (1, 0, 1)


async def test_one_call_too_many_is_turned_away(transport: str, authority: trustme.CA) -> None:
    """503 and when to come again; with one call less there is room."""
    async with bench(transport, authority, most_calls=1) as at, at.calling(LINE) as first, at.calling(LINE) as second:
        answer = await first.answered()
        refusal = await second.refused()
        assert (refusal.status, refusal.get("Retry-After")) == (503, "5")
        await hang_up(first, answer)
        second.cseq += 1
        await hang_up(second, await second.answered())
        assert (at.counts.turned_away, at.counts.answered, at.counts.open) == (1, 2, 0)


@pytest.mark.parametrize(
    ("name", "algorithm", "status"),
    [("challenge", "MD5", 401), ("challenge-sha-256", "SHA-256", 401), ("challenge-proxy", "MD5", 407)],
)
async def test_a_challenge_is_met_with_the_password_only(
    name: str, algorithm: str, status: int, authority: trustme.CA
) -> None:
    """A wrong password is asked for again, the right one is let in."""
    asked, told = (
        ("Proxy-Authenticate", "Proxy-Authorization") if status == 407 else ("WWW-Authenticate", "Authorization")
    )
    login = Login()
    async with bench("UDP", authority) as at, at.calling(number_of(name)) as caller:
        refusal = await caller.refused()
        for password in ("wrong", ""):
            assert (refusal.status, algorithm in refusal.get(asked)) == (status, True)
            caller.cseq += 1
            caller.invite(f"{told}: {proof(refusal.get(asked), login.user, password, 'sip:x')}")
            refusal = await caller.final()
            caller.ack(refusal)
        caller.cseq += 1
        caller.invite(f"{told}: {proof(refusal.get(asked), login.user, login.password, 'sip:x')}")
        answer = await caller.final()
        assert answer.status == 200
        caller.ack(answer)
        await hang_up(caller, answer)
        assert (at.counts.challenged, at.counts.answered) == (3, 1)


async def test_a_nonce_can_be_stale_once(authority: trustme.CA) -> None:
    """The right password with the first nonce is told stale=true, with the second it is let in."""
    login = Login()
    async with bench("UDP", authority) as at, at.calling(number_of("challenge-stale")) as caller:
        refusal = await caller.refused()
        stale = []
        for _ in range(2):
            stale.append("stale=true" in refusal.get("WWW-Authenticate"))
            caller.cseq += 1
            header = proof(refusal.get("WWW-Authenticate"), login.user, login.password, "sip:x")
            caller.invite(f"Authorization: {header}")
            refusal = await caller.final()
            caller.ack(refusal)
        assert (stale, refusal.status) == ([False, True], 200)
        await hang_up(caller, refusal)


async def test_a_line_with_a_login_challenges_every_number(authority: trustme.CA) -> None:
    """Only who proves who it is learns that the number does not exist."""
    login = Login("agent", "secret", "SHA-256")
    async with bench("UDP", authority, login=login) as at, at.calling("+31201234567") as caller:
        refusal = await caller.refused()
        caller.cseq += 1
        caller.invite(f"Authorization: {proof(refusal.get('WWW-Authenticate'), 'agent', 'secret', 'sip:x')}")
        final = await caller.final()
        caller.ack(final)
        assert (refusal.status, final.status) == (401, 404)


async def test_a_forked_call_has_to_be_ended_twice(transport: str, authority: trustme.CA) -> None:
    """Two answers with tags of their own; each is up until its own BYE."""
    async with bench(transport, authority) as at, at.calling(number_of("forked")) as caller:
        caller.invite()
        answers = [await caller.final() for _ in range(2)]
        assert len({answer.tag for answer in answers}) == 2
        for left, answer in ((1, answers[0]), (0, answers[1])):
            caller.ack(answer)
            await hang_up(caller, answer)
            assert at.counts.up == left


async def test_an_answer_can_cross_the_cancel(transport: str, authority: trustme.CA) -> None:
    """The CANCEL is confirmed, and yet the call is up until its BYE."""
    async with bench(transport, authority) as at, at.calling(number_of("cancel-race")) as caller:
        caller.invite()
        while (await caller.next()).status != 180:
            pass
        caller.cancel()
        answers = {(answer := await caller.final(method)).method: answer for method in ("CANCEL", "INVITE")}
        assert [answer.status for answer in answers.values()] == [200, 200]
        caller.ack(answers["INVITE"])
        assert (at.counts.up, at.counts.cancelled) == (1, 0)
        await hang_up(caller, answers["INVITE"])
        assert at.counts.open == 0


async def test_the_deaf_confirm_nothing(authority: trustme.CA) -> None:
    """BYE and CANCEL are taken, and not answered."""
    async with bench("UDP", authority) as at:
        async with at.calling(number_of("deaf-to-bye")) as caller:
            caller.bye(await caller.answered())
            await until(lambda: at.counts.ended_by_caller == 1)
            assert caller.inbox.empty()
        async with at.calling(number_of("deaf-to-cancel")) as caller:
            caller.invite()
            assert [(await caller.next()).status for _ in range(2)] == [100, 180]
            caller.cancel()
            await until(lambda: at.counts.cancelled == 1)
            assert (caller.inbox.empty(), at.counts.open) == (True, 0)


async def test_the_line_offers_anew_and_asks(transport: str, authority: trustme.CA) -> None:
    """A re-INVITE with media and its ACK; OPTIONS, INFO, NOTIFY and UPDATE, each after the answer to the one before."""
    async with bench(transport, authority) as at:
        async with at.calling(number_of("re-invite")) as caller:
            answer = await caller.answered()
            offer = await caller.request("INVITE")
            assert "m=audio" in offer.body
            caller.confirm(offer)
            assert (await caller.request("ACK")).get("CSeq") == "1 ACK"
            await hang_up(caller, answer)
        async with at.calling(number_of("questions")) as caller:
            answer = await caller.answered()
            for method in ("OPTIONS", "INFO", "NOTIFY", "UPDATE"):
                caller.confirm(await caller.request(method))
            await hang_up(caller, answer)


async def test_what_the_caller_asks_within_the_call_is_answered(authority: trustme.CA) -> None:
    """A new offer gets media back; outside any call the line knows of no such call."""
    async with bench("UDP", authority) as at, at.calling(LINE) as caller:
        answer = await caller.answered()
        for method in ("INFO", "OPTIONS", "UPDATE"):
            caller.cseq += 1
            caller.say(method, to=answer.get("To"))
            assert (await caller.final(method)).status == 200
        await hang_up(caller, answer)
        caller.cseq += 1
        caller.say("BYE", to=f"{caller.to};tag=other")
        assert (await caller.final("BYE")).status == 481
        caller.say("REGISTER")
        assert (await caller.final("REGISTER")).status == 405


async def test_the_line_can_hang_up(transport: str, authority: trustme.CA) -> None:
    """Cut off, and closed for the day: a BYE with cause 16; by number: with any cause."""
    async with bench(transport, authority) as at:
        for number, cause in (("cut-off", 16), ("announcement", 16), ("3042", 42)):
            async with at.calling(number) as caller:
                await caller.answered()
                bye = await caller.request("BYE")
                caller.confirm(bye)
                assert bye.get("Reason") == f"Q.850;cause={cause}"
        await until(lambda: at.counts.ended_by_line == 3)
        assert (at.counts.up, at.counts.unconfirmed, at.counts.never_hung_up) == (0, 0, 0)


async def test_a_full_queue_ends_the_call_after_the_digit(authority: trustme.CA) -> None:
    """The call stays up until a digit is pressed."""
    async with bench("UDP", authority) as at, at.calling(number_of("queue-full")) as caller:
        answer = await caller.answered()
        await until(lambda: caller.heard() == ["prompt"])
        assert at.counts.up == 1
        caller.press(answer, 1)
        caller.confirm(await caller.request("BYE"))


async def test_the_border_answers(transport: str, authority: trustme.CA) -> None:
    """OPTIONS gets 200 even for a number that does not exist, and what the border is told to say."""
    said = [200, 503]
    async with bench(transport, authority, border=lambda: said[0]) as at, at.calling("nobody") as caller:
        for status in (200, 503):
            caller.say("OPTIONS")
            assert (await caller.final("OPTIONS")).status == status
            said.pop(0)


async def test_a_behaviour_can_be_chosen_for_a_number(authority: trustme.CA) -> None:
    """What is chosen goes before what the number says."""
    async with bench("UDP", authority, choose=lambda number: "silence" if number == LINE else None) as at:
        async with at.calling(LINE) as caller:
            answer = await caller.answered()
            await until(lambda: caller.heard() == ["silence"])
            await hang_up(caller, answer)
        async with at.calling("0486") as caller:
            assert (await caller.refused()).status == 486


async def test_the_line_answers_over_ipv6() -> None:
    """Its media has an IPv6 address, too."""
    async with DemoLine("::1", pace=QUICK) as line, calling(line, LINE) as caller:
        answer = await caller.answered()
        assert "c=IN IP6 ::1" in answer.body
        caller.bye(answer)
        assert (await caller.final("BYE")).status == 200


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\r\n\r\n",
        b"\xff" * 500,
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"SIP/2.0 abc\r\nCSeq: 1 INVITE\r\n\r\n",
        b"x: y\r\n\r\n",
    ],
)
async def test_junk_does_not_disturb_the_line(junk: bytes, authority: trustme.CA) -> None:
    """What is no SIP gets no answer, and the next call does."""
    for transport in ("UDP", "TCP"):
        async with bench(transport, authority) as at:
            async with at.calling(LINE) as caller:
                caller._send(junk)
            async with at.calling(LINE) as caller:
                await hang_up(caller, await caller.answered())
            assert at.counts.invited == 1


async def test_messages_on_a_stream_may_come_in_pieces(authority: trustme.CA) -> None:
    """A message in single bytes, with a sign of life before it, is one message."""
    async with bench("TCP", authority) as at, at.calling("nobody") as caller:
        whole: list[bytes] = []
        send, caller._send = caller._send, whole.append
        caller.say("OPTIONS")
        for byte in b"\r\n\r\n" + whole[0]:
            send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await caller.final("OPTIONS")).status == 200
