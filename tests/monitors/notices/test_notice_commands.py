"""`piekwacht notice`: from what the monitor saw to a message that was published, delivered and archived."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from config.hours import ZONE
from monitors.notices.notice_commands import _row
from monitors.record.ledger import Ledger, Schedule
from monitors.verdict import Pass
from monitors.windows.calendars import AnnouncedWindow
from piekwacht import app
from tests.conftest import ROOT
from tests.monitors.records import BAD, HOME, run
from tests.monitors.records import sql as behind_its_back

NOW = time.time()
BEGAN = NOW // 15 * 15 - 1200


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Make a monitor's record: the home page fails since 20 minutes ago, and work is announced two days ahead."""
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as record:
        record.expect([Schedule(*HOME, 15.0, 3.0)], BEGAN - 600)
        slots = [BEGAN - 597 + 15 * number for number in range(120)]
        record.record([run(at, BAD if at >= BEGAN else Pass()) for at in slots])
        start = NOW + 2 * 86_400
        window = AnnouncedWindow(start, start + 3600, "release-1", "planned", ("website",), "Release")
        record.add_window(window, NOW - 60, by="calendar: releases.ics", why="")
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Copy the project's configuration, to change it."""
    target = tmp_path / "config"
    shutil.copytree(ROOT / "config", target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return target


def channels(config: Path, **more: Any) -> None:
    """Give the local environment channels."""
    path = config / "environments" / "local.yaml"
    data = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(data | {"notices": more}))


def notice(*arguments: object, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["notice", *map(str, arguments)], input=answer)


def case_of(ledger: Path, config: Path) -> str:
    rows = json.loads(notice("due", "--ledger", ledger, "--config", config, "--json").stdout)
    return next(row["case"] for row in rows if row["rule"] == "N5")


def drafted(ledger: Path, config: Path, tmp_path: Path, **facts: Any) -> Path:
    """Write the draft of the message that is due, and fill it in."""
    file = tmp_path / "message.yaml"
    result = notice("draft", case_of(ledger, config), "--out", file, "--ledger", ledger, "--config", config)
    assert result.exit_code == 0, result.output
    data = yaml.safe_load(file.read_text())
    data["facts"] |= {"processes": {"nl": "de website", "en": "the website"}, **facts}
    file.write_text(yaml.safe_dump(data, allow_unicode=True))
    return file


def refused(file: Path, *where: object, **change: Any) -> str:
    """Change the file of a draft, try to publish it, and return what was said about it."""
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | change))
    result = notice("publish", file, "--by", "J. Jansen", "--yes", *where)
    assert result.exit_code == 2, result.output
    return result.stderr


def local(seconds: float) -> str:
    """Write the moment that is so many seconds from now."""
    return (datetime.fromtimestamp(NOW, ZONE) + timedelta(seconds=seconds)).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("deadline", "shown"),
    [
        ("2026-11-17T00:00+01:00", "2026-11-16T24:00+01:00"),
        ("2027-01-01T00:00+01:00", "2026-12-31T24:00+01:00"),
        ("2026-11-17T00:01+01:00", "2026-11-17T00:01+01:00"),
        ("2026-11-17T12:00+01:00", "2026-11-17T12:00+01:00"),
    ],
)
def test_a_deadline_at_midnight_ends_the_day_before(deadline: str, shown: str) -> None:
    """In the lines for people; a machine gets the moment as it is."""
    row = {"overdue": False, "foreseen": False, "rule": "N1", "kind": "planned", "deadline": deadline, "case": "x"}
    assert f" by {shown}  x" in _row(row)


def test_due_names_what_is_owed_and_until_when(ledger: Path, config: Path) -> None:
    """The disruption is overdue after 15 minutes; the announcement, entered two days ahead, was overdue at once."""
    result = notice("due", "--ledger", ledger, "--config", config, "--json")
    rows = json.loads(result.stdout)
    assert result.exit_code == 1
    found = {(row["rule"], row["kind"]): row for row in rows}
    assert found["N5", "disruption"]["overdue"]
    assert found["N1", "planned"]["overdue"]
    assert found["N4", "maintenance-ended"]["foreseen"]
    assert datetime.fromisoformat(found["N5", "disruption"]["since"]).timestamp() == pytest.approx(BEGAN + 3, abs=60)


