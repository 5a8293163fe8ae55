"""Dashboards into a running Grafana by its HTTP API: first what would change, then, if nothing speaks against it, that.

Grafana knows a folder and a dashboard by their uid, so a second push finds what the first one made. What it adds to a
dashboard by itself, `id` and `version`, is no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.grafana import Grafana, GrafanaError
from dashboards.differences import MISSING, Difference, differences
from dashboards.grafana import FOLDER, FOLDER_UID, JsonObject

_GRAFANAS_OWN = {"id", "version"}
_NOT_FOUND, _REFUSALS = 404, range(400, 500)
_MESSAGE = "piekwacht dashboards push"
"""Stands in the history of versions that Grafana keeps."""


class NotSavedError(Exception):
    """Grafana does not save everything; one sentence for each thing that it refuses, or did not get to."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Change:
    """What a push does to one dashboard: creates it, updates it, or, without differences, leaves it alone."""

    dashboard: JsonObject
    exists: bool
    differences: Sequence[Difference] = ()

    @property
    def kind(self) -> str:
        """`create`, `update` or `none`."""
        if not self.exists:
            return "create"
        return "update" if self.differences else "none"

    def lines(self, most: int) -> Iterator[str]:
        """Yield what a person reads, with at most so many differences."""
        mark = {"create": "+", "update": "~", "none": "="}[self.kind]
        yield f"{mark} {self.dashboard['title']} ({self.dashboard['uid']})"
        yield from (f"    {each}" for each in self.differences[:most])
        if len(self.differences) > most:
            yield f"    and {len(self.differences) - most} more; --json shows all"

    def as_data(self) -> JsonObject:
        """Return it for a machine."""
        names = {name: self.dashboard[name] for name in ("uid", "title")}
        return names | {"change": self.kind, "differences": [each.as_data() for each in self.differences]}


@dataclass(frozen=True)
class Changes:
    """Everything that a push does."""

    new_folder: bool
    dashboards: Sequence[Change] = field(default_factory=list)

    @property
    def wanted(self) -> list[Change]:
        """The dashboards that are not as they should be."""
        return [each for each in self.dashboards if each.kind != "none"]


def compare(grafana: Grafana, built: Mapping[str, JsonObject]) -> Changes:
    """Ask Grafana for the folder and for every dashboard, and change nothing.

    Raises `NotSavedError` with everything that Grafana would not let be saved, `GrafanaError` where it does not answer.
    """
    version = grafana.send("GET", "/api/health").get("version")
    if not isinstance(version, str):
        raise GrafanaError("what answers there is no Grafana")
    problems: list[str] = []
    folder = _look(grafana, f"/api/folders/{FOLDER_UID}", f"folder '{FOLDER}'", problems)
    found = [
        (data, _look(grafana, f"/api/dashboards/uid/{data['uid']}", f"dashboard '{data['title']}'", problems))
        for data in built.values()
    ]
    problems += [f"dashboard '{data['title']}': {why}" for data, known in found if (why := _locked(known))]
    if problems:
        raise NotSavedError(list(dict.fromkeys(problems)))
    return Changes(folder is None, [_change(data, known) for data, known in found])


def push(grafana: Grafana, changes: Changes) -> None:
    """Make the folder and save every dashboard that differs.

    Raises `NotSavedError`, which says what was saved before.
    """
    saved: list[str] = []
    try:
        if changes.new_folder:
            grafana.send("POST", "/api/folders", {"uid": FOLDER_UID, "title": FOLDER})
            saved.append(f"folder '{FOLDER}'")
        for change in changes.wanted:
            order = {"dashboard": change.dashboard, "folderUid": FOLDER_UID, "overwrite": True, "message": _MESSAGE}
            grafana.send("POST", "/api/dashboards/db", order)
            saved.append(f"'{change.dashboard['title']}'")
    except GrafanaError as error:
        next_one = [f"folder '{FOLDER}'"] * changes.new_folder
        next_one += [f"'{change.dashboard['title']}'" for change in changes.wanted]
        where = f"{next_one[len(saved)]} was not saved: {error}; saved before it: {', '.join(saved) or 'nothing'}"
        raise NotSavedError([where]) from None


def report(changes: Changes, url: str, *, dry_run: bool, as_json: bool, most: int = 10) -> str:
    """Return what was, or would be, changed: for people with at most so many differences a dashboard, or as JSON."""
    if as_json:
        data = {
            "grafana": url,
            "dry_run": dry_run,
            "folder": {"uid": FOLDER_UID, "title": FOLDER, "change": "create" if changes.new_folder else "none"},
            "dashboards": [each.as_data() for each in changes.dashboards],
        }
        return json.dumps(data, indent=2, ensure_ascii=False)
    lines = [f"+ folder {FOLDER} ({FOLDER_UID})"] if changes.new_folder else []
    lines += [line for each in changes.dashboards for line in each.lines(most)]
    count = f"{len(changes.wanted)} of {len(changes.dashboards)} dashboards"
    return "\n".join([*lines, f"would save {count}; nothing was changed" if dry_run else f"saved {count}"])


def _look(grafana: Grafana, path: str, what: str, problems: list[str]) -> Mapping[str, Any] | None:
    """Return what Grafana has there, None if nothing; note a refusal."""
    try:
        return grafana.send("GET", path)
    except GrafanaError as error:
        if error.status == _NOT_FOUND:
            return None
        if error.status not in _REFUSALS:
            raise
        # A token that is not taken is one problem, not one for each dashboard.
        problems.append(str(error) if error.status == 401 else f"{what}: {error}")
        return None


def _locked(known: Mapping[str, Any] | None) -> str:
    """Say why Grafana will not save a dashboard, as far as it tells beforehand."""
    meta = (known or {}).get("meta", {})
    if meta.get("provisioned"):
        return "it comes from a provisioning file, and Grafana saves no other over it"
    if meta.get("canSave") is False:
        return "the token may not save it"
    return ""


def _change(data: JsonObject, known: Mapping[str, Any] | None) -> Change:
    if known is None:
        return Change(data, exists=False)
    stored = {key: value for key, value in known["dashboard"].items() if key not in _GRAFANAS_OWN}
    wanted = {key: value for key, value in data.items() if key not in _GRAFANAS_OWN}
    found = list(differences(stored, wanted))
    folder = known.get("meta", {}).get("folderUid", MISSING)
    if folder != FOLDER_UID:
        found.insert(0, Difference("folder", folder, FOLDER_UID))
    return Change(data, exists=True, differences=found)
