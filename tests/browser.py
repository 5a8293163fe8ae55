"""A real browser for tests: Debian's Chromium without a window, driven by the DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.waiting import LONG

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0"),
)
START = 30.0
"""Seconds within which the browser must be there; a busy machine takes a while."""


class Tab:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and return its result; events that come meanwhile are kept."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return dict(message["result"])
            self.events.append(message)

    async def open(self, address: str, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Load a page as on a screen of that size, and wait until it is there."""
        await self.call("Page.enable")
        await self.resize(width, height)
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for url in ("about:blank", address):  # another place on the page that is there would not load anything
            self.events.clear()
            await self.call("Page.navigate", url=url)
            await self.wait("Page.loadEventFired")

    async def resize(self, width: int, height: int) -> None:
        """Give the screen another size; below 600 px it is a telephone."""
        mobile = width < 600
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )

    async def wait(self, event: str) -> None:
        """Wait for an event. Raises `TimeoutError` where it does not come."""
        async with asyncio.timeout(LONG):
            while not any(each.get("method") == event for each in self.events):
                self.events.append(await self._socket.receive_json())

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def press(self, key: str, code: int) -> None:
        """Press a key, such as Tab (9) or Enter (13)."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            more = text if kind == "keyDown" else {}
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more)

    async def picture(self) -> bytes:
        """Return the whole page as PNG, as long as it is."""
        result = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(result["data"])


@asynccontextmanager
async def browser(program: str) -> AsyncIterator[Tab]:
    """Run Chromium and give one page of it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            *(program, *FLAGS, f"--user-data-dir={folder}", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession() as session:
                port = await _port(Path(folder) / "DevToolsActivePort")
                async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                    pages = [each for each in await response.json(content_type=None) if each["type"] == "page"]
                async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Tab(socket)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _port(file: Path) -> int:
    """Return the port that the browser writes down once it listens."""
    async with asyncio.timeout(START):
        while True:
            if (text := await asyncio.to_thread(_read, file)).strip():
                return int(text.splitlines()[0])
            await asyncio.sleep(0.05)


def _read(file: Path) -> str:
    return file.read_text() if file.is_file() else ""
