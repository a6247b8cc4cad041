"""From the packets of a real call to the recording on its case: two peers, a media process, a desk."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from server.identifiers import new_client_id
from tests.calls.carried import called, decoded, files_of, finished, folder_of, kept_in, recorded
from tests.media_worker.talking import FPS, SECONDS, talk
from tests.recordings.watching import onsets
from tests.rounds import within


async def test_a_recorded_call_is_on_its_case_within_a_minute_decodes_whole_and_is_in_step(
    tmp_path: Path,
) -> None:
    async with called(tmp_path) as (house, buyer, agent):
        await recorded(house, buyer, agent)
        conversation_id = buyer.joined["call"]["conversation_id"]
        opened = await agent.person.ask(
            "case.open", conversation_id=conversation_id, client_id=new_client_id(), title="瓶盖松动"
        )
        case_id, since = opened["case"]["case_id"], len(agent.person.heard)
        await asyncio.gather(*(talk(side.caller) for side in (buyer, agent)))
        await agent.hangs_up()
        hung_up = time.monotonic()
        (row,) = await finished(house, agent)
        await agent.person.hears("case.changed", lambda said: said["case"]["case_id"] == case_id, since=since)
        assert time.monotonic() - hung_up < 60
        (listed,) = (await agent.person.ask("case.read", case_id=case_id))["recordings"]
        assert (listed["recording_id"], listed["state"], listed["code"]) == (row.id, "kept", None)
        assert (listed["call_id"], listed["ended_code"]) == (agent.call_id, "call_ended")
        assert abs(listed["duration_ms"] - 1000 * SECONDS) < within(1000)
        assert row.about is not None and [side["errors"] for side in row.about["sides"]] == [0, 0]
        files = await files_of(house, row.id)
        for side in (buyer, agent):
            who = side.joined["participant_id"]
            assert {f"{who} {holds}" for holds in ("media", "poster", "waveform")} < files.keys()
            media = kept_in(house) / files[f"{who} media"].name
            pictures, sounds = decoded(media)
            assert pictures >= 0.97 * SECONDS * FPS and sounds >= 0.97 * SECONDS * 50
            white, loud = onsets(media)
            assert white and min(abs(white[-1] - heard) for heard in loud) <= 60, "flash and tone meet"
        assert list(folder_of(house).iterdir()) == [], (
            "the sources are gone, since their successors are there"
        )
        lines = await buyer.person.ask(
            "chat.sync", conversation_id=conversation_id, epoch=house.node.db.epoch, after_seq=0
        )
        assert "recording" not in {entry["kind"] for entry in lines["entries"]}, "agents alone see it"
