"""One class for whatever a call shows: the table row by row, the order of evidence, and every evidence there can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config.source import ConfigError, read, validate
from journeys import Reason
from monitors.probes.phone import classes
from monitors.probes.phone.classes import (
    SAYS_NOTHING,
    Circumstances,
    Class,
    Passed,
    Table,
    class_of,
    classify,
    facts,
    in_words,
    table,
)
from monitors.probes.phone.evidence import CallEvidence, EndedBy, Heard, Received, Sound, Stage, Trouble
from monitors.verdict import Cause, Fail, Pass, Unknown
from tests.conftest import ROOT

FILE = Path(classes.__file__).with_suffix(".yaml")
TRIED = {Stage.RESOLVE: 0.0, Stage.CONNECT: 0.01, Stage.INVITE: 0.02}
ACCEPTED = {**TRIED, Stage.TRYING: 0.1}
RUNG = {**ACCEPTED, Stage.PROGRESS: 0.5}
UP = {**RUNG, Stage.ANSWER: 1.0, Stage.FIRST_RTP: 1.1}
SPOKEN = (Heard(Sound.ACTIVE, 1.0, 6.0),)
RTP = Received(packets=250)


def tried(status: int | None = None, cause: int | None = None, *, rang: bool = False, **more: Any) -> CallEvidence:
    """Return a call that was not answered."""
    return CallEvidence(reached=RUNG if rang else ACCEPTED, status=status, cause=cause, **more)


def up(**more: Any) -> CallEvidence:
    """Return a call that was answered and went well, but for what is given."""
    usual: dict[str, Any] = {
        "reached": UP,
        "status": 200,
        "heard": SPOKEN,
        "received": RTP,
        "ended_by": EndedBy.US,
    }
    return CallEvidence(**(usual | more))


def heard(sound: Sound, *, early: bool = False) -> tuple[Heard, ...]:
    return (Heard(sound, 0.6, 3.6, early=early),)


def cut(missed: str, seconds: float) -> CallEvidence:
    """Return a call that the far end ended so long after the answer."""
    return up(ended_by=EndedBy.FAR_END, missed=missed, reached={**UP, Stage.TEARDOWN: 1.0 + seconds})


OWN = {
    Trouble.NAME_NOT_RESOLVED: Cause.TRUNK_ERROR,
    Trouble.TLS: Cause.TRUNK_ERROR,
    Trouble.REFUSED: Cause.TRUNK_DOWN,
    Trouble.SILENT: Cause.TRUNK_DOWN,
    Trouble.CREDENTIALS: Cause.TRUNK_ERROR,
    Trouble.FORBIDDEN: Cause.TRUNK_ERROR,
    Trouble.PAYMENT: Cause.TRUNK_ERROR,
    Trouble.BROKEN: Cause.TRUNK_ERROR,
    Trouble.NO_MEDIA_PORT: Cause.TRUNK_ERROR,
}
BY_CAUSE = {
    1: Reason.NUMBER_UNALLOCATED,
    2: Reason.NO_ROUTE,
    3: Reason.NO_ROUTE,
    17: Reason.LINE_BUSY,
    20: Reason.LINE_UNREACHABLE,
    21: Reason.CALL_REJECTED,
    22: Reason.NUMBER_CHANGED,
    25: Reason.NO_ROUTE,
    27: Reason.LINE_UNREACHABLE,
    28: Reason.NUMBER_INVALID,
    34: Reason.CONGESTION,
    38: Reason.PLATFORM_ERROR,
    41: Reason.PLATFORM_ERROR,
    42: Reason.CONGESTION,
    44: Reason.CONGESTION,
    47: Reason.CONGESTION,
    102: Reason.PLATFORM_ERROR,
}
BY_STATUS = {
    301: Reason.NUMBER_CHANGED,
    302: Reason.NUMBER_CHANGED,
    400: Reason.CALL_REJECTED,
    401: Cause.TRUNK_ERROR,
    402: Cause.TRUNK_ERROR,
    403: Cause.TRUNK_ERROR,
    404: Reason.NUMBER_UNALLOCATED,
    407: Cause.TRUNK_ERROR,
    410: Reason.NUMBER_CHANGED,
    415: Reason.MEDIA_REFUSED,
    416: Reason.NUMBER_INVALID,
    482: Reason.NO_ROUTE,
    483: Reason.NO_ROUTE,
    484: Reason.NUMBER_INVALID,
    485: Reason.NUMBER_INVALID,
    486: Reason.LINE_BUSY,
    488: Reason.MEDIA_REFUSED,
    500: Reason.PLATFORM_ERROR,
    502: Reason.LINE_UNREACHABLE,
    503: Reason.CONGESTION,
    504: Reason.PLATFORM_ERROR,
    600: Reason.LINE_BUSY,
    603: Reason.CALL_REJECTED,
    604: Reason.NUMBER_UNALLOCATED,
    606: Reason.MEDIA_REFUSED,
    607: Reason.CALL_REJECTED,
    608: Reason.CALL_REJECTED,
    699: Reason.CALL_REJECTED,
}


@pytest.mark.parametrize("trouble", Trouble)
def test_own_trouble_says_nothing_of_the_line(trouble: Trouble) -> None:
    """It goes before whatever else was seen, and is never 'down'."""
    evidence = tried(404, 1, trouble=trouble)
    assert class_of(evidence) is OWN[trouble]
    assert isinstance(classify(evidence), Unknown)


@pytest.mark.parametrize("trouble", [Trouble.NAME_NOT_RESOLVED, Trouble.TLS, Trouble.REFUSED, Trouble.SILENT])
def test_a_platform_that_is_not_there_is_the_lines_own_trouble(trouble: Trouble) -> None:
    """Straight to the border of a line, nobody else is in between."""
    evidence = CallEvidence(reached=TRIED, trouble=trouble)
    assert class_of(evidence, Circumstances(own=False)) is Reason.LINE_UNREACHABLE


def test_wrong_credentials_are_ours_wherever_we_call() -> None:
    """A border that turns the prober away says nothing about other callers."""
    assert class_of(tried(trouble=Trouble.CREDENTIALS), Circumstances(own=False)) is Cause.TRUNK_ERROR


@pytest.mark.parametrize("rang", [True, False])
@pytest.mark.parametrize("cause", BY_CAUSE)
def test_each_cause_goes_before_the_status(cause: int, rang: bool) -> None:
    """A gateway's status is its guess; the cause is what the network said."""
    assert class_of(tried(480, cause, rang=rang)) is BY_CAUSE[cause]


