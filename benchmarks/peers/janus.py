"""Janus, Debian's package of it: its videocall plugin on the loopback, commanded over a WebSocket.

Janus and its libnice leave loopback interfaces out. A library that is loaded before them, compiled here from
a few lines of C, says of every interface that it is none; so a C compiler is needed. What it records are the
packets as they came, in a file of its own kind (.mjr) for each track.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.caller import Caller
from benchmarks.process import free_port, killed, listening

ANSWERS_WITHIN_S = 15.0
PORTS = "50000-53999"
INSTALLED = sorted(Path("/usr/lib").glob("*/janus"))

PRELOAD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>

int getifaddrs(struct ifaddrs **list)
{
    int (*real)(struct ifaddrs **) = (int (*)(struct ifaddrs **)) dlsym(RTLD_NEXT, "getifaddrs");
    int result = real(list);
    struct ifaddrs *one;
    for (one = result == 0 ? *list : 0; one; one = one->ifa_next)
        one->ifa_flags &= ~IFF_LOOPBACK;
    return result;
}
"""

# The session's life is the benchmark's; what is loaded is the one plugin and the one transport.
CONFIGURATION = """
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{folder}/plugins"
    transports_folder = "{folder}/transports"
    events_folder = "{folder}/none"
    loggers_folder = "{folder}/none"
    debug_level = 2
    session_timeout = 0
}}
media: {{ rtp_port_range = "{ports}" }}
nat: {{ ice_enforce_list = "lo,127.0.0.1" }}
"""
WEBSOCKETS = """
general: {{ ws = true, ws_port = {port}, ws_ip = "127.0.0.1" }}
"""


def missing() -> str | None:
    """Why it cannot run here, in words, or None."""
    if shutil.which("janus") is None or not INSTALLED:
        return "janus: Debian's package is not installed here"
    if shutil.which("cc") is None:
        return "janus: no C compiler here, so it cannot be brought onto the loopback"
    return None


class Janus:
    """One connection to its API, with a session and a handle of the plugin for each participant."""

    def __init__(self, pid: int, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.pid = pid
        self._socket = socket
        self._numbers = itertools.count(1)
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._sides: dict[int, tuple[tuple[int, int], ...]] = {}

    async def connect(self, number: int, buyer: Caller, agent: Caller) -> None:
        """The buyer calls the agent, who accepts."""
        calling, called = await self._registered(f"buyer-{number}"), await self._registered(f"agent-{number}")
        asked = {"request": "call", "username": f"agent-{number}"}
        await self._message(calling, asked, {"type": "offer", "sdp": await buyer.offer()})
        offer = (await self._event(called, "incomingcall"))["jsep"]["sdp"]
        answer = await agent.answer(offer)
        await self._message(called, {"request": "accept"}, {"type": "answer", "sdp": answer})
        await buyer.accept((await self._event(calling, "accepted"))["jsep"]["sdp"])
        await asyncio.gather(buyer.connected(), agent.connected())
        self._sides[number] = calling, called

    async def record(self, number: int, path: Path) -> None:
        """Both sides of a session from now on, into files whose names begin with this path's."""
        for side, handle in enumerate(self._sides[number]):
            file = path.with_name(f"{path.name}-{side}")
            await self._set(handle, record=True, filename=str(file))

    async def finish(self, number: int) -> None:
        """The end of what `record` began."""
        for handle in self._sides[number]:
            await self._set(handle, record=False)

    async def _set(self, handle: tuple[int, int], **asked: Any) -> None:
        await self._message(handle, {"request": "set", "audio": True, "video": True, **asked})
        await self._event(handle, "set")

    async def _registered(self, name: str) -> tuple[int, int]:
        session = (await self._ask(janus="create"))["data"]["id"]
        attached = await self._ask(janus="attach", session_id=session, plugin="janus.plugin.videocall")
        handle = attached["data"]["id"]
        self._events[handle] = asyncio.Queue()
        await self._message((session, handle), {"request": "register", "username": name})
        await self._event((session, handle), "registered")
        return session, handle

    async def _message(
        self, to: tuple[int, int], body: dict[str, Any], jsep: dict[str, str] | None = None
    ) -> None:
        said = {"janus": "message", "session_id": to[0], "handle_id": to[1], "body": body}
        await self._socket.send_json(
            said | {"transaction": str(next(self._numbers))} | ({"jsep": jsep} if jsep else {})
        )

    async def _event(self, of: tuple[int, int], name: str) -> dict[str, Any]:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            while True:
                event = await self._events[of[1]].get()
                data = event["plugindata"]["data"]
                if "error" in data:
                    raise RuntimeError(f"janus: {data['error']}")
                if data.get("result", {}).get("event") == name:
                    return event

    async def _ask(self, **request: Any) -> dict[str, Any]:
        transaction = str(next(self._numbers))
        reply = self._replies[transaction] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(request | {"transaction": transaction})
        answer: dict[str, Any] = await asyncio.wait_for(reply, ANSWERS_WITHIN_S)
        if answer["janus"] != "success":
            raise RuntimeError(f"janus: {answer}")
        return answer

    async def read(self) -> None:
        """Sort what it says, until the connection ends."""
        async for message in self._socket:
            said = message.json()
            if said["janus"] == "event" and said["sender"] in self._events:
                self._events[said["sender"]].put_nowait(said)
            elif said["janus"] in ("success", "error") and said.get("transaction") in self._replies:
                self._replies.pop(said["transaction"]).set_result(said)


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Janus]:
    """Janus, ready, with its configuration and the compiled preload in this folder."""
    port, preload = free_port(), await _prepared(folder)
    (folder / "janus.transport.websockets.jcfg").write_text(WEBSOCKETS.format(port=port))
    process = await asyncio.create_subprocess_exec(
        *("janus", "--configs-folder", str(folder), "--disable-colors"),
        stdout=asyncio.subprocess.DEVNULL,
        env=os.environ | {"LD_PRELOAD": str(preload)},
    )
    try:
        await listening(port, process)
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"ws://127.0.0.1:{port}", protocols=("janus-protocol",)) as socket,
        ):
            janus = Janus(process.pid, socket)
            reading = asyncio.create_task(janus.read())
            try:
                yield janus
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
    finally:
        await killed(process)


async def _prepared(folder: Path) -> Path:
    for kind, library in (("plugins", "libjanus_videocall.so"), ("transports", "libjanus_websockets.so")):
        (folder / kind).mkdir()
        (folder / kind / library).symlink_to(INSTALLED[0] / kind / library)
    (folder / "none").mkdir()
    (folder / "janus.jcfg").write_text(CONFIGURATION.format(folder=folder, ports=PORTS))
    source, preload = folder / "preload.c", folder / "preload.so"
    source.write_text(PRELOAD)
    compiler = await asyncio.create_subprocess_exec(
        "cc", "-shared", "-fPIC", "-o", str(preload), str(source), "-ldl"
    )
    if await compiler.wait() != 0:
        raise RuntimeError("the preload for Janus could not be compiled")
    return preload
