"""A login form that no one here wrote: Django's admin, by the example of the documentation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

pytestmark = pytest.mark.peer

USER, PASSWORD = "robot", "a long synthetic pass-phrase"

SITE = """
import os
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

contrib = "django.contrib."
settings.configure(
    SECRET_KEY="synthetic",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=[contrib + app for app in ("admin", "auth", "contenttypes", "sessions", "messages")],
    MIDDLEWARE=[
        contrib + "sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        contrib + "auth.middleware.AuthenticationMiddleware",
        contrib + "messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            contrib + "auth.context_processors.auth",
            contrib + "messages.context_processors.messages",
        ]},
    }],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    STATIC_URL="/static/",
    LOGGING_CONFIG=None,
)
django.setup()

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
call_command("migrate", verbosity=0)
User.objects.create_superuser(os.environ["ROBOT"], "", os.environ["ROBOT_PASSWORD"])
WSGIRequestHandler.log_message = lambda *_: None
server = make_server("127.0.0.1", 0, get_wsgi_application())
print(server.server_port, flush=True)
server.serve_forever()
"""

ESTATE = """
owner: {id: staff, name: Staff}
systems:
  staff:
    name: Administration
    name_nl: Beheer
    purpose: Staff open the administration.
    objective: {measured_by: [admin]}
    probes:
      admin: {kind: journey, journey: open-admin, account: admin-robot, interval: 60s, timeout: 60s, limit: 60s}
"""


@pytest.fixture(scope="module")
def site(peer: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Django's admin with one synthetic superuser on a free port; it is stopped by its process id."""
    python = peer("/usr/bin/python3", "django")
    folder = tmp_path_factory.mktemp("django")
    (folder / "site_of_the_test.py").write_text(SITE)
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    alone |= {"ROBOT": USER, "ROBOT_PASSWORD": PASSWORD}
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [python, "site_of_the_test.py"], cwd=folder, env=alone, stdout=subprocess.PIPE, stderr=log, text=True
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port.isdecimal(), (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()
        log.close()


def example() -> str:
    """Return the journey that the documentation shows."""
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "probes.md").read_text(), re.DOTALL)
    return str(code)


def configure(root: Path, site: str) -> Path:
    """Write a configuration with the journey of the documentation beside the estate."""
    for name in ("estate", "campaigns", "environments", "journeys"):
        (root / name).mkdir()
    (root / "journeys" / "admin.py").write_text(example())
    (root / "estate" / "staff.yaml").write_text(ESTATE)
    campaign = yaml.safe_load((ROOT / "config" / "campaigns" / "smoke.yaml").read_text())
    (root / "campaigns" / "smoke.yaml").write_text(yaml.safe_dump(campaign))
    local = {
        "title": "A test",
        "endpoints": {"staff": site},
        "allow": ["127.0.0.1"],
        "secrets": {"admin-robot": "env:ADMIN_ROBOT"},
    }
    (root / "environments" / "local.yaml").write_text(yaml.safe_dump(local))
    return root


def look(config: Path, account: str) -> dict[str, Any]:
    """Run the probe once with the command of the documentation, in a process of its own; return what it printed."""
    command = [sys.executable, "-m", "piekwacht", "monitor", "once", "--json", "--config", str(config)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"ADMIN_ROBOT": account}, capture_output=True, text=True, check=False
    )
    assert PASSWORD not in done.stdout + done.stderr
    assert done.stdout, done.stderr
    [found] = json.loads(done.stdout)
    assert done.returncode == {"pass": 0, "fail": 1, "unknown": 3}[found["verdict"]]
    return dict(found)


def test_the_journey_has_at_most_twenty_lines() -> None:
    """Short enough to be written at once."""
    assert len(example().strip().splitlines()) <= 20


def test_logging_in_follows_token_cookies_and_redirects(site: str, tmp_path: Path) -> None:
    """Opened, logged in, logged out; every request is shown with its status and without a secret."""
    found = look(configure(tmp_path, site), f"{USER}:{PASSWORD}")
    assert found["verdict"] == "pass", found
    assert [(each["step"], each["method"], each["status"]) for each in found["trace"]] == [
        ("open", "GET", 302),
        ("open", "GET", 200),
        ("log-in", "POST", 302),
        ("log-in", "GET", 200),
        ("log-out", "GET", 200),
    ]
    cookies = [value for each in found["trace"] for name, value in each["headers"] if name == "Set-Cookie"]
    assert {cookie.split(";")[0] for cookie in cookies} >= {"csrftoken=***", "sessionid=***"}


def test_a_wrong_password_fails_at_the_login(site: str, tmp_path: Path) -> None:
    """The form comes back with status 200: refused at the step that logs in."""
    found = look(configure(tmp_path, site), f"{USER}:wrong")
    assert (found["verdict"], found["reason"], found["step"]) == ("fail", "login_refused", "log-in")


def test_a_secret_of_another_form_is_the_probers_own_trouble(site: str, tmp_path: Path) -> None:
    """Nothing is sent, nothing of it is repeated."""
    found = look(configure(tmp_path, site), "just-one-word")
    assert (found["verdict"], found["cause"]) == ("unknown", "broken_probe")
    assert "just-one-word" not in json.dumps(found)
    assert found["trace"] == []