@pytest.mark.parametrize("cause", [18, 19])
def test_nobody_answers_or_nothing_rings(cause: int) -> None:
    """Without an 18x the forwarding is broken."""
    assert class_of(tried(500, cause, rang=True)) is Reason.NO_ANSWER
    assert class_of(tried(500, cause)) is Reason.NO_PROGRESS


@pytest.mark.parametrize("cause", sorted({*SAYS_NOTHING, 4, 63, 79, 127}))
def test_a_cause_that_says_nothing_leaves_it_to_the_status(cause: int) -> None:
    """Normal clearing, interworking, and what stands nowhere in the table."""
    assert class_of(tried(486, cause)) is Reason.LINE_BUSY


@pytest.mark.parametrize("rang", [True, False])
@pytest.mark.parametrize("status", BY_STATUS)
def test_each_status(status: int, rang: bool) -> None:
    """The last digit counts where it stands in the table, else the first."""
    assert class_of(tried(status, rang=rang)) is BY_STATUS[status]


@pytest.mark.parametrize("status", [408, 480, 487])
def test_a_status_that_depends_on_the_ringing(status: int) -> None:
    """The same three digits of a line that rang and of one that did not."""
    assert class_of(tried(status, rang=True)) is Reason.NO_ANSWER
    assert class_of(tried(status)) is Reason.NO_PROGRESS


