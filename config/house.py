"""The whole configuration: every file of a folder read, validated, and checked against the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from config import lines
from config.campaign import Campaign
from config.environment import Environment
from config.estate import EstateFile, Owner, System
from config.fields import host_of
from config.hours import Hours, Opening
from config.imported import ImportedObjective, read_objectives
from config.probes import JourneyProbe, Probe, RedirectProbe
from config.source import ConfigError, Document, Problem, Strict, read, validate
from config.yaml_tree import DataPath

ModelT = TypeVar("ModelT", bound=Strict)


@dataclass(frozen=True)
class Configuration:
    """A valid configuration. Mappings are in the order of the files; `owner_of` maps a system to its owner.

    `imported` are objectives of systems that are not of the estate, by name.
    """

    root: Path
    systems: Mapping[str, System]
    owner_of: Mapping[str, Owner]
    campaigns: Mapping[str, Campaign]
    environments: Mapping[str, Environment]
    imported: Mapping[str, ImportedObjective] = field(default_factory=dict)

    def probes(self) -> Iterator[tuple[str, str, Probe]]:
        """Yield (system, probe name, probe) for every probe of the estate."""
        for system_id, system in self.systems.items():
            for name, probe in system.probes.items():
                yield system_id, name, probe

    def probes_in(self, environment: str) -> Iterator[tuple[str, str, Probe]]:
        """Yield (system, probe name, probe) for every probe that runs in an environment."""
        place = self.environments[environment]
        return (each for each in self.probes() if place.can_run(each[2]))

    def opening(self, system: str) -> Opening:
        """Return the service hours of a system, with the holidays of its owner."""
        return Opening(Hours.parse(self.systems[system].service_hours), self.owner_of[system].holidays)

    def office_hours(self, system: str) -> Opening:
        """Return the office hours of the owner of a system."""
        owner = self.owner_of[system]
        return Opening(Hours.parse(owner.office_hours), owner.holidays)

    @property
    def calendars(self) -> list[Path]:
        """The iCalendar files with maintenance windows."""
        return sorted((self.root / "maintenance").glob("*.ics"))


Journeys = Collection[str] | Callable[[Path], Collection[str]]
"""Names of journeys, or what finds those of a folder; that raises `ConfigError`."""


def load(root: Path, journeys: Journeys | None = None) -> Configuration:
    """Read `root`. Raises `ConfigError` with every problem of every file.

    `journeys` are the names that probes and campaigns may use; None leaves names unchecked (the replica needs none).
    """
    problems: list[Problem] = []
    context = {"journeys": _names(root, journeys, problems), "root": root}
    estate = dict(_read_all(root, "estate", EstateFile, context, problems))
    whole = not problems  # with a part missing, every name that refers to it would look unknown
    campaigns = dict(_read_all(root, "campaigns", Campaign, context, problems))
    environments = dict(_read_all(root, "environments", Environment, context, problems))

    files = list(estate.values())
    systems = {name: system for _, file in files for name, system in file.systems.items()}
    problems += _repeated_names(files)
    for document, environment in environments.values():
        problems += _unsafe_hosts(document, environment, systems)
    if whole:
        problems += _unknown_dependencies(files, systems)
        problems += _unknown_hops(files, systems)
        for document, environment in environments.values():
            problems += _unknown_endpoints(document, environment, systems)
            problems += _missing_accounts(document, environment, systems)
            problems += lines.unknown_ways(document, environment, systems)
            problems += lines.refused_numbers(document, environment, systems)
        problems += lines.ways_nowhere(files, [model for _, model in environments.values()])
    imported: Mapping[str, ImportedObjective] = {}
    try:
        imported = read_objectives(root / "openslo", dict.fromkeys(systems, "a system of the estate"))
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return Configuration(
        root=root,
        systems=systems,
        owner_of={name: file.owner for _, file in files for name in file.systems},
        campaigns={name: model for name, (_, model) in campaigns.items()},
        environments={name: model for name, (_, model) in environments.items()},
        imported=imported,
    )


def _names(root: Path, journeys: Journeys | None, problems: list[Problem]) -> Collection[str] | None:
    """Return the names of journeys; None, which leaves them unchecked, if they cannot be found."""
    if journeys is None or not callable(journeys):
        return journeys
    try:
        return journeys(root)
    except ConfigError as error:
        problems += error.problems
        return None


def _read_all(
    root: Path, folder: str, model: type[ModelT], context: Mapping[str, object], problems: list[Problem]
) -> Iterator[tuple[str, tuple[Document, ModelT]]]:
    paths = sorted((root / folder).glob("*.yaml"))
    if not paths:
        problems.append(Problem(str(root / folder), 1, "", "no *.yaml file", "at least one"))
    misnamed = (root / folder).glob("*.yml")
    problems += [Problem(str(path), 1, "", "the ending .yml", "the ending .yaml") for path in misnamed]
    for path in paths:
        try:
            document = read(path)
            yield path.stem, (document, validate(document, model, context))
        except ConfigError as error:
            problems += error.problems


def _repeated_names(files: list[tuple[Document, EstateFile]]) -> Iterator[Problem]:
    """Systems and probes are labels of metrics, so each name exists once in the whole estate."""
    seen: dict[str, str] = {}
    for document, file in files:
        for system_id, system in file.systems.items():
            named: list[tuple[str, DataPath]] = [(f"system '{system_id}'", ("systems", system_id))]
            named += [(f"probe '{name}'", ("systems", system_id, "probes", name)) for name in system.probes]
            for label, path in named:
                if label in seen:
                    yield document.problem(path, f"the {label} a second time", f"it only in {seen[label]}")
                seen.setdefault(label, document.file)


def _unknown_dependencies(files: list[tuple[Document, EstateFile]], systems: Mapping[str, System]) -> Iterator[Problem]:
    for document, file in files:
        for system_id, system in file.systems.items():
            for index, name in enumerate(system.depends_on):
                if name not in systems:
                    path = ("systems", system_id, "depends_on", index)
                    yield document.problem(path, f"'{name}'", f"a system of the estate: {', '.join(systems)}")


def _unknown_hops(files: list[tuple[Document, EstateFile]], systems: Mapping[str, System]) -> Iterator[Problem]:
    """Every redirect that a probe expects leads to a system."""
    for document, file in files:
        for system_id, system in file.systems.items():
            for name, probe in system.probes.items():
                for index, hop in enumerate(probe.hops if isinstance(probe, RedirectProbe) else ()):
                    if hop.system not in systems:
                        path = ("systems", system_id, "probes", name, "hops", index, "system")
                        yield document.problem(path, f"'{hop.system}'", f"a system of the estate: {', '.join(systems)}")


def _unsafe_hosts(document: Document, environment: Environment, systems: Mapping[str, System]) -> Iterator[Problem]:
    """No production host is allowed, and no endpoint lies on a host that is not."""
    production = {host: name for name, system in systems.items() for host in system.production_hosts}
    named: list[tuple[DataPath, str]] = [(("allow", index), host) for index, host in enumerate(environment.allow)]
    named += [(("endpoints", name), host_of(url)) for name, url in environment.endpoints.items()]
    named += [(("trunks", name, "server"), trunk.host) for name, trunk in environment.trunks.items()]
    named += [(("asterisks", name, "url"), host_of(each.url)) for name, each in environment.asterisks.items()]
    for path, host in named:
        if host in production:
            found = f"the production host '{host}' of {production[host]}"
            yield document.problem(path, found, "a host of a test environment")
        elif host not in environment.allow:
            yield document.problem(path, f"the host '{host}'", f"a host of allow: {', '.join(environment.allow)}")


def _unknown_endpoints(
    document: Document, environment: Environment, systems: Mapping[str, System]
) -> Iterator[Problem]:
    """Every endpoint is one of a system, and every system has one, but for those that are reached by telephone only."""
    for name in environment.endpoints:
        if name not in systems:
            yield document.problem(("endpoints", name), f"'{name}'", f"a system of the estate: {', '.join(systems)}")
    missing = [name for name, system in systems.items() if name not in environment.endpoints and not system.is_line]
    if missing:
        yield document.problem(("endpoints",), "nothing", f"an endpoint for {', '.join(missing)}")


def _missing_accounts(document: Document, environment: Environment, systems: Mapping[str, System]) -> Iterator[Problem]:
    """Every account that a probe logs in with is one of the secrets."""
    probes = [probe for system in systems.values() for probe in system.probes.values()]
    wanted = {probe.account for probe in probes if isinstance(probe, JourneyProbe) and probe.account}
    for name in sorted(wanted - set(environment.secrets)):
        yield document.problem(("secrets",), "nothing", f"the secret '{name}', with which a probe logs in")
