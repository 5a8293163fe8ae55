"""The reference for a whole journey: `file-return` of `journeys/returns.py`, written for Locust's fastest user.

The same requests in the same order, the same bodies and checks, the same JSON read; nobody thinks. A user is one
citizen after the other and keeps its connection, as is usual with Locust.
"""

from __future__ import annotations

import random
import time
from itertools import count
from typing import Any

from locust import FastHttpUser, events, task
from locust.env import Environment

from journeys import Account, Identities

begun = [0.0]
numbers = count()
identities = Identities()
filed = [0]


@events.test_start.add_listener
def begin(**_: object) -> None:
    """Leave out what starting Locust costs."""
    begun[0] = time.process_time()


@events.quitting.add_listener
def end(environment: Environment, **_: object) -> None:
    """Print returns filed, CPU seconds, and requests that failed."""
    print("cost", filed[0], time.process_time() - begun[0], environment.stats.num_failures)


class Failed(Exception):  # noqa: N818 - as in the journeys
    """The citizen did not get on."""


class Filer(FastHttpUser):
    """Logs in with the DigiD app and files a return, again and again."""

    @task
    def file_return(self) -> None:
        """Be the next citizen."""
        self.client.cookiejar.clear()
        try:
            self._file(self._log_in(identities.account(next(numbers))))
        except Failed:
            return
        filed[0] += 1

    def _log_in(self, account: Account) -> str:
        place = self._call("POST", "/waiting-room/queue", {"channel": "web"}, keys=("status", "ticket"))
        if place["status"] != "admitted":
            raise Failed
        admission = {"channel": "web", "admission": place["ticket"]}
        login = self._call("POST", "/access/login", admission, keys=("request",))
        pairing = {"request": login["request"]}
        started = self._call("POST", "/digid/app/start", pairing, keys=("transaction", "code"))
        status = f"/digid/app/status?transaction={started['transaction']}"
        self._call("GET", status, name="/digid/app/status", keys=("status",))
        self._call("POST", "/digid/app/confirm", {**started, "app": account.app, "pin": account.pin})
        answer = self._call("GET", status, name="/digid/app/status", keys=("status", "artifact"))
        ticket = self._call("POST", "/access/assertion", {"artifact": answer["artifact"]}, keys=("ticket",))
        return str(ticket["ticket"])

    def _file(self, ticket: str) -> None:
        self._page(f"/portal/session?ticket={ticket}", "/portal/session", "Uw overzicht")
        opened = self._call("GET", "/portal/return", keys=("return", "amounts"))
        key = opened["return"]
        self._call("PUT", "/portal/return", {"return": key, "amounts": {"gifts": random.randrange(1, 500)}})
        amounts = {"gifts": random.randrange(500, 1000)}
        draft = self._call("PUT", "/portal/return", {"return": key, "amounts": amounts}, keys=("version",))
        version = {"return": key, "version": draft["version"]}
        signed = self._call("POST", "/portal/return/sign", version, keys=("signature",))
        submitted = self._call("POST", "/portal/return/submit", {"return": key, **signed}, keys=("receipt",))
        self._page(f"/portal/return/receipt?return={key}", "/portal/return/receipt", str(submitted["receipt"]))

    def _call(
        self, method: str, path: str, data: Any = None, *, name: str | None = None, keys: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Send JSON, and return the JSON object of the answer with `keys` in it."""
        with self.client.request(method, path, name=name, json=data, catch_response=True) as response:
            answer = response.json() if response.status_code == 200 else None
            if not isinstance(answer, dict) or not all(key in answer for key in keys):
                response.failure(f"status {response.status_code}, or no JSON with {', '.join(keys)}")
                raise Failed
        return answer

    def _page(self, path: str, name: str, wanted: str) -> None:
        with self.client.get(path, name=name, catch_response=True) as response:
            if response.status_code != 200 or wanted not in response.text:
                response.failure(f"status {response.status_code}, or no {wanted}")
                raise Failed