def test_patience_ends() -> None:
    """After ringing, after a mere 100, and where not even that came."""
    assert class_of(tried(ring_limit=True, rang=True)) is Reason.NO_ANSWER
    assert class_of(tried(ring_limit=True)) is Reason.NO_PROGRESS
    silent = CallEvidence(reached=TRIED, ring_limit=True)
    assert class_of(silent) is Cause.TRUNK_DOWN
    assert class_of(silent, Circumstances(own=False)) is Reason.LINE_UNREACHABLE


def test_an_answer_after_patience_ended_is_none() -> None:
    """It crossed our CANCEL: a citizen had hung up."""
    assert class_of(up(ring_limit=True)) is Reason.NO_ANSWER
    assert class_of(up(missed="answer")) is Reason.NO_ANSWER


@pytest.mark.parametrize(
    ("sound", "early", "late"),
    [
        (Sound.BUSY, Reason.LINE_BUSY, Reason.LINE_BUSY),
        (Sound.CONGESTION, Reason.CONGESTION, Reason.CONGESTION),
        (Sound.SPECIAL_INFORMATION, Reason.NUMBER_UNALLOCATED, Reason.ERROR_TONE),
    ],
)
def test_a_tone_goes_before_the_status(sound: Sound, early: Class, late: Class) -> None:
    """Heard before the answer or after it."""
    assert class_of(tried(503, rang=True, heard=heard(sound, early=True))) is early
    assert class_of(up(heard=(*SPOKEN, *heard(sound)))) is late


def test_a_cause_goes_before_a_tone() -> None:
    """Both at once, and the first of two tones."""
    assert class_of(tried(480, 1, heard=heard(Sound.BUSY, early=True))) is Reason.NUMBER_UNALLOCATED
    both = (*heard(Sound.SPECIAL_INFORMATION, early=True), *heard(Sound.BUSY, early=True))
    assert class_of(tried(480, heard=both)) is Reason.NUMBER_UNALLOCATED


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        pytest.param(up(), Passed.ANSWERED, id="all is well"),
        pytest.param(up(received=Received(), heard=()), Reason.NO_MEDIA, id="no RTP"),
        pytest.param(up(heard=(Heard(Sound.SILENCE, 1, 9),)), Reason.SILENT_LINE, id="silence"),
        pytest.param(
            up(heard=(Heard(Sound.SILENCE, 0, 99), Heard(Sound.ACTIVE, 99, 100))), Reason.SILENT_LINE, id="1 % active"
        ),
        pytest.param(
            up(heard=(Heard(Sound.SILENCE, 0, 97), Heard(Sound.ACTIVE, 97, 100))), Passed.ANSWERED, id="3 % active"
        ),
        pytest.param(up(heard=heard(Sound.ACTIVE, early=True), missed="audio"), Reason.SILENT_LINE, id="early only"),
        pytest.param(up(missed="prompt", heard=heard(Sound.MUSIC)), Reason.WRONG_PROMPT, id="music for a prompt"),
        pytest.param(up(missed="menu"), Reason.MENU_DEAD, id="the digit changes nothing"),
        pytest.param(up(missed="queue"), Reason.QUEUE_MISSED, id="no queue"),
        pytest.param(cut("queue", 3.0), Reason.CUT_OFF, id="cut off after the prompt"),
        pytest.param(cut("audio", 0.2), Reason.CUT_OFF, id="cut off before anything could be heard"),
        pytest.param(
            replace(cut("audio", 0.2), received=Received(), heard=()), Reason.CUT_OFF, id="cut off without RTP"
        ),
        pytest.param(
            replace(cut("audio", 8.0), received=Received(), heard=()), Reason.NO_MEDIA, id="hung up on long silence"
        ),
        pytest.param(up(ended_by=EndedBy.FAR_END), Passed.ANSWERED, id="hung up after the script"),
        pytest.param(up(released=False), Reason.NOT_RELEASED, id="never confirmed"),
        pytest.param(up(released=False, missed="menu"), Reason.MENU_DEAD, id="the first fault is the one told"),
    ],
)
def test_an_answered_call_is_judged_by_what_was_heard(evidence: CallEvidence, expected: Class) -> None:
    """Media last: everything that the network says of itself goes before it."""
    assert class_of(evidence) is expected


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        pytest.param(up(), Passed.CLOSED, id="answered and spoken"),
        pytest.param(cut("queue", 6.0), Passed.CLOSED, id="it hangs up afterwards"),
        pytest.param(
            tried(480, rang=True, heard=heard(Sound.ACTIVE, early=True)), Passed.CLOSED, id="before the answer"
        ),
        pytest.param(tried(480, rang=True), Reason.NO_ANSWER, id="nothing to hear"),
        pytest.param(tried(404, heard=heard(Sound.ACTIVE, early=True)), Reason.NUMBER_UNALLOCATED, id="no such number"),
        pytest.param(up(heard=heard(Sound.BUSY)), Reason.LINE_BUSY, id="busy tone"),
        pytest.param(up(heard=(Heard(Sound.SILENCE, 1, 9),)), Reason.SILENT_LINE, id="silence"),
        pytest.param(up(released=False), Reason.NOT_RELEASED, id="never confirmed"),
        pytest.param(tried(trouble=Trouble.REFUSED), Cause.TRUNK_DOWN, id="our own trouble"),
    ],
)
def test_outside_service_hours_the_announcement_is_the_answer(evidence: CallEvidence, expected: Class) -> None:
    """A pass of its own; whatever else goes wrong is still told."""
    assert class_of(evidence, Circumstances(closed=True)) is expected


