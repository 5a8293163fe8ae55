"""Telephone lines across files: every probe that calls has its way in the environments, and may dial its number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from config.environment import Environment
from config.estate import EstateFile, System
from config.phone import CallLimits
from config.probes import AriCallProbe, CallProbe, Probe, SipOptionsProbe
from config.source import Document, Problem
from config.yaml_tree import DataPath

_KEYS = ("trunk", "asterisk")


def unknown_ways(document: Document, environment: Environment, systems: Mapping[str, System]) -> Iterator[Problem]:
    """Find what probes call over and the environment lacks; without any trunk, or Asterisk, it has no such lines."""
    for key in _KEYS:
        ways = _ways(environment, key)
        named = {way for system in systems.values() for probe in system.probes.values() if (way := _way(probe, key))}
        for name in sorted(named - set(ways)) if ways else ():
            yield document.problem((f"{key}s",), "nothing", f"the {key} '{name}', over which a probe calls")


def refused_numbers(document: Document, environment: Environment, systems: Mapping[str, System]) -> Iterator[Problem]:
    """Find numbers that a probe calls and its trunk or Asterisk is not allowed to."""
    for system in systems.values():
        for name, probe in system.probes.items():
            if not isinstance(probe, CallProbe | AriCallProbe):
                continue
            key = "trunk" if isinstance(probe, CallProbe) else "asterisk"
            way = _ways(environment, key).get(_way(probe, key) or "")
            if way is not None and not way.may_call(probe.number):
                path = (f"{key}s", _way(probe, key) or "", "numbers")
                yield document.problem(
                    path, ", ".join(way.numbers), f"{probe.number} too, which the probe '{name}' calls"
                )


def ways_nowhere(files: Sequence[tuple[Document, EstateFile]], places: Sequence[Environment]) -> Iterator[Problem]:
    """Find what probes call over and no environment has: they would never run, and nobody would know."""
    known = {key: sorted({name for place in places for name in _ways(place, key)}) for key in _KEYS}
    for document, file in files:
        for system_id, system in file.systems.items():
            for name, probe in system.probes.items():
                for key in _KEYS:
                    way = _way(probe, key)
                    if way is not None and way not in known[key]:
                        path: DataPath = ("systems", system_id, "probes", name, key)
                        wanted = ", ".join(known[key]) or "none has any"
                        yield document.problem(path, f"'{way}'", f"a name from the {key}s of an environment: {wanted}")


def _ways(environment: Environment, key: str) -> Mapping[str, CallLimits]:
    return environment.trunks if key == "trunk" else environment.asterisks


def _way(probe: Probe, key: str) -> str | None:
    """Return the trunk or Asterisk of a probe; None for one without."""
    match probe:
        case CallProbe() | SipOptionsProbe() if key == "trunk":
            return probe.trunk
        case AriCallProbe() if key == "asterisk":
            return probe.asterisk
    return None
