"""How citizens behave when it fails: they lose patience, try again, come back later, open a second tab.

None of this is published, so each value is an assumption of the campaign that names it. What the letter on the DigiD
disruption does say (2023-03-digid-outage-letter): an app made several connections where one is enough, and people tried
again and again.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.fields import Duration, Number
from config.source import Strict

Share = Annotated[Number, Field(ge=0, le=1)]

QUEUE_PATIENCE = 900.0
"""Seconds that someone stands in a waiting room, where a campaign does not say; an assumption."""


class Retry(Strict):
    """Trying again at once, as someone who reloads the page or an app that repeats itself.

    After each failure a `share` of the citizens tries again, at most `times` times. The n-th pause lasts

        pause x growth^(n - 1) x U(1 - jitter, 1 + jitter)    seconds; never scaled, as a program's interval
    """

    share: Share = 1.0
    times: int = Field(default=3, ge=1, le=1000)
    pause: Duration = 5.0
    growth: Number = Field(default=1.0, ge=1, le=10)
    jitter: Share = 0.5


class ComeBack(Strict):
    """Coming back later, after having given up: `share` of the citizens, at most `times` times, after about `after`.

    The time is drawn like a retry's pause, with a jitter of 0.5, and shrinks with the day when that is compressed.
    """

    share: Share
    after: Duration
    times: int = Field(default=1, ge=1, le=100)


class SpareConnections(Strict):
    """The bug of 2023: where one connection is enough, `number` more are opened, and the request is sent on each.

    `share` of the citizens have the version of the app with the bug.
    """

    number: int = Field(ge=1, le=20)
    share: Share = 1.0


class Behaviour(Strict):
    """The citizens of one channel.

    `patience` is the time someone waits for one answer before giving it up (None: as long as the run allows),
    `queue_patience` the time in a waiting room; each citizen has one of a half to one and a half times as much.
    `two_tabs` is the share of citizens who open the same journey in a second tab, with the same cookies.
    """

    patience: Duration | None = None
    queue_patience: Duration = QUEUE_PATIENCE
    retry: Retry | None = None
    come_back: ComeBack | None = None
    two_tabs: Share = 0.0
    spare_connections: SpareConnections | None = None