def test_a_call_that_nobody_listened_to_is_judged_without_its_audio() -> None:
    """As Asterisk makes it: no RTP here says nothing."""
    deaf = Circumstances(listening=False)
    assert class_of(up(received=Received(), heard=()), deaf) is Passed.ANSWERED
    assert class_of(replace(cut("answer_held", 1.0), received=Received(), heard=()), deaf) is Reason.CUT_OFF


codes = st.none() | st.integers(-1, 720)
stretches = st.builds(
    lambda sound, start, length, early: Heard(sound, start, start + length, early=early),
    st.sampled_from(Sound),
    st.floats(0, 50),
    st.floats(0, 50),
    st.booleans(),
)
evidences = st.builds(
    CallEvidence,
    reached=st.dictionaries(st.sampled_from(Stage), st.floats(0, 60)),
    trouble=st.none() | st.sampled_from(Trouble),
    status=codes,
    cause=codes,
    ring_limit=st.booleans(),
    heard=st.lists(stretches, max_size=4).map(tuple),
    received=st.builds(Received, packets=st.integers(0, 3000), lost=st.integers(-5, 3000)),
    ended_by=st.sampled_from(EndedBy),
    missed=st.sampled_from([None, "answer", "audio", "prompt", "menu", "queue", "something else"]),
    released=st.booleans(),
)
circumstances = st.builds(Circumstances, closed=st.booleans(), own=st.booleans(), listening=st.booleans())


@settings(max_examples=1500, deadline=None)
@given(evidences, circumstances)
def test_every_evidence_has_one_class_and_its_verdict(evidence: CallEvidence, around: Circumstances) -> None:
    """No combination is left over; the verdict is of the class, names the last stage, and repeats nothing secret."""
    found = class_of(evidence, around)
    assert found in table().classes
    match classify(evidence, around):
        case Pass():
            assert isinstance(found, Passed)
            assert evidence.trouble is None
            assert evidence.released
        case Unknown(cause, _):
            assert cause is found
        case Fail(reason, step, _):
            assert reason is found
            assert step == (Stage.TEARDOWN if found is Reason.NOT_RELEASED else evidence.stage)
    if evidence.trouble is not None and around.own:
        assert isinstance(found, Cause)
    assert in_words(found, evidence, "nl")


