from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import pytest

from journeys import Action, Citizen, JourneyFailed, Reason, Request, Response, check, definitions
from journeys.core import fetch, fetch_json, journey
from journeys.identities import account_of

ResultT = TypeVar("ResultT")


def answer(status: int = 200, body: str = "", *headers: tuple[bytes, bytes]) -> Response:
    return Response(status, headers, body.encode())


def finish(walking: Generator[Action, Any, ResultT], response: Response) -> ResultT:
    """Answer the one request of a generator and return its result."""
    next(walking)
    with pytest.raises(StopIteration) as stop:
        walking.send(response)
    return stop.value.value  # type: ignore[no-any-return]


def failed(walking: Generator[Action, Any, Any], response: Response) -> tuple[Reason, str, str]:
    next(walking)
    with pytest.raises(JourneyFailed) as caught:
        walking.send(response)
    return caught.value.reason, caught.value.step, caught.value.detail


def test_fetch_sends_one_request_and_returns_the_answer() -> None:
    """Without a form it is a GET without a body."""
    walking = fetch("home", "website", "/", contains="Welkom")
    assert next(walking) == Request("home", "website", "/")
    assert finish(fetch("home", "website", "/", contains="Welkom"), answer(200, "<h1>Welkom</h1>")).status == 200


def test_fetch_posts_a_form() -> None:
    """A form is URL-encoded."""
    request = next(fetch("search", "website", "/zoek", form={"q": "huur & zorg"}))
    assert request == Request(
        "search", "website", "/zoek", "POST", b"q=huur+%26+zorg", "application/x-www-form-urlencoded"
    )


def test_fetch_json_posts_data_and_returns_an_object() -> None:
    """Data makes it a POST unless another method is given."""
    request = next(fetch_json("save", "portal", "/x", method="PUT", data={"a": 1}))
    assert isinstance(request, Request)
    assert (request.method, request.body, request.content_type) == ("PUT", b'{"a":1}', "application/json")
    assert next(fetch_json("save", "portal", "/x", data={})).method == "POST"  # type: ignore[union-attr]
    assert finish(fetch_json("read", "portal", "/x", keys=("a",)), answer(200, '{"a": 1}')) == {"a": 1}


@pytest.mark.parametrize("body", ["", "<html>", "[1]", '"a"', '{"b": 1}', "null", "\ufffd"])
def test_anything_but_the_expected_json_is_missing_content(body: str) -> None:
    """No JSON, no object, or an object without the key: content missing, at that step."""
    reason, step, detail = failed(fetch_json("read", "portal", "/x", keys=("a",)), answer(200, body))
    assert (reason, step) == (Reason.CONTENT_MISSING, "read")
    assert detail in {"JSON is missing", "JSON with a is missing"}


def test_the_status_is_judged_before_the_content() -> None:
    """A 503 with the right text is still a failure, by the reason that is named for it or in general."""
    page = answer(503, "Welkom")
    assert failed(fetch("home", "website", "/", contains="Welkom"), page)[0] == Reason.UNEXPECTED_STATUS
    named = fetch("home", "website", "/", refusals={503: Reason.LOGIN_REFUSED})
    assert failed(named, page) == (Reason.LOGIN_REFUSED, "home", "status 503")
    assert check(page, "home", statuses=(200, 503), contains="Welkom") is page


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("U staat in de wachtrij. Nog 100 wachtenden voor u.", Reason.WAITING_ROOM),
        ("<title>Waiting Room</title>", Reason.WAITING_ROOM),
        ("Wegens onderhoud gesloten", Reason.MAINTENANCE_PAGE),
        ("Tijdelijk niet beschikbaar", Reason.MAINTENANCE_PAGE),
        ("In de wachtrij wegens onderhoud", Reason.WAITING_ROOM),
        ("Iets heel anders", Reason.CONTENT_MISSING),
        ("", Reason.CONTENT_MISSING),
    ],
)
def test_a_200_with_another_page_is_told_apart(text: str, reason: Reason) -> None:
    """Waiting room, maintenance, or simply not what was expected."""
    assert failed(fetch("home", "website", "/", contains="Welkom"), answer(200, text))[0] is reason


def test_a_page_that_has_the_content_passes_whatever_else_it_says() -> None:
    """The word 'onderhoud' on the expected page is no maintenance page."""
    page = answer(200, "Welkom, na het onderhoud")
    assert finish(fetch("home", "website", "/", contains="Welkom"), page) is page


def test_headers_are_found_in_any_case() -> None:
    """Header names have no case; the first one counts."""
    response = answer(200, "", (b"Retry-After", b"3"), (b"retry-after", b"9"))
    assert (response.header("retry-after"), response.header("RETRY-AFTER"), response.header("Via")) == ("3", "3", None)


def test_undecodable_text_does_not_stop_a_journey() -> None:
    """Bytes that are no UTF-8 are replaced."""
    assert Response(200, (), b"\xff ok").text == "\ufffd ok"


def test_chance_follows_from_seed_and_number() -> None:
    """The same citizen of the same run draws the same; another run, another citizen draw otherwise."""

    def draws(seed: int, number: int) -> list[float]:
        citizen = Citizen(number, account_of("999990019"), "web", seed=seed)
        return [citizen.random.random() for _ in range(3)]

    assert draws(1, 2) == draws(1, 2)
    assert len({tuple(draws(seed, number)) for seed in range(3) for number in range(3)}) == 9


def test_a_journey_name_is_given_once() -> None:
    """Registering a second journey of the same name is an error."""
    with pytest.raises(ValueError, match="visit-website"):
        journey("visit-website", title="Again", steps=[])(definitions()["visit-website"].start)


def test_every_journey_is_registered_with_its_steps() -> None:
    """The names that campaigns and probes use."""
    assert list(definitions()) == [
        "activate-app",
        "change-allowance",
        "change-mandate",
        "chat",
        "enter-waiting-room",
        "file-bank-tax",
        "file-joint-return",
        "file-return",
        "file-vat-ecommerce",
        "file-vat-return",
        "log-in-as-employee",
        "log-in-with-app",
        "log-in-with-eherkenning",
        "log-in-with-eidas",
        "log-in-with-sms",
        "open-internal-page",
        "pay",
        "read-customs-news",
        "request-callback",
        "submit-declaration",
        "video-call",
        "view-declarations",
        "visit-website",
    ]
    assert all(len(set(known.steps)) == len(known.steps) > 0 for known in definitions().values())
    assert all(known.title for known in definitions().values())


def test_every_reason_has_a_meaning() -> None:
    """No reason without a line for people."""
    assert len({reason.meaning for reason in Reason}) == len(Reason)
