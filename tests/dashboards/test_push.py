"""`piekwacht dashboards push`, against a server that follows Grafana's documentation: there is no Grafana in Debian."""

from __future__ import annotations

import copy
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from typer.testing import CliRunner, Result

from config import Configuration
from dashboards.commands import app
from dashboards.provisioning import dashboards
from tests.conftest import ROOT
from tests.dashboards.grafana_server import TOKEN, Grafana, serving
from tests.prometheus import free_port


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with serving(Grafana()) as running:
        yield running


@pytest.fixture
def uids(configuration: Configuration) -> list[str]:
    return [data["uid"] for data in dashboards(configuration).values()]


def push(url: str, *more: str, token: str = TOKEN) -> Result:
    arguments = ["push", "--url", url, "--config", str(ROOT / "config"), *more]
    return CliRunner().invoke(app, arguments, env={"GRAFANA_TOKEN": token})


def told(result: Result) -> dict[str, str]:
    """Return what is said to happen to each dashboard."""
    return {each["uid"]: each["change"] for each in json.loads(result.stdout)["dashboards"]}


def test_everything_is_there_after_a_push_and_a_second_one_changes_nothing(grafana: Grafana, uids: list[str]) -> None:
    """One folder, every dashboard in it by its uid, with a word in the history; then not one more order."""
    first = push(grafana.url)
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout.splitlines()[0] == "+ folder Piekwacht (piekwacht)"
    assert first.stdout.splitlines()[-1] == f"saved {len(uids)} of {len(uids)} dashboards"
    assert list(grafana.folders) == ["piekwacht"]
    assert list(grafana.dashboards) == uids
    assert {meta["folderUid"] for meta in grafana.meta.values()} == {"piekwacht"}
    assert set(grafana.messages) == {"piekwacht dashboards push"}
    orders = len(grafana.changes)
    second = push(grafana.url, "--json")
    assert second.exit_code == 0
    assert set(told(second).values()) == {"none"}
    assert len(grafana.changes) == orders


def test_what_would_change_is_told_and_left(grafana: Grafana, uids: list[str]) -> None:
    """By panel and field, for people and as JSON; a title that someone changed comes back with the push, id stays."""
    push(grafana.url)
    stored = grafana.dashboards[uids[0]]
    panel = next(panel for panel in stored["panels"] if panel["type"] == "stat")
    question, panel["description"] = panel["description"], "Edited"
    stored["tags"] = [*stored["tags"], "mine"]
    before, orders = copy.deepcopy(grafana.dashboards), len(grafana.changes)

    dry = push(grafana.url, "--dry-run")
    assert dry.exit_code == 0
    assert f"~ {stored['title']} ({uids[0]})" in dry.stdout
    assert f'    ~ panels[{panel["title"]}].description: "Edited" -> ' in dry.stdout
    assert '- tags[1]: "mine"' in dry.stdout
    assert dry.stdout.splitlines()[-1] == f"would save 1 of {len(uids)} dashboards; nothing was changed"
    machine = json.loads(push(grafana.url, "--dry-run", "--json").stdout)
    assert machine["dry_run"] is True
    (changed,) = [each for each in machine["dashboards"] if each["change"] == "update"]
    (edited,) = [each for each in changed["differences"] if each.get("before") == "Edited"]
    assert (edited["path"], edited["after"]) == (f"panels[{panel['title']}].description", question)
    assert (grafana.dashboards, len(grafana.changes)) == (before, orders)

    assert push(grafana.url).exit_code == 0
    again = grafana.dashboards[uids[0]]
    assert (again["id"], again["version"]) == (stored["id"], 2)
    assert set(told(push(grafana.url, "--json")).values()) == {"none"}


def test_a_dashboard_in_another_folder_is_moved(grafana: Grafana, uids: list[str]) -> None:
    """Grafana moves what it is told to save; the push says so."""
    push(grafana.url)
    grafana.meta[uids[0]]["folderUid"] = "elsewhere"
    assert '~ folder: "elsewhere" -> "piekwacht"' in push(grafana.url).stdout
    assert grafana.meta[uids[0]]["folderUid"] == "piekwacht"


