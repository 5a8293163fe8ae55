"""Where links lead: from dashboard to dashboard, to the debug page of a probe, to the runbook of an alert."""

from __future__ import annotations

from dataclasses import dataclass

OVERVIEW_UID = "piekwacht-overview"
SYSTEM_UID = "piekwacht-system"
LOGIN_UID = "piekwacht-login"
PORTALS_UID = "piekwacht-portals"
CUSTOMS_UID = "piekwacht-customs"
PHONE_UID = "piekwacht-phone"
CAMPAIGN_UID = "piekwacht-campaign"
PROBER_UID = "piekwacht-prober"

Link = tuple[str, str]
"""(title, URL)"""

SERIES, ROW = "__field.labels", "__data.fields"
"""Where Grafana finds the values of a link: the labels of a series, or the cells of a table's row."""

VANTAGE = "{vantage}"
"""What stands for the name of a vantage point in the address of its monitor."""


@dataclass(frozen=True)
class Site:
    """What the dashboards of one installation link to, as a browser reaches it.

    `monitor` is the base URL of the monitor; with `{vantage}` in it, each vantage point has its own. `runbooks` is the
    folder with a page for each alert.
    """

    monitor: str = "http://127.0.0.1:9464"
    runbooks: str = "docs/runbooks"

    def debug_page(self) -> Link:
        """Link a series with the labels `probe` and `vantage` to what was kept of that probe's runs."""
        return self._debug_page(f"${{{SERIES}.probe}}", f"${{{SERIES}.vantage}}")

    def debug_page_of_row(self) -> Link:
        """Link a row of a table with the columns Probe and Vantage to what was kept of that probe's runs."""
        return self._debug_page(f"${{{ROW}.Probe}}", f"${{{ROW}.Vantage}}")

    def runbook_of_row(self) -> list[Link]:
        """Link a row of a table with the column Alert to its runbook, where that is a page on a server."""
        if "://" not in self.runbooks:
            return []
        return [("Runbook", f"{self.runbooks.rstrip('/')}/${{{ROW}.Alert}}.md")]

    def _debug_page(self, probe: str, vantage: str) -> Link:
        base = self.monitor.rstrip("/").replace(VANTAGE, vantage)
        return "What its last failures saw", f"{base}/probes?probe={probe}"


def link_to(uid: str, **variables: str) -> str:
    """Return the address of a dashboard over the same time, with values for its variables."""
    chosen = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return f"/d/{uid}?${{__url_time_range}}{chosen}"


def system_of_series() -> Link:
    """Link a series with the label `system` to all about that system."""
    return "All about this system", link_to(SYSTEM_UID, system=f"${{{SERIES}.system}}")


def system_of_row() -> Link:
    """Link a row of a table with the column System to all about that system."""
    return "All about this system", link_to(SYSTEM_UID, system=f"${{{ROW}.System}}")
