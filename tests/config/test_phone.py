"""Telephone lines in the configuration: each mistake is told with its file, its line, and what would be right."""

from __future__ import annotations

import pytest

from config import Trunk
from config.phone import CallLimits
from tests.config.conftest import ENVIRONMENT_FILE, ESTATE_FILE

CALL = """      call:
        kind: call
        trunk: carrier
        number: "+31990000001"
"""
TRUNKS = """trunks:
  carrier: {}
"""
LAST = "        limit: 5s\n"
TOKEN = "  token: env:TOKEN\n"


@pytest.fixture
def line(house):
    """Return a house with one probe that calls, over a trunk that nobody describes further."""
    house.change(ESTATE_FILE, LAST, LAST + CALL)
    house.change(ENVIRONMENT_FILE, TOKEN, TOKEN + TRUNKS)
    return house


def test_a_trunk_that_nobody_describes_is_the_demo_line(line):
    """Nothing dials out by accident: its server is this machine, and its numbers exist nowhere."""
    trunk = line.load().environments["local"].trunks["carrier"]
    assert (trunk.host, trunk.port, trunk.transport, trunk.numbers) == ("127.0.0.1", 8610, "udp", ["+3199*"])


def test_a_call_runs_only_where_its_trunk_is(line):
    """An environment without trunks has no lines, and its probes that call are left out."""
    line.write("environments/without.yaml", (line.root / ENVIRONMENT_FILE).read_text().replace(TRUNKS, ""))
    configuration = line.load()
    assert [name for _, name, _ in configuration.probes_in("local")] == ["home-page", "visit", "call"]
    assert [name for _, name, _ in configuration.probes_in("without")] == ["home-page", "visit"]


def test_a_line_needs_no_endpoint(line):
    """A system that is reached by telephone only has no base URL."""
    text = (line.root / ESTATE_FILE).read_text()
    helpdesk = """  helpdesk:
    name: Helpdesk
    name_nl: Helpdesk
    purpose: People call.
    objective: {target: 99, measured_by: [ring]}
    probes:
      ring: {kind: call, trunk: carrier, number: "+31990000002"}
"""
    line.write(ESTATE_FILE, text + helpdesk)
    configuration = line.load()
    assert configuration.systems["helpdesk"].is_line
    assert not configuration.systems["website"].is_line


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        (
            'number: "+31990000001"',
            "number: 0900-8844",
            (
                '28: systems.website.probes.call.number: found "0900-8844", '
                "expected a number such as +31990000001, or sip:NAME@HOST"
            ),
        ),
        (
            "trunk: carrier",
            "trunk: carier",
            (
                "27: systems.website.probes.call.trunk: found 'carier', "
                "expected a name from the trunks of an environment: carrier"
            ),
        ),
        (
            CALL,
            CALL + "        script: {answer_within: 30s}\n",
            '29: systems.website.probes.call.script.answer_within: found "30s", expected at most 25s of ringing',
        ),
        (
            CALL,
            CALL + "        script: {hang_up_after: 61s}\n",
            '29: systems.website.probes.call.script.hang_up_after: found "61s", expected at most 60s',
        ),
        (
            CALL,
            CALL + '        script: {press: "1", queue: [music], hang_up_after: 10s}\n',
            (
                '29: systems.website.probes.call.script.hang_up_after: found "10s", '
                "expected at least 22s, which the script may take"
            ),
        ),
        (
            CALL,
            CALL + "        script: {press: one}\n",
            (
                '29: systems.website.probes.call.script.press: found "one", '
                "expected one to eight of the keys 0 to 9, * and #, in quotes"
            ),
        ),
        (
            CALL,
            CALL + "        script: {queue: [speech]}\n",
            "29: systems.website.probes.call.script.queue[0]: found \"speech\", expected one of: 'ringback' or 'music'",
        ),
        (
            CALL,
            CALL + "        timeout: 20s\n        limit: 20s\n",
            (
                '29: systems.website.probes.call.timeout: found "20s", '
                "expected at least 50s, in which the script and the teardown fit"
            ),
        ),
    ],
)
def test_each_mistake_of_a_call_is_told(line, change, to, says):
    """What is dialled, over what, and for how long."""
    line.change(ESTATE_FILE, change, to)
    found = [each for each in line.problems() if each.startswith(ESTATE_FILE)]
    assert found == [f"{ESTATE_FILE}:{says}"]


