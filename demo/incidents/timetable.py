"""When each moment of an incident comes in its replay. Pure.

The replay takes `length` seconds and a little more: between two neighbouring events

    seconds = max(floor, length (later - earlier) / (end - start))

where the floor is the time that the probes need to notice a fault that begins then, and 0 where none does. So an
interruption of three hours in a week is long enough for a telephone call.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from config.hours import ZONE


@dataclass(frozen=True, slots=True)
class Timetable:
    """Moments (Unix seconds of the incident's own days, rising) and when they come (seconds since the beginning)."""

    moments: tuple[float, ...]
    seconds: tuple[float, ...]

    @property
    def length(self) -> float:
        """How long the replay takes, in seconds."""
        return self.seconds[-1]

    def second(self, moment: datetime) -> float:
        """Return when a moment comes."""
        return float(np.interp(moment.timestamp(), self.moments, self.seconds))

    def moment(self, second: float) -> datetime:
        """Return what time it is then in the incident's own days."""
        return datetime.fromtimestamp(float(np.interp(second, self.seconds, self.moments)), ZONE)


def timetable(events: Collection[datetime], floors: Mapping[datetime, float], length: float) -> Timetable:
    """Spread events, the beginning and the end among them, over `length` seconds; `floors` are those after events."""
    moments = sorted({event.timestamp() for event in events})
    least = {event.timestamp(): floor for event, floor in floors.items()}
    scale, seconds = length / (moments[-1] - moments[0]), [0.0]
    for earlier, later in pairwise(moments):
        seconds.append(seconds[-1] + max(least.get(earlier, 0.0), scale * (later - earlier)))
    return Timetable(tuple(moments), tuple(seconds))
