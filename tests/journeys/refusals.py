"""What a journey says when a step is refused: walked by hand, one step going wrong at a time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from journeys import JourneyFailed, Reason, Request, Response, definitions
from monitors.probes.reasons import PAGE
from tests.drivers import someone, walk_by_hand

Answers = Mapping[str, tuple[int, str]]

STATUSES = (400, 401, 403, 404, 409, 410, 422, 423, 500, 503)
"""Every status with a meaning of its own for some step, and two errors of servers."""

PAGES = ("", "{}", "Wegens onderhoud gesloten", "U staat in de wachtrij")
"""Answers with status 200 that are not what was asked for."""

MAINTENANCE = (200, "Wegens onderhoud gesloten")


def request_at(journey: str, step: str, answers: Answers) -> Request:
    """Walk a journey as far as a step; return the request that it would send there."""
    walking = definitions()[journey].start(someone())
    action = next(walking)
    while not (isinstance(action, Request) and action.step == step):
        answer = None
        if isinstance(action, Request):
            status, body = answers[action.step]
            answer = Response(status, (), body.encode())
        action = walking.send(answer)
    return action


def failure(journey: str, answers: Answers) -> tuple[Reason, str]:
    """Walk a journey that fails; return the reason and the step."""
    with pytest.raises(JourneyFailed) as caught:
        walk_by_hand(journey, someone(), answers)
    return caught.value.reason, caught.value.step


def undeclared(journey: str, good: Answers) -> set[tuple[str, str, Reason]]:
    """Let each step go wrong in every way; return what came of it that the journey does not declare.

    That is (step, answer, reason) of failures at another step, or for a reason that the journey does not name.
    """
    definition = definitions()[journey]
    found = set()
    for step in definition.steps:
        if step not in good:
            continue
        for answer in [(status, "") for status in STATUSES] + [(200, page) for page in PAGES]:
            try:
                walk_by_hand(journey, someone(), {**good, step: answer})
            except JourneyFailed as failed:
                if failed.step != step or failed.reason not in {*PAGE, *definition.reasons}:
                    found.add((step, str(answer), failed.reason))
    return found


def reachable(journey: str, good: Answers) -> set[Reason]:
    """Return every reason, besides those of any page, for which some status makes the journey fail."""
    found = set()
    for step in good:
        for status in STATUSES:
            try:
                walk_by_hand(journey, someone(), {**good, step: (status, "")})
            except JourneyFailed as failed:
                found.add(failed.reason)
    return found - set(PAGE)
