"""Each fault, as a citizen on a journey notices it."""

from __future__ import annotations

import aiohttp
import pytest

from journeys import JourneyFailed, Reason, definitions
from staging.connections import IDLE_LIMIT
from staging.faults import DEFINITIONS, BadParametersError, Fault, Faults
from tests.drivers import PATIENCE, browser, send, someone, walk
from tests.replica import Clock, RunningReplica, running_replica
from tests.waiting import until

LATE = PATIENCE + 20.0
"""Seconds of latency: beyond the patience of everyone."""


async def failure(journey: str, replica: RunningReplica, channel: str = "web", **options: float) -> tuple[Reason, str]:
    """Walk a journey as a watchful citizen and return the reason and the step of its failure."""
    with pytest.raises(JourneyFailed) as caught:
        await walk(journey, replica.url, someone(channel=channel, watchful=True), **options)  # type: ignore[arg-type]
    return caught.value.reason, caught.value.step


@pytest.mark.parametrize("channel", ["web", "app"])
@pytest.mark.parametrize("journey", definitions())
async def test_without_a_fault_every_journey_passes(journey: str, channel: str) -> None:
    """A watchful citizen reaches every goal on both channels."""
    async with running_replica() as replica:
        assert await walk(journey, replica.url, someone(channel=channel, watchful=True))  # type: ignore[arg-type]


async def test_added_latency_makes_one_system_slow() -> None:
    """Answers of the system come later than the citizen's patience; another system is as quick as ever."""
    async with running_replica() as replica:
        replica.switch_on(Fault.ADDED_LATENCY, system="digid-sms", seconds=LATE)
        assert await failure("log-in-with-sms", replica, patience=2.0) == (Reason.TIMEOUT, "start-sms")
        for journey in ("log-in-with-app", "activate-app"):
            assert await walk(journey, replica.url, someone())


async def test_added_latency_can_hit_several_systems() -> None:
    """Each system has its own latency, and switching off ends them all."""
    async with running_replica() as replica:
        replica.switch_on(Fault.ADDED_LATENCY, system="website", seconds=LATE)
        replica.switch_on(Fault.ADDED_LATENCY, system="waiting-room", seconds=LATE)
        assert await failure("visit-website", replica, patience=0.5) == (Reason.TIMEOUT, "home")
        assert await failure("enter-waiting-room", replica, patience=0.5) == (Reason.TIMEOUT, "join-queue")
        replica.replica.faults.switch_off(Fault.ADDED_LATENCY)
        assert await walk("visit-website", replica.url, someone())


async def test_an_error_share_of_one_fails_every_request() -> None:
    """Every answer of the system is a 500."""
    async with running_replica() as replica:
        replica.switch_on(Fault.ERROR_SHARE, system="access-service", share=1)
        assert await failure("log-in-with-app", replica) == (Reason.UNEXPECTED_STATUS, "open-login")


async def test_an_error_share_hits_its_share_the_same_way_each_time() -> None:
    """About a third of the answers are errors, and the seed fixes which."""

    async def statuses(seed: int) -> list[int]:
        async with running_replica() as replica, browser() as session:
            replica.switch_on(Fault.ERROR_SHARE, system="website", share=0.3, seed=seed)
            return [(await send(session, "GET", replica.url + "/website/"))[0] for _ in range(200)]

    first, again, other = await statuses(1), await statuses(1), await statuses(2)
    assert first == again != other
    assert 40 <= first.count(500) <= 80


async def test_a_connection_limit_turns_new_connections_away_while_others_go_on() -> None:
    """With a crowd on every connection a fresh one is closed without an answer; when one leaves there is room again."""
    async with running_replica() as replica:
        replica.switch_on(Fault.CONNECTION_LIMIT, connections=3)
        status = replica.endpoints["digid-app"] + "/app/status?transaction=none"
        crowd = [aiohttp.ClientSession() for _ in range(3)]
        for member in crowd:
            assert (await send(member, "GET", status))[0] == 410
        for journey, step in (
            ("log-in-with-app", "start-app"),
            ("log-in-with-sms", "start-sms"),
            ("activate-app", "start-activation"),
        ):
            assert await failure(journey, replica) == (Reason.CONNECTION_RESET, step)
        assert await walk("visit-website", replica.url, someone())
        for member in crowd:
            assert (await send(member, "GET", status))[0] == 410
        assert replica.replica.state()["digid"]["connections"] == 3
        await crowd.pop().close()
        await until(lambda: replica.replica.state()["digid"]["connections"] == 2)
        assert await walk("log-in-with-app", replica.url, someone())
        for member in crowd:
            await member.close()


