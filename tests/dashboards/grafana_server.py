"""A small server that answers as Grafana's HTTP API is documented to, as far as `dashboards push` asks it.

It is not Grafana: what it refuses and adds is taken from the pages *Dashboard API*, *Folder API* and *Other API* of its
documentation. It notes every request.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]

TOKEN = "glsa_of-the-test"


@dataclass
class Grafana:
    """What it holds; `forbidden` maps (method, path) to the status and the message with which it refuses."""

    url: str = ""
    folders: dict[str, Json] = field(default_factory=dict)
    dashboards: dict[str, Json] = field(default_factory=dict)
    meta: dict[str, Json] = field(default_factory=dict)
    forbidden: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[tuple[str, str]]:
        """The requests that are not for reading."""
        return [each for each in self.asked if each[0] != "GET"]

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path))
        if request.path == "/api/health":
            return web.json_response({"database": "ok", "version": "11.6.0", "commit": "of the test"})
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return said(401, "Invalid API key")
        if refusal := self.forbidden.get((request.method, request.path)):
            return said(*refusal)
        match request.method, request.path.split("/")[2:]:
            case "GET", ["folders", uid]:
                return found(self.folders.get(uid), "folder not found")
            case "POST", ["folders"]:
                return self.make_folder(await request.json())
            case "GET", ["dashboards", "uid", uid]:
                known = self.dashboards.get(uid)
                return found(known and {"dashboard": known, "meta": self.meta[uid]}, "Dashboard not found")
            case "POST", ["dashboards", "db"]:
                return self.save(await request.json())
        return said(404, "Not found")

    def make_folder(self, order: Json) -> web.Response:
        if order["uid"] in self.folders:
            return said(409, "a folder with the same uid already exists")
        self.folders[order["uid"]] = {"id": len(self.folders) + 1, **order, "version": 1}
        return web.json_response(self.folders[order["uid"]])

    def save(self, order: Json) -> web.Response:
        data, folder = order["dashboard"], order.get("folderUid", "")
        uid, known = data["uid"], self.dashboards.get(data["uid"])
        if folder and folder not in self.folders:
            return said(400, "folder not found")
        if known and self.meta[uid]["provisioned"]:
            return said(400, "Cannot save provisioned dashboard")
        if known and not order["overwrite"]:
            return said(412, "A dashboard with the same uid already exists", status="name-exists")
        version = known["version"] + 1 if known else 1
        self.dashboards[uid] = {**data, "id": known["id"] if known else len(self.dashboards) + 1, "version": version}
        self.meta[uid] = {"folderUid": folder, "provisioned": False, "canSave": True}
        self.messages.append(order["message"])
        return web.json_response({"id": 1, "uid": uid, "status": "success", "version": version, "url": f"/d/{uid}/x"})


def said(status: int, message: str, **more: str) -> web.Response:
    return web.json_response({"message": message, **more}, status=status)


def found(data: Json | None, otherwise: str) -> web.Response:
    return said(404, otherwise) if data is None else web.json_response(data)


@contextmanager
def serving(grafana: Grafana, tls: ssl.SSLContext | None = None) -> Iterator[Grafana]:
    """Serve it on a free loopback port, in a thread: the command that asks it blocks."""
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def begin() -> web.AppRunner:
        application = web.Application(client_max_size=8 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", grafana.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        grafana.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def run() -> None:
        runner = loop.run_until_complete(begin())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield grafana
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
