"""How one call is drawn: the verdict first, a ladder that tells the order, an axis that tells the time."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from journeys import Reason
from monitors.call_view import ASCII, COLOURS, NARROWEST, UNICODE, WIDEST, Signs, as_data, draw
from monitors.probes.phone.classes import Class, Passed, title
from monitors.probes.phone.evidence import CallEvidence, EndedBy, Exchanged, Heard, Received, Sound, Stage, Trouble
from monitors.verdict import Cause

PASSED = CallEvidence(
    reached={Stage.INVITE: 0.002, Stage.TRYING: 0.01, Stage.PROGRESS: 1.3, Stage.ANSWER: 4.2, Stage.TEARDOWN: 20.3},
    status=200,
    heard=(
        Heard(Sound.RINGBACK, 1.3, 4.2, early=True),
        Heard(Sound.ACTIVE, 4.5, 12.0),
        Heard(Sound.RINGBACK, 12.5, 16.0),
        Heard(Sound.MUSIC, 16.0, 20.0),
    ),
    received=Received(packets=950, lost=50, jitter=0.0013, sources=1),
    ended_by=EndedBy.US,
    ladder=(
        Exchanged(0.002, True, "INVITE"),
        Exchanged(0.01, False, "100 Trying"),
        Exchanged(4.2, False, "200 OK"),
        Exchanged(4.2, True, "ACK"),
    ),
)


def lines(evidence: CallEvidence, found: Class = Passed.ANSWERED, **options: object) -> list[str]:
    """Return the drawing as plain lines, without the space behind them."""
    width = int(str(options.get("width", 80)))
    console = Console(width=max(width, NARROWEST), color_system=None)
    with console.capture() as capture:
        console.print(draw(evidence, found, **({"explain": True} | options)))  # type: ignore[arg-type]
    return [line.rstrip() for line in capture.get().splitlines()]


def row(found: list[str], name: str) -> str:
    """Return the one row that begins with this name."""
    (one,) = [line for line in found if line.strip().startswith(name)]
    return one


@pytest.mark.parametrize(
    ("found", "first"),
    [
        (Passed.ANSWERED, "PASS  answered"),
        (Reason.NO_MEDIA, "FAIL  no_media at answer"),
        (Cause.TRUNK_DOWN, "UNKNOWN  trunk_down"),
    ],
)
def test_the_verdict_comes_first(found: Class, first: str) -> None:
    """Then its words in both languages, then the facts; the rest only where it is asked for."""
    shown = lines(PASSED, found, explain=False)
    assert shown[:3] == [first, f"en: {title(found, 'en')}", f"nl: {title(found, 'nl')}"]
    assert "last stage reached: answer" in shown[3]
    assert not any(line.startswith(("Stages", "Messages", "Audio")) for line in shown)


def test_every_stage_is_listed_with_the_time_that_it_took() -> None:
    """Those that were not reached say so; the time is that since the stage reached before."""
    found = lines(PASSED)
    assert re.search(r"trying +0\.010 s +\+0\.008 s", row(found, "trying"))
    assert re.search(r"menu +not reached", row(found, "menu"))
    assert sum("not reached" in line for line in found) == len(Stage) - 1 - len(PASSED.reached)


def test_the_ladder_shows_who_sent_what_and_the_waits() -> None:
    """An arrow for each message, in order; a wait of a second or more has a line of its own."""
    found = lines(PASSED)
    rungs = [line for line in found if re.match(r" +\d+\.\d{3} s  │", line)]
    assert [("▶" in rung, "◀" in rung) for rung in rungs] == [
        (True, False),
        (False, True),
        (False, True),
        (True, False),
    ]
    assert [re.search(r"─ (.+?) ─", rung)[1] for rung in rungs] == ["INVITE", "100 Trying", "200 OK", "ACK"]  # type: ignore[index]
    assert len({len(rung) for rung in rungs}) == 1, "both sides stand in one column"
    assert sum("⋮" in line for line in found) == 1
    assert "⋮ 4.2 s" in "".join(found)


def test_what_was_heard_stands_on_one_axis_of_time() -> None:
    """A row for each sound, early audio in another sign; bars are as long as the sound, one after the other."""
    found = lines(PASSED)
    ringback, active, music = (row(found, name) for name in ("ringback", "active", "music"))
    assert ringback.index("▒") < active.index("█") < ringback.index("█") < music.index("█")
    assert "▒" not in active + music
    assert ringback.endswith("6.4 s")
    assert music.endswith("4.0 s")
    assert active.count("█") == pytest.approx(music.count("█") * 7.5 / 4.0, abs=2)
    marks = [line for line in found if "▲" in line]
    assert [line.split()[0] for line in marks] == ["progress", "answer"]
    assert marks[1].index("▲") < active.index("█")
    assert "950 RTP packets, 50 lost (5.0%), jitter 1.3 ms, 1 source" in "".join(found)


def test_a_call_that_never_was_is_drawn_too() -> None:
    """Own trouble, no message, no audio."""
    found = lines(CallEvidence(trouble=Trouble.NAME_NOT_RESOLVED), Cause.TRUNK_ERROR)
    assert "own trouble: name not resolved" in "".join(found)
    assert "  no message was sent" in found
    assert "  no RTP came in" in found


def test_a_leak_cannot_be_overlooked() -> None:
    """A call that may still be up is said in capitals."""
    assert "NOT RELEASED" in " ".join(lines(replace(PASSED, released=False), explain=False))


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """The same drawing from other signs."""
    plain = "\n".join(lines(PASSED, signs=ASCII))
    assert plain.isascii()
    assert len(plain.splitlines()) == len(lines(PASSED))
    for sign in fields(Signs):
        assert len(getattr(ASCII, sign.name)) == len(getattr(UNICODE, sign.name)) == 1


def test_every_sound_has_a_colour() -> None:
    """A new sound cannot be forgotten."""
    assert set(COLOURS) == set(Sound)


TIMES = st.floats(0, 90)
EVIDENCE = st.builds(
    CallEvidence,
    reached=st.dictionaries(st.sampled_from(list(Stage)), TIMES),
    status=st.none() | st.integers(200, 699),
    heard=st.lists(
        st.builds(
            lambda sound, a, b, early: Heard(sound, min(a, b), max(a, b), early),
            st.sampled_from(Sound),
            TIMES,
            TIMES,
            st.booleans(),
        ),
        max_size=6,
    ).map(tuple),
    ladder=st.lists(st.builds(Exchanged, TIMES, st.booleans(), st.text("ab c", max_size=90)), max_size=6).map(tuple),
    ended_by=st.sampled_from(EndedBy),
    released=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(evidence=EVIDENCE, width=st.integers(20, 300))
def test_no_line_is_wider_than_the_terminal(evidence: CallEvidence, width: int) -> None:
    """Whatever a call was, whatever the terminal: nothing wraps, nothing fails."""
    limit = max(NARROWEST, min(width, WIDEST))
    rows = lines(evidence, width=width)[3:]
    assert max(len(line) for line in rows) <= limit
    text = "\n".join(rows)
    body = text.partition("\nAudio")[2].splitlines()[1:]
    assert len(body) <= 2 + len(Sound) + 4 + 2


def test_json_has_the_verdict_first_and_all_facts() -> None:
    """Plain data, times rounded to microseconds, words in both languages beside the codes."""
    data = json.loads(json.dumps(as_data(PASSED, Reason.CUT_OFF)))
    assert list(data)[:4] == ["verdict", "reason", "step", "detail"]
    assert (data["verdict"], data["class"], data["stage"]) == ("fail", "cut_off", "answer")
    assert set(data["words"]) == {"en", "nl"}
    assert data["post_dial_delay"] == pytest.approx(1.298)
    assert data["heard"][0] == {"sound": "ringback", "start": 1.3, "end": 4.2, "early": True}
    assert data["ladder"][1] == {"at": 0.01, "sent": False, "what": "100 Trying"}
    assert set(data) >= {field.name for field in fields(CallEvidence)}