@settings(max_examples=300, deadline=None)
@given(evidences.filter(lambda each: each.trouble is None), st.sampled_from(sorted(BY_CAUSE)))
def test_a_telling_cause_decides_whatever_else_there_is(evidence: CallEvidence, cause: int) -> None:
    """Only our own fault goes before it."""
    assert class_of(replace(evidence, cause=cause)) is BY_CAUSE[cause]


def test_no_name_stands_for_two_things() -> None:
    """A class is stored and labelled by its name alone: ways to pass, reasons and causes have none in common."""
    names = [str(each) for vocabulary in (Passed, Cause, Reason) for each in vocabulary]
    assert len(set(names)) == len(names)
    assert set(Passed) <= table().classes.keys()


def test_words_differ_from_class_to_class_in_both_languages() -> None:
    """What is treated differently reads differently."""
    for language in ("en", "nl"):
        for part in ("title", "evidence"):
            said = [getattr(row, part).of(language) for row in table().classes.values()]
            assert len(set(said)) == len(said) == len(table().classes)


def test_the_docs_have_every_class() -> None:
    """Whoever is called at night finds what the probe says, in the words of the table."""
    text = (ROOT / "docs" / "phone-lines.md").read_text(encoding="utf-8")
    for each, row in table().classes.items():
        verdict = {Passed: "pass", Cause: "unknown", Reason: "fail"}[type(each)]
        assert f"| `{each}` | {verdict} | {row.title.en}: {row.evidence.en} |" in text


def test_what_a_call_showed_in_two_languages() -> None:
    """Class, stage, status, cause, audio, leak: in one line."""
    evidence = tried(480, 1, rang=True, heard=heard(Sound.SPECIAL_INFORMATION, early=True), released=False)
    found = class_of(evidence)
    said = "it rings; SIP 480; Q.850 1; special information tone; not released"
    assert facts(evidence) == said
    assert in_words(found, evidence) == f"the number is not in use ({said})"
    assert in_words(found, evidence, "nl") == (
        "het nummer is niet in gebruik (hij gaat over; SIP 480; Q.850 1; informatietoon; niet vrijgegeven)"
    )


def changed(path: Path, change: Any) -> list[str]:
    """Return what is said about the table after a change to its data."""
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    change(data)
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        validate(read(path), Table)
    return [f"{problem.path}: {problem.expected}" for problem in caught.value.problems]


def test_a_table_with_a_hole_or_a_contradiction_is_refused(tmp_path: Path) -> None:
    """A class, a trouble, a hundred of statuses, a stage that is missing, and evidence that leads to two classes."""
    path = tmp_path / "classes.yaml"
    assert changed(path, lambda data: data["classes"].pop("cut_off")) == ["classes: cut_off too"]
    assert changed(path, lambda data: data["classes"]["menu_dead"].pop("missed")) == [
        "classes.menu_dead: evidence that leads to it"
    ]
    assert changed(path, lambda data: data["stages"].pop("menu")) == ["stages: menu too"]
    assert changed(path, lambda data: data["classes"]["trunk_down"]["troubles"].remove("silent")) == [
        "classes: own trouble silent somewhere"
    ]
    assert changed(path, lambda data: data["classes"]["platform_error"]["statuses"].remove("5xx")) == [
        "classes: status 5xx with an 18x, status 5xx without an 18x somewhere"
    ]
    assert changed(path, lambda data: data["classes"]["no_route"]["causes"].append(17)) == [
        "classes.line_busy: no evidence of no_route: cause 17 with an 18x",
        "classes.line_busy: no evidence of no_route: cause 17 without an 18x",
    ]
    assert "classes.no_route.causes[0]: a whole number" in changed(
        path, lambda data: data["classes"]["no_route"].update(causes=["two"])
    )