def test_a_draft_asks_and_never_replaces_a_file(ledger: Path, config: Path, tmp_path: Path) -> None:
    """Left as it is, it is valid, and says what is missing in both languages."""
    file = tmp_path / "message.yaml"
    arguments = ["draft", case_of(ledger, config), "--out", file, "--ledger", ledger, "--config", config]
    assert notice(*arguments).exit_code == 0
    again = notice(*arguments)
    assert (again.exit_code, again.stderr.strip()) == (2, f"{file} cannot be written: File exists")
    bare = notice("publish", file, "--by", "J. Jansen", "--ledger", ledger, "--config", config, "--yes")
    assert bare.exit_code == 2
    assert f"{file}: still to be filled in: wat kunnen mensen niet doen" in bare.stderr
    assert f"{file}: still to be filled in: what people cannot do" in bare.stderr
    with Ledger.open(ledger, read_only=True) as record:
        assert record.notices() == []


def test_a_message_is_shown_confirmed_archived_and_delivered(ledger: Path, config: Path, tmp_path: Path) -> None:
    """Afterwards the next one is due at the moment that it named, and the archive is sound."""
    channels(config, channels={"site": {"kind": "folder", "path": str(tmp_path / "site")}})
    file = drafted(ledger, config, tmp_path)
    where = ["--ledger", ledger, "--config", config]
    refused = notice("publish", file, "--by", "J. Jansen", *where, answer="n\n")
    assert (refused.exit_code, "Nothing was published." in refused.stderr) == (2, True)
    result = notice("publish", file, "--by", "J. Jansen", *where, answer="y\n")
    assert result.exit_code == 0, result.output
    assert "Storing: belastingdienst.nl" in result.stdout
    assert "Disruption: belastingdienst.nl" in result.stdout
    texts = sorted(path.name for path in (tmp_path / "site").iterdir())
    assert [name.rpartition("disruption.")[2] for name in texts] == ["en.txt", "json", "nl.txt"]
    archived = json.loads((tmp_path / "site" / texts[1]).read_text())
    assert archived["facts"]["began"]["origin"] == "observed"
    assert archived["facts"]["processes"] == {"value": "the website", "origin": "entered"}
    rows = json.loads(notice("due", *where, "--json").stdout)
    assert [row["rule"] for row in rows if row["case"] == archived["case"]] == ["N8"]
    assert CliRunner().invoke(app, ["ledger", "check", "--ledger", str(ledger)]).exit_code == 0


def test_a_draft_says_everything_that_is_wrong_at_once(ledger: Path, config: Path, tmp_path: Path) -> None:
    """A next moment that an end does not name, an end while the probes fail, and a fact that it would not tell."""
    file = drafted(ledger, config, tmp_path)
    data = yaml.safe_load(file.read_text())
    late = (datetime.fromtimestamp(NOW, ZONE) + timedelta(hours=3)).isoformat(timespec="minutes")
    file.write_text(yaml.safe_dump(data | {"kind": "ended", "next_moment": late}))
    result = notice("publish", file, "--by", "J. Jansen", "--yes", "--ledger", ledger, "--config", config)
    assert result.exit_code == 2
    assert "it has not ended: the probes do not pass yet" in result.stderr
    assert "expected nothing: 'ended' names no next moment" in result.stderr
    assert "facts.processes: found something, but 'ended' does not tell it" in result.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "gossip"}, "kind: found \"gossip\", expected one of: 'planned', 'repair'"),
        ({"kind": "planned"}, "kind: found 'planned', expected one of: disruption, emergency, ended"),
        ({"facts": {"processes": {"nl": "alleen dit"}}}, "facts.processes: found nothing, expected the key 'en'"),
        ({"next_moment": "soon"}, 'next_moment: found "soon", expected a time with its offset'),
    ],
)
def test_a_broken_draft_names_the_line(
    ledger: Path, config: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    """As every file of the project does."""
    file = drafted(ledger, config, tmp_path)
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | change))
    result = notice("publish", file, "--by", "J. Jansen", "--yes", "--ledger", ledger, "--config", config)
    assert result.exit_code == 2
    assert said in result.stderr