@pytest.mark.parametrize(
    ("trunk", "says"),
    [
        (
            '{server: "sip.example:0"}',
            (
                '8: trunks.carrier.server: found "sip.example:0", '
                "expected a host and its port, such as 192.0.2.1:443 or [2001:db8::1]:443"
            ),
        ),
        (
            "{server: sip.example}",
            "8: trunks.carrier.server: found the host 'sip.example', expected a host of allow: 127.0.0.1",
        ),
        (
            '{numbers: ["+3120*"]}',
            "8: trunks.carrier.numbers: found +3120*, expected +31990000001 too, which the probe 'call' calls",
        ),
        (
            '{numbers: ["+31990000001", "*"]}',
            (
                '8: trunks.carrier.numbers[1]: found "*", '
                "expected a number, how numbers begin (+3199*), sip:NAME@HOST or sip:+3199*@HOST"
            ),
        ),
        ("{numbers: []}", "8: trunks.carrier.numbers: found an empty list, expected at least 1 entries, not 0"),
        ("{transport: sctp}", "8: trunks.carrier.transport: found \"sctp\", expected one of: 'udp', 'tcp' or 'tls'"),
        ("{calls_at_once: 21}", "8: trunks.carrier.calls_at_once: found 21, expected a number of at most 20"),
        ("{calls_a_day: 0}", "8: trunks.carrier.calls_a_day: found 0, expected a number of at least 1"),
        (
            "{user: me}",
            "8: trunks.carrier.password: found the default null, expected both user and password, or neither",
        ),
        ("{user: me, password: word}", '8: trunks.carrier.password: found "word", expected one of secrets: token'),
        (
            "{media_ports: [40000]}",
            "8: trunks.carrier.media_ports: found [40000], expected the first port and the last",
        ),
        ("{media_ports: [80, 90]}", "8: trunks.carrier.media_ports[0]: found 80, expected a number of at least 1024"),
    ],
)
def test_each_mistake_of_a_trunk_is_told(line, trunk, says):
    """Where it is, what it may call, and how it is spoken to."""
    line.change(ENVIRONMENT_FILE, "  carrier: {}", f"  carrier: {trunk}")
    found = [each for each in line.problems() if each.startswith(f"{ENVIRONMENT_FILE}:8")]
    assert found[0] == f"{ENVIRONMENT_FILE}:{says}"


def test_an_environment_with_trunks_has_those_that_are_named(line):
    """A misspelt one would silently never be called over."""
    line.change(ENVIRONMENT_FILE, "  carrier: {}", "  carier: {}")
    assert line.problems() == [
        f"{ENVIRONMENT_FILE}:7: trunks: found nothing, expected the trunk 'carrier', over which a probe calls",
        (
            f"{ESTATE_FILE}:27: systems.website.probes.call.trunk: found 'carrier', "
            "expected a name from the trunks of an environment: carier"
        ),
    ]


def test_an_asterisk_calls_for_the_prober(line):
    """Its password is one of the secrets, and its numbers are a list as a trunk's are."""
    line.change(ESTATE_FILE, CALL, CALL.replace("kind: call", "kind: ari_call").replace("trunk:", "asterisk:"))
    asterisk = "{url: 'http://127.0.0.1:8088/ari', user: me, password: %s, dial: 'PJSIP/%s@carrier'}"
    line.change(ENVIRONMENT_FILE, TRUNKS, f"asterisks:\n  carrier: {asterisk % ('word', '+31')}\n")
    assert line.problems()[0] == (
        f'{ENVIRONMENT_FILE}:8: asterisks.carrier.dial: found "PJSIP/+31@carrier", '
        "expected what is dialled, such as PJSIP/{number}@carrier"
    )
    line.change(ENVIRONMENT_FILE, asterisk % ("word", "+31"), asterisk % ("token", "{number}"))
    assert line.load().environments["local"].lines == ["carrier"]


@pytest.mark.parametrize(
    ("allowed", "dialled", "may"),
    [
        ("+31990000001", "+31990000001", True),
        ("+31990000001", "+319900000010", False),
        ("+3199*", "+31990000001", True),
        ("+3199*", "+31201234567", False),
        ("+3199*", "sip:+31990000001@platform.example", False),
        ("sip:+3199*@platform.example", "sip:+31990000001@platform.example", True),
        ("sip:+3199*@platform.example", "sip:+31990000001@elsewhere.example", False),
        ("sip:menu@platform.example", "sip:menu@platform.example", True),
    ],
)
def test_what_may_be_called_is_on_the_list(allowed, dialled, may):
    """Whole, or by how it begins; at another host it is another line."""
    assert CallLimits(numbers=[allowed]).may_call(dialled) is may


@pytest.mark.parametrize(
    ("server", "host", "port"),
    [("sip.example", "sip.example", None), ("192.0.2.1:5060", "192.0.2.1", 5060), ("[::1]:5061", "::1", 5061)],
)
def test_a_server_is_a_place_or_a_domain(server, host, port):
    """Without a port it is looked up."""
    trunk = Trunk(server=server)
    assert (trunk.host, trunk.port) == (host, port)
