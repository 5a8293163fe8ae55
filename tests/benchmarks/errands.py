"""Journeys that exist for benchmarks only."""

from __future__ import annotations

from journeys import Citizen, Journey
from journeys.core import Wait, fetch, journey

MANY = 5000
"""GETs of one citizen of `get-many`."""

STAY = 10.0
"""Seconds that a citizen of `get-and-stay` keeps the connection open."""

VISITS = 5
"""GETs of one citizen of `get-again`, a second apart."""


@journey("get", title="Get once", steps=["get"])
def get(_citizen: Citizen) -> Journey:
    """Send one GET."""
    yield from fetch("get", "website", "/", contains="Hello")


@journey("get-own", title="Get one's own page", steps=["get"])
def get_own(citizen: Citizen) -> Journey:
    """Send one GET for a page that bears the citizen's number."""
    yield from fetch("get", "website", f"/{citizen.number}", contains="Hello")


@journey("get-many", title="Get without a pause", steps=["get"])
def get_many(_citizen: Citizen) -> Journey:
    """Send one GET after the other."""
    for _ in range(MANY):
        yield from fetch("get", "website", "/", contains="Hello")


@journey("get-again", title="Get now and then", steps=["get"])
def get_again(_citizen: Citizen) -> Journey:
    """Send a GET every second."""
    for visit in range(VISITS):
        if visit:
            yield Wait(1.0)
        yield from fetch("get", "website", "/", contains="Hello")


@journey("get-and-stay", title="Get and stay connected", steps=["get"])
def get_and_stay(_citizen: Citizen) -> Journey:
    """Send one GET and keep the connection for a while."""
    yield from fetch("get", "website", "/", contains="Hello")
    yield Wait(STAY)
