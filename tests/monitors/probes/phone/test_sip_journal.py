"""What another process knows of a call, and how it ends it."""

from __future__ import annotations

import json
from random import Random

import pytest

from monitors.probes.phone.sip.call import Call
from monitors.probes.phone.sip.digest import Credentials
from monitors.probes.phone.sip.events import (
    Released,
)
from monitors.probes.phone.sip.message import Headers, Request, Response, parse, serialise
from tests.monitors.probes.phone.sip_far_end import ANSWER, answered, response
from tests.monitors.probes.phone.sip_line import CHALLENGE, Line, shown


class TestTheJournal:
    """What another process knows."""

    def resumed(self, line: Line) -> Line:
        """Forget the call but for its entry, as written to a file and read again."""
        entry = json.loads(json.dumps(line.call.entry()))
        line.call = Call.resume(entry, None, Random(99))
        return line

    def test_a_call_that_is_up(self) -> None:
        """Its BYE is the one that the first process would have sent, but for the branch."""
        line, same = Line(), Line()
        for each in (line, same):
            final = answered(each.invite, "t")
            fields = [("Record-Route", "<sip:p;lr>"), *final.headers]
            each.gets(Response(200, "OK", Headers(fields), ANSWER))
        expected = next(each for each in same.hang_up() if isinstance(each, Request))
        [bye] = self.resumed(line).hang_up()
        kept = [[pair for pair in each.headers if pair[0] != "Via"] for each in (bye, expected)]
        assert kept[0] == kept[1]
        assert bye.uri == expected.uri
        assert shown(line.gets(answered(line.invite, "t"))) == ["ACK"]
        assert line.gets(response(bye, 200)) == [Released()]

    def test_a_call_that_rings(self) -> None:
        """It is cancelled; when nothing more comes, a BYE to whoever rang ends what may have been answered."""
        line = Line()
        line.gets(response(line.invite, 180, "t"))
        [cancel] = self.resumed(line).hang_up()
        assert (cancel.method, cancel.branch, cancel.cseq[0]) == ("CANCEL", line.invite.branch, 1)
        line.gets(response(cancel, 200))
        [bye] = [each for each in line.waits(4.1) if isinstance(each, Request)]
        assert (bye.method, bye.to_tag) == ("BYE", "t")
        assert line.gets(response(bye, 481)) == [Released()]

    def test_a_call_of_which_nothing_was_heard(self) -> None:
        """The INVITE may be on its way for T4; then the CANCEL is sent, provisional answer or not."""
        line = self.resumed(Line())
        assert line.hang_up() == []
        assert shown(line.waits(5.1)) == ["CANCEL"]
        line = self.resumed(Line())
        line.hang_up()
        assert shown(line.gets(response(line.invite, 180, "t"))) == ["CANCEL"]
        assert shown(line.gets(response(line.invite, 487, "t"))) == ["ACK", Released()]

    def test_a_call_that_was_answered_meanwhile(self) -> None:
        """A 2xx that comes to the new process is acknowledged and ended."""
        line = self.resumed(Line())
        line.hang_up()
        out = line.gets(answered(line.invite, "t"))
        assert [each for each in shown(out) if isinstance(each, str)] == ["ACK", "BYE"]

    def test_a_challenged_call(self) -> None:
        """The entry follows the INVITE that counts."""
        line = Line(credentials=Credentials("u", "p"))
        again = line.gets(response(line.invite, 401, "c", (CHALLENGE,)))[-1]
        line.gets(response(again, 180, "t"))
        [cancel] = self.resumed(line).hang_up()
        assert (cancel.branch, cancel.cseq[0]) == (again.branch, 2)

    def test_a_call_that_is_over(self) -> None:
        """There is nothing to end."""
        line = Line()
        line.gets(response(line.invite, 486, "t"))
        assert self.resumed(line).hang_up() == [Released()]

    def test_bytes_of_no_encoding(self) -> None:
        """What a far end wrote is sent back byte by byte, also by another process."""
        line = Line()
        data = serialise(answered(line.invite, "t", "sip:caf\u00e9@127.0.0.1")).replace("\u00e9".encode(), b"\xff")
        line.call.receive(parse(data), line.now)
        line.call.take()
        [bye] = self.resumed(line).hang_up()
        assert serialise(bye).startswith(b"BYE sip:caf\xff@127.0.0.1 SIP/2.0")

    @pytest.mark.parametrize(
        "change", [{"transport": "SCTP"}, {"legs": [{}]}, {"legs": [{"state": "x"}]}, {"cseq": "1"}, {"tag": None}]
    )
    def test_what_is_no_entry(self, change: dict[str, object]) -> None:
        """One error, whatever is wrong with it."""
        with pytest.raises(ValueError, match=r"has|lacks"):
            Call.resume(Line().call.entry() | change, None, Random(1))
