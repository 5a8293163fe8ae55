"""What a running monitor says: one line for every change of a probe and every event of its own, as text or as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from monitors.changes import Changes
from monitors.evidence import verdict_data
from monitors.verdict import Run


class Log:
    """Writes lines with `write`; that nobody reads them any more stops nothing. `clock` gives Unix seconds."""

    def __init__(
        self, write: Callable[[str], None], *, as_json: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._write = write
        self._as_json = as_json
        self._clock = clock
        self._changes = Changes()

    def run(self, run: Run) -> None:
        """Write a line if the probe says something else than before."""
        if self._as_json:
            if self._changes.is_one(run):
                known = {"system": run.system, "probe": run.probe, "window": run.window}
                self._say(_json(run.started, "change", known | verdict_data(run.verdict)))
        elif line := self._changes.line(run):
            self._say(line)

    def event(self, event: str, message: str, **details: Any) -> None:
        """Write a line about the monitor itself; a message of several lines stays together."""
        now = self._clock()
        if self._as_json:
            self._say(_json(now, event, {"message": message, **details}))
        else:
            at = datetime.fromtimestamp(now).astimezone()
            self._say(f"{at:%H:%M:%S}  {event}: {message}")

    def _say(self, line: str) -> None:
        with suppress(OSError):
            self._write(line)


def _json(at: float, event: str, details: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"at": moment, "event": event, **details}, ensure_ascii=False)
