"""A server that is killed in a recorded call, and what its next start makes of it (scenario 11)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp

from server.bootstrap import Livedesk
from server.identifiers import epoch_ms
from server.storage.database import Database
from tests.calls.carried import AGENTS, BUYERS, Side, answered, decoded, open_conversation, recorded_in
from tests.cli.test_serve import free_port, process, ready
from tests.desk.house import House, furnish
from tests.media_worker.talking import FPS
from tests.rounds import rounds

ON_THE_CASE_S = 60.0
SECONDS = 2.0


@asynccontextmanager
async def serving(house: House, data: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`livedesk serve` on the house's data; killed when the block ends, and nobody is told."""
    port = free_port()
    house.url = f"http://127.0.0.1:{port}"
    async with process(data, port, "tests.calls.serving") as started:
        await ready(started)
        yield started


async def on_the_case(house: House, data: Path, call_id: str) -> dict[str, Any]:
    """The recording of a call, once it stands kept on a case."""
    lead = await house.agent("s1", state=None)
    async with asyncio.timeout(ON_THE_CASE_S):
        while True:
            for found in (await lead.ask("case.list", shop_id="cloud"))["cases"]:
                case = await lead.ask("case.read", case_id=found["case_id"])
                for recording in case["recordings"]:
                    if (recording["call_id"], recording["state"]) == (call_id, "kept"):
                        return cast("dict[str, Any]", recording)
            await asyncio.sleep(0.2)  # as a person looks again, and far below the limit


async def test_a_server_killed_in_a_recorded_call_has_it_on_the_case_a_minute_after_its_next_start(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    database = await Database.open(f"sqlite:///{data / 'livedesk.db'}", clock=epoch_ms)
    async with aiohttp.ClientSession() as http:
        house = House(cast("Livedesk", SimpleNamespace()), "", http)
        await furnish(house, database)
        await database.close()
        for number in range(rounds(reduced=1, full=5)):
            async with serving(house, data) as server:
                agent = Side(await house.agent("a1"), AGENTS)
                buyer = Side(await house.buyer(f"buyer-{number}"), BUYERS)
                conversation_id = await open_conversation(buyer.person, agent.person)
                await answered(buyer, agent, conversation_id)
                await recorded_in(data / "recordings", buyer, agent)
                await buyer.talks_with(agent, SECONDS)
                server.kill()
                await server.wait()
                for side in (buyer, agent):
                    await side.caller.close()
            began = time.monotonic()
            async with serving(house, data):
                recording = await on_the_case(house, data, buyer.call_id)
                assert time.monotonic() - began <= ON_THE_CASE_S
                await (await house.agent("a1")).ask("call.hang_up", call_id=buyer.call_id)
                await house.leave()
            for side in (buyer, agent):
                media = f"{recording['recording_id']}/{side.joined['participant_id']}.webm"
                (file,) = (data / "files").glob(f"*/recordings/{media}")
                pictures, sounds = decoded(file)
                assert pictures >= (SECONDS - 1.0) * FPS and sounds > 0, "at most a second is lost"
