"""Pages for whoever asks why: `/probe` runs one probe now, `/probes` shows what was kept of the runs before.

    /probe?probe=NAME               Prometheus text of this one run, as blackbox_exporter gives
    /probe?probe=NAME&debug=true    every request with phases and headers, for a terminal
    /probe?probe=NAME&format=json   the same as JSON
    /probes                         every probe and its last word
    /probes?probe=NAME              its last failures and passes; &format=json

All are private: a run costs its target, and details are for few.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aiohttp import web

from monitors.evidence import Archive, Evidence, as_text, evidence, in_words, listing
from monitors.probes import Target
from monitors.verdict import Fail, Pass, Run, Unknown
from monitors.web.access import Access
from monitors.web.on_demand import Busy, Demanded, OnDemand

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class DebugPages:
    """Serves `/probe` and `/probes`; `targets` are the probes as they are now."""

    def __init__(self, targets: Callable[[], Sequence[Target]], archive: Archive, on_demand: OnDemand) -> None:
        self._targets = targets
        self._archive = archive
        self._on_demand = on_demand

    def routes(self, access: Access) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/probe", access.private(self._probe)), web.get("/probes", access.private(self._probes))]

    async def _probe(self, request: web.Request) -> web.Response:
        target = self._find(request.query.get("probe", ""))
        try:
            demanded = await self._on_demand.now(target)
        except Busy:
            return web.Response(status=429, text="other probes are being run on demand: try again in a moment\n")
        found = _evidence(target, demanded)
        if request.query.get("format") == "json":
            return _json(found)
        if request.query.get("debug") == "true":
            return web.Response(text=f"{as_text(found)}\n{_footnote(target)}")
        return web.Response(body=exposition(demanded).encode(), headers={"Content-Type": PROMETHEUS})

    async def _probes(self, request: web.Request) -> web.Response:
        as_json = request.query.get("format") == "json"
        if name := request.query.get("probe"):
            target = self._find(name)
            kept = self._archive.newest((target.system, target.name))
            if as_json:
                return _json(kept)
            return web.Response(text=listing(kept) if kept else f"nothing is kept of {name} yet\n")
        last = [(target, self._archive.newest((target.system, target.name))[:1]) for target in self._targets()]
        if as_json:
            return _json([{"system": target.system, "probe": target.name, "last": runs} for target, runs in last])
        return web.Response(text="".join(_line(target, runs) for target, runs in last))

    def _find(self, name: str) -> Target:
        """Return the probe of this name. Raises an answer with the names that there are."""
        known = {target.name: target for target in self._targets()}
        if name not in known:
            asked = f"there is no probe '{name}'" if name else "which probe? ask for ?probe=NAME"
            raise web.HTTPBadRequest(text=f"{asked}; there is: {', '.join(sorted(known))}\n")
        return known[name]


def exposition(demanded: Demanded) -> str:
    """Return one run as Prometheus text, with the names that blackbox_exporter uses where it has the same.

    A run that could not tell has no `probe_success`: 0 would blame the target.
    """
    outcome = demanded.outcome
    lines = [_gauge("probe_duration_seconds", "How long the run took", {"": outcome.duration})]
    phases = {f'{{phase="{name}"}}': seconds for name, seconds in asdict(outcome.phases).items()}
    lines.append(_gauge("probe_phase_duration_seconds", "Time by phase, summed over requests", phases))
    match outcome.verdict:
        case Pass():
            lines.append(_gauge("probe_success", "1 if the run passed, else 0", {"": 1.0}))
        case Fail(reason, step):
            lines.append(_gauge("probe_success", "1 if the run passed, else 0", {"": 0.0}))
            labels = f'{{reason="{reason}",step="{step}"}}'
            lines.append(_gauge("probe_failure_info", "Why the run failed, and at which step", {labels: 1.0}))
        case Unknown(cause):
            lines.append(_gauge("probe_unknown_info", "Why the run could not tell", {f'{{cause="{cause}"}}': 1.0}))
    if (expires := demanded.memory.certificate_expires) is not None:
        lines.append(_gauge("probe_ssl_earliest_cert_expiry", "When the certificate expires, Unix time", {"": expires}))
    return "".join(lines)


def _gauge(name: str, about: str, values: dict[str, float]) -> str:
    samples = "".join(f"{name}{labels} {value!r}\n" for labels, value in values.items())
    return f"# HELP {name} {about}\n# TYPE {name} gauge\n{samples}"


def _evidence(target: Target, demanded: Demanded) -> Evidence:
    outcome = demanded.outcome
    run = Run(target.system, target.name, demanded.started, outcome.duration, outcome.verdict)
    found = dict(evidence(run, outcome))
    del found["window"]  # that of a recorded run
    return found


def _footnote(target: Target) -> str:
    times = f"Limit {target.limit:g} s, timeout {target.timeout:g} s, every {target.interval:g} s."
    return f"{times} This run is not recorded; those that were: /probes?probe={target.name}\n"


def _line(target: Target, runs: Sequence[Evidence]) -> str:
    if not runs:
        return f"{target.name:<24} no run yet\n"
    at = datetime.fromtimestamp(runs[0]["started"]).astimezone()
    return f"{target.name:<24} {at:%H:%M:%S}  {in_words(runs[0])}\n"


def _json(data: Any) -> web.Response:
    return web.Response(text=json.dumps(data, indent=2) + "\n", content_type="application/json")