async def test_a_connection_limit_counts_those_who_were_there_before() -> None:
    """The limit may be set below what is open: no one is thrown out, no one new comes in."""
    async with running_replica() as replica, browser() as here:
        status = replica.endpoints["digid-app"] + "/app/status?transaction=none"
        await send(here, "GET", status)
        replica.switch_on(Fault.CONNECTION_LIMIT, connections=0)
        assert (await send(here, "GET", status))[0] == 410
        assert await failure("activate-app", replica) == (Reason.CONNECTION_RESET, "start-activation")


async def test_an_idle_connection_makes_room() -> None:
    """A connection that has been idle as long as a server would keep it does not count any more."""
    clock = Clock()
    async with running_replica(clock) as replica, browser() as idle:
        replica.switch_on(Fault.CONNECTION_LIMIT, connections=1)
        await send(idle, "GET", replica.endpoints["digid-app"] + "/app/status?transaction=none")
        assert await failure("activate-app", replica) == (Reason.CONNECTION_RESET, "start-activation")
        clock.now += IDLE_LIMIT
        assert await walk("activate-app", replica.url, someone())


async def test_an_unguarded_app_channel_admits_without_a_queue() -> None:
    """The web channel queues as before; a watchful citizen of the app channel sees that it was not held."""
    async with running_replica(dose_app=0.001, dose_web=0.001) as replica:
        replica.switch_on(Fault.APP_UNGUARDED)
        assert await walk("log-in-with-app", replica.url, someone(channel="web", watchful=True))
        assert await failure("log-in-with-app", replica, "app") == (Reason.WAITING_ROOM_BYPASSED, "join-queue")
        for number in range(3):
            assert await walk("log-in-with-app", replica.url, someone(number, "app"))
        state = replica.replica.state()["waiting_room"]
        assert (state["web"]["admitted_in_order"], state["web"]["admitted_unqueued"]) == (1, 0)
        assert (state["app"]["admitted_in_order"], state["app"]["admitted_unqueued"]) == (0, 4)


async def test_a_banner_is_noticed_by_the_watchful() -> None:
    """A citizen reads on; a watchful one reports that a disruption is announced."""
    async with running_replica() as replica:
        replica.switch_on(Fault.BANNER)
        assert await walk("visit-website", replica.url, someone())
        assert await failure("visit-website", replica) == (Reason.DISRUPTION_ANNOUNCED, "home")


async def test_a_maintenance_page_is_no_portal() -> None:
    """Status 200 and yet closed: the journey says so. Logging in still works."""
    async with running_replica() as replica, browser() as session:
        replica.switch_on(Fault.MAINTENANCE_PAGE)
        assert (await send(session, "GET", replica.endpoints["mijn-belastingdienst"] + "/"))[0] == 200
        assert await failure("file-return", replica) == (Reason.MAINTENANCE_PAGE, "open-portal")
        assert await walk("log-in-with-app", replica.url, someone())


async def test_cleared_faults_leave_nothing_behind() -> None:
    """After everything was on and is cleared, every journey passes again."""
    severe = {"system": "website", "seconds": LATE, "share": 1.0, "connections": 0}
    async with running_replica() as replica:
        for fault in Fault:
            known = DEFINITIONS[fault].parameters.model_fields
            replica.switch_on(fault, **{name: value for name, value in severe.items() if name in known})
        replica.replica.faults.clear()
        for journey in definitions():
            assert await walk(journey, replica.url, someone(channel="app", watchful=True))


@pytest.mark.parametrize(
    ("fault", "parameters", "message"),
    [
        (Fault.ADDED_LATENCY, {}, "added-latency: system: Field required"),
        (Fault.ADDED_LATENCY, {"system": "fax"}, "added-latency: system: one of website, toeslagen-nl,"),
        (Fault.ADDED_LATENCY, {"system": "website", "seconds": "inf"}, "added-latency: seconds: Input should be less"),
        (Fault.ERROR_SHARE, {"system": "website", "share": "nan"}, "error-share: share: "),
        (Fault.ERROR_SHARE, {"system": "website", "share": 1.1}, "error-share: share: Input should be less"),
        (Fault.CONNECTION_LIMIT, {"connections": -1}, "connection-limit: connections: Input should be greater"),
        (Fault.APP_UNGUARDED, {"text": "hello"}, "app-unguarded has no parameter 'text'; it has: none"),
        (Fault.BANNER, {"text": "hello"}, "banner has no parameter 'text'; it has: languages, minutes"),
    ],
)
def test_wrong_parameters_are_explained(fault: Fault, parameters: dict[str, object], message: str) -> None:
    """A fault with parameters that it does not have, or out of range, is not switched on and says why."""
    faults = Faults()
    with pytest.raises(BadParametersError) as caught:
        faults.switch_on(fault, parameters)
    assert str(caught.value).startswith(message)
    assert not faults.active()


def test_every_fault_is_described() -> None:
    """No fault without a title and without what a citizen notices."""
    assert set(DEFINITIONS) == set(Fault)
    assert all(definition.title and definition.effect for definition in DEFINITIONS.values())