@contextmanager
def listening(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_a_webhook_that_refuses_gets_it_later(ledger: Path, config: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """The message is in the archive all the same; exit 1 says that a channel did not take it."""
    taken: list[tuple[str | None, dict[str, Any]]] = []
    answers = [503, 200]

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.append((self.headers["Authorization"], body))
            self.send_response(answers[len(taken) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    address = f"http://127.0.0.1:{server.server_address[1]}/notices"
    channels(config, channels={"trade": {"kind": "webhook", "url": address, "token": "hook"}})
    path = config / "environments" / "local.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"secrets": {"hook": "env:HOOK_TOKEN"}}))
    monkeypatch.setenv("HOOK_TOKEN", "s3cret")
    where = ["--ledger", ledger, "--config", config]
    with listening(server):
        result = notice("publish", drafted(ledger, config, tmp_path), "--by", "J. Jansen", "--yes", *where)
        assert result.exit_code == 1
        assert "trade: not delivered: HTTP status 503" in result.stderr
        assert notice("deliver", 1, *where).exit_code == 0
    assert [said for said, _ in taken] == ["Bearer s3cret"] * 2
    assert taken[0][1] == taken[1][1]
    assert taken[0][1]["number"] == 1
    assert "s3cret" not in result.output


def test_a_mail_holds_both_languages(ledger: Path, config: Path, tmp_path: Path) -> None:
    """Dutch first; the subject names both titles; the digest is in a header."""
    mails: list[str] = []

    class Post(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper().strip()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = b""
                    while not text.endswith(b"\r\n.\r\n"):
                        text += self.rfile.readline()
                    mails.append(text.decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Post)
    mail = {
        "kind": "mail",
        "server": f"127.0.0.1:{server.server_address[1]}",
        "sender": "monitor@example.nl",
        "recipients": ["staff@example.nl"],
        "security": "none",
    }
    channels(config, channels={"staff": mail})
    with listening(server):
        arguments = ["--by", "J. Jansen", "--yes", "--ledger", ledger, "--config", config]
        result = notice("publish", drafted(ledger, config, tmp_path), *arguments)
    assert result.exit_code == 0, result.output
    [text] = mails
    assert "Subject: Storing: belastingdienst.nl / Disruption: belastingdienst.nl" in text
    assert text.index("Er is een storing sinds") < text.index("There has been a disruption")
    with Ledger.open(ledger, read_only=True) as record:
        digest = record.notices()[0].digest
    unfolded = text.replace("\r\n ", " ")
    assert f"X-Piekwacht-Digest: {digest}" in unfolded
    assert f"Message-ID: <{digest}@example.nl>" in unfolded
    assert "\r\nDate: " in text


def test_nothing_goes_out_by_itself_unless_the_configuration_says_so(
    ledger: Path, config: Path, tmp_path: Path
) -> None:
    """And then only what needs nobody: 'under investigation', once."""
    where = ["--ledger", ledger, "--config", config]
    assert notice("automatic", *where).exit_code == 0
    assert notice("list", *where[:2]).stdout.strip() == "Nothing was published."
    channels(config, channels={"site": {"kind": "folder", "path": str(tmp_path / "site")}}, automatic=["investigating"])
    for _ in range(2):
        assert notice("automatic", *where).exit_code == 0
    archive = json.loads(notice("list", *where[:2], "--json").stdout)
    assert [(message["kind"], message["by"]) for message in archive] == [("investigating", "automatic")]


def test_the_archive_is_exported_whole_and_a_change_is_found(ledger: Path, config: Path, tmp_path: Path) -> None:
    """Both texts and the JSON of every message; `ledger check` names the one that was changed."""
    arguments = ["--by", "J. Jansen", "--yes", "--ledger", ledger, "--config", config]
    assert notice("publish", drafted(ledger, config, tmp_path), *arguments).exit_code == 0
    assert notice("export", "--out", tmp_path / "out", "--ledger", ledger).exit_code == 0
    assert len(list((tmp_path / "out").iterdir())) == 3
    behind_its_back(ledger, "UPDATE notices SET body = replace(body, 'website', 'webshop')")
    checked = CliRunner().invoke(app, ["ledger", "check", "--ledger", str(ledger)])
    assert (checked.exit_code, "notice 1: changed since it was published" in checked.output) == (1, True)
    again = notice("export", "--out", tmp_path / "out", "--ledger", ledger)
    assert (again.exit_code, "notice 1: changed since it was published" in again.stderr) == (1, True)


def test_a_message_that_cannot_be_read_any_more_is_named(ledger: Path, config: Path, tmp_path: Path) -> None:
    """By every command, as wrong as any other trouble with a ledger; the export writes the rest."""
    arguments = ["--by", "J. Jansen", "--yes", "--ledger", ledger, "--config", config]
    assert notice("publish", drafted(ledger, config, tmp_path), *arguments).exit_code == 0
    behind_its_back(ledger, "UPDATE notices SET body = replace(body, '{', '[')")
    for command in (["list"], ["due", "--config", config], ["deliver", 1, "--config", config]):
        result = notice(*command, "--ledger", ledger)
        assert (result.exit_code, "notice 1 cannot be read" in result.stderr) == (2, True)
    result = notice("export", "--out", tmp_path / "out", "--ledger", ledger)
    assert (result.exit_code, "notice 1 cannot be read" in result.stderr) == (1, True)


def test_a_next_moment_that_was_promised_sooner_is_refused(ledger: Path, config: Path, tmp_path: Path) -> None:
    """And one that has passed; 'under investigation' promises more within half an hour."""
    where = ["--ledger", ledger, "--config", config]
    file = drafted(ledger, config, tmp_path)
    for moment in (3 * 3600, -600):
        assert "at the latest, as was promised" in refused(file, *where, next_moment=local(moment))
    soon = tmp_path / "soon.yaml"
    notice("draft", case_of(ledger, config), "--kind", "investigating", "--out", soon, *where)
    proposed = datetime.fromisoformat(str(yaml.safe_load(soon.read_text())["next_moment"])).timestamp()
    assert time.time() < proposed <= time.time() + 1800
    assert "at the latest, as was promised" in refused(soon, *where, next_moment=local(2700))


def test_what_nobody_would_be_told_is_not_taken(ledger: Path, config: Path, tmp_path: Path) -> None:
    """A fact that this message has no place for, and an emergency procedure that this owner does not have."""
    where = ["--ledger", ledger, "--config", config]
    file = drafted(ledger, config, tmp_path)
    facts = yaml.safe_load(file.read_text())["facts"]
    assert set(facts) == {"processes", "changes", "cause", "expected_end"}
    said = refused(file, *where, facts=facts | {"news": {"nl": "nieuws", "en": "news"}, "emergency": True})
    assert "facts.news: found something, but 'disruption' does not tell it; these do: update" in said
    assert "facts.emergency: found something, but 'disruption' does not tell it; no message about this does" in said
    assert "has no emergency procedure" in refused(file, *where, facts={}, kind="emergency")
    said = refused(file, *where, facts=facts | {"expected_end": local(-3600)}, kind="disruption")
    assert "facts.expected_end: found" in said


def test_work_is_told_of_as_it_was_entered(ledger: Path, config: Path, tmp_path: Path) -> None:
    """Nothing is cancelled that was not withdrawn, planned work is no repair, and its times are somebody's word."""
    where = ["--ledger", ledger, "--config", config]
    file = tmp_path / "work.yaml"
    assert notice("draft", "release-1", "--out", file, *where).exit_code == 0
    assert "kind: the work was not withdrawn" in refused(file, *where, kind="withdrawn")
    assert "kind: found 'repair', expected 'planned'" in refused(file, *where, kind="repair")
    facts = {"processes": {"nl": "lezen", "en": "reading"}}
    file.write_text(yaml.safe_dump({"case": "release-1", "kind": "planned", "facts": facts}))
    assert notice("publish", file, "--by", "J. Jansen", "--yes", *where).exit_code == 0
    [message] = json.loads(notice("list", *where[:2], "--json").stdout)
    assert {name: fact["origin"] for name, fact in message["facts"].items()} == dict.fromkeys(
        ("start", "end", "processes"), "entered"
    )


def test_what_is_over_is_not_told_as_going_on(ledger: Path, config: Path, tmp_path: Path) -> None:
    """Whoever knows that it goes on all the same says so in own words, which the archive marks as entered."""
    where = ["--ledger", ledger, "--config", config]
    file = drafted(ledger, config, tmp_path)
    with Ledger.open(ledger) as record:
        record.record([run(time.time() // 15 * 15 - 12 + 15 * number, Pass()) for number in range(2)])
    assert "kind: it is over since" in refused(file, *where)
    words = {"nl": "Storing\n\nNog niet alles werkt.", "en": "Disruption\n\nNot everything works yet."}
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"texts": words}))
    assert notice("publish", file, "--by", "J. Jansen", "--yes", *where).exit_code == 0
    [message] = json.loads(notice("list", *where[:2], "--json").stdout)
    assert message["facts"]["texts"] == {"value": words["en"], "origin": "entered"}
    assert "texts.nl: found nothing" in refused(file, *where, texts={"nl": " ", "en": "x"})


def test_a_preview_tells_what_was_observed_from_what_was_entered(ledger: Path, config: Path, tmp_path: Path) -> None:
    """Before anybody confirms it."""
    file = drafted(ledger, config, tmp_path, expected_end=local(7200))
    result = notice("publish", file, "--dry-run", "--ledger", ledger, "--config", config)
    lines = result.stdout.partition("who says what\n")[2].splitlines()
    origins = {name: origin for origin, name, *_ in map(str.split, lines)}
    assert origins == {
        "began": "observed",
        "reason": "observed",
        "processes": "entered",
        "expected_end": "entered",
        "next_moment": "entered",
    }


def test_no_answer_publishes_nothing(ledger: Path, config: Path, tmp_path: Path) -> None:
    """A prompt that is closed or has no terminal is no confirmation."""
    result = notice("publish", drafted(ledger, config, tmp_path), "--by", "J", "--ledger", ledger, "--config", config)
    assert (result.exit_code, "Nothing was published." in result.stderr) == (2, True)
    assert notice("list", "--ledger", ledger).stdout.strip() == "Nothing was published."


def test_what_changed_while_somebody_was_asked_is_shown_again(
    ledger: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague published the same meanwhile: people are not told twice."""
    where = ["--by", "J. Jansen", "--ledger", ledger, "--config", config]
    file = drafted(ledger, config, tmp_path)

    def colleague(_: str) -> bool:
        assert notice("publish", file, "--yes", *where).exit_code == 0
        return True

    monkeypatch.setattr("monitors.notices.notice_commands.typer.confirm", colleague)
    result = notice("publish", file, *where)
    assert (result.exit_code, "meanwhile something was published" in result.stderr) == (2, True)
    assert len(json.loads(notice("list", "--ledger", ledger, "--json").stdout)) == 1


@pytest.mark.parametrize(
    "uid", ["release: sundays #1@example/20261128T230000Z", "20261201", "../../elsewhere", "x" * 300]
)
def test_work_may_be_named_as_calendars_name_it(ledger: Path, config: Path, tmp_path: Path, uid: str) -> None:
    """Every occurrence of recurring work has a slash in its name; no name leads out of a folder, or breaks a draft."""
    channels(config, channels={"site": {"kind": "folder", "path": str(tmp_path / "in" / "site")}})
    with Ledger.open(ledger) as record:
        window = AnnouncedWindow(NOW + 86_400, NOW + 90_000, uid, "planned", ("website",), "Release")
        record.add_window(window, NOW - 60, by="calendar: releases.ics", why="")
    where = ["--ledger", ledger, "--config", config]
    folder = tmp_path / "drafts" / "here"
    folder.mkdir(parents=True)
    with contextlib.chdir(folder):
        assert notice("draft", uid, *where).exit_code == 0
    [file] = folder.iterdir()
    data = yaml.safe_load(file.read_text())
    assert data["case"] == uid
    file.write_text(yaml.safe_dump(data | {"facts": {"processes": {"nl": "lezen", "en": "reading"}}}))
    assert notice("publish", file, "--by", "J. Jansen", "--yes", *where).exit_code == 0
    assert len([path for path in (tmp_path / "in" / "site").iterdir() if path.is_file()]) == 3
    assert {path.name for path in tmp_path.iterdir()} >= {"in", "drafts"}
    assert not [path for path in tmp_path.rglob("*elsewhere*") if path.parent not in (folder, tmp_path / "in" / "site")]


def test_only_the_monitor_that_keeps_the_messages_takes_them(ledger: Path, config: Path, tmp_path: Path) -> None:
    """The archive does not fall apart over several ledgers."""
    where = ["--ledger", ledger, "--config", config]
    file = drafted(ledger, config, tmp_path)
    channels(config, kept_by="amsterdam")
    assert "use that of 'amsterdam', which keeps the messages" in refused(file, *where)
    assert notice("automatic", *where).exit_code == 2
    channels(config, kept_by="local")
    assert notice("publish", file, "--by", "J. Jansen", "--yes", *where).exit_code == 0


def test_no_command_works_on_the_ledger_of_another_monitor(ledger: Path, config: Path, tmp_path: Path) -> None:
    """What it would say is due, and what it would draft or deliver, is not known there: exit code 2, and who knows."""
    where = ["--ledger", ledger, "--config", config]
    case = json.loads(notice("due", "--json", *where).stdout)[0]["case"]
    channels(config)
    file = drafted(ledger, config, tmp_path)
    assert notice("publish", file, "--by", "J. Jansen", "--yes", *where).exit_code == 0
    site = sorted(path.name for path in (tmp_path / "site").rglob("*"))
    channels(config, kept_by="amsterdam")
    out = tmp_path / "not-here.yaml"
    for order in (["due"], ["due", "--json"], ["draft", case, "--out", out], ["deliver", "1"]):
        result = notice(*order, *where)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"{ledger} is the ledger of 'local'; use that of 'amsterdam', which keeps the messages" in result.stderr
    assert not out.exists()
    assert sorted(path.name for path in (tmp_path / "site").rglob("*")) == site
    assert notice("list", "--ledger", ledger).exit_code == 0  # what is in an archive is in that archive
    assert notice("due", "--env", "staging", *where).exit_code == 1  # there nobody is named
    channels(config, kept_by="local")
    assert notice("due", *where).exit_code == 1
    assert notice("due", "--env", "nowhere", *where).exit_code == 2


def test_a_configuration_that_is_wrong_is_wrong_use(ledger: Path, tmp_path: Path) -> None:
    """Exit code 1 of `notice due` says that something is overdue, and nothing else."""
    assert notice("due", "--ledger", ledger, "--config", tmp_path / "none").exit_code == 2


def test_one_channel_that_refuses_holds_up_no_other_message(ledger: Path, config: Path, tmp_path: Path) -> None:
    """All that went into the archive by itself is delivered where it can be; exit code 1 says that one was not."""
    other = ("eidas", "login-eidas")
    with Ledger.open(ledger) as record:
        record.expect([Schedule(*HOME, 15.0, 3.0), Schedule(*other, 15.0, 3.0)], BEGAN - 600)
        failed = [run(BEGAN + 3 + 15 * each, BAD) for each in range(70)]
        record.record([replace(each, system=other[0], probe=other[1]) for each in failed])
    site = {"kind": "folder", "path": str(tmp_path / "site")}
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody listens
        gone = {"kind": "webhook", "url": f"http://127.0.0.1:{silent.getsockname()[1]}/"}
        channels(config, channels={"gone": gone, "site": site}, automatic=["investigating"])
        result = notice("automatic", "--ledger", ledger, "--config", config)
    assert result.exit_code == 1, result.output
    assert "gone: not delivered: Connection refused\n" in result.stderr
    assert "piekwacht notice deliver 2 --channel gone" in result.stderr
    assert len(list((tmp_path / "site").glob("*.json"))) == 2
