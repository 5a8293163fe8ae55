from __future__ import annotations

import pytest

from staging.admin import is_loopback
from staging.faults import Fault
from tests.drivers import browser, send, someone, walk
from tests.replica import running_replica


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost.example", False),
        ("", False),
        (None, False),
    ],
)
def test_only_this_machine_is_loopback(peer: str | None, local: bool) -> None:
    """Addresses of this machine are accepted, all others and none are not."""
    assert is_loopback(peer) is local


async def test_faults_are_listed_switched_on_and_off() -> None:
    """The list says what is on; switching off takes one fault or all."""
    async with running_replica() as replica, browser() as session:
        faults = replica.url + "/admin/faults"
        _, listing = await send(session, "GET", faults)
        assert (listing["active"], len(listing["known"])) == ([], len(Fault))
        await send(session, "POST", faults, {"fault": "banner"})
        order = {"fault": "added-latency", "parameters": {"system": "website", "seconds": "0.01"}}
        _, listing = await send(session, "POST", faults, order)
        assert listing["active"] == [
            {"fault": "banner", "parameters": {"languages": "both", "minutes": 60.0}},
            {"fault": "added-latency", "parameters": {"system": "website", "seconds": 0.01}},
        ]
        _, listing = await send(session, "DELETE", faults + "?fault=banner")
        assert [active["fault"] for active in listing["active"]] == ["added-latency"]
        _, listing = await send(session, "DELETE", faults)
        assert listing["active"] == []


async def test_wrong_orders_are_refused() -> None:
    """A word for programs and a sentence for people; nothing changes."""
    async with running_replica() as replica, browser() as session:
        faults, dose = replica.url + "/admin/faults", replica.url + "/admin/dose"
        for method, url, data, expected in (
            ("POST", faults, {"fault": "flood"}, (400, "no_such_fault")),
            ("DELETE", faults + "?fault=flood", None, (400, "no_such_fault")),
            ("POST", faults, {"fault": "error-share"}, (400, "bad_parameters")),
            ("POST", faults, {"fault": "banner", "parameters": 1}, (400, "bad_request")),
            ("POST", dose, {"web": -1}, (400, "bad_dose")),
            ("POST", dose, {"web": 1, "fax": 1}, (400, "bad_dose")),
            ("POST", dose, {"web": "many"}, (400, "bad_dose")),
            ("GET", replica.url + "/admin/secrets", None, (404, "not_found")),
        ):
            status, answer = await send(session, method, url, data)
            assert (status, answer["error"]) == expected
        state = (await send(session, "GET", replica.url + "/admin/state"))[1]
        assert state["waiting_room"]["web"]["dose"] == 200.0


async def test_a_body_that_is_no_json_object_is_refused() -> None:
    """Nothing, half of one, a list, and one that is nested too deep to be read."""
    async with running_replica() as replica, browser() as session:
        for body in (b"", b'{"fault"', b"[]", b'{"fault":' * 20_000):
            async with session.post(replica.url + "/admin/faults", data=body) as answer:
                assert (answer.status, (await answer.json())["error"]) == (400, "bad_request")


async def test_the_dose_changes_at_run_time() -> None:
    """With the dose at 0 people queue up; opened again, they are admitted."""
    async with running_replica() as replica, browser() as session:
        dose, queue = replica.url + "/admin/dose", replica.endpoints["waiting-room"] + "/queue"
        await send(session, "POST", dose, {"web": 0})
        _, held = await send(session, "POST", queue, {"channel": "web"})
        _, state = await send(session, "GET", replica.url + "/admin/state")
        assert (held["status"], held["retry_after"], state["waiting_room"]["web"]["queued"]) == ("queued", 10.0, 1)
        _, state = await send(session, "POST", dose, {"web": 5})
        assert state["waiting_room"]["web"]["dose"] == 5.0
        _, held = await send(session, "GET", f"{queue}?ticket={held['ticket']}")
        assert held["status"] == "admitted"


async def test_the_state_counts_what_happened() -> None:
    """Two returns filed on two channels: admissions, sessions and submissions say so."""
    async with running_replica() as replica, browser() as session:
        for number, channel in enumerate(("web", "app")):
            await walk("file-return", replica.url, someone(number, channel))  # type: ignore[arg-type]
        _, state = await send(session, "GET", replica.url + "/admin/state")
        assert [room["admitted_in_order"] for room in state["waiting_room"].values()] == [1, 1]
        assert state["portal"] == {"sessions": 2, "drafts": 0, "submissions": 2}
        assert state["access"]["logins"] == 0
