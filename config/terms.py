"""What an owner has promised about telling people: which message goes out when. The defaults are those of customs.

2022-12-douane-communication-protocol settles most of it. What it leaves open ('as soon as possible', 'regularly', when
the half hour begins) is configuration with a default, and says so.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from config.fields import Duration
from config.source import Strict


class Terms(Strict):
    """Deadlines of messages; durations in seconds once read.

    From the protocol: `working_days` before planned work, `before_end` for an overrun, an update every
    `in_office_hours` or `outside_office_hours` while it lasts, and `emergency_within` for the permission to use the
    emergency procedure. Assumptions: what the protocol wants 'as soon as possible' has a number here, disruptions are
    told in the rhythm of overruns, and an interruption shorter than `shortest` is in the record and in no message.
    """

    working_days: int = Field(default=10, strict=True, ge=0, le=250)
    before_end: Duration = Field(default=1800.0, gt=0)
    in_office_hours: Duration = Field(default=3600.0, gt=0)
    outside_office_hours: Duration = Field(default=7200.0, gt=0)
    emergency_within: Duration = Field(default=1800.0, gt=0)
    half_hour_from: Literal["detected", "published"] = "detected"
    emergency_procedure: bool = Field(default=False, strict=True)
    shortest: Duration = Field(default=300.0, ge=0)
    first_within: Duration = Field(default=900.0, gt=0)
    more_within: Duration = Field(default=1800.0, gt=0)
    end_within: Duration = Field(default=1800.0, gt=0)
