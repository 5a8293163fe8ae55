"""Probes of kind journey: how the driver walks, and what the probes of the estate see of each fault of the replica."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from config import Configuration
from journeys import (
    Citizen,
    Connect,
    Hear,
    Identities,
    Journey,
    JourneyDefinition,
    JourneyFailed,
    Reason,
    Request,
    Response,
    Say,
    Think,
    Wait,
    core,
)
from journeys.identities import RESERVED
from monitors.probes import Outcome, measure, steps_of, targets
from monitors.probes.client import walk
from monitors.probes.outcome import Track
from monitors.verdict import Cause, Fail, Pass, Unknown, Verdict
from staging.faults import Fault
from staging.layout import MESSAGE_SYSTEMS
from tests.monitors.listeners import aim, answering, environment, journey_probe, page
from tests.monitors.probes.phone.test_line_faults import SEEN as BY_TELEPHONE
from tests.replica import RunningReplica, running_replica
from tests.waiting import until


def at(configuration: Configuration, endpoints: Mapping[str, str]) -> Configuration:
    """Return the shipped configuration with its local environment at these endpoints; nothing is called."""
    local = configuration.environments["local"].model_copy(update={"endpoints": dict(endpoints), "trunks": {}})
    return replace(configuration, environments={"local": local})


async def look(
    configuration: Configuration,
    replica: RunningReplica,
    hurry: Mapping[str, Mapping[str, float]] | None = None,
    in_vain: Collection[str] = (),
) -> dict[str, Verdict]:
    """Run every probe of the estate once and return the verdicts by probe.

    `hurry` gives timeout and limit of a probe, or of a system's; the others have time, for the machine may be busy. The
    probes that wait `in_vain` for a return message do so for a second.
    """
    times = hurry or {}
    chosen = [
        replace(each, **times.get(each.name, times.get(each.system, PATIENT)))
        for each in targets(at(configuration, replica.endpoints), "local", "test")
    ]
    chosen = [
        replace(each, probe=each.probe.model_copy(update={"answer_within": 1.0})) if each.name in in_vain else each
        for each in chosen
    ]
    outcomes = await asyncio.gather(*(measure(target, number) for number, target in enumerate(chosen)))
    return {target.name: outcome.verdict for target, outcome in zip(chosen, outcomes, strict=True)}


def gist(verdict: Verdict) -> tuple[str, str] | str:
    return (verdict.reason, verdict.step) if isinstance(verdict, Fail) else type(verdict).__name__


PATIENT = {"timeout": 40.0, "limit": 40.0}

LATENCY = 2.0
TIGHT = {"timeout": 1.9 * LATENCY, "limit": 0.5 * LATENCY}
"""One late answer is too slow, two are a timeout: in between lies nearly as much time as the latency."""

BY_APP = ("login-app", "file-return", "file-joint-return", "change-mandate", "change-allowance")
BY_BROKER = (
    "login-eherkenning",
    "login-eidas",
    "file-vat-return",
    "file-bank-tax",
    "file-vat-ecommerce",
    "view-declarations",
)
"""Who logs in with the DigiD app, and who as a company or with eIDAS."""

HURRY = {
    Fault.ADDED_LATENCY: {"website": TIGHT},
    Fault.CHAT_UNATTENDED: {"chat-conversation": TIGHT},
    Fault.VIDEO_UNATTENDED: {"video-call": {"timeout": 40.0, "limit": 2.0}},
}
"""Faults that show when time, or patience, runs out: that probe has less, or the probes of that system have."""

# Of each fault: its parameters, and every probe of the estate that must not pass, with reason and step.
SEEN: list[tuple[Fault, dict[str, Any], dict[str, tuple[Reason, str]]]] = [
    (
        Fault.ADDED_LATENCY,
        {"system": "website", "seconds": LATENCY},
        {
            "home-page": (Reason.TOO_SLOW, "request"),
            "visit-website": (Reason.TIMEOUT, "disruptions"),
            "disruption-notice": (Reason.TIMEOUT, "nl /storingen"),
        },
    ),
    (
        Fault.ERROR_SHARE,
        {"system": "digid-activation", "share": 1.0},
        {"activate-app": (Reason.UNEXPECTED_STATUS, "start-activation")},
    ),
    (
        Fault.ERROR_SHARE,
        {"system": "access-service", "share": 1.0},
        {
            "access-service": (Reason.UNEXPECTED_STATUS, "request"),
            "login-sms": (Reason.UNEXPECTED_STATUS, "open-login"),
            **dict.fromkeys((*BY_APP, *BY_BROKER), (Reason.UNEXPECTED_STATUS, "open-login")),
        },
    ),
    (
        Fault.CONNECTION_LIMIT,
        {"connections": 0},
        {
            "login-sms": (Reason.CONNECTION_RESET, "start-sms"),
            "activate-app": (Reason.CONNECTION_RESET, "start-activation"),
            **dict.fromkeys(BY_APP, (Reason.CONNECTION_RESET, "start-app")),
        },
    ),
    (
        Fault.APP_UNGUARDED,
        {},
        {
            "waiting-room-app": (Reason.WAITING_ROOM_BYPASSED, "join-queue"),
            "login-app": (Reason.WAITING_ROOM_BYPASSED, "join-queue"),
            "file-return": (Reason.WAITING_ROOM_BYPASSED, "join-queue"),
            "file-joint-return": (Reason.WAITING_ROOM_BYPASSED, "join-queue"),
        },
    ),
    (Fault.BANNER, {}, {"visit-website": (Reason.DISRUPTION_ANNOUNCED, "home")}),
    (
        Fault.BANNER,
        {"languages": "nl"},
        {
            "visit-website": (Reason.DISRUPTION_ANNOUNCED, "home"),
            "disruption-notice": (Reason.NOTICE_MISSING, "en /en/"),
        },
    ),
    (
        Fault.BANNER,
        {"minutes": -5},
        {
            "visit-website": (Reason.DISRUPTION_ANNOUNCED, "home"),
            "disruption-notice": (Reason.NOTICE_STALE, "nl /"),
        },
    ),
    (Fault.REDIRECT_ASTRAY, {}, {"toeslagen-redirect": (Reason.UNEXPECTED_REDIRECT, "hop-1")}),
    (
        Fault.RETURN_MESSAGES_HELD,
        {},
        {f"{each}-declaration": (Reason.RETURN_MESSAGE_MISSING, "return") for each in MESSAGE_SYSTEMS},
    ),
    *(
        (
            Fault.RETURN_MESSAGES_HELD,
            {"messages": each},
            {f"{each}-declaration": (Reason.RETURN_MESSAGE_MISSING, "return")},
        )
        for each in MESSAGE_SYSTEMS
    ),
    (Fault.MAINTENANCE_PAGE, {}, {"file-return": (Reason.MAINTENANCE_PAGE, "open-portal")}),
    (
        Fault.PLATFORM_STUCK,
        {},
        {
            "generic-platform": (Reason.UNEXPECTED_STATUS, "request"),
            "staff-login": (Reason.UNEXPECTED_STATUS, "log-in"),
            "internal-page": (Reason.UNEXPECTED_STATUS, "log-in"),
        },
    ),
    (Fault.CHAT_UNATTENDED, {}, {"chat-conversation": (Reason.TIMEOUT, "greeting")}),
    (Fault.VIDEO_UNATTENDED, {}, {"video-call": (Reason.NO_ANSWER, "agent")}),
    (Fault.VIDEO_REFUSED, {}, {"video-call": (Reason.UNEXPECTED_STATUS, "signalling")}),
    (Fault.VIDEO_WITHOUT_PICTURE, {}, {"video-call": (Reason.MEDIA_REFUSED, "answer")}),
    (Fault.CALLBACK_FORM, {}, {}),
    (
        Fault.CALLBACK_FORM,
        {"works": False},
        {"callback-request": (Reason.CONTENT_MISSING, "request-callback")},
    ),
]


async def test_a_replica_that_is_well_passes_every_probe(configuration: Configuration) -> None:
    """No probe of the estate fails without a reason."""
    async with running_replica() as replica:
        verdicts = await look(configuration, replica)
    assert {gist(verdict) for verdict in verdicts.values()} == {"Pass"}, verdicts


@pytest.mark.parametrize(("fault", "parameters", "expected"), SEEN, ids=[str(fault) for fault, _, _ in SEEN])
async def test_each_fault_is_seen_with_its_reason_and_nowhere_else(
    configuration: Configuration, fault: Fault, parameters: dict[str, Any], expected: dict[str, tuple[Reason, str]]
) -> None:
    """The probes that meet the fault say why and at which step; all others pass; afterwards every probe passes."""
    async with running_replica() as replica:
        replica.switch_on(fault, **parameters)
        unanswered = [name for name, (reason, _) in expected.items() if reason is Reason.RETURN_MESSAGE_MISSING]
        during = await look(configuration, replica, HURRY.get(fault), unanswered)
        replica.replica.faults.switch_off(fault)
        after = await look(configuration, replica)
    assert {name: gist(verdict) for name, verdict in during.items() if verdict != Pass()} == expected
    assert set(after.values()) == {Pass()}


def test_every_fault_of_the_replica_is_in_the_table() -> None:
    """A new fault needs a probe that sees it, here or among the telephone lines."""
    assert {fault for fault, _, _ in SEEN} | {fault for fault in BY_TELEPHONE if fault} == set(Fault)


async def test_an_unguarded_app_channel_shows_as_a_difference_between_the_channels(
    configuration: Configuration,
) -> None:
    """The same journey fails on the app channel and passes on the web channel (March 2023)."""
    async with running_replica() as replica:
        replica.switch_on(Fault.APP_UNGUARDED)
        place = at(configuration, replica.endpoints).environments["local"]
        app, web_ = [
            await measure(aim(journey_probe("log-in-with-app", channel), place, system="digid-app"), number)
            for number, channel in enumerate(("app", "web"))
        ]
    assert gist(app.verdict) == (Reason.WAITING_ROOM_BYPASSED, "join-queue")
    assert web_.verdict == Pass()


async def test_a_queue_is_reported_as_a_queue_and_not_as_a_timeout() -> None:
    """Patience ends before the timeout; the step is the one in the queue."""
    async with running_replica(dose_web=0.001) as replica:
        place = environment("", replica.endpoints)
        crowd = [aim(journey_probe("enter-waiting-room", limit="1s"), place) for _ in range(3)]
        verdicts = [gist(outcome.verdict) for outcome in await asyncio.gather(*map(measure, crowd, range(3)))]
    assert verdicts.count((Reason.WAITING_ROOM, "poll-queue")) == 2, verdicts


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, JourneyDefinition]]:
    """Give the registry of journeys, and put it back afterwards."""
    journeys = dict(core._registry)
    monkeypatch.setattr(core, "_registry", journeys)
    return journeys


async def run(journeys: dict[str, JourneyDefinition], start: Any, base: str, **timing: str) -> Outcome:
    """Register a journey made for one test and run it as a probe."""
    journeys["made-up"] = JourneyDefinition("made-up", "Made up", ("first", "second"), start)
    return await measure(aim(journey_probe("made-up", **timing), environment(base)), 7)  # type: ignore[arg-type]


@pytest.mark.parametrize(("limit", "patience"), [("10s", 8.0), ("2s", 2.0)])
async def test_patience_ends_before_the_timeout(
    registered: dict[str, JourneyDefinition], limit: str, patience: float
) -> None:
    """A citizen queues for four fifths of the timeout, and no longer than the limit."""
    met = []

    def start(citizen: Citizen) -> Journey:
        met.append(citizen.patience)
        yield Think(1.0)

    await run(registered, start, "http://127.0.0.1:1", timeout="10s", limit=limit)
    assert met == [patience]


async def test_waiting_is_waited_and_thinking_is_not(registered: dict[str, JourneyDefinition]) -> None:
    """A probe has nothing to think about; a polling interval belongs to the system."""

    def start(_: Citizen) -> Journey:
        yield Think(60.0)
        yield Wait(0.2)
        yield Request("first", "website", "/")

    async with answering(page("ok")) as base:
        outcome = await run(registered, start, base)
    assert outcome.verdict == Pass()
    assert outcome.duration >= 0.2


async def test_one_jar_for_a_journey_and_the_posted_body_survives_a_307(
    registered: dict[str, JourneyDefinition],
) -> None:
    """Cookies of an IP host are kept within the run, connections are not; 303 turns a POST into a GET, 307 does not."""
    seen: list[tuple[str, str, bytes, str]] = []
    connections = []

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        connections.append(request.transport)
        seen.append((request.method, request.path, body, request.headers.get("Cookie", "")))
        match request.path:
            case "/start":
                response = web.Response(status=307, headers={"Location": "/again"})
                response.set_cookie("session", "abc")
                return response
            case "/again":
                return web.Response(status=303, headers={"Location": "/done"})
        return web.Response(text="done")

    def start(_: Citizen) -> Journey:
        response: Response = yield Request("first", "website", "/start", "POST", b"a=1", "text/plain")
        assert response.text == "done"

    async with answering(answer) as base:
        outcome = await run(registered, start, base)
    assert outcome.verdict == Pass()
    assert seen == [
        ("POST", "/start", b"a=1", ""),
        ("POST", "/again", b"a=1", "session=abc"),
        ("GET", "/done", b"", "session=abc"),
    ]
    assert len(set(connections)) == 3


def talking(*said: str, close: bool = True) -> tuple[Any, list[str]]:
    """Return who takes a WebSocket, reads one message and says these, and what was heard there."""
    heard: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        heard.append(await socket.receive_str())
        for text in said:
            await socket.send_str(text)
        if not close:
            heard.append(str((await socket.receive()).type.name))
        await socket.close()
        return socket

    return answer, heard


def asking(_: Citizen) -> Journey:
    """Connect, ask, and listen twice."""
    yield Connect("first", "website", "/talk")
    yield Say("question")
    assert (yield Hear("first")) == "one moment"
    if (yield Hear("second")) != "answer":
        raise JourneyFailed(Reason.CONTENT_MISSING, "second")


async def test_a_journey_talks_over_a_websocket(registered: dict[str, JourneyDefinition]) -> None:
    """It hears each message in turn, which is shown to people; at the end it says goodbye."""
    answer, heard = talking("one moment", "answer", close=False)
    async with answering(answer) as base:
        outcome = await run(registered, asking, base)
    assert outcome.verdict == Pass()
    assert heard == ["question", "CLOSE"]
    assert [(each.step, each.method, each.result) for each in outcome.trace] == [
        ("first", "GET", "connected"),
        ("first", "HEAR", "heard"),
        ("second", "HEAR", "heard"),
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (talking("one moment")[0], (Reason.CONNECTION_RESET, "second")),
        (talking()[0], (Reason.CONNECTION_RESET, "first")),
        (page("a page"), (Reason.UNEXPECTED_STATUS, "first")),
        (page("elsewhere", 302), (Reason.UNEXPECTED_REDIRECT, "first")),
    ],
)
async def test_a_websocket_that_is_none_fails_at_its_step(
    registered: dict[str, JourneyDefinition], answer: Any, expected: tuple[Reason, str]
) -> None:
    """Closed too early, a page, a redirect: none is followed or tried again."""
    async with answering(answer) as base:
        assert gist((await run(registered, asking, base)).verdict) == expected


async def test_a_websocket_is_closed_when_a_run_is_cut_off(registered: dict[str, JourneyDefinition]) -> None:
    """Nobody is left waiting at the other end for a run that has timed out."""
    answer, heard = talking("one moment", close=False)
    async with answering(answer) as base:
        outcome = await run(registered, asking, base, timeout="1s", limit="1s")
        await until(lambda: len(heard) == 2)
    assert gist(outcome.verdict) == (Reason.TIMEOUT, "second")


async def test_the_slowest_step_is_named(registered: dict[str, JourneyDefinition]) -> None:
    """Too slow as a whole: the step that took most of the time is the one to look at."""

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(2.0 if request.path == "/slow" else 0)
        return web.Response(text="ok")

    def start(_: Citizen) -> Journey:
        yield Request("first", "website", "/slow")
        yield Request("second", "website", "/quick")

    async with answering(answer) as base:
        outcome = await run(registered, start, base, limit="200ms")
    assert gist(outcome.verdict) == (Reason.TOO_SLOW, "first")


async def test_a_journey_may_answer_a_failure_itself(registered: dict[str, JourneyDefinition]) -> None:
    """What went wrong is thrown into the journey, at the request that it concerns."""
    caught = []

    def start(_: Citizen) -> Journey:
        try:
            yield Request("first", "website", "/")
        except JourneyFailed as failure:
            caught.append((failure.reason, failure.step))
            raise JourneyFailed(Reason.LOGIN_REFUSED, "second") from None

    outcome = await run(registered, start, "http://127.0.0.1:1")
    assert caught == [(Reason.CONNECTION_REFUSED, "first")]
    assert gist(outcome.verdict) == (Reason.LOGIN_REFUSED, "second")


@pytest.mark.parametrize(
    "action",
    [
        "nonsense",
        Request("first", "nowhere", "/"),
        Request("first", "website", "@evil/"),
        Connect("first", "nowhere", "/"),
        Connect("first", "website", "@evil/"),
        Hear("first"),
    ],
)
async def test_a_broken_journey_is_unknown(registered: dict[str, JourneyDefinition], action: object) -> None:
    """A journey that yields what it must not says nothing about the target."""

    def start(_: Citizen) -> Any:
        yield action

    outcome = await run(registered, start, "http://127.0.0.1")
    assert isinstance(outcome.verdict, Unknown)
    assert outcome.verdict.cause is Cause.BROKEN_PROBE


async def test_a_journey_is_closed_when_it_is_cut_off() -> None:
    """What a journey opened in a `with` is closed at once, not at some later collection of garbage."""
    closed = []

    def start() -> Journey:
        try:
            yield Wait(60.0)
        finally:
            closed.append(True)

    walking = asyncio.create_task(walk(start(), environment("http://127.0.0.1:1"), Track()))
    await asyncio.sleep(0.05)
    walking.cancel()
    await asyncio.gather(walking, return_exceptions=True)
    assert closed == [True]


def test_probes_are_other_people_than_load_tests(configuration: Configuration) -> None:
    """The identities of probes and of load tests never meet, and vantage points have orders of their own."""
    load, here, there = Identities(1), *(targets(configuration, "local", name)[0].identities for name in ("a", "b"))
    numbers = {here.bsn(number) for number in range(len(here))}
    assert len(numbers) == RESERVED * 9 // 10
    assert not numbers & {load.bsn(number) for number in range(len(load))}
    assert [here.bsn(number) for number in range(5)] != [there.bsn(number) for number in range(5)]


def test_an_environment_replaces_intervals_and_the_rest_shrinks(configuration: Configuration) -> None:
    """Timeout and limit never exceed the interval of the environment."""
    quick = configuration.environments["local"].model_copy(update={"probe_interval": 3.0, "call_interval": 40.0})
    fitted = targets(replace(configuration, environments={"local": quick}), "local", "test")
    assert {(each.interval, each.timeout) for each in fitted} == {(3.0, 3.0), (40.0, 40.0), (40.0, 10.0)}
    assert {each.probe.kind for each in fitted if each.interval == 40.0} == {"call", "sip_options"}
    assert {each.name: each.limit for each in fitted}["home-page"] == 2.0
    assert {each.name: each.limit for each in fitted}["login-app"] == 3.0


def test_a_probe_keeps_its_memory_when_the_configuration_is_read_again(configuration: Configuration) -> None:
    """What is unanswered stays so; a new probe begins with nothing."""
    first = targets(configuration, "local", "test")
    [declaration] = [target for target in first if target.name == "ecs-declaration"]
    declaration.memory.unanswered["PW1"] = 5.0
    again = {target.name: target.memory for target in targets(configuration, "local", "test", before=first)}
    assert again["ecs-declaration"] is declaration.memory
    anew = {target.name: target.memory for target in targets(configuration, "local", "test")}
    assert not anew["ecs-declaration"].unanswered


def test_a_confirmed_probe_leaves_time_for_the_confirmation(configuration: Configuration) -> None:
    """Where the environment probes faster, timeout and limit shrink to half of its interval."""
    website = configuration.systems["website"]
    probe = website.probes["home-page"].model_copy(update={"confirm": True, "interval": 20.0})
    systems = {"website": website.model_copy(update={"probes": {"home-page": probe}})}
    quick = configuration.environments["local"].model_copy(update={"probe_interval": 3.0})
    [target] = targets(replace(configuration, systems=systems, environments={"local": quick}), "local", "test")
    assert (target.interval, target.timeout, target.limit) == (3.0, 1.5, 1.5)


def test_every_probe_of_the_estate_names_its_steps(configuration: Configuration) -> None:
    """Counters by step exist before the first failure."""
    for _, name, probe in configuration.probes():
        assert steps_of(probe), name
