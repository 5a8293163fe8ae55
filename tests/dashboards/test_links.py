"""Where dashboards lead: the debug page of a probe, the runbook of an alert, another dashboard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboards.commands import app
from dashboards.links import SYSTEM_UID, Site, link_to
from tests.conftest import ROOT


def test_one_monitor_serves_all_vantage_points_or_each_has_its_own() -> None:
    """`{vantage}` in the address becomes the label of the series, or the cell of the row, that was clicked."""
    assert Site("http://monitor/").debug_page()[1] == "http://monitor/probes?probe=${__field.labels.probe}"
    each = Site("https://{vantage}.example:9464")
    assert each.debug_page()[1] == "https://${__field.labels.vantage}.example:9464/probes?probe=${__field.labels.probe}"
    page = "https://${__data.fields.Vantage}.example:9464/probes?probe=${__data.fields.Probe}"
    assert each.debug_page_of_row()[1] == page


def test_a_runbook_is_a_link_where_it_is_on_a_server() -> None:
    """A path in the project opens nothing in a browser."""
    assert Site().runbook_of_row() == []
    (link,) = Site(runbooks="https://wiki.example/runbooks/").runbook_of_row()
    assert link == ("Runbook", "https://wiki.example/runbooks/${__data.fields.Alert}.md")


def test_a_link_keeps_the_time_and_sets_variables() -> None:
    """From a row to the dashboard of its system."""
    assert link_to(SYSTEM_UID, system="x") == "/d/piekwacht-system?${__url_time_range}&var-system=x"


def test_build_puts_both_addresses_into_the_files(tmp_path: Path) -> None:
    """As they were given."""
    arguments = ["--monitor", "https://{vantage}.example", "--runbooks", "https://wiki.example", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, ["build", *arguments, "--config", str(ROOT / "config")])
    assert result.exit_code == 0, result.output
    text = json.dumps(json.loads((tmp_path / "dashboards" / "overview.json").read_text()))
    assert "https://wiki.example/${__data.fields.Alert}.md" in text
    system = (tmp_path / "dashboards" / "system.json").read_text()
    assert "https://${__field.labels.vantage}.example/probes?probe=${__field.labels.probe}" in system


@pytest.mark.parametrize("option", ["--monitor", "--runbooks"])
def test_what_is_no_address_is_refused(tmp_path: Path, option: str) -> None:
    """With exit code 2, the option's name, and nothing written."""
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["build", option, "ftp://nowhere", "--out", str(out), "--config", str(ROOT / "config")]
    )
    assert (result.exit_code, option in result.output) == (2, True)
    assert not out.exists()
