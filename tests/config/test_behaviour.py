"""How citizens behave, as a campaign says it: defaults, and every mistake named with its line."""

from __future__ import annotations

import pytest

from config import Behaviour
from config.behaviour import QUEUE_PATIENCE
from tests.config.conftest import CAMPAIGN_FILE, House

BEHAVIOUR = """\
thresholds:
  failed_share: 0.01
  p95: 2s
behaviour:
  web:
    patience: 20s
    queue_patience: 10m
    retry: {share: 0.6, times: 5, pause: 3s, growth: 2, jitter: 0.25}
    come_back: {share: 0.3, after: 15m, times: 2}
    two_tabs: 0.05
  app:
    spare_connections: {number: 3, share: 0.2}
"""


@pytest.fixture
def house(house: House) -> House:
    """Give the campaign's citizens a behaviour."""
    house.change(CAMPAIGN_FILE, "thresholds:\n  failed_share: 0.01\n  p95: 2s\n", BEHAVIOUR)
    return house


def test_a_campaign_says_how_the_citizens_of_each_channel_behave(house):
    """Durations in seconds; what a channel does not say has its default."""
    channels = house.load().campaigns["day"].behaviour
    web, app = channels["web"], channels["app"]
    assert (web.patience, web.queue_patience, web.two_tabs) == (20.0, 600.0, 0.05)
    assert web.retry is not None
    assert web.come_back is not None
    assert (web.retry.times, web.retry.pause, web.retry.growth, web.retry.jitter) == (5, 3.0, 2.0, 0.25)
    assert (web.come_back.share, web.come_back.after, web.come_back.times) == (0.3, 900.0, 2)
    assert app.spare_connections is not None
    assert (app.spare_connections.number, app.spare_connections.share) == (3, 0.2)
    assert (app.patience, app.queue_patience, app.retry, app.come_back) == (None, QUEUE_PATIENCE, None, None)


def test_nobody_does_anything_unusual_unless_it_is_said():
    """Without a word nobody tries again, comes back, or opens more than is needed."""
    usual = Behaviour()
    assert (usual.patience, usual.retry, usual.come_back, usual.two_tabs, usual.spare_connections) == (
        None, None, None, 0.0, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        ("patience: 20s", "patience: 20", "behaviour.web.patience: found 20, expected a duration with its unit"),
        ("patience: 20s", "patience: 0s", 'behaviour.web.patience: found "0s", expected a number above 0'),
        ("share: 0.6", "share: 1.1", "behaviour.web.retry.share: found 1.1, expected a number of at most 1"),
        ("share: 0.6", "share: -0.1", "behaviour.web.retry.share: found -0.1, expected a number of at least 0"),
        ("share: 0.6", "share: '0.6'", 'behaviour.web.retry.share: found "0.6", expected a number'),
        ("times: 5", "times: 0", "behaviour.web.retry.times: found 0, expected a number of at least 1"),
        ("times: 5", "times: 1001", "behaviour.web.retry.times: found 1001, expected a number of at most 1000"),
        ("growth: 2", "growth: 0.5", "behaviour.web.retry.growth: found 0.5, expected a number of at least 1"),
        ("jitter: 0.25", "jitter: 2", "behaviour.web.retry.jitter: found 2, expected a number of at most 1"),
        ("after: 15m, ", "", "behaviour.web.come_back: found nothing, expected the key 'after'"),
        ("share: 0.3, ", "", "behaviour.web.come_back: found nothing, expected the key 'share'"),
        ("two_tabs: 0.05", "two_tabs: 5", "behaviour.web.two_tabs: found 5, expected a number of at most 1"),
        ("number: 3", "number: 0", "behaviour.app.spare_connections.number: found 0, expected a number of at least 1"),
        (
            "number: 3",
            "number: 99",
            "behaviour.app.spare_connections.number: found 99, expected a number of at most 20",
        ),
        ("two_tabs:", "too_tabs:", 'behaviour.web.too_tabs: found the unknown key "too_tabs", expected one of:'),
        ("  app:\n    spare", "  fax:\n    spare", "expected one of: 'web'"),
    ],
)
def test_each_mistake_is_named(house, change, to, says):
    """File, line, what was found and what was expected; one mistake is one line."""
    house.change(CAMPAIGN_FILE, change, to)
    (problem,) = house.problems()
    assert problem.startswith(f"{CAMPAIGN_FILE}:")
    assert says in problem
