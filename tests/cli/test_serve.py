"""`livedesk serve` is a real process: it starts, serves, takes rights from open sockets, ends in order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.auth import staff
from server.http.door import COOKIE
from server.identifiers import epoch_ms
from server.storage.database import Database
from tests.auth.desk import PASSWORD, World, world
from tests.rounds import within

STARTS_WITHIN_S = 60.0
ENDS_WITHIN_S = within(10.0)
TOLD_WITHIN_S = within(5.0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def process(
    data: Path, port: int, program: str = "server.cli", **variables: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`livedesk serve` on a data folder; killed at the end if it has not ended itself."""
    own = {
        "LIVEDESK_DATA": str(data),
        "LIVEDESK_PORT": str(port),
        "LIVEDESK_ADMIN_BIND": "",
        "PYTHONUNBUFFERED": "1",
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIVEDESK_")} | own | variables
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        "serve",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def ready(started: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    """Reads the log until the process says that it serves."""
    assert started.stderr is not None
    lines: list[dict[str, Any]] = []
    async with asyncio.timeout(STARTS_WITHIN_S):
        while not lines or lines[-1]["event"] != "ready":
            lines.append(json.loads(await started.stderr.readline()))
    return lines


class AgentSocket:
    """An agent's socket, spoken by hand."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def packet(self) -> str | None:
        """The next packet that is no ping; None when the socket is closed."""
        async for message in self.ws:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return None
            if message.data == "2":
                await self.ws.send_str("3")
                continue
            return str(message.data)
        return None

    async def ask(self, command: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Sends a command and reads on to its answer."""
        await self.ws.send_str(f"42/agent,1{json.dumps([command, payload])}")
        while (packet := await self.packet()) is not None:
            if packet.startswith("43/agent,1["):
                (envelope,) = json.loads(packet.removeprefix("43/agent,1"))
                assert isinstance(envelope, dict)
                return envelope
        raise AssertionError("the socket closed without an answer")


async def agent_socket(http: aiohttp.ClientSession, base: str, login: str) -> tuple[AgentSocket, str]:
    """Signs in as the console does and opens the socket; with the cookie."""
    body = {"login": login, "password": PASSWORD}
    async with http.post(f"{base}/api/v1/agent/login", json=body, headers={"Origin": base}) as response:
        assert response.status == 200, await response.text()
        cookie = response.cookies[COOKIE].value
    headers = {"Origin": base, "Cookie": f"{COOKIE}={cookie}"}
    async with http.post(f"{base}/api/v1/agent/socket-token", headers=headers) as response:
        token = (await response.json())["token"]
    ws = await http.ws_connect(
        f"{base}/socket.io/?EIO=4&transport=websocket", headers={"Origin": base}, max_msg_size=0
    )
    made = AgentSocket(ws)
    opening = await made.packet()
    assert opening is not None and opening.startswith("0{")
    await ws.send_str(f'40/agent,{{"token":"{token}"}}')
    answer = await made.packet()
    assert answer is not None and answer.startswith("40/agent,"), answer
    return made, cookie


@pytest.fixture
async def prepared(tmp_path: Path) -> AsyncIterator[World]:
    """The world of the other tests, in the data folder that the process serves, with the real clock."""
    (tmp_path / "data").mkdir()
    async with world(f"sqlite:///{tmp_path / 'data' / 'livedesk.db'}") as made:
        yield made


async def test_a_process_serves_takes_rights_away_and_ends_in_order(prepared: World, tmp_path: Path) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    # Another process, as the command line or another node is one.
    elsewhere = await Database.open(f"sqlite:///{tmp_path / 'data' / 'livedesk.db'}", clock=epoch_ms)
    async with process(tmp_path / "data", port) as started, aiohttp.ClientSession() as http:
        await ready(started)
        lead, _ = await agent_socket(http, base, "2001")
        assert (await lead.ask("wall.load", {"shop_id": "shop-b"}))["ok"]
        agent, cookie = await agent_socket(http, base, "1001")
        assert (await agent.ask("desk.load", {}))["ok"]

        changed = time.monotonic()
        async with elsewhere.write() as unit:
            await staff.set_role(unit, prepared.people["2001"], "shop-b", "agent", epoch_ms())
            await staff.disable(unit, prepared.people["1001"], epoch_ms())
        async with asyncio.timeout(TOLD_WITHIN_S):
            while (packet := await agent.packet()) is not None:
                if "session.ended" in packet:
                    assert "session_revoked" in packet
                    break
            assert packet is not None
            # Both changed at once, so his rights are being looked at in the same moment.
            while (await lead.ask("wall.load", {"shop_id": "shop-b"}))["ok"]:
                pass
        assert time.monotonic() - changed <= TOLD_WITHIN_S
        refusal = await lead.ask("wall.load", {"shop_id": "shop-b"})
        assert refusal["error"]["code"] == "forbidden"
        async with http.get(f"{base}/api/v1/agent/me", headers={"Cookie": f"{COOKIE}={cookie}"}) as response:
            assert response.status == 401

        ended = time.monotonic()
        started.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(started.communicate(), ENDS_WITHIN_S)
        assert time.monotonic() - ended <= ENDS_WITHIN_S
        assert started.returncode == 0
    await elsewhere.close()
    written = (out + err).decode()
    assert "Traceback" not in written
    for line in err.decode().splitlines():
        json.loads(line)
    for hidden in (cookie, PASSWORD, '"1001"', '"2001"', "客服"):
        assert hidden not in written


async def test_an_address_or_a_folder_that_cannot_be_used_is_one_sentence_naming_its_setting(
    tmp_path: Path,
) -> None:
    no_folder = tmp_path / "file" / "data"
    no_folder.parent.touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        admin = {"LIVEDESK_ADMIN_BIND": f"127.0.0.1:{port}"}
        nowhere = {"LIVEDESK_DATABASE_URL": f"sqlite:///{tmp_path / 'none' / 'desk.db'}"}
        for data, own, more, said in (
            (tmp_path, port, {}, f"127.0.0.1:{port} (LIVEDESK_BIND and LIVEDESK_PORT) cannot be listened on"),
            (tmp_path, free_port(), admin, f"127.0.0.1:{port} (LIVEDESK_ADMIN_BIND) cannot be listened on"),
            (no_folder, free_port(), {}, f"The data folder {no_folder} (LIVEDESK_DATA) cannot be used"),
            (tmp_path, free_port(), nowhere, "LIVEDESK_DATABASE_URL"),
        ):
            async with process(data, own, **more) as started:
                out, err = await asyncio.wait_for(started.communicate(), STARTS_WITHIN_S)
            assert started.returncode == 1
            assert out == b""
            assert err.decode().splitlines()[-1].startswith(f"livedesk: {said}: ")
            assert "Traceback" not in err.decode()


async def test_a_wrong_setting_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    async with process(tmp_path / "data", 1, LIVEDESK_REDIS_URL="http://cache") as started:
        out, err = await asyncio.wait_for(started.communicate(), STARTS_WITHIN_S)
    assert started.returncode == 2
    assert out == b""
    assert err.decode() == ("livedesk: LIVEDESK_REDIS_URL is wrong: must begin with redis:// or rediss://.\n")
