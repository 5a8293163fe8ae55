"""One published message: what it says in each language, and what the protocol needs to know of it.

A fact is either observed, by the monitor, or entered, by a person whose name stands beside the message. They are told
apart for good: a reader of the archive can see that the beginning was measured and that the cause was somebody's word.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from config.source import Strict
from monitors.notices.protocol import Kind, Published

Origin = Literal["observed", "entered"]

_LONGEST = 100
"""Characters of a case in the name of a file; a calendar may have any."""


def file_stem(case: str, kind: Kind) -> str:
    """Name files about a case. A window is named by its calendar: a slash in that name must not lead elsewhere."""
    return f"{re.sub(r'[^A-Za-z0-9._@+-]+', '-', case).strip('.-')[:_LONGEST]}-{kind}"


class Fact(Strict):
    """Something that the message tells: `value` as it was known, in plain text or as ISO 8601 time, and who says so."""

    value: str
    origin: Origin


class Message(Strict):
    """A message as it went out at `at` (Unix seconds); the archive keeps its JSON.

    `case` and `systems` are what it is about, `texts` is the wording by language, `by` who confirmed it ('automatic'
    where the configuration lets messages go out by themselves), `channels` where it went.
    """

    case: str
    kind: Kind
    systems: tuple[str, ...] = Field(min_length=1)
    at: float
    next_moment: float | None = None
    about: tuple[float, float] | None = None
    emergency: bool = False
    workaround: bool = False
    facts: dict[str, Fact] = Field(default={})
    texts: dict[str, str]
    by: str = Field(min_length=1)
    channels: tuple[str, ...] = ()

    def published(self) -> Published:
        """Return what the protocol needs to know."""
        return Published(self.kind, self.at, self.next_moment, self.about, self.emergency, self.workaround)