def test_where_one_would_be_refused_none_is_saved(grafana: Grafana, uids: list[str]) -> None:
    """Every refusal that Grafana announces is told at once, and nothing is touched."""
    push(grafana.url)
    grafana.dashboards[uids[0]]["title"] = "Edited"
    grafana.meta[uids[0]]["provisioned"] = True
    grafana.meta[uids[1]]["canSave"] = False
    grafana.forbidden["GET", f"/api/dashboards/uid/{uids[2]}"] = (403, "You'll need additional permissions")
    orders = len(grafana.changes)
    result = push(grafana.url)
    assert result.exit_code == 1
    said = result.stderr.splitlines()
    assert len(said) == 3
    assert "HTTP status 403 Forbidden: You'll need additional permissions" in said[0]
    assert "comes from a provisioning file" in said[1]
    assert "the token may not save it" in said[2]
    assert len(grafana.changes) == orders


def test_a_token_that_is_not_taken_is_said_once(grafana: Grafana) -> None:
    """Exit 1, one line, without the token."""
    result = push(grafana.url, token="wrong")
    assert result.exit_code == 1
    assert result.stderr == f"{grafana.url}: HTTP status 401 Unauthorized: Invalid API key\n"
    assert grafana.changes == []


@pytest.mark.parametrize(("status", "message"), [(403, "Access denied"), (412, "plugin-dashboard"), (500, "oh")])
def test_a_failure_on_the_way_says_what_was_saved_before(
    grafana: Grafana, uids: list[str], status: int, message: str
) -> None:
    """Grafana saves one after the other: where one fails the command stops, and the next push goes on from there."""
    grafana.forbidden["POST", "/api/dashboards/db"] = (status, message)
    result = push(grafana.url)
    assert result.exit_code == 1
    assert f"was not saved: HTTP status {status} " in result.stderr
    assert result.stderr.endswith(f": {message}; saved before it: folder 'Piekwacht'\n")
    del grafana.forbidden["POST", "/api/dashboards/db"]
    assert push(grafana.url).exit_code == 0
    assert list(grafana.dashboards) == uids


def test_a_place_where_no_grafana_answers_is_unusable_input(grafana: Grafana) -> None:
    """Exit 2: nothing was saved. A port where nothing listens, and one where something else does."""
    nobody = push(f"http://127.0.0.1:{free_port()}")
    assert (nobody.exit_code, "Connection refused" in nobody.stderr) == (2, True)
    elsewhere = push(f"{grafana.url}/no/such/base")
    assert elsewhere.exit_code == 2
    assert "HTTP status" in elsewhere.stderr


def test_one_who_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2 after the time that Grafana gets."""
    monkeypatch.setattr("config.sending.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = push(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert (result.exit_code, "timed out" in result.stderr) == (2, True)


def test_https_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of nobody known is refused before the token is sent; of an authority that is named it is taken."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    with serving(Grafana(), context) as grafana:
        stranger = push(grafana.url)
        assert (stranger.exit_code, "CERTIFICATE_VERIFY_FAILED" in stranger.stderr) == (2, True)
        assert grafana.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert push(grafana.url, "--dry-run").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "grafana.example"], "--url: found 'grafana.example', expected a base URL"),
        (["--token", "glsa_secret"], "--token: expected where to read it, file:PATH or env:NAME"),
        (["--token", "file:/nowhere/at/all"], "no token for Grafana: /nowhere/at/all: No such file or directory"),
        (["--token", "env:NO_SUCH_TOKEN"], "no token for Grafana: environment variable NO_SUCH_TOKEN: it is not set"),
    ],
)
def test_wrong_use_exits_with_2_and_never_shows_a_token(grafana: Grafana, arguments: list[str], said: str) -> None:
    """Before anything is asked."""
    result = push(grafana.url, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(said)
    assert "glsa_secret" not in result.output
    assert grafana.asked == []


def test_a_token_is_read_from_a_file(grafana: Grafana, tmp_path: Path) -> None:
    """A line end after it is no part of it."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert push(grafana.url, "--token", f"file:{tmp_path / 'token'}", "--dry-run", token="wrong").exit_code == 0
