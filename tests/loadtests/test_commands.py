"""`piekwacht load`: wrong use is explained before Locust is there."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from piekwacht import app
from tests.conftest import ROOT

CAMPAIGN = "aangifte-2023-03-01"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "no-such"), 2, "There is no campaign 'no-such'"),
        (("run", CAMPAIGN, "--env", "no-such"), 2, "There is no environment 'no-such'"),
        (("run", CAMPAIGN, "--from", "9 o'clock"), 2, "is not a time of day"),
        (("run", CAMPAIGN, "--scale", "0"), 2, "--scale"),
        (("run", CAMPAIGN, "--drain", "inf"), 2, "drain: Input should be"),
        (("run", CAMPAIGN, "--scale", "1000"), 2, "too many for one run"),
        (("run", CAMPAIGN, "--master", "--processes", "2"), 2, "use one of them"),
        (("shape", CAMPAIGN, "--out", "tests"), 2, "cannot write tests"),
        (("run", CAMPAIGN, "--config", "no/such/folder"), 2, "no *.yaml file"),
    ],
)
def test_wrong_use_is_explained_without_a_traceback(monkeypatch, arguments, code, words):
    """One clear line and the right exit code."""
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, ["load", *arguments])
    assert isinstance(done.exception, SystemExit), "anything else would be a traceback"
    assert done.exit_code == code
    assert words in re.sub(r"[\s│]+", " ", done.output)
