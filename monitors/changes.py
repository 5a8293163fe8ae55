"""What a person wants to be told: not every run, but every change of what a probe says. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo

from monitors.verdict import Cause, Fail, Pass, Run, Unknown, Verdict


def describe(verdict: Verdict) -> str:
    """Return a verdict in words."""
    match verdict:
        case Pass():
            return "passes"
        case Fail(reason, step, detail):
            return f"FAILS: {reason} at {step}" + (f" ({detail})" if detail else "")
        case Unknown(cause, detail):
            return f"unknown: {cause}" + (f" ({detail})" if detail else "")


class Changes:
    """Remembers what each probe said last."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._last: dict[str, tuple[object, ...]] = {}

    def is_one(self, run: Run) -> bool:
        """Tell whether the probe says something else than before, or speaks for the first time.

        A change of detail is none. The runs that a shutdown cuts off say nothing.
        """
        said = _gist(run.verdict)
        if said == (Cause.CANCELLED,) or self._last.get(run.probe) == said:
            return False
        self._last[run.probe] = said
        return True

    def line(self, run: Run) -> str | None:
        """Return one line with local time if the run is a change."""
        if not self.is_one(run):
            return None
        at = datetime.fromtimestamp(run.started, self._zone).astimezone(self._zone)
        return f"{at:%H:%M:%S}  {run.probe:<18} {describe(run.verdict)}"


def _gist(verdict: Verdict) -> tuple[object, ...]:
    match verdict:
        case Pass():
            return ()
        case Fail(reason, step, _):
            return (reason, step)
        case Unknown(cause, _):
            return (cause,)
