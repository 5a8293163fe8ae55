"""`piekwacht validate`, and what every command shares."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

import piekwacht
from config.commands import Exit, address_or_exit, choose, load_or_exit
from tests.config.conftest import CAMPAIGN, ENVIRONMENT_FILE

PRODUCTION, TEST = "the production host 'www.tax.example' of website", "a host of a test environment"


@pytest.fixture
def run(house):
    def run(*arguments):
        return CliRunner().invoke(piekwacht.app, ["validate", "--config", str(house.root), *arguments])

    return run


def test_a_valid_folder_is_counted(run, house):
    """Exit code 0, and what was found."""
    result = run()
    assert result.exit_code == Exit.GOOD
    assert result.stdout == f"{house.root} is valid: 1 systems, 2 probes, 1 campaigns, 1 environments\n"
    assert result.stderr == ""


def test_a_machine_gets_the_counts_as_json(run):
    """The same, for a pipeline."""
    result = run("--json")
    assert result.exit_code == Exit.GOOD
    assert json.loads(result.stdout) == {
        "valid": True,
        "problems": [],
        "systems": 1,
        "probes": 2,
        "campaigns": 1,
        "environments": 1,
    }


def break_two_files(house):
    house.write("campaigns/broken.yaml", CAMPAIGN.replace("visit-website", "dance"))
    house.change(ENVIRONMENT_FILE, "[127.0.0.1]", "[127.0.0.1, www.tax.example]")


def test_every_problem_is_one_line(run, house):
    """Exit code 1; on standard error, so that a pipeline's output stays clean; no traceback."""
    break_two_files(house)
    result = run()
    root = house.root
    journeys = result.stderr.splitlines()[0].rpartition("expected ")[2]
    assert "visit-website" in journeys
    assert result.exit_code == Exit.NO
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f'{root}/campaigns/broken.yaml:16: streams.visits.split[0].journey: found "dance", expected {journeys}',
        f'{root}/campaigns/broken.yaml:18: streams.visits.split[1].journey: found "dance", expected {journeys}',
        f"{root}/environments/local.yaml:4: allow[1]: found {PRODUCTION}, expected {TEST}",
        f"3 problem(s) in {root}",
    ]


def test_a_machine_gets_every_problem_as_json(run, house):
    """With file, line, path, what was found and what was expected apart."""
    break_two_files(house)
    result = run("--json")
    assert result.exit_code == Exit.NO
    answer = json.loads(result.stdout)
    assert answer["valid"] is False
    assert answer["problems"][2] == {
        "file": f"{house.root}/environments/local.yaml",
        "line": 4,
        "path": "allow[1]",
        "found": PRODUCTION,
        "expected": TEST,
    }


def test_a_folder_that_is_not_there_is_an_answer_too(run, house, tmp_path):
    """No traceback for a typing error."""
    result = CliRunner().invoke(piekwacht.app, ["validate", "--config", str(tmp_path / "nowhere")])
    assert result.exit_code == Exit.NO
    assert "found no *.yaml file, expected at least one" in result.stderr


def test_other_commands_stop_at_an_invalid_configuration(house, capsys):
    """With the same lines and exit code 2: nothing was judged."""
    assert load_or_exit(house.root).systems
    house.change(ENVIRONMENT_FILE, "title: ", "tilte: ")
    keys = "one of: accounts, allow, asterisks, call_interval, call_register, deliveries, endpoints, notices, "
    keys += "probe_interval, references, secrets, source_addresses, title, tls, trunks"
    with pytest.raises(typer.Exit) as left:
        load_or_exit(house.root)
    assert left.value.exit_code == Exit.USAGE
    assert capsys.readouterr().err.splitlines() == [
        f"{house.root}/environments/local.yaml:1: found nothing, expected the key 'title'",
        f'{house.root}/environments/local.yaml:1: tilte: found the unknown key "tilte", expected {keys}',
    ]


def test_a_name_that_does_not_exist_is_wrong_use(capsys):
    """Exit code 2, with the names that there are."""
    choose("campaign", "day", ["night", "day"])
    with pytest.raises(typer.Exit) as left:
        choose("campaign", "week", ["night", "day"])
    assert left.value.exit_code == Exit.USAGE
    assert capsys.readouterr().err == "There is no campaign 'week'; there is: day, night\n"


@pytest.mark.parametrize("text", ["9464", ":9464", "[]:9464", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1", "a:b"])
def test_an_address_has_a_host_and_a_port(text, capsys):
    """Without a host it would mean every address of the machine."""
    with pytest.raises(typer.Exit) as caught:
        address_or_exit("--listen", text)
    assert caught.value.exit_code == Exit.USAGE
    assert capsys.readouterr().err == f"--listen takes HOST:PORT, such as 127.0.0.1:9464, not '{text}'\n"


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:9464", ("::1", 9464)), ("localhost:1", ("localhost", 1))],
)
def test_an_address_is_taken_apart(text, address):
    """As a socket wants it."""
    assert address_or_exit("--listen", text) == address
