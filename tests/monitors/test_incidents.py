"""Incidents: which failed runs are one, who must see it, where it came from; and the same from any retelling."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import HttpProbe, Objective, System
from journeys import Reason
from monitors.incidents import Incident, classified, incidents
from monitors.record.totals import State
from monitors.sightings import Rule, Seen, Sighting, Watch, faded
from monitors.verdict import Cause, Fail, Pass, Run, Unknown, Verdict, Window

STEP = 15.0
NOON = 1_772_362_800.0
"""1 March 2026, 12:00 in Amsterdam."""
VERDICTS: dict[str, Verdict] = {
    "P": Pass(),
    "F": Fail(Reason.TIMEOUT, "log-in"),
    "G": Fail(Reason.MAINTENANCE_PAGE, "home"),
    "?": Unknown(Cause.OWN_NETWORK),
}


def system(*, quorum: int = 1, depends_on: Sequence[str] = (), probes: Sequence[str] = ()) -> System:
    """Return a system whose objective is measured by `probes`; it has one more, which measures nothing."""
    return System(
        name="A",
        name_nl="A",
        purpose="A test.",
        quorum=quorum,
        depends_on=list(depends_on),
        objective=Objective(measured_by=list(probes)),
        probes={name: HttpProbe(kind="http") for name in (*probes, "extra")},
    )


def one(quorum: int = 1) -> dict[str, System]:
    """Return an estate of one system, 'portal', measured by the probe 'front'."""
    return {"portal": system(quorum=quorum, probes=["front"])}


def runs(story: str, name: str = "portal", probe: str = "front", start: float = NOON) -> list[Run]:
    """Return a run every 15 s: P passes, F and G fail, ? cannot tell, a blank is no run at all."""
    return [
        Run(name, probe, start + index * STEP, 0.1, VERDICTS[letter])
        for index, letter in enumerate(story)
        if letter != " "
    ]


def watched(found: Iterable[Run], vantage: str = "here") -> list[Sighting]:
    """Return what one vantage point says of these runs."""
    watch = Watch(vantage)
    return [sighting for run in found for sighting in watch.see(run)]


def told(story: str) -> list[tuple[float, float | None]]:
    """Return begin and end of each incident of one probe, in runs."""
    return [
        ((each.began - NOON) / STEP, None if each.ended is None else (each.ended - NOON) / STEP)
        for each in incidents(watched(runs(story)), one())
    ]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("PPPP", []),
        ("PPFPPFP", []),  # single failed runs
        ("PPFFFP", [(2, 5)]),  # from the first failed run to the first that passes
        ("FF", [(0, None)]),
        ("PF?FP", [(1, 4)]),  # unknown runs do not break a row
        ("PFF??????F?P", [(1, 11)]),  # nor end an incident
        ("P???????", []),  # nor begin one
        ("PFFPFFP", [(1, 6)]),  # a flap
        ("PFF" + "P" * 19 + "FFP", [(1, 24)]),  # 19 runs, 285 s, below the 300 s of a flap
        ("PFF" + "P" * 20 + "FFP", [(1, 3), (23, 25)]),
        ("PFF" + " " * 40 + "P", [(1, 43)]),  # blind: it goes on until somebody sees that it is over
        ("PF" + " " * 40 + "FP", []),  # a failed run of ten minutes ago confirms nothing
    ],
)
def test_what_is_an_incident(story: str, expected: list[tuple[float, float | None]]) -> None:
    """Two failed runs in a row open one, the first pass closes it, and what could not tell does neither."""
    assert told(story) == expected


def test_an_incident_keeps_how_it_began() -> None:
    """Reason and step are those of the first failed run; the sightings tell that the reason has changed since."""
    sightings = watched(runs("PFFGGFGFP"))
    (found,) = incidents(sightings, one())
    assert (found.reason, found.step, found.seen_by, found.reopened) == (Reason.TIMEOUT, "log-in", ("here",), 0)
    assert [(each.seen, each.reason) for each in sightings] == [
        (Seen.PASSING, None),
        (Seen.FAILING, Reason.TIMEOUT),
        (Seen.FAILING, Reason.MAINTENANCE_PAGE),
        (Seen.PASSING, None),
    ]


def test_a_flap_is_counted() -> None:
    """One incident, its spells apart, and the system worked between them."""
    (found,) = incidents(watched(runs("PFFPPFFP")), one())
    assert found.reopened == 1
    assert [found.at(NOON + index * STEP) for index in range(8)] == [False, True, True, False, False, True, True, False]


def test_only_probes_that_measure_the_system_count() -> None:
    """The failure of another probe is no incident; any one of the measuring ones suffices."""
    estate = {"portal": system(probes=["front", "back"])}
    assert incidents(watched(runs("FFFF", probe="extra")), estate) == []
    assert len(incidents(watched([*runs("PPPP"), *runs("FFFF", probe="back")]), estate)) == 1


@pytest.mark.parametrize(
    ("quorum", "stories", "expected"),
    [
        (2, ["PFFFFFFFFF", "PPPPPPPPPP", "PPPPPPPPPP"], []),
        (2, ["PFFFFFFFPP", "PPPFFFFPPP", "PPPPPPPPPP"], [(3, 7)]),  # while two of three see it
        (2, ["PFFFFFFFPP"], [(1, 8)]),  # there is one: it decides alone
        (2, ["PPPFFFFFFFFFFFFFFFP", "P" + " " * 18], [(8, 18)]),  # the other falls silent after 120 s
        (1, ["PFFFFP", "PPPPPP"], [(1, 5)]),
        (3, ["PFFFFFF", "PFFFFFF", "P??????"], []),  # 90 s of unknown: the last verdict still speaks
    ],
)
def test_a_quorum_of_those_who_can_see(
    quorum: int, stories: list[str], expected: list[tuple[float, float | None]]
) -> None:
    """As many vantage points as the quorum must see it, or all that have a fresh verdict if they are fewer."""
    sightings = [each for number, story in enumerate(stories) for each in watched(runs(story), f"v{number}")]
    end = NOON + max(map(len, stories)) * STEP
    heard = {(f"v{n}", "portal", "front"): runs(story)[-1].started for n, story in enumerate(stories)}
    found = incidents([*sightings, *faded(sightings, heard, {}, end)], one(quorum))
    ends = [(each.began - NOON, None if each.ended is None else each.ended - NOON) for each in found]
    assert ends == [(began * STEP, None if ended is None else ended * STEP) for began, ended in expected]


def test_a_rare_probe_is_fresh_for_longer() -> None:
    """A verdict holds for three intervals if that is longer than the two minutes of the rule."""
    watch = Watch("here")
    (first,), (second,), (third,) = (runs("P", start=NOON + start) for start in (0, 7200, 7200 + 10_801))
    assert [each.seen for run in (first, second) for each in watch.see(run, 3600.0)] == [Seen.PASSING]
    assert [each.seen for each in watch.see(third, 3600.0)] == [Seen.SILENT, Seen.PASSING]


def test_a_restart_changes_nothing() -> None:
    """A watch made from the last sightings and the states of the ledger goes on where the one before was."""
    story = "PFFFPPFF?GGP"
    whole = watched(runs(story))
    for cut in range(1, len(story)):
        before = watched(runs(story)[:cut])
        verdicts = [run.verdict for run in runs(story)[:cut] if not isinstance(run.verdict, Unknown)]
        state = State(runs(story)[cut - 1].started, None, isinstance(verdicts[-1], Pass))
        watch = Watch.resume("here", before, {("portal", "front"): state})
        after = [sighting for run in runs(story)[cut:] for sighting in watch.see(run)]
        told_twice = [(each.at, each.seen) for each in [*before, *after] if each.reason is not Reason.MAINTENANCE_PAGE]
        assert told_twice == [(each.at, each.seen) for each in whole if each.reason is not Reason.MAINTENANCE_PAGE]


def test_a_clock_set_back_does_not_turn_the_order_around() -> None:
    """An hour back in the middle of an incident: it still ends after it began."""
    sightings = watched([*runs("PFF"), *runs("FPP", start=NOON - 3600)])
    assert [each.seen for each in sightings] == [Seen.PASSING, Seen.FAILING, Seen.PASSING]
    assert [each.at for each in sightings] == sorted(each.at for each in sightings)
    assert all(each.ended is not None for each in incidents(sightings, one()))


def test_the_cause_stands_at_the_end_of_the_chain() -> None:
    """Followed through systems that are down themselves; a system that works passes no blame on."""
    estate = {
        "portal": system(depends_on=["access", "digid"], probes=["front"]),
        "digid": system(depends_on=["access"], probes=["login"]),
        "access": system(probes=["health"]),
        "aside": system(depends_on=["quiet"], probes=["look"]),
        "quiet": system(depends_on=["access"], probes=["hush"]),
    }
    stories = {("access", "health"): "PFFFP", ("digid", "login"): "PPFFP", ("portal", "front"): "PPFFP"}
    stories |= {("aside", "look"): "PPFFP", ("quiet", "hush"): "PPPPP"}
    sightings = [each for where, story in stories.items() for each in watched(runs(story, *where))]
    assert {each.system: each.causes for each in incidents(sightings, estate)} == {
        "access": (),
        "digid": ("access",),
        "portal": ("access",),
        "aside": (),
    }


def test_what_failed_much_later_is_no_cause() -> None:
    """Probes do not run together, so a cause may be seen a little later, not ten minutes."""
    estate = {"portal": system(depends_on=["access"], probes=["front"]), "access": system(probes=["health"])}
    portal = watched(runs("P" + "F" * 60 + "P"))
    for offset, causes in ((60.0, ("access",)), (600.0, ())):
        access = watched(runs("FFFP", "access", "health", NOON + STEP + offset))
        found = incidents([*portal, *access], estate)
        assert [each.causes for each in found if each.system == "portal"] == [causes]


def test_systems_that_depend_on_each_other() -> None:
    """A circle in the estate has no end; each names the other."""
    estate = {"a": system(depends_on=["b"], probes=["x"]), "b": system(depends_on=["a"], probes=["y"])}
    sightings = [*watched(runs("FFP", "a", "x")), *watched(runs("FFP", "b", "y"))]
    assert {each.system: each.causes for each in incidents(sightings, estate)} == {"a": ("b",), "b": ("a",)}


def test_the_kind_of_time() -> None:
    """Failing within announced maintenance is observed and marked planned; past its end it is overrun, and counts.

    The overrun is over from the minute on in which the system passes: its first seconds are no disruption of their own.
    """
    minute = int(NOON // 60)
    timeline = [
        (minute - 60, minute + 10, Window.PLANNED),
        (minute + 10, minute + 20, Window.OVERRUN),
        (minute + 20, minute + 99, Window.NONE),
    ]

    def incident(start: float, end: float | None) -> Incident:
        ended = None if end is None else NOON + end * 60
        whole = Incident(
            "portal", NOON + start * 60, ended, Reason.TIMEOUT, "log-in", ((NOON + start * 60, ended),), ("here",)
        )
        return classified(whole, timeline, NOON + 900)

    assert (incident(2, 8).kinds, incident(2, 8).planned, incident(2, 8).counts) == ((Window.PLANNED,), True, False)
    assert (incident(2, 15).kinds, incident(2, 15).counts) == ((Window.PLANNED, Window.OVERRUN), True)
    assert (incident(2, None).kinds, incident(2, None).planned) == ((Window.PLANNED, Window.OVERRUN), False)
    assert incident(2, 20.3).kinds == (Window.PLANNED, Window.OVERRUN)
    assert incident(20.1, 20.3).kinds == incident(15, 21.3).kinds[1:] == (Window.NONE,)
    assert (incident(30, 40).kinds, incident(30, 40).counts) == ((Window.NONE,), True)


stories = st.dictionaries(
    st.sampled_from(["v1", "v2", "v3"]), st.text("PPPFFG? ", min_size=1, max_size=60), min_size=1, max_size=3
)
quorums = st.integers(1, 3)


def seen(stories: dict[str, str]) -> list[Sighting]:
    return [each for vantage, story in stories.items() for each in watched(runs(story), vantage)]


@given(stories, quorums)
def test_incidents_are_in_order(stories: dict[str, str], quorum: int) -> None:
    """One at a time for a system, each over after it began, the last one alone may be open, and flaps are joined."""
    found = incidents(seen(stories), one(quorum))
    for each in found:
        assert each.ended is None or each.ended > each.began
        assert each.spells[0][0] == each.began
        assert each.spells[-1][1] == each.ended
        assert each.seen_by
    for earlier, later in pairwise(found):
        assert earlier.ended is not None
        assert later.began - earlier.ended >= Rule().flap


@given(stories, quorums, st.integers())
def test_any_order_of_telling_gives_the_same(stories: dict[str, str], quorum: int, seed: int) -> None:
    """Told again, or with the vantage points mixed in another way: the same incidents."""
    parts = [watched(runs(story), vantage) for vantage, story in stories.items()]
    expected = incidents([each for part in parts for each in part], one(quorum))
    chance = random.Random(seed)
    mixed: list[Sighting] = []
    while parts := [part for part in parts if part]:
        mixed.append(chance.choice(parts).pop(0))
    assert incidents(mixed, one(quorum)) == expected


@given(st.text("PPPFFG?", min_size=1, max_size=80))
def test_every_pair_of_failed_runs_lies_in_an_incident(story: str) -> None:
    """Two failed runs with nothing but unknown between them are never overlooked, and no pass lies in a spell."""
    found = incidents(watched(runs(story)), one())
    verdicts = [run for run in runs(story) if not isinstance(run.verdict, Unknown)]
    for run in verdicts:
        if isinstance(run.verdict, Pass):
            assert not any(each.at(run.started) for each in found)
    for one_run, other in pairwise(verdicts):
        both = isinstance(one_run.verdict, Fail) and isinstance(other.verdict, Fail)
        if both and other.started - one_run.started <= Rule().fresh:
            assert any(each.at(one_run.started) and each.at(other.started) for each in found)
